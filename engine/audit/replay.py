"""The derived account: fills and market payments in the order of time.

The order at one instant: fills inside the bars that close, the mark, interest, funding and
dividends on the positions, then fills at the open.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

from data_feeds.instrument import Instrument, InstrumentKind, Wallet
from engine.audit.borrowed_shorts import LendingSlot, is_lent, shorts_value
from engine.audit.channels import InstrumentData
from engine.audit.contract_formulas import PositionRules, position_rules
from engine.audit.income import InterestSlot, PaymentSlot, TransferSlot, transfer_slots
from engine.audit.venue_terms import fee_fraction
from engine.audit.wallet_values import WalletValues
from engine.config.models import MarginMode
from engine.records import FactKind, Fill, FillStage, OrderKind, OrderRole, OrderRow
from engine.run_folder.read import RunFolder

NAN = float("nan")
# Lots are at least 1e-8; a smaller quantity is rounding of float sums.
FLAT = 1e-11
# A wallet with less cash earns no interest.
CENT = 0.01


class ReplayStep(IntEnum):
    """Steps of one instant, in order."""

    RANGE = 0
    MARK = 1
    PAY = 2
    OPEN = 3


@dataclass(frozen=True, slots=True)
class Holding:
    """One position: signed units, average entry in quote, margin in the settlement currency."""

    quantity: float = 0.0
    average: float = NAN
    margin: float = 0.0
    plan_id: int = 0


NOTHING = Holding()


@dataclass(frozen=True, slots=True)
class Books:
    """Balances (quote) and positions after one event."""

    at: int
    phase: ReplayStep
    cash: Mapping[Wallet, float]
    holdings: Mapping[str, Holding]

    def holding(self, instrument: str) -> Holding:
        """Return the position in an instrument."""
        return self.holdings.get(instrument, NOTHING)

    def free_venue_cash(self) -> float:
        """Return the venue wallet less the isolated margins, quote."""
        return self.cash[Wallet.VENUE] - sum(held.margin for held in self.holdings.values())


@dataclass(frozen=True, slots=True)
class ExpectedFact:
    """One ledger row that the rules ask for."""

    kind: FactKind
    at: int
    wallet: Wallet
    amount: float
    instrument: str
    plan_id: int = 0
    fill_id: int = 0
    quantity: float = NAN
    price: float = NAN
    rate: float = NAN
    from_margin: float = 0.0
    memo: bool = False
    inferred: bool | None = None


@dataclass(frozen=True, slots=True)
class Booking:
    """The effect of one fill: the position before and after, profit, booked amount and fee."""

    before: Holding
    after: Holding
    realized: float
    booked: float
    fee: float


@dataclass(frozen=True, slots=True)
class FillAmounts:
    """The money of one fill: traded, fee and its rate, and the loss that the venue bears."""

    traded: float
    fee: float
    rate: float
    lost: float


@dataclass
class Replay:
    """The derived states, facts and bookings by time; complete once :func:`replay` returns."""

    states: list[Books]
    facts: list[ExpectedFact] = field(default_factory=list)
    bookings: dict[int, Booking] = field(default_factory=dict)
    after: dict[int, Books] = field(default_factory=dict)

    def before(self, at: int, phase: ReplayStep) -> Books:
        """Return the account just before a step of an instant."""
        return self.states[max(bisect_left(self.states, (at, phase), key=_key) - 1, 0)]

    def through(self, at: int, phase: ReplayStep) -> Books:
        """Return the account after a step of an instant."""
        return self.states[max(bisect_right(self.states, (at, phase), key=_key) - 1, 0)]


def replay(  # noqa: PLR0917 - the slots of every kind of payment
    files: RunFolder,
    markets: Mapping[str, InstrumentData],
    payments: Sequence[PaymentSlot],
    interest: Sequence[InterestSlot],
    values: WalletValues,
    lending: Sequence[LendingSlot] = (),
) -> Replay:
    """Return the account through the whole run, and the facts that the rules ask for."""
    account = _AccountReplay(files, markets, values)
    steps: list[tuple[int, ReplayStep, int, ReplayEvent]] = []
    # Transfers leave at their decision and arrive before the interest of that instant.
    steps += [(slot.at, ReplayStep.PAY, slot.order, slot) for slot in transfer_slots(files)]
    steps += [(fill.at, fill_phase(fill), 2, fill) for fill in files.fills]
    steps += [(slot.at, ReplayStep.PAY, 1, slot) for slot in payments]
    steps += [(slot.at, ReplayStep.PAY, 0, slot) for slot in interest]
    # The lender is paid before the dividends of that instant.
    steps += [(slot.at, ReplayStep.PAY, 0, slot) for slot in lending]
    for _, _, _, step in sorted(steps, key=lambda entry: entry[:3]):
        if isinstance(step, InterestSlot):
            account.pay_interest(step)
        elif isinstance(step, TransferSlot):
            account.send(step)
        elif isinstance(step, PaymentSlot):
            account.pay_holder(step)
        elif isinstance(step, LendingSlot):
            account.pay_lender(step)
        elif step.instrument in markets and step.order_id in files.order_by_id:
            account.book(step)
    return account.made


ReplayEvent = Fill | PaymentSlot | InterestSlot | TransferSlot | LendingSlot


def transfer_name(wallet: str, amount: float) -> str:
    """Return the name that distinguishes the facts of transfers at one instant."""
    return f"{'into' if amount > 0 else 'out of'} {wallet}"


def fill_phase(fill: Fill) -> ReplayStep:
    """Return the step of the instant at which a fill takes effect."""
    return ReplayStep.OPEN if fill.stage == FillStage.OPEN.value else ReplayStep.RANGE


def _key(state: Books) -> tuple[int, ReplayStep]:
    return state.at, state.phase


class _AccountReplay:
    """Applies events by time, each to the last state."""

    def __init__(
        self, files: RunFolder, markets: Mapping[str, InstrumentData], values: WalletValues
    ) -> None:
        self.files = files
        self.markets = markets
        self.values = values
        self.is_isolated = files.config.account.margin_mode is MarginMode.ISOLATED
        self.lent: dict[str, tuple[LendingSlot, Holding, float]] = {}
        cash = {
            Wallet.VENUE: files.config.account.venue_cash,
            Wallet.BROKERAGE: files.config.account.brokerage_cash,
            Wallet.TRANSIT: 0.0,
        }
        self.made = Replay([Books(0, ReplayStep.RANGE, cash, {})])

    @property
    def state(self) -> Books:
        """The account after the last event."""
        return self.made.states[-1]

    def move(
        self, at: int, phase: ReplayStep, wallet: Wallet, amount: float, **changed: Holding
    ) -> None:
        """Move cash and replace holdings, as one new state."""
        cash = {**self.state.cash, wallet: self.state.cash[wallet] + amount}
        self.made.states.append(Books(at, phase, cash, {**self.state.holdings, **changed}))

    def pay_interest(self, slot: InterestSlot) -> None:
        """Pay simple interest on a wallet's cash; a value below a cent earns none.

        Cash in the amount of the shorts' value is their collateral, which earns the rebate.
        """
        cash = self.state.cash[slot.wallet]
        if slot.wallet is Wallet.BROKERAGE:
            cash -= self._lent(slot.at)
        amount = cash * slot.rate * slot.days / 365
        if math.isnan(amount) or cash * self.values.of(slot.wallet, slot.at) < CENT:
            return
        self.made.facts.append(
            ExpectedFact(FactKind.INTEREST, slot.at, slot.wallet, amount, "", rate=slot.rate)
        )
        self.move(slot.at, ReplayStep.PAY, slot.wallet, amount)

    def send(self, slot: TransferSlot) -> None:
        """Move cash from one wallet to another."""
        for wallet, amount in ((slot.source, -slot.amount), (slot.destination, slot.amount)):
            self.made.facts.append(
                ExpectedFact(
                    FactKind.TRANSFER, slot.at, wallet, amount, transfer_name(wallet, amount)
                )
            )
            self.move(slot.at, ReplayStep.PAY, wallet, amount)

    def pay_holder(self, slot: PaymentSlot) -> None:
        """Pay funding or a dividend on the position held just before the instant's open.

        A funding debit comes out of the free wallet first, then out of the isolated margin.
        """
        held = self.state.holding(slot.instrument)
        if held.quantity == 0:
            return
        amount, taken = held.quantity * slot.amount_per_unit, 0.0
        if slot.kind is FactKind.FUNDING and self.is_isolated and amount < 0:
            free = max(self.state.free_venue_cash(), 0.0)
            taken = min(max(-amount - free, 0.0), held.margin)
        self.made.facts.append(
            ExpectedFact(
                slot.kind,
                slot.at,
                slot.wallet,
                amount,
                slot.instrument,
                plan_id=held.plan_id,
                quantity=held.quantity,
                price=slot.price,
                rate=slot.rate,
                from_margin=taken,
                inferred=slot.inferred,
            )
        )
        after = replace(held, margin=held.margin - taken)
        self.move(slot.at, ReplayStep.PAY, slot.wallet, amount, **{slot.instrument: after})

    def pay_lender(self, slot: LendingSlot) -> None:
        """Pay for the shares that were lent at the end of the day before; note those lent now."""
        market, held = self.markets[slot.instrument], self.state.holding(slot.instrument)
        before = self.lent.pop(slot.instrument, None)
        if before is not None:
            self._pay_loan(slot, *before)
        if is_lent(market.instrument, held.quantity):
            self.lent[slot.instrument] = (slot, held, market.value_mark(slot.at))

    def _pay_loan(self, now: LendingSlot, then: LendingSlot, held: Holding, mark: float) -> None:
        value = abs(held.quantity) * mark
        for kind, amount, rate in (
            (FactKind.BORROW_FEE, then.fee(value, now.days), then.fee_rate),
            (FactKind.REBATE, then.rebate(value, now.days), then.rebate_rate),
        ):
            if math.isnan(amount):
                continue
            self.made.facts.append(
                ExpectedFact(
                    kind,
                    now.at,
                    Wallet.BROKERAGE,
                    amount,
                    now.instrument,
                    plan_id=held.plan_id,
                    quantity=held.quantity,
                    price=mark,
                    rate=rate,
                )
            )
            self.move(now.at, ReplayStep.PAY, Wallet.BROKERAGE, amount)

    def _lent(self, at: int) -> float:
        """Return the unsigned value of all shorts at an instant, quote."""
        shorts = {
            name: held.quantity
            for name, held in self.state.holdings.items()
            if is_lent(self.markets[name].instrument, held.quantity)
        }
        return shorts_value(shorts, {name: self.markets[name].value_mark(at) for name in shorts})

    def book(self, fill: Fill) -> None:
        """Book one fill: profit against the average entry, fee, and loss of the venue."""
        instrument = self.markets[fill.instrument].instrument
        order = self.files.order_by_id[fill.order_id]
        held = self.state.holding(fill.instrument)
        booking, lost = self._booking(fill, order, instrument, held)
        self.made.bookings[fill.fill_id] = booking
        owned = not instrument.is_margined
        traded = -fill.quantity * fill.price if owned else booking.booked
        rate = fill_fee_rate(fill, order, instrument, self.files)
        amounts = FillAmounts(traded, booking.fee, rate, lost)
        _fill_facts(self.made, fill, instrument.wallet, amounts)
        self.move(
            fill.at,
            fill_phase(fill),
            instrument.wallet,
            traded - booking.fee,
            **{fill.instrument: booking.after},
        )
        self.made.after[fill.fill_id] = self.state

    def _booking(
        self, fill: Fill, order: OrderRow, instrument: Instrument, held: Holding
    ) -> tuple[Booking, float]:
        """Return the booking of a fill, and the loss of the venue (zero or positive)."""
        rules = self.markets[instrument.id].rules
        forced = fill.role == OrderRole.LIQUIDATION.value
        closing = held.quantity * fill.quantity < 0
        isolated = instrument.is_margined and self.is_isolated
        realized = booked = 0.0
        limit = max(self.state.cash[instrument.wallet], 0.0)
        if closing:
            realized = booked = rules.profit(-fill.quantity, held.average, fill.price)
            if isolated:
                limit = held.margin * min(abs(fill.quantity / held.quantity), 1.0)
            # A takeover costs the margin whatever the market does: no loss goes beyond it.
            if instrument.is_margined and not (forced and rules.taken_over):
                booked = max(realized, -limit)
        after = _after(held, fill, order, rules, closing=closing, isolated=isolated)
        rate = fill_fee_rate(fill, order, instrument, self.files)
        fee = due = rules.value(fill.quantity, fill.price) * rate
        if forced and instrument.is_margined and not rules.taken_over:
            fee = min(due, max(limit + booked, 0.0))
        elif closing and instrument.is_margined:
            # The free wallet pays the fee of a takeover, as of every closing fill.
            free = self.state.free_venue_cash() + held.margin - after.margin + booked
            fee = min(due, max(free, 0.0))
        return Booking(held, after, realized, booked, fee), (booked - realized) + (due - fee)


def fill_fee_rate(fill: Fill, order: OrderRow, instrument: Instrument, files: RunFolder) -> float:
    """Return the fee of a fill as a fraction of notional; a settlement costs nothing."""
    if fill.role == OrderRole.SETTLEMENT.value:
        return 0.0
    venue = files.config.venue
    if fill.role == OrderRole.LIQUIDATION.value and instrument.is_margined:
        return position_rules(venue, instrument).forced_fee
    taker = taker_rate(instrument, files)
    is_maker = instrument.wallet is Wallet.VENUE and rests(fill, order)
    return fee_fraction(venue, instrument, "maker_fee_bps") if is_maker else taker


def taker_rate(instrument: Instrument, files: RunFolder) -> float:
    """Return the taker's fee as a fraction of notional; 0 for options, which pay a spread."""
    if instrument.kind is InstrumentKind.OPTION:
        return 0.0
    key = "commission_bps" if instrument.wallet is Wallet.BROKERAGE else "taker_fee_bps"
    return fee_fraction(files.config.venue, instrument, key)


