"""The shorts of one account at its brokerage: cash kept for them, forced covers, carry.

All shorts share the brokerage's cash, whatever the margin mode of perps: the mark at which one is
covered moves with the value of the others.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.broker.timeline import InstrumentPath, Timeline
from engine.config.models import RunConfig
from engine.contracts import BorrowedShort, short_of
from engine.contracts.borrowed_short import borrow_fee, rebate
from engine.ledger import Ledger, Position
from engine.records import FactKind


@dataclass(frozen=True, slots=True)
class Loan:
    """Holds the shares lent over a night: their value at the day's end, and the annual rates."""

    instrument: str
    plan_id: int
    quantity: float
    mark: float
    value: float
    fee_rate: float
    rebate_rate: float


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
        self._loans: list[Loan] = []
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
        """Book at an end of a day the carry of the shorts that were held at the end before.

        Fee and rebate accrue on the value at that end, at the rates known there. They are paid in
        arrears, also for a short that has been covered since: no payment depends on when the next
        day will end.
        """
        if not self._may_lend or not timeline.day_end[t]:
            return
        at, days = int(timeline.at[t]), float(timeline.interest_days[t])
        for loan in self._loans:
            paid = borrow_fee(loan.value, loan.fee_rate, days)
            due = [(FactKind.BORROW_FEE, loan.fee_rate, paid)]
            if not math.isnan(loan.rebate_rate):
                earned = rebate(loan.value, loan.rebate_rate, days)
                due.append((FactKind.REBATE, loan.rebate_rate, earned))
            for kind, annual, amount in due:
                self._ledger.lending(
                    at,
                    kind=kind,
                    instrument=loan.instrument,
                    plan_id=loan.plan_id,
                    quantity=loan.quantity,
                    rate=annual,
                    mark=loan.mark,
                    amount=amount,
                )
        self._loans = [self._loan(timeline, k, t) for k in range(len(self._names)) if self.held(k)]

    def _loan(self, timeline: Timeline, k: int, t: int) -> Loan:
        """Return the loan behind short ``k`` at an end of a day."""
        short, position, name = self.contracts[k], self._positions[k], self._names[k]
        assert short is not None, f"{name} is no short"
        mark, series = self._mark_of(k, t), timeline.lending.fees.get(name)
        return Loan(
            name,
            position.plan_id,
            position.quantity,
            mark,
            short.notional(position.quantity, mark),
            self._fees[k] if series is None else float(series[t]),
            float(timeline.lending.rebate[t]),
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
