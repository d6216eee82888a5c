"""Size an entry from its stop: every cap in base units, then the smallest.

Pure arithmetic; ``docs/risk.md`` has each formula with its units and a worked example.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from data_feeds.instrument import Instrument
from engine.config.models import (
    MarginMode,
    PortfolioConfig,
    RiskConfig,
    ShortSaleTerms,
    WalletsConfig,
)
from engine.config.venue import VenueConfig
from engine.contracts import BorrowedShort, Contract, MarginTerms, contract_for
from engine.costs import FillConditions, SizedOrder, SlippageCurve, floor_to_step
from engine.decision_terms import Cap, RefusalRule
from engine.records import OrderKind

# The order in which caps are applied and recorded. A cap that is off or does not concern the
# instrument is recorded as infinite, so that every entry decision has the same columns.
CAPS = (
    Cap.RISK,
    Cap.VOLATILITY,
    Cap.LEVERAGE,
    Cap.NET,
    Cap.ASSET,
    Cap.CRYPTO,
    Cap.NOTIONAL,
    Cap.LIQUIDATION,
    Cap.PARTICIPATION,
    Cap.MARGIN,
    Cap.CASH,
    Cap.TRANCHE,
)
UNLIMITED = math.inf
OWNED = 0  # leverage setting of what is paid in full


@dataclass(frozen=True, slots=True)
class PlanCosts:
    """Hold the expected costs of an entry and of its stop: fees as fractions, slippage by size.

    ``rests``: the entry is a limit order, which pays no slippage.
    """

    entry_fee: float
    exit_fee: float
    slippage: SlippageCurve
    rests: bool = False

    @property
    def entry_slippage(self) -> float:
        """Return the part of the entry's slippage that does not depend on size, a fraction."""
        return 0.0 if self.rests else self.slippage.fixed

    def sized_entry(self, unit_value: float, earlier: float = 0.0) -> tuple[SizedOrder, ...]:
        """Return the entry as an order of a slippage curve, none where it rests."""
        return () if self.rests else (SizedOrder(unit_value, earlier),)


@dataclass(frozen=True, slots=True)
class SizingRules:
    """Hold the configuration that sizing reads."""

    risk: RiskConfig
    account: WalletsConfig
    margin: MarginTerms


@dataclass(frozen=True, slots=True)
class EarlierTranches:
    """Hold a plan's position when a tranche is added: base units unsigned, money in quote.

    ``planned`` is the whole plan as sized at its entry, before multipliers. ``ordered`` is the sum
    of its market and stop entries as they were approved.
    """

    quantity: float = 0.0
    average_entry: float = 0.0
    isolated_margin: float = 0.0
    leverage_setting: int = OWNED
    planned: float = 0.0
    ordered: float = 0.0

    @property
    def closed(self) -> float:
        """Return the units that may have been closed before: all ordered ones not held."""
        return max(self.ordered - self.quantity, 0.0)


NOTHING_HELD = EarlierTranches()


@dataclass(frozen=True, slots=True)
class SizingRequest:
    """Hold one tranche to be sized; prices in quote, volumes in base units a bar.

    ``free_cash`` is the cash that the paying wallet can still commit. ``collateral`` backs a cross
    position or a short; isolated positions ignore it. ``gross_notional``, ``net_notional`` (signed)
    and ``crypto_notional`` are those of the account, or of the sleeve alone, entries that still
    work included; ``account_rooms`` is the unused part of each cap of a sleeve's account.
    ``fraction`` is the tranche's share of the plan; ``held`` is the position of its earlier
    tranches: caps bound the whole position. If ``reserve`` is above ``entry``, the cash
    check uses ``reserve``: a limit order sets cash aside at its own price. ``account_rate`` is the
    account currency that one unit of the settlement currency is worth at ``close``, the last close
    (0: the entry estimate). Equity, notionals and rooms are in account currency; free cash and
    collateral in the settlement currency. ``short_sales`` are the account's terms of borrowed
    shares, None without them.
    """

    instrument: Instrument
    direction: int
    entry: float
    stop: float
    costs: PlanCosts
    equity: float
    gross_notional: float
    free_cash: float
    collateral: float
    realized_volatility: float
    mean_volume: float
    net_notional: float = 0.0
    crypto_notional: float = 0.0
    account_rooms: Mapping[Cap, float] = field(default_factory=dict)
    fraction: float = 1.0
    held: EarlierTranches = NOTHING_HELD
    reserve: float = 0.0
    account_rate: float = 1.0
    close: float = 0.0
    short_sales: ShortSaleTerms | None = None
    contract: Contract = field(init=False)
    unit: float = field(init=False)

    def __post_init__(self) -> None:
        """Set the contract that the entry opens and the notional of one unit, settlement currency.

        Both are read dozens of times in one sizing.
        """
        contract = contract_for(self.instrument, self.direction, self.short_sales)
        object.__setattr__(self, "contract", contract)
        object.__setattr__(self, "unit", contract.unit_notional(self.entry))

    @property
    def account_unit(self) -> float:
        """Return the notional of one unit at the entry, account currency."""
        return self.unit * self.account_rate


