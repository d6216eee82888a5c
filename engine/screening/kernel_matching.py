"""The order in which the levels of the kernel's plan fill; see ``engine/broker/matching.py``.

``s`` is the state, ``c`` the terms of the set, ``g`` the targets, ``log`` the fills kept.
"""

from typing import Any

import numpy as np

from engine.broker import resolve
from engine.broker.book import risk_at_stop
from engine.broker.cash_sharing import paid_share
from engine.contracts.contract import value_distance
from engine.contracts.margined import share_of_setting
from engine.costs.arithmetic import affordable, floor_to_step, round_against, unit_cash
from engine.screening.books import free_cash, liquidation_level
from engine.screening.compiled import jitable
from engine.screening.kernel_fills import fill, liquidate, room_left, taker_price
from engine.screening.kernel_orders import (
    Part,
    after_entry,
    at_market,
    close_plan,
    end_plan,
    end_targets,
    entry_kind_of_level,
    entry_rests_within,
    farthest_target,
    liquidation_met,
    stop_in_force,
    stop_met,
    target_met,
    target_quantity,
    whole_bar,
)
from engine.screening.layout import (
    AT_OPEN,
    ENTRY_ROLE,
    IN_RANGE,
    LIMIT,
    STOP,
    STOP_ROLE,
    TARGET_ROLE,
    Records,
    Tape,
)


@jitable
def reduce(
    s: Any,
    c: Any,
    g: Records,
    tape: Tape,
    log: Records,
    t: int,
    stage: int,
    role: int,
    wanted: float,
    raw: float,
    decided_at: int,
    rests: bool,
) -> float:
    """Close a part of the position, the plan when it is flat; return the quantity filled."""
    room = room_left(s, c, tape, t, stage)
    quantity = min(wanted, room)
    if quantity <= 0:
        return 0.0
    fill(s, c, tape, log, t, stage, role, -c.side, quantity, raw, decided_at, rests)
    s.room = room - quantity
    if s.quantity == 0.0:
        close_plan(s, c, g, tape.rows[t].at)
    return float(quantity)


@jitable
def trigger_stop(
    s: Any, c: Any, g: Records, tape: Tape, log: Records, t: int, stage: int, raw: float
) -> None:
    """Fill the stop as far as the bar's volume allows; the rest trades at the next opens."""
    if not s.stop_triggered:
        s.stop_triggered = 1
        s.entry_works = s.exit_works = 0
    if room_left(s, c, tape, t, stage) > 0:
        end_targets(c, g)
    wanted = abs(s.quantity)
    reduce(s, c, g, tape, log, t, stage, STOP_ROLE, wanted, raw, s.stop_decided, False)
    s.changed = 1


@jitable
def take_target(
    s: Any, c: Any, g: Records, tape: Tape, log: Records, t: int, stage: int, i: int, raw: float
) -> None:
    """Fill a target as far as the bar's volume allows."""
    wanted = target_quantity(s, c, g, i)
    if wanted <= 0:
        # Its fraction is below one lot; the farthest target closes the rest.
        if i != farthest_target(c, g):
            g[i].works = 0
            s.changed = 1
        return
    s.entry_works = 0
    s.changed = 1
    decided = s.entry_decided
    done = reduce(s, c, g, tape, log, t, stage, TARGET_ROLE, wanted, raw, decided, True)
    if done > 0:
        s.targets_hit += 1
        g[i].filled += done
        if done == wanted:
            g[i].works = 0


@jitable
def close_by_venue(
    s: Any, c: Any, g: Records, tape: Tape, log: Records, t: int, stage: int, raw: float
) -> None:
    """Close the whole position for the venue at any volume and cancel the plan's orders."""
    liquidate(s, c, tape, log, t, stage, raw)
    close_plan(s, c, g, tape.rows[t].at)


@jitable
def liquidate_in_range(
    s: Any, c: Any, g: Records, tape: Tape, log: Records, t: int, part: Part
) -> None:
    """Liquidate at the level, or at the start of the mark's path if that is worse."""
    level = liquidation_level(s, c, tape.tiers)
    raw = min(level, part[5]) if s.quantity > 0 else max(level, part[5])
    close_by_venue(s, c, g, tape, log, t, IN_RANGE, raw)


