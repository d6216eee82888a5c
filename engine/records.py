"""Immutable facts of a run; each dataclass is one row of a table in the run folder.

Instants are int64 nanoseconds UTC. Quantities are base units, signed where the name is
``quantity`` (long and buys positive). Amounts are quote currency, positive when cash comes in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

NAN = float("nan")
# An instant later than any data: "never due", "never released".
FAR_FUTURE = 2**63 - 1
# The rule that refuses to buy a weight whose instrument has no price yet; a run counts it.
NOT_BEGUN = "not begun"
# Intents that ask for risk: an entry, a tranche, weights, a hedge. The rest takes some away.
REBALANCE = "rebalance"
ADDING = ("enter", "add", REBALANCE, "hedge")


class OrderKind(StrEnum):
    """How an order becomes a fill."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


class OrderRole(StrEnum):
    """Why an order exists."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    EXIT = "exit"
    GUARD = "guard"
    LIQUIDATION = "liquidation"
    SETTLEMENT = "settlement"


class OrderStatus(StrEnum):
    """How an order's life ended, or ``working``."""

    WORKING = "working"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class FillStage(StrEnum):
    """Where inside its bar a fill happened."""

    OPEN = "open"
    RANGE = "range"


class FactKind(StrEnum):
    """Everything that moves cash, and the memo that does not."""

    DEPOSIT = "deposit"
    TRADE = "trade"
    FEE = "fee"
    LIQUIDATION_FEE = "liquidation_fee"
    FUNDING = "funding"
    DIVIDEND = "dividend"
    INTEREST = "interest"
    TRANSFER = "transfer"
    VENUE_LOSS = "venue_loss"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as the risk module wrote it; the broker takes no other.

    ``quantity`` is unsigned base units, ``side`` +1 buy or -1 sell. ``price`` is the limit or stop
    level (NaN for market). ``fraction`` is the target's share of the filled entry (NaN for other
    roles). Stops, exits and liquidations close whatever the plan holds at that moment, so their
    ``quantity`` is NaN unless they close a part. ``leverage_setting`` is 0 where nothing is
    margined. ``spend_limit`` is the most that an entry may pay, quote; NaN: what there is.
    ``risk_limit`` is the most that R of an entry may be, whatever its price, quote; NaN: no limit.
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


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order's whole life. A moved stop is a cancelled order and a new one."""

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


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution.

    ``at`` is the fact's own time: the bar's open for stage ``open``, its close for stage ``range``
    (then ``inferred`` is true: the instant inside the bar is not known). ``raw_price`` is the price
    before slippage; ``price`` = raw_price x (1 + side x slippage), rounded to the tick against the
    trader. ``realized`` is quote, before fees, against the average entry. ``fee`` is positive when
    paid.
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


@dataclass(frozen=True, slots=True)
class Fact:
    """One ledger row: ``amount`` moves ``wallet``; a memo (venue_loss) moves nothing."""

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


@dataclass(frozen=True, slots=True)
class Decision:
    """One risk decision on one intent (or one guard's act), with the size through the caps.

    ``caps`` holds (name, quantity allowed) in the order applied, base units; the running minimum is
    the size before and after each. ``binding_cap`` names the smallest. ``outcome`` is approved,
    rejected or blocked; ``blocked_by`` names the guard or the rule. ``tier`` is the account's,
    ``market_tier`` the market's, empty where none is read.
    """

    decision_id: int
    plan_id: int
    decided_at: int
    instrument: str
    intent: str
    direction: int
    outcome: str
    blocked_by: str
    reason: str
    equity: float
    drawdown: float
    tier: str
    entry_estimate: float
    stop: float
    risk_per_unit: float
    caps: tuple[tuple[str, float], ...]
    binding_cap: str
    multiplier: float
    quantity: float
    leverage_setting: int
    setup: str
    market_tier: str = ""


@dataclass(frozen=True, slots=True)
class GuardEvent:
    """A guard that tripped or was released, with the equity that did it."""

    at: int
    guard: str
    event: str
    equity: float
    reference: float
    until: int
    detail: str


@dataclass(frozen=True, slots=True)
class Overlay:
    """What one hedge adds to one weight from a rebalancing on (negative: holds back).

    ``weight`` is a share of ``equity`` (quote). A rebalancing without hedges is one row of a hedge
    without a name, weight 0.
    """

    at: int
    hedge: str
    instrument: str
    weight: float
    equity: float


@dataclass(frozen=True)
class EquityCurve:
    """Equity at every bar close of the traded window; one entry an instant, quote currency.

    ``equity = venue_cash + brokerage_cash + transit_cash + unrealized + owned``.
    """

    at: NDArray[np.int64]
    equity: NDArray[np.float64]
    venue_cash: NDArray[np.float64]
    brokerage_cash: NDArray[np.float64]
    unrealized: NDArray[np.float64]
    owned: NDArray[np.float64]
    gross_notional: NDArray[np.float64]
    transit_cash: NDArray[np.float64]


@dataclass(frozen=True)
class BillAccruals:
    """When the bill that ratios are in excess of accrues: one entry a day's end, as cash earns.

    ``rate`` is the annual fraction known at the instant ``at`` (NaN: none was known yet, which
    counts as 0), ``days`` the days since the day's end before. ``series`` is empty where the data
    hold no bill; then there are no entries.
    """

    series: str
    at: NDArray[np.int64]
    rate: NDArray[np.float64]
    days: NDArray[np.float64]


NO_BILL = BillAccruals("", np.zeros(0, np.int64), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class SimulationOutcome:
    """Everything one simulation produced, in the order it happened.

    ``open_values`` holds the value at the end of each plan still open, by plan id (unrealized
    profit of a perp, market value of an owned asset, quote). It may be empty while at most one plan
    is open: that one is worth what the last row of the curve shows.
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


@dataclass(frozen=True)
class JointOutcome:
    """What the sleeves of one account did, and the account's own guards.

    ``curves`` are the sleeves', all at the same instants: every close of any sleeve's bars.
    """

    sleeves: tuple[SimulationOutcome, ...]
    curves: tuple[EquityCurve, ...]
    guard_events: tuple[GuardEvent, ...]