@dataclass(frozen=True, slots=True)
class Sizing:
    """Hold the caps in order, the smallest of them, and the leverage setting.

    ``planned`` is the whole plan before multipliers, of which a tranche takes its fraction.

    ``risk_per_unit`` is the loss per base unit at the stop (account currency), costs included, of a
    position that has the size of the risk cap; ``loss_rate`` is the account currency at which one
    settlement unit of that loss is valued. ``refused`` names the rule that forbids any size, and is
    None otherwise.
    """

    caps: tuple[tuple[Cap, float], ...]
    binding_cap: Cap
    quantity: float
    risk_per_unit: float
    leverage_setting: int
    refused: RefusalRule | None
    planned: float
    loss_rate: float = 1.0


def plan_costs(
    instrument: Instrument,
    venue: VenueConfig,
    kind: OrderKind,
    *,
    market: FillConditions,
    slippage_multiplier: float,
    crosses: bool = False,
) -> PlanCosts:
    """Return the expected costs of an entry of this kind and of its stop.

    A limit entry pays the maker fee and no slippage; everything else is a taker. A limit that the
    market has reached (``crosses``) pays the taker fee; its entry estimate already includes
    slippage. A maker rebate is ignored. ``market`` holds the range of the last bar and the mean
    volume of a bar.
    """
    own = venue.costs_of(instrument)
    taker, maker = own.taker_rate, max(own.maker_rate, 0.0)
    rests = kind is OrderKind.LIMIT
    return PlanCosts(
        entry_fee=maker if rests and not crosses else taker,
        exit_fee=taker,
        slippage=own.slippage.curve(market, slippage_multiplier),
        rests=rests,
    )


def size_entry(request: SizingRequest, rules: SizingRules) -> Sizing:
    """Return the caps of one tranche and the smallest; multiplier, lot and minimum come later."""
    held = request.held
    at_risk = _risk_cap(request, rules.risk)
    caps: dict[Cap, float] = {
        Cap.RISK: at_risk.quantity,
        Cap.VOLATILITY: _volatility_cap(request, rules.risk),
        Cap.LEVERAGE: _leverage_cap(request, rules.risk),
        **_book_caps(request, rules.risk.portfolio),
        Cap.NOTIONAL: _room(_ratio(rules.risk.notional_cap, request.account_unit), held),
        Cap.LIQUIDATION: _at_least_a_lot(_liquidation_cap(request, rules), request),
        Cap.PARTICIPATION: _participation_cap(request, rules.risk),
        **{name: room / request.account_unit for name, room in request.account_rooms.items()},
    }
    before_cash = min(caps.values())
    if held.quantity > 0:
        before_cash = min(before_cash, request.fraction * held.planned)
    margined = request.contract.is_margined
    setting, refused = _leverage_setting(request, rules, before_cash) if margined else (OWNED, None)
    affordable = _affordable(request, setting)
    caps[Cap.MARGIN] = _at_least_a_lot(affordable, request) if margined else UNLIMITED
    caps[Cap.CASH] = UNLIMITED if margined else affordable
    planned = held.planned if held.quantity > 0 else min(caps.values())
    first_of_one = request.fraction == 1 and held.quantity == 0
    caps[Cap.TRANCHE] = UNLIMITED if first_of_one else request.fraction * planned
    ordered = tuple((name, caps[name]) for name in (*CAPS, *request.account_rooms))
    binding, quantity = min(ordered, key=lambda item: item[1])
    return Sizing(
        ordered,
        binding,
        quantity,
        at_risk.per_unit * at_risk.loss_rate,
        setting,
        refused,
        planned,
        at_risk.loss_rate,
    )


