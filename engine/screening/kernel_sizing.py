"""The size of an entry in the kernel: levels, caps, the smallest; see ``engine/risk/sizing.py``.

``s`` is the state, ``c`` the terms of the set, ``e`` the entry with the market known at it.
"""

from typing import Any

import numpy as np

from engine.contracts.contract import notional_of, value_distance
from engine.contracts.maintenance import setting_at
from engine.contracts.margined import margin_of, share_of_setting
from engine.costs.arithmetic import fee_of
from engine.costs.slippage_model import in_thin_market
from engine.costs.slippage_models.bar_range import (
    linear_size,
    range_base,
    range_fraction,
    range_slope,
    squared_cost,
)
from engine.costs.slippage_models.fixed import flat_size
from engine.costs.slippage_models.square_root import (
    half_spread,
    root_size,
    root_slope,
    root_weight,
)
from engine.risk.liquidation_limits import (
    backed_size,
    loss_and_fee,
    margin_left,
    nearest_liquidation,
    payable_unit,
    round_trip_fees,
)
from engine.risk.sizing import (
    at_least_a_lot,
    equity_room,
    participation_size,
    risk_budget,
    risked_per_unit,
    unused,
    volatility_size,
)
from engine.screening.books import requirement
from engine.screening.compiled import jitable
from engine.screening.layout import LIMIT, RANGE, ROOT, Floats


@jitable
def fixed_fraction(c: Any, e: Any) -> float:
    """Return the fraction lost at a negligible size in the market known at the entry."""
    if c.model == RANGE:
        return float(in_thin_market(range_base(c.half_spread, c.range_share, e.bar_range), e.slip))
    if c.model == ROOT and not np.isnan(e.usual):
        return float(in_thin_market(half_spread(c.half_spread, e.recent, e.usual), e.slip))
    return float(in_thin_market(c.half_spread, e.slip))


@jitable
def impact_slope(c: Any, e: Any) -> float:
    """Return the slope of the impact in the market known at the entry."""
    if c.model == RANGE:
        return float(range_slope(c.impact, e.slip, e.mean_volume))
    if c.model == ROOT and not np.isnan(e.usual):
        return float(in_thin_market(root_slope(c.coefficient, e.recent, e.daily_volume), e.slip))
    return 0.0


@jitable
def likely_fraction(c: Any, e: Any) -> float:
    """Return a taker's slippage without impact, as an order that crosses is estimated with."""
    if c.model == RANGE:
        return float(
            range_fraction(
                c.half_spread, c.range_share, e.bar_range, c.impact, 0.0, e.mean_volume, e.slip
            )
        )
    return fixed_fraction(c, e)


@jitable
def size_within(
    c: Any, budget: float, per_unit: float, slope: float, entry: float, stop: float
) -> float:
    """Return the largest size within a budget; ``entry`` and ``stop`` are the unit values of the
    orders that pay an impact, 0 for none."""
    if c.model == RANGE:
        quadratic = squared_cost(entry, slope) + squared_cost(stop, slope)
        return float(linear_size(budget, per_unit, quadratic))
    if c.model == ROOT:
        return float(root_size(budget, per_unit, 0.0, root_weight(slope, entry + stop)))
    return float(flat_size(budget, per_unit))


@jitable
def affordable_size(
    s: Any, c: Any, e: Any, entry: float, reserve: float, setting: int, fixed: float, slope: float
) -> float:
    """Return the size that free cash pays for with a setting: margin, fees and slippage."""
    unit = max(entry, reserve) if reserve > 0 else entry
    rests = c.kind == LIMIT
    slip = 0.0 if rests else fixed
    per_unit = payable_unit(unit, share_of_setting(setting), round_trip_fees(c.taker), slip)
    budget = max(s.cash - s.margin, 0.0)
    return size_within(c, budget, per_unit, slope, 0.0 if rests else unit, 0.0)


@jitable
def backed_cap(s: Any, c: Any, entry: float, stop: float, fee: float, tiers: Floats) -> float:
    """Return the largest size that a cross wallet backs at the nearest liquidation allowed."""
    if np.isnan(c.liquidation_distance) or not c.cross:
        return np.inf
    price = nearest_liquidation(entry, stop, c.side, c.liquidation_distance)
    collateral = s.cash - 0.0
    if collateral <= 0:
        return 0.0
    loss = loss_and_fee(value_distance(entry, price), entry, fee)
    required = entry if c.on_entry else price
    for i in range(len(tiers)):
        size = backed_size(collateral, 0.0, tiers[i, 1], tiers[i, 2], loss, required)
        if 0.0 + size * required < tiers[i, 0]:
            return float(max(size, 0.0))
    return np.inf


