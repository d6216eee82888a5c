"""The orders of the kernel's one plan: what works, what a level reaches, how orders end.

``s`` is the state, ``g`` the targets, nearest first; see ``engine/broker/book.py``.
"""

from typing import Any

from engine.broker import resolve
from engine.broker.book import farthest_share, share_left
from engine.screening.compiled import jitable
from engine.screening.layout import MARKET, NONE, STOP, Records, Tape

# Low and high of the last price, low and high of the mark, and where both paths begin.
Part = tuple[float, float, float, float, float, float]


@jitable
def whole_bar(tape: Tape, t: int) -> Part:
    """Return the range of the bar that closes at an instant."""
    return (
        tape.rows[t].low,
        tape.rows[t].high,
        tape.rows[t].mark_low,
        tape.rows[t].mark_high,
        tape.rows[t].raw_open,
        tape.rows[t].raw_mark_open,
    )


@jitable
def after_entry(tape: Tape, t: int, level: float) -> Part:
    """Return the range that certainly follows an entry at a level inside the bar."""
    opens = tape.rows[t].raw_open
    low, high = resolve.range_after_entry(
        level, opens, tape.rows[t].raw_close, tape.rows[t].low, tape.rows[t].high
    )
    mark_low, mark_high = resolve.range_after_entry(
        level, opens, tape.rows[t].raw_mark_close, tape.rows[t].mark_low, tape.rows[t].mark_high
    )
    return low, high, mark_low, mark_high, level, level


@jitable
def stop_in_force(s: Any, tape: Tape, t: int) -> bool:
    """Return whether the stop works and was decided by the open of the bar that closes."""
    return bool(s.stop_works and s.stop_decided <= tape.rows[t].opened_at)


@jitable
def stop_met(s: Any, c: Any, tape: Tape, t: int, part: Part) -> bool:
    """Return whether a part of the bar meets the stop."""
    if not stop_in_force(s, tape, t) or s.stop_triggered:
        return False
    return bool(resolve.stop_touched(-c.side, s.stop_level, part[0], part[1]))


@jitable
def liquidation_met(s: Any, level: float, part: Part) -> bool:
    """Return whether a part of the bar meets the liquidation price."""
    return bool(resolve.liquidation_touched(s.quantity, level, part[2], part[3]))


@jitable
def entry_in_time(s: Any, tape: Tape, t: int) -> bool:
    """Return whether the entry works and was decided by the open of the bar that closes."""
    return bool(s.entry_works and s.entry_decided <= tape.rows[t].opened_at)


@jitable
def entry_kind_of_level(s: Any) -> int:
    """Return the kind of the entry's level as the fill rules name it."""
    return resolve.STOP if s.entry_kind == STOP else resolve.LIMIT


@jitable
def at_market(s: Any) -> bool:
    """Return whether the next open fills the entry at any price."""
    return bool(s.triggered or s.entry_kind == MARKET)


@jitable
def fills_within(kind: int, side: int, price: float, beyond: float, part: Part) -> bool:
    """Return whether a part of a bar fills a resting order at its level."""
    reach = resolve.reach(kind, side, price, beyond)
    touched = resolve.level_touched(kind, side, reach, part[0], part[1])
    return bool(touched and part[0] <= price <= part[1])


@jitable
def entry_rests_within(s: Any, c: Any, tape: Tape, t: int, part: Part) -> bool:
    """Return whether the rest of a limit or stop entry fills inside the bar."""
    if at_market(s) or not entry_in_time(s, tape, t):
        return False
    return fills_within(entry_kind_of_level(s), c.side, s.order_price, c.beyond, part)


@jitable
def target_met(s: Any, c: Any, g: Records, i: int, tape: Tape, t: int, part: Part) -> bool:
    """Return whether a part of the bar fills a target that works."""
    if not g[i].works or s.entry_decided > tape.rows[t].opened_at:
        return False
    return fills_within(resolve.LIMIT, -c.side, g[i].price, c.beyond, part)


@jitable
def farthest_target(c: Any, g: Records) -> int:
    """Return the farthest working target, ``NONE`` for none."""
    found = NONE
    for i in range(c.targets):
        if g[i].works:
            found = i
    return found


@jitable
def target_quantity(s: Any, c: Any, g: Records, i: int) -> float:
    """Return the quantity that a target still closes, base units, unsigned."""
    held, waiting = abs(s.quantity), 0.0
    if i != farthest_target(c, g):
        return float(min(share_left(g[i].fraction, s.entered, g[i].filled, c.lot), held))
    for j in range(i):
        if g[j].works:
            waiting += share_left(g[j].fraction, s.entered, g[j].filled, c.lot)
    return float(farthest_share(held, waiting, c.lot))


@jitable
def end_targets(c: Any, g: Records) -> None:
    """End all targets."""
    for i in range(c.targets):
        g[i].works = 0


@jitable
def end_plan(s: Any, c: Any, g: Records) -> None:
    """End the plan's orders."""
    s.open_plan = 0
    s.entry_works = s.stop_works = s.exit_works = 0
    end_targets(c, g)
    s.changed = 1


@jitable
def close_plan(s: Any, c: Any, g: Records, at: int) -> None:
    """End a plan that is flat again and count its net result."""
    end_plan(s, c, g)
    s.closed_plan = 1
    s.closed_at = at
    s.trades += 1
    s.net_pnl = s.plan_cash
    if s.plan_cash > 0:
        s.wins += 1
    s.held_ns += at - s.held_since
    s.held_since = NONE


@jitable
def submit_exit(s: Any, c: Any, g: Records, role: int) -> None:
    """Register an order that closes the plan; it also cancels the rest of a working entry."""
    if not s.exit_works:
        s.exit_role = role
    s.exit_works = 1
    s.entry_works = 0
    if s.entered == 0.0:
        end_plan(s, c, g)
