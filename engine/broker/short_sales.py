"""The shorts of one account at its brokerage: cash kept for them, forced covers, carry.

All shorts share the brokerage's cash, whatever the margin mode of perps: the mark at which one is
covered moves with the value of the others.
"""

import math
from collections.abc import Callable, Sequence

from engine.broker.timeline import InstrumentPath, Timeline
from engine.config.models import RunConfig
from engine.contracts import BorrowedShort, short_of
from engine.contracts.borrowed_short import borrow_fee, rebate
from engine.ledger import Ledger, Position
from engine.records import FactKind


class ShortSales:
    """Answers for the short positions of an account; instruments are indices.

    ``mark_of`` returns the mark that values a position at an instant: (instrument, instant).
    """

    def __init__(
        self,
        paths: Sequence[InstrumentPath],
        ledger: Ledger,
        config: RunConfig,
        mark_of: Callable[[int, int], float],
    ) -> None:
        self.contracts: tuple[BorrowedShort | None, ...] = tuple(
            short_of(path.instrument, config.account.short_sales) for path in paths
        )
        self._names = tuple(path.instrument.id for path in paths)
        self._positions: tuple[Position, ...] = tuple(ledger.positions[n] for n in self._names)
        terms, venue = config.account.short_sales, config.venue
        fees = [None if terms is None else terms.fee_of(path.instrument, venue) for path in paths]
        self._fees = tuple(math.nan if fee is None else fee for fee in fees)
        self._may_lend = any(contract is not None for contract in self.contracts)
        self._ledger = ledger
        self._mark_of = mark_of

    def held(self, k: int) -> BorrowedShort | None:
        """Return the contract of the position in instrument ``k`` if it is a short, else None."""
        return self.contracts[k] if self._positions[k].quantity < 0.0 else None

    def count(self) -> int:
        """Return the number of shorts."""
        return sum(self.held(k) is not None for k in range(len(self.contracts)))

    def value(self, t: int) -> float:
        """Return the unsigned value of all shorts, which is their collateral, quote."""
        return self._total(t, lambda short, quantity, mark: short.notional(quantity, mark))

    def kept(self, t: int) -> float:
        """Return the brokerage cash that no purchase may spend: the initial margins, quote."""
        return self._total(t, lambda short, quantity, mark: short.initial_margin(quantity, mark, 0))

    def cover_level(self, k: int, t: int) -> float:
        """Return the mark at which the broker covers short ``k``, the others at their marks."""
        short, position = self.contracts[k], self._positions[k]
        assert short is not None, f"{self._names[k]} is no short"
        others = self._total(
            t,
            lambda other, quantity, mark: other.cash_needed(quantity, mark),
            without=k,
        )
        return short.cover_price(position.quantity, self._ledger.brokerage_cash - others)

    def pay(self, timeline: Timeline, t: int) -> None:
        """Book borrow fee and rebate of every short at the end of a day, until the next one."""
        days = float(timeline.lending.days[t])
        if not self._may_lend or days == 0.0:
            return
        rate = float(timeline.lending.rebate[t])
        for k, name in enumerate(self._names):
            short, quantity = self.held(k), self._positions[k].quantity
            if short is None:
                continue
            mark = self._mark_of(k, t)
            value = short.notional(quantity, mark)
            series = timeline.lending.fees.get(name)
            fee = self._fees[k] if series is None else float(series[t])
            due = [(FactKind.BORROW_FEE, fee, borrow_fee(value, fee, days))]
            if not math.isnan(rate):
                due.append((FactKind.REBATE, rate, rebate(value, rate, days)))
            for kind, annual, amount in due:
                self._ledger.lending(
                    int(timeline.at[t]),
                    kind=kind,
                    instrument=name,
                    rate=annual,
                    mark=mark,
                    amount=amount,
                )

    def _total(
        self, t: int, part: Callable[[BorrowedShort, float, float], float], *, without: int = -1
    ) -> float:
        if not self._may_lend:
            return 0.0
        total = 0.0
        for k, position in enumerate(self._positions):
            short = self.held(k)
            if short is not None and k != without:
                total += part(short, position.quantity, self._mark_of(k, t))
        return total