def rests(fill: Fill, order: OrderRow) -> bool:
    """Return whether a fill is a maker's.

    A limit order rests, unless the open at the instant of its decision crosses it: then it never
    rested in the book.
    """
    crossed = fill.stage == FillStage.OPEN.value and fill.bar_opened_at == order.decided_at
    return order.kind == OrderKind.LIMIT.value and not crossed


def _after(
    held: Holding,
    fill: Fill,
    order: OrderRow,
    rules: PositionRules,
    *,
    closing: bool,
    isolated: bool,
) -> Holding:
    """Return the position after a fill: average entry on the way in, pro rata on the way out."""
    quantity = held.quantity + fill.quantity
    if abs(quantity) <= FLAT:
        return NOTHING
    if closing:
        margin = held.margin * max(quantity / held.quantity, 0.0)
        return Holding(quantity, held.average, margin, held.plan_id)
    average = rules.average(held.quantity, held.average, fill.quantity, fill.price)
    setting = order.leverage_setting
    value = rules.value(fill.quantity, fill.price)
    added = value / setting if isolated and setting > 0 else 0.0
    return Holding(quantity, average, held.margin + added, fill.plan_id)


def _fill_facts(made: Replay, fill: Fill, wallet: Wallet, amounts: FillAmounts) -> None:
    liquidated = fill.role == OrderRole.LIQUIDATION.value
    trade = ExpectedFact(
        FactKind.TRADE,
        fill.at,
        wallet,
        amounts.traded,
        fill.instrument,
        plan_id=fill.plan_id,
        fill_id=fill.fill_id,
        quantity=fill.quantity,
        price=fill.price,
    )
    fee_kind = FactKind.LIQUIDATION_FEE if liquidated else FactKind.FEE
    made.facts.append(trade)
    plain = replace(trade, quantity=NAN, price=NAN)
    made.facts.append(replace(plain, kind=fee_kind, amount=-amounts.fee, rate=amounts.rate))
    if amounts.lost != 0:
        made.facts.append(replace(plain, kind=FactKind.VENUE_LOSS, amount=amounts.lost, memo=True))