@jitable
def match_range(s: Any, c: Any, g: Records, tape: Tape, log: Records, t: int, part: Part) -> None:
    """Match a part of a bar against stop, liquidation and targets, the adverse extreme first."""
    level = liquidation_level(s, c, tape.tiers)
    in_force, hit = stop_in_force(s, tape, t), stop_met(s, c, tape, t, part)
    stop_first = hit and not resolve.liquidation_comes_first(level, part[5], s.stop_level, part[4])
    if not stop_first and liquidation_met(s, level, part):
        liquidate_in_range(s, c, g, tape, log, t, part)
    elif hit:
        trigger_stop(s, c, g, tape, log, t, IN_RANGE, s.stop_level)
        # A liquidation price that is touched as well closes the rest of a stop.
        if s.quantity != 0.0 and liquidation_met(s, liquidation_level(s, c, tape.tiers), part):
            liquidate_in_range(s, c, g, tape, log, t, part)
    elif not (in_force and s.stop_triggered):
        met = 0
        for i in range(c.targets):
            if target_met(s, c, g, i, tape, t, part):
                met |= 1 << i
        for i in range(c.targets):
            if met & (1 << i) and g[i].works:
                take_target(s, c, g, tape, log, t, IN_RANGE, i, g[i].price)


@jitable
def entry_comes_first(s: Any, c: Any, g: Records, tape: Tape, t: int, bar: Part) -> bool:
    """Return whether the rest of an entry lies between the open and the levels reached."""
    if not entry_rests_within(s, c, tape, t, bar):
        return False
    level, way, ends = s.order_price, -c.side, 0
    liquidation = liquidation_level(s, c, tape.tiers)
    if stop_met(s, c, tape, t, bar):
        ends += 1
        if not way * (s.stop_level - level) > 0:
            return False
    if liquidation_met(s, liquidation, bar):
        ends += 1
        if not way * (liquidation - level) > 0:
            return False
    if ends == 0:
        way = c.side
        for i in range(c.targets):
            if target_met(s, c, g, i, tape, t, bar):
                ends += 1
                if not way * (g[i].price - level) > 0:
                    return False
    return bool(ends > 0 and way * (level - bar[4]) >= 0)


@jitable
def demand_of(
    s: Any, c: Any, tape: Tape, t: int, stage: int, raw: float
) -> tuple[float, float, float]:
    """Return the entry's quantity, the part within its risk, and the cash of a unit.

    The quantity is 0 where no volume is left.
    """
    quantity = min(s.order_quantity - s.order_filled, room_left(s, c, tape, t, stage))
    if quantity <= 0:
        return 0.0, 0.0, 0.0
    price = raw
    if s.entry_kind != LIMIT:
        price = taker_price(s, c, tape, t, stage, c.side, raw, quantity)
    per_unit = unit_cash(price, share_of_setting(s.setting), c.taker)
    return quantity, min(quantity, risked_size(s, c, price)), per_unit


@jitable
def risked_size(s: Any, c: Any, price: float) -> float:
    """Return the largest fill of the entry within its limit of R, infinite without one."""
    if np.isnan(s.risk_limit):
        return np.inf
    distance = value_distance(round_against(price, c.side, c.tick), s.first_stop)
    if distance == 0:
        return np.inf
    used = 0.0
    if s.entered > 0:
        used = risk_at_stop(value_distance(s.average, s.first_stop), s.entered)
    return float(affordable(s.risk_limit - used, distance, c.lot))


@jitable
def enter(
    s: Any,
    c: Any,
    g: Records,
    tape: Tape,
    log: Records,
    t: int,
    stage: int,
    raw: float,
    demand: tuple[float, float, float],
    free: float,
    factor: float,
) -> None:
    """Fill the entry as far as volume, risk and free cash allow."""
    s.triggered = 1 if s.entry_kind == STOP else 0
    s.changed = 1
    wanted, within, per_unit = demand
    if wanted <= 0:
        return
    afford = affordable(free, per_unit, c.lot)
    if factor < 1:
        afford = min(afford, floor_to_step(within * factor, c.lot))
    quantity = min(within, afford)
    if quantity > 0:
        rests, decided, room = s.entry_kind == LIMIT, s.entry_decided, s.room
        fill(s, c, tape, log, t, stage, ENTRY_ROLE, c.side, quantity, raw, decided, rests)
        s.entered += quantity
        s.order_filled += quantity
        s.room = room - quantity
    if quantity < wanted or s.order_filled >= s.order_quantity * (1 - 1e-12):
        s.entry_works = 0
    if s.entered == 0.0 and not s.entry_works:
        end_plan(s, c, g)