def final_quantity(quantity: float, multiplier: float, instrument: Instrument) -> float:
    """Return the size after the multipliers, on the lot grid, rounded down."""
    return floor_to_step(quantity * multiplier, instrument.lot_size)


def _ratio(limit: float | None, per_unit: float) -> float:
    return UNLIMITED if limit is None else limit / per_unit


def _room(limit: float, held: EarlierTranches) -> float:
    """Return the unused part of a limit on the whole position, base units."""
    return max(limit - held.quantity, 0.0)


@dataclass(frozen=True, slots=True)
class SizeAtRisk:
    """Hold the size under the risk cap, its loss per unit in settlement currency, and the rate."""

    quantity: float
    per_unit: float
    loss_rate: float


def _risk_cap(request: SizingRequest, risk: RiskConfig) -> SizeAtRisk:
    """Return the largest size that loses the risk budget at the stop, and the loss per unit.

    The loss of the held tranches at the stop is subtracted from the budget; a gain locked in by the
    stop adds nothing. Slippage grows with size and, for an inverse contract, raises the notional of
    a sale. The second solution takes the slippage of the first, larger size: a bound.
    """
    costs, first = request.costs, _size_at_risk(request, risk, 0.0, 0.0)
    if not request.contract.slippage_moves_notional:
        return first
    curve, held, size = costs.slippage, request.held, first.quantity
    entry = 0.0 if costs.rests else curve.fixed + curve.impact(size, earlier=held.ordered)
    leaving = curve.fixed + curve.impact(held.quantity + size, earlier=held.closed)
    return _size_at_risk(request, risk, entry, leaving)


def _size_at_risk(
    request: SizingRequest, risk: RiskConfig, entry_slippage: float, stop_slippage: float
) -> SizeAtRisk:
    """Return the size under the risk cap whose notionals allow for two slippages."""
    costs, held, contract, side = request.costs, request.held, request.contract, request.direction
    entry = contract.slipped_notional(request.entry, side, entry_slippage)
    stop = contract.slipped_notional(request.stop, -side, stop_slippage)
    curve = costs.slippage
    lost = 0.0
    if held.quantity > 0:
        gain = contract.profit(float(side), held.average_entry, request.stop)
        lost = max(-gain, 0.0)
    exit_impact = curve.impact(held.quantity, earlier=held.closed)
    lost += stop * (costs.exit_fee + curve.fixed + exit_impact)
    highest = max(request.entry, request.stop * (1 - side * stop_slippage))
    rate = contract.worst_rate(request.account_rate, request.close or request.entry, highest)
    budget = max(risk.risk_fraction * request.equity / rate - held.quantity * lost, 0.0)
    per_unit = (
        contract.unit_distance(request.entry, request.stop)
        + entry * (costs.entry_fee + costs.entry_slippage)
        + stop * (costs.exit_fee + curve.fixed)
    )
    closing = SizedOrder(stop, earlier=held.closed, together=held.quantity)
    orders = (*costs.sized_entry(entry, held.ordered), closing)
    quantity = curve.largest(budget, per_unit, orders)
    return SizeAtRisk(quantity, curve.unit_cost(quantity, per_unit, orders), rate)


def _volatility_cap(request: SizingRequest, risk: RiskConfig) -> float:
    if risk.target_volatility is None or request.realized_volatility == 0:
        return UNLIMITED
    whole = (
        risk.target_volatility / request.realized_volatility * request.equity / request.account_unit
    )
    return _room(whole, request.held)


def _leverage_cap(request: SizingRequest, risk: RiskConfig) -> float:
    if risk.leverage_cap is None:
        return UNLIMITED
    room = risk.leverage_cap * request.equity - request.gross_notional
    return max(room, 0.0) / request.account_unit


