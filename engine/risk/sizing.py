"""Size an entry from its stop: every cap in base units, then the smallest.

Pure arithmetic; ``docs/risk.md`` has each formula, ``docs/sizing.md`` a worked example.
"""

from dataclasses import dataclass

from data_feeds.instrument import Instrument
from engine.config.models import PortfolioConfig, RiskConfig
from engine.costs import SizedOrder, floor_to_step
from engine.decision_terms import Cap, RefusalRule
from engine.risk.liquidation_limits import (
    UNLIMITED,
    affordable_size,
    leverage_setting,
    liquidation_cap,
)
from engine.risk.sizing_request import OWNED, EarlierTranches, SizingRequest, SizingRules
from engine.scalars import scalar

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
        Cap.LIQUIDATION: _at_least_a_lot(liquidation_cap(request, rules), request),
        Cap.PARTICIPATION: _participation_cap(request, rules.risk),
        **{name: room / request.account_unit for name, room in request.account_rooms.items()},
    }
    before_cash = min(caps.values())
    if held.quantity > 0:
        before_cash = min(before_cash, request.fraction * held.planned)
    margined = request.contract.is_margined
    setting, refused = leverage_setting(request, rules, before_cash) if margined else (OWNED, None)
    affordable = affordable_size(request, setting)
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


@scalar
def unused(limit: float, used: float) -> float:
    """Return the part of a limit that is left."""
    return max(limit - used, 0.0)


@scalar
def equity_room(cap: float, equity: float, used: float) -> float:
    """Return the notional that a cap in multiples of equity leaves beside ``used``."""
    return unused(cap * equity, used)


@scalar
def risk_budget(fraction: float, equity: float, rate: float, held_loss: float) -> float:
    """Return the loss allowed at the stop beside that of the held tranches."""
    return unused(fraction * equity / rate, held_loss)


@scalar
def risked_per_unit(  # noqa: PLR0917 - compiled code takes no keywords
    distance: float,
    entry: float,
    entry_fee: float,
    entry_slip: float,
    stop: float,
    stop_cost: float,
) -> float:
    """Return the loss of one unit at the stop, costs of a negligible size included.

    ``entry`` and ``stop`` are the notionals of a unit at both prices, ``stop_cost`` fee and
    slippage of the stop together, fractions.
    """
    return distance + entry * (entry_fee + entry_slip) + stop * stop_cost


@scalar
def volatility_size(target: float, volatility: float, equity: float, unit: float) -> float:
    """Return the size whose volatility is a fraction of equity, at the notional of one unit."""
    return target / volatility * equity / unit


@scalar
def participation_size(share: float, mean_volume: float) -> float:
    """Return the largest size under a share of a bar's mean volume."""
    return share * mean_volume


@scalar
def at_least_a_lot(quantity: float, lot_size: float) -> float:
    """Return the size that collateral allows, 0 when it is below one lot.

    No order can hold less than a lot. With almost no cash behind a position (1e-320 USDT), its
    liquidation price cannot be computed exactly either.
    """
    # A millionth of a lot is the residue of a division, as on the lot grid.
    return quantity if quantity >= lot_size * (1 - 1e-6) else 0.0


def _ratio(limit: float | None, per_unit: float) -> float:
    return UNLIMITED if limit is None else limit / per_unit


def _room(limit: float, held: EarlierTranches) -> float:
    """Return the unused part of a limit on the whole position, base units."""
    return unused(limit, held.quantity)


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
    budget = risk_budget(risk.risk_fraction, request.equity, rate, held.quantity * lost)
    distance = contract.unit_distance(request.entry, request.stop)
    per_unit = risked_per_unit(
        distance, entry, costs.entry_fee, costs.entry_slippage, stop, costs.exit_fee + curve.fixed
    )
    closing = SizedOrder(stop, earlier=held.closed, together=held.quantity)
    orders = (*costs.sized_entry(entry, held.ordered), closing)
    quantity = curve.largest(budget, per_unit, orders)
    return SizeAtRisk(quantity, curve.unit_cost(quantity, per_unit, orders), rate)


def _volatility_cap(request: SizingRequest, risk: RiskConfig) -> float:
    if risk.target_volatility is None or request.realized_volatility == 0:
        return UNLIMITED
    whole = volatility_size(
        risk.target_volatility, request.realized_volatility, request.equity, request.account_unit
    )
    return _room(whole, request.held)


def _leverage_cap(request: SizingRequest, risk: RiskConfig) -> float:
    if risk.leverage_cap is None:
        return UNLIMITED
    room = equity_room(risk.leverage_cap, request.equity, request.gross_notional)
    return room / request.account_unit


def _book_caps(request: SizingRequest, book: PortfolioConfig) -> dict[Cap, float]:
    """Return the unused part of the caps on the whole book, base units."""
    equity, unit = request.equity, request.account_unit
    net = request.direction * request.net_notional
    caps = {Cap.NET: UNLIMITED, Cap.ASSET: UNLIMITED, Cap.CRYPTO: UNLIMITED}
    if book.net_cap is not None:
        caps[Cap.NET] = equity_room(book.net_cap, equity, net) / unit
    if book.asset_cap is not None:
        caps[Cap.ASSET] = _room(book.asset_cap * equity / unit, request.held)
    if book.crypto_cap is not None and request.instrument.is_crypto:
        caps[Cap.CRYPTO] = equity_room(book.crypto_cap, equity, request.crypto_notional) / unit
    return caps


def _participation_cap(request: SizingRequest, risk: RiskConfig) -> float:
    if risk.participation_cap is None:
        return UNLIMITED
    return participation_size(risk.participation_cap, request.mean_volume)


def _at_least_a_lot(quantity: float, request: SizingRequest) -> float:
    return at_least_a_lot(quantity, request.instrument.lot_size)