@jitable
def match_resting_entry(
    s: Any, c: Any, g: Records, tape: Tape, log: Records, t: int, bar: Part
) -> None:
    """Fill an entry inside its bar, then the levels that the rest of the bar proves."""
    if not entry_rests_within(s, c, tape, t, bar):
        return
    held, level = s.quantity, s.order_price
    free = free_cash(s, c, tape, t)
    demand = demand_of(s, c, tape, t, IN_RANGE, level)
    enter(s, c, g, tape, log, t, IN_RANGE, level, demand, free, 1.0)
    filled = s.quantity != held
    if filled:
        for i in range(c.targets):
            reach = resolve.reach(resolve.LIMIT, -c.side, g[i].price, c.beyond)
            passed = resolve.limit_touched(-c.side, reach, level, level)
            if passed and g[i].works and s.entry_decided <= tape.rows[t].opened_at:
                take_target(s, c, g, tape, log, t, IN_RANGE, i, level)
    if s.quantity != 0.0:
        match_range(s, c, g, tape, log, t, after_entry(tape, t, level) if filled else bar)


@jitable
def match_bar(s: Any, c: Any, g: Records, tape: Tape, log: Records, t: int) -> None:
    """Match a bar's range: the closing orders of a position held from the open, then an entry."""
    s.room = np.nan
    bar = whole_bar(tape, t)
    if s.quantity != 0.0 and not entry_comes_first(s, c, g, tape, t, bar):
        match_range(s, c, g, tape, log, t, bar)
    match_resting_entry(s, c, g, tape, log, t, bar)


@jitable
def match_open(s: Any, c: Any, g: Records, tape: Tape, log: Records, t: int) -> None:
    """Match liquidation, stop, targets and exits against the open price, in this order."""
    if s.quantity == 0.0:
        return
    mark, price, decided = tape.rows[t].mark_open, tape.rows[t].open_price, s.entry_decided
    level = liquidation_level(s, c, tape.tiers)
    if resolve.liquidation_touched(s.quantity, level, mark, mark):
        close_by_venue(s, c, g, tape, log, t, AT_OPEN, mark)
        return
    if np.isnan(price):
        return
    touched = s.stop_triggered or resolve.stop_touched(-c.side, s.stop_level, price, price)
    if s.stop_works and touched:
        trigger_stop(s, c, g, tape, log, t, AT_OPEN, price)
        return
    for i in range(c.targets):
        if g[i].works and resolve.limit_touched(-c.side, g[i].price, price, price):
            take_target(s, c, g, tape, log, t, AT_OPEN, i, price)
    if s.exit_works:
        held = abs(s.quantity)
        reduce(s, c, g, tape, log, t, AT_OPEN, s.exit_role, held, price, decided, False)
        s.changed = 1


@jitable
def match_open_entry(s: Any, c: Any, g: Records, tape: Tape, log: Records, t: int) -> None:
    """Fill the entry at an open, then the levels of its position that the open has reached."""
    price = tape.rows[t].open_price
    if not s.entry_works or np.isnan(price):
        return
    kind, side = entry_kind_of_level(s), c.side
    if not at_market(s) and not resolve.level_touched(kind, side, s.order_price, price, price):
        return
    demand = demand_of(s, c, tape, t, AT_OPEN, price)
    free, held = free_cash(s, c, tape, t), s.quantity
    factor = float(paid_share(free, demand[1] * demand[2]))
    enter(s, c, g, tape, log, t, AT_OPEN, price, demand, free, factor)
    if held == 0.0 and s.quantity != 0.0 and c.cross:
        s.unmarked = t + 1
        while s.unmarked < len(tape.rows) and not tape.rows[s.unmarked].closes:
            s.unmarked += 1
    match_open(s, c, g, tape, log, t)
