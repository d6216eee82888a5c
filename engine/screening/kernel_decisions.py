"""The decisions of the kernel at an instant: entry, breakeven, exits; see ``bt/session.py``.

``s`` is the state, ``c`` the terms of the set, ``g`` the targets.
"""

from typing import Any

import numpy as np

from engine.contracts.contract import notional_of
from engine.costs.arithmetic import floor_to_step
from engine.risk.entry_review import joint_multiplier, risk_asked
from engine.risk.plan_levels import (
    crossed_limit,
    has_crossed,
    round_entry,
    round_stop,
    round_target,
    stop_is_placed,
    target_is_placed,
)
from engine.screening.compiled import jitable
from engine.screening.kernel_guards import is_blocked, on_entry, size_factor
from engine.screening.kernel_orders import submit_exit
from engine.screening.kernel_sizing import likely_fraction, size_entry
from engine.screening.layout import (
    EXIT_ROLE,
    LIMIT,
    MARKET,
    ROOT,
    STOP,
    Floats,
    Ints,
    Records,
    SetPlan,
    Tape,
)


@jitable
def is_price(value: float) -> bool:
    """Return whether a level is a positive number."""
    return bool(np.isfinite(value) and value > 0)


@jitable
def targets_are_placed(c: Any, entry: float, prices: Floats) -> bool:
    """Return whether all targets lie on the winning side of an entry, on the tick grid."""
    for i in range(c.targets):
        if not target_is_placed(entry, round_target(prices[i], c.side, c.tick), c.side):
            return False
    return True


@jitable
def prices_are_known(c: Any, e: Any, prices: Floats) -> bool:
    """Return whether the last close and all levels of an entry are prices."""
    wanted = e.close if c.kind == MARKET else e.price
    known = not np.isnan(e.close) and is_price(wanted) and is_price(e.stop)
    for i in range(c.targets):
        known = known and is_price(prices[i])
    return bool(known)


@jitable
def is_sizable(s: Any, c: Any, e: Any) -> bool:
    """Return whether equity, volatility and volume are known well enough to size an entry."""
    if not s.equity > 0:
        return False
    if not np.isnan(c.target_volatility) and np.isnan(e.volatility):
        return False
    if c.needs_volume and not e.mean_volume > 0:
        return False
    return bool(c.model != ROOT or e.priced)


@jitable
def entry_levels(c: Any, e: Any) -> tuple[float, float, bool]:
    """Return the entry estimate, the order's price (NaN at market) and whether it crosses."""
    if c.kind == MARKET:
        return e.close, np.nan, False
    is_stop = c.kind == STOP
    order = round_entry(e.price, c.side, is_stop, c.tick)
    if not has_crossed(c.side, is_stop, order, e.close):
        return order, order, False
    if is_stop:
        return e.close, order, True
    return crossed_limit(c.side, order, e.close, likely_fraction(c, e), c.tick), order, True


@jitable
def ask_entry(s: Any, c: Any, g: Records, tape: Tape, p: SetPlan, place: int) -> None:
    """Size or refuse the entry of a place in the plan, and submit its orders."""
    e, prices = p.entries[place], p.prices[place]
    if is_blocked(s, c, e.at) or e.market_factor == 0 or not prices_are_known(c, e, prices):
        return
    entry, order, crosses = entry_levels(c, e)
    stop = round_stop(e.stop, c.side, c.tick)
    placed = stop_is_placed(entry, stop, c.side) and targets_are_placed(c, entry, prices)
    if not placed or not is_sizable(s, c, e):
        return
    reserve = max(entry, order) if c.kind == LIMIT else entry
    size, setting = size_entry(s, c, e, entry, stop, reserve, crosses, tape.tiers)
    multiplier = joint_multiplier(e.share, size_factor(s, p.ladder), e.market_factor)
    quantity = floor_to_step(size * multiplier, c.lot)
    if quantity < c.lot or notional_of(quantity, entry) < c.min_notional:
        return
    on_entry(s, c, tape, e.t)
    s.risk_limit = np.nan
    if c.kind == LIMIT and entry != order:
        s.risk_limit = risk_asked(c.risk_fraction, s.equity, 1.0, multiplier, 1.0)
    s.order_quantity, s.order_price, s.setting = quantity, order, setting
    s.slip, s.key, s.leave_at = e.slip, e.key, e.leave_at
    begin_plan(s, c, g, e.at, stop, prices, p.shares)


@jitable
def begin_plan(
    s: Any, c: Any, g: Records, at: int, stop: float, prices: Floats, shares: Floats
) -> None:
    """Submit the orders of an approved entry."""
    s.open_plan = s.entry_works = s.stop_works = 1
    s.entry_kind, s.entry_decided, s.stop_decided = c.kind, at, at
    s.triggered = s.stop_triggered = s.exit_works = s.left = 0
    s.stop_level = s.first_stop = stop
    s.order_filled = s.entered = s.plan_cash = s.bought = s.sold = 0.0
    s.targets_told = s.targets_hit
    for i in range(c.targets):
        g[i].price = round_target(prices[i], c.side, c.tick)
        g[i].fraction = shares[i]
        g[i].filled = 0.0
        g[i].works = 1


@jitable
def move_to_breakeven(s: Any, c: Any, at: int) -> None:
    """Move the stop to the average entry, unless it would not lie nearer; once a target filled."""
    told, s.targets_told = s.targets_told, s.targets_hit
    if not c.breakeven or s.quantity == 0.0 or told == s.targets_hit:
        return
    if c.side * (s.average - s.stop_level) <= 0:
        return
    stop = round_stop(s.average, c.side, c.tick)
    if stop > 0 and c.side * (stop - s.stop_level) > 0 and not s.stop_triggered:
        s.stop_level, s.stop_decided = stop, at


@jitable
def is_asked(s: Any, t: int, leave_t: Ints, asked: Ints) -> bool:
    """Drop the appointments due by an instant; return whether one is due at it."""
    met = False
    while s.met < s.asked and leave_t[asked[s.met]] <= t:
        met = met or leave_t[asked[s.met]] == t
        s.met += 1
    return met


@jitable
def leaves(s: Any, c: Any, g: Records, at: int, exits: bool, key: float) -> None:
    """Ask for the exit of a position: its time is over, or an exit of its key holds; once."""
    # ``exits_again`` asks no second time here: an exit order ends before it is filled only by a
    # triggered stop, which closes the position at the next opens.
    if s.quantity == 0.0 or s.left:
        return
    if at >= s.leave_at or (exits and (np.isnan(key) or key == s.key)):
        s.left = 1
        submit_exit(s, c, g, EXIT_ROLE)