@jitable
def has_margin(
    s: Any, c: Any, size: float, setting: int, entry: float, stop: float, fee: float, tiers: Floats
) -> bool:
    """Return whether the margin of a size covers maintenance at the nearest liquidation allowed."""
    off = np.isnan(c.liquidation_distance)
    if off and size == 0:
        return True
    price = entry
    if not off:
        price = nearest_liquidation(entry, stop, c.side, c.liquidation_distance)
    if c.cross:
        margin = s.cash - fee_of(notional_of(size, entry), fee)
    else:
        margin = 0.0 + margin_of(notional_of(size, entry), setting)
    left = margin_left(margin, size, value_distance(entry, price), 0.0)
    required = requirement(notional_of(size, entry if c.on_entry else price), tiers)
    return bool(left > required if off else left >= required)


@jitable
def chosen_setting(
    s: Any,
    c: Any,
    e: Any,
    entry: float,
    stop: float,
    reserve: float,
    fee: float,
    fixed: float,
    slope: float,
    before_cash: float,
    tiers: Floats,
) -> int:
    """Return the initial-margin setting; negative where every one is forbidden."""
    highest = c.fixed_setting if c.fixed_setting > 0 else c.max_setting
    asked = highest
    if c.highest_setting > 0:
        least = min(highest, c.highest_setting)
        size = min(before_cash, affordable_size(s, c, e, entry, reserve, least, fixed, slope))
        value = notional_of(size, entry)
        for i in range(len(tiers)):
            if value < tiers[i, 0]:
                asked = setting_at(c.highest_setting, tiers[i, 1], tiers[0, 1])
                break
    highest = min(highest, asked)
    if not np.isnan(c.liquidation_distance) and c.cross:
        return int(highest)
    lowest = highest if c.fixed_setting > 0 else 1
    for setting in range(highest, lowest - 1, -1):
        size = min(before_cash, affordable_size(s, c, e, entry, reserve, setting, fixed, slope))
        if has_margin(s, c, size, setting, entry, stop, fee, tiers):
            return setting
    return -int(highest)


@jitable
def book_caps(s: Any, c: Any, e: Any, unit: float) -> float:
    """Return the smallest of the caps that read neither risk nor cash, base units."""
    size = np.inf
    if not (np.isnan(c.target_volatility) or e.volatility == 0):
        size = min(
            size, unused(volatility_size(c.target_volatility, e.volatility, s.equity, unit), 0.0)
        )
    if not np.isnan(c.leverage_cap):
        size = min(size, equity_room(c.leverage_cap, s.equity, 0.0) / unit)
    if not np.isnan(c.net_cap):
        size = min(size, equity_room(c.net_cap, s.equity, 0.0) / unit)
    if not np.isnan(c.asset_cap):
        size = min(size, unused(c.asset_cap * s.equity / unit, 0.0))
    if not np.isnan(c.crypto_cap):
        size = min(size, equity_room(c.crypto_cap, s.equity, 0.0) / unit)
    if not np.isnan(c.notional_cap):
        size = min(size, unused(c.notional_cap / unit, 0.0))
    if not np.isnan(c.participation):
        size = min(size, participation_size(c.participation, e.mean_volume))
    return float(size)


@jitable
def size_entry(
    s: Any, c: Any, e: Any, entry: float, stop: float, reserve: float, crosses: bool, tiers: Floats
) -> tuple[float, int]:
    """Return the smallest cap, base units, and the setting; a size of 0 where none is allowed."""
    fixed, slope, rests = fixed_fraction(c, e), impact_slope(c, e), c.kind == LIMIT
    fee = max(c.maker, 0.0) if rests and not crosses else c.taker
    distance = value_distance(entry, stop)
    slip = 0.0 if rests else fixed
    per_unit = risked_per_unit(distance, entry, fee, slip, stop, c.taker + fixed)
    budget = risk_budget(c.risk_fraction, s.equity, 1.0, 0.0)
    size = size_within(c, budget, per_unit, slope, 0.0 if rests else entry, stop)
    size = min(size, book_caps(s, c, e, entry))
    size = min(size, at_least_a_lot(backed_cap(s, c, entry, stop, fee, tiers), c.lot))
    setting = chosen_setting(s, c, e, entry, stop, reserve, fee, fixed, slope, size, tiers)
    if setting < 0:
        return 0.0, -setting
    paid = affordable_size(s, c, e, entry, reserve, setting, fixed, slope)
    return float(min(size, at_least_a_lot(paid, c.lot))), setting
