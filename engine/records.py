"""The immutable records of a run: rows of its tables, its curve and its outcome.

Instants are int64 nanoseconds UTC. Quantities are base units, signed where the name is
``quantity`` (long and buys positive). Amounts of orders, fills and facts are in the currency of
their wallet, those of trades and curve in the account's; positive when cash comes in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from engine.decision_terms import (
    Cap,
    DecisionOutcome,
    GuardEventKind,
    GuardName,
    IntentKind,
    RiskTier,
)
from engine.equity_curve import NO_BILL, BillAccruals, EquityCurve
from engine.fast_init import fast_init
from engine.trailing_stop import StopMoves, TrailDistance, TrailingStop

NAN = float("nan")
# An instant later than any data: never due, never released.
FAR_FUTURE = 2**63 - 1
# An instant that has not come; tables show an empty cell.
UNSET = 0


class OrderKind(StrEnum):
    """The types of an order."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


class OrderRole(StrEnum):
    """The purposes of an order."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    EXIT = "exit"
    GUARD = "guard"
    LIQUIDATION = "liquidation"
    SETTLEMENT = "settlement"


class OrderStatus(StrEnum):
    """The final states of an order, and ``working``."""

    WORKING = "working"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class FillStage(StrEnum):
    """The part of a bar in which a fill happened: its open, or its range."""

    OPEN = "open"
    RANGE = "range"


class FactKind(StrEnum):
    """The kinds of ledger facts; each moves cash, except the memo ``venue_loss``."""

    DEPOSIT = "deposit"
    TRADE = "trade"
    FEE = "fee"
    LIQUIDATION_FEE = "liquidation_fee"
    FUNDING = "funding"
    DIVIDEND = "dividend"
    BORROW_FEE = "borrow_fee"
    REBATE = "rebate"
    INTEREST = "interest"
    TRANSFER = "transfer"
    VENUE_LOSS = "venue_loss"


@fast_init
@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as the risk module wrote it; the broker takes no other.

    ``quantity`` is unsigned base units, ``side`` +1 buy or -1 sell. ``price`` is the limit or stop
    level (NaN for market). ``fraction`` is the target's share of the filled entry (NaN for other
    roles). Stops, exits and liquidations close the plan's whole position, so their ``quantity`` is
    NaN unless they close a part. ``leverage_setting`` is 0 where nothing is margined.
    ``spend_limit`` is the highest payment of an entry, settlement currency; NaN: the free cash.
    ``risk_limit`` is the highest R of an entry at any price, settlement currency; NaN: no limit.
    ``trail`` are the terms of a stop that trails.
    """

    plan_id: int
    decision_id: int
    instrument: str
    role: OrderRole
    kind: OrderKind
    side: int
    quantity: float
    price: float
    fraction: float
    leverage_setting: int
    slippage_multiplier: float
    reason: str
    spend_limit: float = NAN
    risk_limit: float = NAN
    trail: TrailingStop | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order from decision to end. A moved stop is a cancelled order and a new order.

    A trailing stop is one order: ``price`` is its level at the start, ``last_level`` that at its
    end, ``best_price`` the best price of the position that moved it, and ``best_at`` the close of
    that price's bar. Its distance is ``trail_distance`` (quote), ``trail_fraction`` or the signal
    ``trail_signal``, whose values are the table ``trail_distances``. ``trail_moved`` is empty for
    all other orders.
    """

    order_id: int
    plan_id: int
    decision_id: int
    instrument: str
    role: str
    kind: str
    side: int
    quantity: float
    price: float
    fraction: float
    leverage_setting: int
    slippage_multiplier: float
    decided_at: int
    status: str
    filled: float
    ended_at: int
    end_reason: str
    reason: str
    spend_limit: float = NAN
    risk_limit: float = NAN
    trail_moved: StopMoves | Literal[""] = ""
    trail_distance: float = NAN
    trail_fraction: float = NAN
    trail_signal: str = ""
    trail_beyond: float = NAN
    last_level: float = NAN
    best_price: float = NAN
    best_at: int = UNSET


@fast_init
@dataclass(frozen=True, slots=True)
class Fill:
    """One execution.

    ``at`` is the fact's own time: the bar's open for stage ``open``, its close for stage ``range``
    (then ``inferred`` is true: the instant inside the bar is not known). ``raw_price`` is the price
    before slippage; ``price`` = raw_price x (1 + side x slippage), rounded to the tick against the
    trader. ``realized`` is before fees, against the average entry; ``fee`` is positive when paid.
    Both are in the settlement currency.
    """

    fill_id: int
    order_id: int
    plan_id: int
    instrument: str
    role: str
    stage: str
    at: int
    bar_opened_at: int
    bar_closed_at: int
    quantity: float
    price: float
    raw_price: float
    slippage: float
    liquidity: str
    fee_rate: float
    fee: float
    realized: float
    position_after: float
    average_entry_after: float
    isolated_margin_after: float
    inferred: bool
    reason: str


@fast_init
@dataclass(frozen=True, slots=True)
class Fact:
    """One ledger row: ``amount`` moves ``wallet``; a memo (venue_loss) moves nothing.

    ``amount`` and ``from_margin`` are in the wallet's currency, ``account_rate`` is its value in
    the account's currency at the instant.
    """

    fact_id: int
    at: int
    kind: str
    wallet: str
    amount: float
    instrument: str = ""
    plan_id: int = 0
    fill_id: int = 0
    quantity: float = NAN
    price: float = NAN
    rate: float = NAN
    from_margin: float = 0.0
    memo: bool = False
    inferred: bool = False
    account_rate: float = 1.0

    @property
    def value(self) -> float:
        """The amount in the account's currency."""
        return self.amount * self.account_rate


