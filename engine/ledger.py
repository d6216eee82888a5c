"""The ledger: immutable facts, wallets, positions, and the identities between them.

Cash moves only through :meth:`Ledger._post`. The ledger checks after every fact:

- each wallet equals the sum of its facts by kind;
- for each instrument, gross trading cash flow plus the position at its average entry equals the
  realized profit.

:meth:`Ledger.prove` adds every fact again, exactly rounded.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, replace

from data_feeds.instrument import Instrument, Wallet
from engine.account_rates import ALL_AT_PAR, WALLETS, WalletRates
from engine.config.models import MarginMode
from engine.contracts import Contract, contract_of
from engine.contracts.contract import debit_of_margin, is_residue, released_margin, uncollected
from engine.costs import simple_interest
from engine.errors import SimulationError
from engine.records import Fact, FactKind

# Sums of doubles differ by rounding; a cent is nine orders of magnitude larger.
ABSOLUTE_TOLERANCE = 1e-6
RELATIVE_TOLERANCE = 1e-11
NO_PLAN = 0
# Texts that the facts of every fill hold: to read an enum's value costs as much as an addition.
TRADE, VENUE, BROKERAGE = FactKind.TRADE.value, Wallet.VENUE.value, Wallet.BROKERAGE.value


@dataclass(slots=True)
class Position:
    """Holds the position in one instrument; ``quantity`` in signed base units, money in quote.

    ``contract`` and ``wallet`` are those of the instrument. ``isolated_margin`` is the part of the
    venue wallet set aside for it. ``flow`` and ``realized`` feed the identity.
    """

    instrument: Instrument
    contract: Contract
    wallet: str
    quantity: float = 0.0
    average_entry: float = 0.0
    isolated_margin: float = 0.0
    plan_id: int = NO_PLAN
    entered_at: int = 0
    flow: float = 0.0
    realized: float = 0.0
    turnover: float = 0.0


class Ledger:
    """Turns facts into balances and positions.

    ``version`` counts changes, so that readers can cache. ``plan_cash`` is each plan's net cash in
    the account's currency, ``booked`` each wallet's cash at the rates of its facts.
    """

    def __init__(self, instruments: dict[str, Instrument], rates: WalletRates = ALL_AT_PAR) -> None:
        self.facts: list[Fact] = []
        self._rates, self._is_par = rates, rates.is_par
        self.booked: dict[str, float] = {wallet.value: 0.0 for wallet in WALLETS}
        self.positions = {
            name: Position(item, contract_of(item), item.wallet.value)
            for name, item in instruments.items()
        }
        self.venue_cash = 0.0
        self.brokerage_cash = 0.0
        self.transit_cash = 0.0
        self.plan_cash: defaultdict[int, float] = defaultdict(float)
        self.version = 0
        self._by_kind: dict[str, dict[str, float]] = {w.value: defaultdict(float) for w in Wallet}
        self._turnover = self._valued_sum = 0.0

    def deposit(
        self, at: int, wallet: Wallet, amount: float, *, valued_at: int | None = None
    ) -> None:
        """Credit starting cash to a wallet, valued at the start of the window."""
        rate = self._rates.of(wallet, at if valued_at is None else valued_at)
        kind = FactKind.DEPOSIT.value
        self._post(Fact(self._next_id(), at, kind, wallet.value, amount, account_rate=rate))

    def balances(self) -> tuple[float, float, float]:
        """Return the cash at the venue, at the brokerage and in transit, each in its currency."""
        return self.venue_cash, self.brokerage_cash, self.transit_cash

    def transfer(self, at: int, source: Wallet, destination: Wallet, amount: float) -> None:
        """Move cash from one wallet to another, in two facts."""
        kind = FactKind.TRANSFER.value
        self._post(Fact(self._next_id(), at, kind, source.value, -amount))
        self._post(Fact(self._next_id(), at, kind, destination.value, amount))

    def free_venue_cash(self) -> float:
        """Return the venue wallet less every isolated margin, quote."""
        set_aside = 0.0
        for position in self.positions.values():
            set_aside += position.isolated_margin
        return self.venue_cash - set_aside

    def trade(
        self,
        at: int,
        *,
        instrument: str,
        plan_id: int,
        fill_id: int,
        quantity: float,
        price: float,
        isolated_margin: float = 0.0,
        loss_limit: MarginMode | None = None,
        inferred: bool = False,
    ) -> float:
        """Book one execution and return its realized profit before fees, quote.

        ``isolated_margin`` is set aside for what the fill opens; a closing fill releases its share.
        ``loss_limit`` bounds the loss booked: by that share (isolated) or by the wallet (cross).
        The rest is a memo fact ``venue_loss`` that moves no cash.

        Raises
        ------
        SimulationError : the fill would turn the position over, or breaks an identity.
        """
        position = self.positions[instrument]
        contract, before = position.contract, position.quantity
        closing = before * quantity < 0
        if closing and abs(quantity) > abs(before) * (1 + 1e-9):
            raise SimulationError(f"{instrument}: a fill of {quantity} turns {before} over")
        average = position.average_entry
        realized = contract.realized(quantity, average, price) if closing else 0.0
        released = released_margin(position.isolated_margin, quantity, before) if closing else 0.0
        cash = contract.cash_of_fill(quantity, price, realized)
        shortfall = self._shortfall(cash, released, loss_limit)
        if before == 0.0:
            position.plan_id, position.entered_at = plan_id, at
        _move(position, quantity, price, realized, isolated_margin - released)
        self._post(
            Fact(
                self._next_id(),
                at,
                TRADE,
                position.wallet,
                cash + shortfall,
                instrument,
                plan_id,
                fill_id,
                quantity,
                price,
                inferred=inferred,
            )
        )
        if shortfall > 0:
            self.venue_loss(at, instrument, plan_id, fill_id, shortfall)
        return realized

    def fee(
        self,
        at: int,
        *,
        instrument: str,
        plan_id: int,
        fill_id: int,
        rate: float,
        amount: float,
        kind: FactKind = FactKind.FEE,
    ) -> None:
        """Charge a fee (``amount`` positive is paid, negative is a rebate)."""
        wallet = self.positions[instrument].wallet
        self._post(
            Fact(
                self._next_id(),
                at,
                kind.value,
                wallet,
                -amount,
                instrument,
                plan_id,
                fill_id,
                rate=rate,
            )
        )

    def funding(
        self, at: int, *, instrument: str, rate: float, mark: float, amount: float, inferred: bool
    ) -> None:
        """Book one funding payment; a debit beyond the free wallet reduces the isolated margin."""
        position = self.positions[instrument]
        free = max(self.free_venue_cash(), 0.0)
        from_margin = debit_of_margin(amount, free, position.isolated_margin)
        position.isolated_margin -= from_margin
        self._post(
            Fact(
                self._next_id(),
                at,
                FactKind.FUNDING.value,
                Wallet.VENUE.value,
                amount,
                instrument=instrument,
                plan_id=position.plan_id,
                quantity=position.quantity,
                price=mark,
                rate=rate,
                from_margin=from_margin,
                inferred=inferred,
            )
        )

    def lending(
        self,
        at: int,
        *,
        kind: FactKind,
        instrument: str,
        plan_id: int,
        quantity: float,
        rate: float,
        mark: float,
        amount: float,
    ) -> None:
        """Book the borrow fee or the rebate of the shares lent since the end of the day before."""
        self._post(
            Fact(
                self._next_id(),
                at,
                kind.value,
                self.positions[instrument].wallet,
                amount,
                instrument=instrument,
                plan_id=plan_id,
                quantity=quantity,
                price=mark,
                rate=rate,
            )
        )

    def dividend(self, at: int, *, instrument: str, per_share: float) -> None:
        """Credit a dividend on the shares held before the ex-date's open; a short pays it."""
        position = self.positions[instrument]
        self._post(
            Fact(
                self._next_id(),
                at,
                FactKind.DIVIDEND.value,
                position.wallet,
                position.contract.dividend(position.quantity, per_share),
                instrument=instrument,
                plan_id=position.plan_id,
                quantity=position.quantity,
                price=per_share,
            )
        )

    def interest(
        self,
        at: int,
        *,
        annual_rate: float,
        days: float,
        wallet: Wallet = Wallet.BROKERAGE,
        lent: float = 0.0,
    ) -> None:
        """Credit simple interest on a wallet's cash: cash x rate x days / 365.

        Cash in the amount of ``lent``, the collateral of borrowed shares, earns none here.
        """
        cash = self.venue_cash if wallet is Wallet.VENUE else self.brokerage_cash - lent
        amount, kind = simple_interest(cash, annual_rate, days), FactKind.INTEREST.value
        self._post(Fact(self._next_id(), at, kind, wallet.value, amount, rate=annual_rate))

    def venue_loss(
        self, at: int, instrument: str, plan_id: int, fill_id: int, amount: float
    ) -> None:
        """Record a loss of the venue, a deficit or an uncollected fee; no cash moves."""
        fact = Fact(
            self._next_id(),
            at,
            FactKind.VENUE_LOSS.value,
            Wallet.VENUE.value,
            amount,
            instrument=instrument,
            plan_id=plan_id,
            fill_id=fill_id,
            memo=True,
        )
        self._append(self._valued(fact))

    def prove(self) -> None:
        """Check every wallet against the exactly rounded sum of every fact.

        Raises
        ------
        SimulationError : a wallet differs from its facts.
        """
        for wallet, balance in (
            (Wallet.VENUE, self.venue_cash),
            (Wallet.BROKERAGE, self.brokerage_cash),
            (Wallet.TRANSIT, self.transit_cash),
        ):
            facts = [f for f in self.facts if f.wallet == wallet and not f.memo]
            self._compare(wallet.value, balance, math.fsum(fact.amount for fact in facts))
            booked = math.fsum(fact.value for fact in facts)
            self._compare(f"valued {wallet}", self.booked[wallet.value], booked, self._valued_sum)

    def _next_id(self) -> int:
        return len(self.facts) + 1

    def _shortfall(self, cash: float, released: float, limit: MarginMode | None) -> float:
        """Return the loss beyond the collateral of the position, zero or positive."""
        if limit is None:
            return 0.0
        backing = released if limit is MarginMode.ISOLATED else max(self.venue_cash, 0.0)
        return uncollected(cash, backing)

    def _post(self, unvalued: Fact) -> None:
        fact = self._valued(unvalued)
        if fact.wallet == VENUE:
            self.venue_cash += fact.amount
            balance = self.venue_cash
        elif fact.wallet == BROKERAGE:
            self.brokerage_cash += fact.amount
            balance = self.brokerage_cash
        else:
            self.transit_cash += fact.amount
            balance = self.transit_cash
        self._append(fact)
        value = fact.value
        self.booked[fact.wallet] += value
        self.plan_cash[fact.plan_id] += value
        self._turnover += abs(fact.amount)
        self._valued_sum += abs(value)
        by_kind = self._by_kind[fact.wallet]
        by_kind[fact.kind] += fact.amount
        self._compare(fact.wallet, balance, sum(by_kind.values()))

    def _valued(self, fact: Fact) -> Fact:
        """Return a fact with the rate of its wallet at its instant; a deposit has its own."""
        if self._is_par or fact.kind == FactKind.DEPOSIT.value:
            return fact
        return replace(fact, account_rate=self._rates.of(fact.wallet, fact.at))

    def _append(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.version += 1

    def _compare(
        self, wallet: str, balance: float, facts: float, turnover: float | None = None
    ) -> None:
        moved = self._turnover if turnover is None else turnover
        tolerance = ABSOLUTE_TOLERANCE + RELATIVE_TOLERANCE * moved
        if not abs(balance - facts) <= tolerance:
            raise SimulationError(f"{wallet} wallet {balance!r} differs from its facts {facts!r}")


def _move(
    position: Position, quantity: float, price: float, realized: float, margin_change: float
) -> None:
    """Apply an execution to a position and check its identity."""
    contract, total = position.contract, position.quantity + quantity
    if position.quantity * quantity >= 0:
        position.average_entry = contract.average_entry(
            position.quantity, position.average_entry, quantity, price
        )
    elif is_residue(total, position.quantity):
        total = 0.0
    position.quantity = total
    position.isolated_margin += margin_change
    moved = quantity * contract.unit_value(price)
    position.flow -= moved
    position.realized += realized
    position.turnover += abs(moved)
    if total == 0.0:
        position.average_entry = 0.0
        position.isolated_margin = 0.0
    held = total * contract.unit_value(position.average_entry) if total != 0.0 else 0.0
    gap = position.realized - (position.flow + held)
    if not abs(gap) <= ABSOLUTE_TOLERANCE + RELATIVE_TOLERANCE * position.turnover:
        raise SimulationError(
            f"{position.instrument.id}: realized {position.realized!r} differs from cash flow "
            f"{position.flow!r} + position {held!r} by {gap!r}"
        )