def _book_caps(request: SizingRequest, book: PortfolioConfig) -> dict[Cap, float]:
    """Return the unused part of the caps on the whole book, base units."""
    equity, unit = request.equity, request.account_unit
    net = request.direction * request.net_notional
    caps = {Cap.NET: UNLIMITED, Cap.ASSET: UNLIMITED, Cap.CRYPTO: UNLIMITED}
    if book.net_cap is not None:
        caps[Cap.NET] = max(book.net_cap * equity - net, 0.0) / unit
    if book.asset_cap is not None:
        caps[Cap.ASSET] = _room(book.asset_cap * equity / unit, request.held)
    if book.crypto_cap is not None and request.instrument.is_crypto:
        caps[Cap.CRYPTO] = max(book.crypto_cap * equity - request.crypto_notional, 0.0) / unit
    return caps


def _participation_cap(request: SizingRequest, risk: RiskConfig) -> float:
    if risk.participation_cap is None:
        return UNLIMITED
    return risk.participation_cap * request.mean_volume


def _at_least_a_lot(quantity: float, request: SizingRequest) -> float:
    """Return the size that collateral allows, 0 when it is below one lot.

    No order can hold less than a lot. With almost no cash behind a position (1e-320 USDT), its
    liquidation price cannot be computed exactly either.
    """
    # A millionth of a lot is the residue of a division, as on the lot grid.
    return quantity if quantity >= request.instrument.lot_size * (1 - 1e-6) else 0.0


def _nearest_liquidation(request: SizingRequest, distance: float) -> float:
    """Return the nearest allowed liquidation price: ``distance`` stop distances away."""
    away = distance * abs(request.entry - request.stop)
    return max(request.entry - request.direction * away, 0.0)


def _liquidation_cap(request: SizingRequest, rules: SizingRules) -> float:
    """Return the largest size whose liquidation price is far enough, by what backs the position."""
    contract, distance = request.contract, rules.risk.liquidation_distance
    if distance is None or not isinstance(contract, BorrowedShort):
        return _cross_liquidation_cap(request, rules)
    return _cover_cap(request, contract, _nearest_liquidation(request, distance))


def _cover_cap(request: SizingRequest, short: BorrowedShort, price: float) -> float:
    """Return the largest short that the broker does not cover before a price.

    At that price P the cash, with the proceeds less fee and slippage, must be the maintenance of
    (held + q) x P: ``cash + q x p = m x (h + q) x P``. Impact is left out.
    """
    costs, held = request.costs, request.held.quantity
    proceeds = request.unit * (1.0 - costs.entry_fee - costs.entry_slippage)
    each = short.cash_needed(1.0, price) - proceeds
    room = request.collateral - short.cash_needed(held, price)
    return max(room, 0.0) / each if each > 0 else UNLIMITED


def _cross_liquidation_cap(request: SizingRequest, rules: SizingRules) -> float:
    """Return the largest size that the wallet backs at the nearest allowed liquidation price.

    At that price P the wallet, less the entry fee and the loss, must cover the maintenance margin
    of held + q, at P or by the terms at their entries. The requirement is piecewise linear in q, so
    one tier holds the root; where it jumps, the higher rate of the next tier holds.
    """
    distance = rules.risk.liquidation_distance
    if (
        distance is None
        or not request.contract.is_margined
        or rules.account.margin_mode is not MarginMode.CROSS
    ):
        return UNLIMITED
    price, held = _nearest_liquidation(request, distance), request.held
    collateral = request.collateral - max(_held_loss(request, price), 0.0)
    if collateral <= 0:
        return 0.0
    contract, on_entry = request.contract, rules.margin.on_entry
    unit, loss = request.unit, contract.unit_distance(request.entry, price)
    if math.isinf(loss):
        return 0.0
    loss += unit * request.costs.entry_fee
    required = unit if on_entry else contract.unit_notional(price)
    before = 0.0
    if held.quantity > 0:
        before = contract.notional(held.quantity, held.average_entry if on_entry else price)
    for tier in rules.margin.tiers:
        quantity = (collateral + tier.deduction - before * tier.rate) / (
            loss + required * tier.rate
        )
        if before + quantity * required < tier.ceiling:
            return max(quantity, 0.0)
    raise AssertionError("the last tier has no ceiling")


