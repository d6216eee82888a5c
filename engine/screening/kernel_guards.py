"""The guards of the kernel; see ``engine/risk/guards.py``.

``s`` is the state, ``c`` the terms of the set, ``ladder`` its drawdown ladder, a row a rung.
"""

from typing import Any

import numpy as np

from engine.risk.period_loss import loss_floor
from engine.screening.compiled import jitable
from engine.screening.layout import FAR, NONE, Floats, Tape


@jitable
def floor_of(equity: float, limit: float) -> float:
    """Return the floor of a period that begins, -inf where the limit is off."""
    return -np.inf if np.isnan(limit) else float(loss_floor(equity, limit))


@jitable
def armed_halt(c: Any) -> float:
    """Return the drawdown that halts, infinite where it is off."""
    return np.inf if np.isnan(c.halt_at) else float(c.halt_at)


@jitable
def begin_guards(s: Any, c: Any) -> None:
    """Arm all guards at the equity of the start."""
    s.daily_floor = floor_of(s.equity, c.daily_loss)
    s.weekly_floor = floor_of(s.equity, c.weekly_loss)
    s.loss_floor = max(s.daily_floor, s.weekly_floor)
    s.peak = s.equity
    s.halt_drawdown = armed_halt(c)
    s.daily_until = s.weekly_until = s.halted_until = s.cooling_until = NONE
    s.next_release = FAR


@jitable
def day_is_full(s: Any, c: Any) -> bool:
    """Return whether the day has all the entries that it may have."""
    return bool(c.max_trades != NONE and s.trades_today >= c.max_trades)


@jitable
def schedule(s: Any, c: Any) -> None:
    """Set the first instant at which a guard must be released."""
    release = FAR
    if s.halted_until != NONE:
        release = min(release, s.halted_until)
    if s.cooling_until != NONE:
        release = min(release, s.cooling_until)
    # At midnight itself only a day's last close releases; the first close after it must.
    if s.daily_until != NONE:
        release = min(release, s.daily_until + 1)
    if s.weekly_until != NONE:
        release = min(release, s.weekly_until + 1)
    if day_is_full(s, c):
        release = min(release, s.trades_until + 1)
    s.next_release = release


@jitable
def release_days(s: Any, c: Any, through: int) -> None:
    """Release the guards of account days and weeks that ended by an instant."""
    if s.daily_until != NONE and s.daily_until <= through:
        s.daily_until = NONE
    if s.weekly_until != NONE and s.weekly_until <= through:
        s.weekly_until = NONE
    if s.trades_until <= through:
        s.trades_today = 0
    schedule(s, c)


@jitable
def release(s: Any, c: Any, at: int, equity: float) -> None:
    """Release halt and cool-down; after a halt the reference peak restarts."""
    if s.halted_until != NONE and at >= s.halted_until:
        s.halted_until = NONE
        s.halt_drawdown = armed_halt(c)
        s.peak = equity
    if s.cooling_until != NONE and at >= s.cooling_until:
        s.cooling_until = NONE
    schedule(s, c)


@jitable
def trip(s: Any, c: Any, tape: Tape, t: int, equity: float) -> bool:
    """Trip the guards that an equity reaches; return whether the account must be flat."""
    flatten = False
    if equity <= s.daily_floor:
        s.daily_floor, s.daily_until = -np.inf, tape.rows[t].day_until
        flatten = flatten or c.daily_flattens != 0
        schedule(s, c)
    if equity <= s.weekly_floor:
        s.weekly_floor, s.weekly_until = -np.inf, tape.rows[t].week_until
        flatten = flatten or c.weekly_flattens != 0
        schedule(s, c)
    if not np.isnan(c.halt_at) and equity <= loss_floor(s.peak, s.halt_drawdown):
        s.halt_drawdown = np.inf
        s.halted_until = FAR if c.halt_ns == NONE else tape.rows[t].at + c.halt_ns
        flatten = True
        schedule(s, c)
    return flatten


@jitable
def on_mark(s: Any, c: Any, tape: Tape, t: int) -> bool:
    """Judge one bar close; return whether the account must be flat."""
    at, equity = tape.rows[t].at, s.equity
    s.peak = max(s.peak, equity)
    if at >= s.next_release:
        release(s, c, at, equity)
        # A close at midnight is still judged in the day that ends there.
        release_days(s, c, at - 1)
    flatten = trip(s, c, tape, t, equity)
    if tape.rows[t].day_end:
        release_days(s, c, at)
        s.daily_floor = floor_of(equity, c.daily_loss)
    if tape.rows[t].week_end:
        s.weekly_floor = floor_of(equity, c.weekly_loss)
    s.loss_floor = max(s.daily_floor, s.weekly_floor)
    return flatten


@jitable
def on_entry(s: Any, c: Any, tape: Tape, t: int) -> None:
    """Count one approved entry of the account day."""
    release_days(s, c, tape.rows[t].at)
    s.trades_today += 1
    s.trades_until = tape.rows[t].day_after
    schedule(s, c)


@jitable
def on_plan_closed(s: Any, c: Any) -> None:
    """Start the cool-down after a plan that lost money."""
    if c.cool_ns != NONE and s.net_pnl < 0:
        s.cooling_until = max(s.cooling_until, s.closed_at + c.cool_ns)
        schedule(s, c)


@jitable
def is_blocked(s: Any, c: Any, at: int) -> bool:
    """Return whether a guard forbids entries at an instant."""
    return bool(
        s.halted_until != NONE
        or at < s.daily_until
        or at < s.weekly_until
        or at < s.cooling_until
        or (day_is_full(s, c) and at < s.trades_until)
    )


@jitable
def size_factor(s: Any, ladder: Floats) -> float:
    """Return the factor of the drawdown ladder on new positions."""
    factor = 1.0
    for i in range(len(ladder)):
        if s.equity <= loss_floor(s.peak, ladder[i, 0]):
            factor = ladder[i, 1]
    return factor