@dataclass(frozen=True, slots=True)
class Trade:
    """One plan from its first entry fill to flat (or to the end of the run).

    Instants are int64 ns UTC, ``exited_at`` 0 while open. ``bars_held`` counts the bars from the
    first fill's to the last fill's, both included, without missing bars. ``quantity``
    is the largest position, unsigned base units, ``tranches`` how many orders bought it; prices are
    quote. ``initial_risk`` is R: the loss of the entered quantity from average entry to first stop.
    ``gross_pnl`` is price profit as booked (an isolated liquidation loses no more than its margin),
    open profit included. ``fees`` are positive when paid, with ``liquidation_fee`` among them;
    ``funding``, ``income`` (dividends) and ``borrow_carry`` (rebates less borrow fees of a short)
    positive when received; ``slippage_cost`` is positive when paid and already inside the prices.
    ``net_pnl`` = gross_pnl - fees + funding + income + borrow_carry.
    ``r_multiple`` = net_pnl / initial_risk, NaN where the risk is zero or unknown.
    """

    trade_id: int
    plan_id: int
    decision_id: int
    instrument: str
    direction: int
    setup: str
    entered_at: int
    exited_at: int
    duration_hours: float
    bars_held: int
    quantity: float
    tranches: int
    average_entry: float
    average_exit: float
    initial_stop: float
    initial_risk: float
    leverage_setting: int
    gross_pnl: float
    fees: float
    liquidation_fee: float
    funding: float
    income: float
    slippage_cost: float
    net_pnl: float
    r_multiple: float
    exit_roles: str
    exit_reason: str
    liquidated: bool
    open_at_end: bool
    borrow_carry: float = 0.0


@fast_init
@dataclass(frozen=True, slots=True)
class Decision:
    """One risk decision on one intent (or on one guard's exit), with its caps.

    ``caps`` holds (name, quantity allowed) in the order applied, base units; the running minimum is
    the size before and after each. ``binding_cap`` names the smallest. ``outcome`` is approved,
    rejected or blocked; ``blocked_by`` names the guard or the rule. ``tier`` is the account's,
    ``market_tier`` the market's, empty where none is read.
    """

    decision_id: int
    plan_id: int
    decided_at: int
    instrument: str
    intent: IntentKind
    direction: int
    outcome: DecisionOutcome
    blocked_by: str
    reason: str
    equity: float
    drawdown: float
    tier: RiskTier
    entry_estimate: float
    stop: float
    risk_per_unit: float
    caps: tuple[tuple[Cap, float], ...]
    binding_cap: Cap | Literal[""]
    multiplier: float
    quantity: float
    leverage_setting: int
    setup: str
    market_tier: RiskTier | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class GuardEvent:
    """A trip or a release of a guard, with the equity at that instant."""

    at: int
    guard: GuardName
    event: GuardEventKind
    equity: float
    reference: float
    until: int
    detail: str


@dataclass(frozen=True, slots=True)
class Overlay:
    """The change of one weight by one hedge from a rebalancing on (negative: reduced).

    ``weight`` is a share of ``equity`` (account currency). A rebalancing without hedges is one row
    of a hedge without a name, weight 0.
    """

    at: int
    hedge: str
    instrument: str
    weight: float
    equity: float


@dataclass(frozen=True)
class SimulationOutcome:
    """The outcome of one simulation, in the order of time.

    ``open_values`` holds the value at the end of each plan still open, by plan id (unrealized
    profit of a perp, market value of an owned asset, in the account's currency). It may be empty
    while at most one plan is open: the last row of the curve then gives its value.
    """

    orders: tuple[OrderRow, ...]
    fills: tuple[Fill, ...]
    facts: tuple[Fact, ...]
    decisions: tuple[Decision, ...]
    guard_events: tuple[GuardEvent, ...]
    curve: EquityCurve
    instants_total: int
    instants_visited: int
    inferred_mark_bars: int
    mark_bars: int
    open_values: Mapping[int, float] = field(default_factory=dict)
    overlays: tuple[Overlay, ...] = ()
    bill: BillAccruals = NO_BILL
    trail_distances: tuple[TrailDistance, ...] = ()


@dataclass(frozen=True)
class JointOutcome:
    """The outcomes of the sleeves of one account, and the events of the account's guards.

    ``curves`` are the sleeves', all at the same instants: every close of any sleeve's bars.
    """

    sleeves: tuple[SimulationOutcome, ...]
    curves: tuple[EquityCurve, ...]
    guard_events: tuple[GuardEvent, ...]