def _held_loss(request: SizingRequest, price: float) -> float:
    """Return the loss of the earlier tranches at a price, quote; negative for a gain."""
    held = request.held
    if held.quantity == 0:
        # Without a position there is no average entry, and an inverse contract has no value at 0.
        return 0.0
    return -request.contract.profit(held.quantity * request.direction, held.average_entry, price)


def _leverage_setting(
    request: SizingRequest, rules: SizingRules, before_cash: float
) -> tuple[int, RefusalRule | None]:
    """Return the initial-margin setting, and the rule that forbids all of them, None for none.

    Isolated: the highest setting whose liquidation price lies far enough, at the size that the
    caps and the free wallet allow with it. Cross: liquidation does not depend on the setting.
    A plan keeps the setting that it began with.
    """
    held = request.held
    fixed = held.leverage_setting or rules.account.leverage_setting
    distance = rules.risk.liquidation_distance
    highest = fixed if fixed is not None else rules.risk.max_leverage_setting
    highest = min(highest, _highest_setting(request, rules.margin, before_cash, highest))
    if distance is None or rules.account.margin_mode is MarginMode.CROSS:
        return highest, None
    price, contract = _nearest_liquidation(request, distance), request.contract
    per_unit = contract.unit_distance(request.entry, price)
    lost_before = _held_loss(request, price)
    for setting in (highest,) if fixed is not None else range(highest, 0, -1):
        quantity = min(before_cash, _affordable(request, setting))
        margin = held.isolated_margin + contract.initial_margin(quantity, request.entry, setting)
        lost = quantity * per_unit + lost_before
        if margin - lost >= _requirement(request, quantity, price, rules.margin):
            return setting, None
    return highest, RefusalRule.LIQUIDATION_DISTANCE


def _highest_setting(
    request: SizingRequest, terms: MarginTerms, before_cash: float, asked: int
) -> int:
    """Return the highest setting that the venue allows at the size that cash affords with one."""
    if terms.highest_setting is None:
        return asked
    # A lower setting affords no larger size, so the first answer holds.
    size = min(before_cash, _affordable(request, min(asked, terms.highest_setting)))
    value = request.contract.notional(request.held.quantity + size, request.entry)
    return terms.highest_at(value) or asked


def _requirement(
    request: SizingRequest, quantity: float, price: float, terms: MarginTerms
) -> float:
    """Return the maintenance margin of the position after an entry, at a mark."""
    held, contract, average = request.held, request.contract, request.entry
    if terms.on_entry and held.quantity > 0:
        average = contract.average_entry(held.quantity, held.average_entry, quantity, average)
    return contract.maintenance(held.quantity + quantity, average, price, terms)


def _affordable(request: SizingRequest, setting: int) -> float:
    """Return the size that free cash pays for: margin or full price, fees and slippage.

    A limit order is paid for at its own price, where that takes more than the estimate. Fees are
    the taker's even for a limit entry, which may cross at once; a margined plan also keeps the fee
    of its exit. The slippage of the first solution bounds that of the second.
    """
    costs, first = request.costs, _payable(request, setting, 0.0)
    if costs.rests or not request.contract.slippage_moves_notional:
        return first
    return _payable(request, setting, costs.slippage.fixed + costs.slippage.impact(first))


def _payable(request: SizingRequest, setting: int, slippage: float) -> float:
    """Return the affordable size whose notional allows for a slippage of its entry."""
    costs, contract = request.costs, request.contract
    unit = contract.slipped_notional(request.entry, request.direction, slippage)
    if request.reserve > 0:
        unit = max(unit, contract.unit_notional(request.reserve))
    share = contract.margin_share(setting)
    fees = costs.exit_fee if setting == OWNED else 2 * costs.exit_fee
    return costs.slippage.largest(
        max(request.free_cash, 0.0),
        unit * (share + fees + costs.entry_slippage),
        costs.sized_entry(unit, request.held.ordered),
    )
