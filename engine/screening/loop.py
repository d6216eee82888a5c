"""The loop of the kernel: one set of parameters along the instants of one instrument.

It visits the instants at which something can happen, like the sparse search of the engine
(``engine/broker/search.py``), and skips blocks of instants whose extremes reach nothing.
"""

from typing import Any

import numpy as np

from engine.broker import resolve
from engine.risk.period_loss import loss_floor
from engine.screening.blocks import BLOCK
from engine.screening.books import book_funding, equity_of, liquidation_level
from engine.screening.compiled import compiled, jitable
from engine.screening.kernel_decisions import ask_entry, is_asked, leaves, move_to_breakeven
from engine.screening.kernel_guards import begin_guards, on_mark, on_plan_closed
from engine.screening.kernel_matching import match_bar, match_open, match_open_entry
from engine.screening.kernel_orders import at_market, submit_exit
from engine.screening.layout import (
    FAR,
    GUARD_ROLE,
    NONE,
    STOP,
    Floats,
    Ints,
    Records,
    SetPlan,
    Tape,
)

# Low and high levels of bars and of opens: what reaches them fills something.
Reaches = tuple[float, float, float, float]


@jitable
def see_curve(s: Any, lowest: float, highest: float) -> bool:
    """Add a stretch of the curve to its peak; return whether its worst drawdown may lie in it."""
    peak = max(s.curve_peak, highest)
    if lowest / peak - 1 < s.worst:
        return True
    s.curve_peak = peak
    return False


@jitable
def see_close(s: Any, equity: float) -> None:
    """Add the equity of one bar close to peak and worst drawdown of the curve."""
    s.curve_peak = max(s.curve_peak, equity)
    s.worst = min(s.worst, equity / s.curve_peak - 1)


@jitable
def first_from(indices: Ints, t: int) -> int:
    """Return the first of ascending indices at or after an index, ``FAR`` for none."""
    place = np.searchsorted(indices, t)
    return FAR if place == len(indices) else int(indices[place])


@jitable
def release_index(s: Any, tape: Tape, t: int) -> int:
    """Return the first close after an index at which a guard must be released."""
    if s.next_release > tape.at[-1]:
        return FAR
    i = max(np.searchsorted(tape.at, s.next_release), t + 1)
    while i < len(tape.rows) and not tape.rows[i].has_close:
        i += 1
    return int(i)


@jitable
def reaches_of(s: Any, c: Any, g: Records) -> Reaches:
    """Return the levels that a bar reaches from above and below, then those that an open does."""
    down, up, open_down, open_up = -np.inf, np.inf, -np.inf, np.inf
    side = c.side
    if s.quantity != 0.0:
        # Stop and targets of a long: from above and from below; of a short the mirror image.
        level = s.stop_level
        if side > 0:
            down, open_down = level, level
        else:
            up, open_up = level, level
        for i in range(c.targets):
            if g[i].works:
                price = g[i].price
                reach = resolve.reach(resolve.LIMIT, -side, price, c.beyond)
                if side > 0:
                    up, open_up = min(up, reach), min(open_up, price)
                else:
                    down, open_down = max(down, reach), max(open_down, price)
    if s.entry_works and not at_market(s):
        is_stop = s.entry_kind == STOP
        kind = resolve.STOP if is_stop else resolve.LIMIT
        price = s.order_price
        reach = resolve.reach(kind, side, price, c.beyond)
        if (side > 0) == is_stop:
            up, open_up = min(up, reach), min(open_up, price)
        else:
            down, open_down = max(down, reach), max(open_down, price)
    return down, up, open_down, open_up


@jitable
def bars_reach(levels: Reaches, low: float, high: float, low_open: float, high_open: float) -> bool:
    """Return whether bars and opens between two extremes reach a level."""
    return bool(
        resolve.stop_touched(-1, levels[0], low, high)
        or resolve.stop_touched(1, levels[1], low, high)
        or resolve.stop_touched(-1, levels[2], low_open, low_open)
        or resolve.stop_touched(1, levels[3], high_open, high_open)
    )


@jitable
def marks_reach(
    s: Any, level: float, low: float, high: float, low_open: float, high_open: float
) -> bool:
    """Return whether marks between two extremes reach the liquidation price."""
    opens = low_open if s.quantity > 0 else high_open
    return bool(
        resolve.liquidation_touched(s.quantity, level, low, high)
        or resolve.liquidation_touched(s.quantity, level, opens, opens)
    )


@jitable
def guards_trip(s: Any, lowest: float, highest: float) -> bool:
    """Return whether equities between two extremes may trip a guard; else update its peak."""
    peak = max(s.peak, highest)
    if lowest <= s.loss_floor or lowest <= loss_floor(peak, s.halt_drawdown):
        return True
    s.peak = peak
    return False


@jitable
def block_is_idle(s: Any, c: Any, tape: Tape, b: int, levels: Reaches, level: float) -> bool:
    """Return whether nothing can happen in a block of instants; then pass its marks."""
    if bars_reach(
        levels,
        tape.blocks[b].low_min,
        tape.blocks[b].high_max,
        tape.blocks[b].open_min,
        tape.blocks[b].open_max,
    ) or marks_reach(
        s,
        level,
        tape.blocks[b].mark_low_min,
        tape.blocks[b].mark_high_max,
        tape.blocks[b].mark_open_min,
        tape.blocks[b].mark_open_max,
    ):
        return False
    low, high = tape.blocks[b].close_mark_min, tape.blocks[b].close_mark_max
    if s.quantity == 0.0 or np.isnan(low):
        return True
    first, second = equity_of(s, c, low), equity_of(s, c, high)
    lowest, highest = min(first, second), max(first, second)
    if lowest / max(s.curve_peak, highest) - 1 < s.worst:
        return False
    if guards_trip(s, lowest, highest):
        return False
    see_curve(s, lowest, highest)
    return True


@jitable
def instant_is_idle(s: Any, c: Any, tape: Tape, i: int, levels: Reaches, level: float) -> bool:
    """Return whether nothing happens at an instant; then pass its mark."""
    opens, mark = tape.rows[i].open_price, tape.rows[i].mark_open
    if bars_reach(levels, tape.rows[i].low, tape.rows[i].high, opens, opens):
        return False
    if marks_reach(s, level, tape.rows[i].mark_low, tape.rows[i].mark_high, mark, mark):
        return False
    if tape.rows[i].has_close and s.quantity != 0.0:
        equity = equity_of(s, c, tape.rows[i].mark)
        if guards_trip(s, equity, equity):
            return False
        see_close(s, equity)
    return True


@jitable
def next_with_plan(s: Any, c: Any, g: Records, tape: Tape, t: int, bound: int) -> int:
    """Return the first index after ``t``, ``bound`` at the latest, at which something can happen.

    Extra visits change no result.
    """
    levels, level = reaches_of(s, c, g), liquidation_level(s, c, tape.tiers)
    i = t + 1
    while i < bound:
        if i % BLOCK == 0 and i + BLOCK <= bound:
            if block_is_idle(s, c, tape, i // BLOCK, levels, level):
                i += BLOCK
                continue
            for j in range(i, i + BLOCK):
                if not instant_is_idle(s, c, tape, j, levels, level):
                    return j
            i += BLOCK
            continue
        if not instant_is_idle(s, c, tape, i, levels, level):
            return i
        i += 1
    return bound


@jitable
def first_exit(s: Any, p: SetPlan, t: int) -> int:
    """Return the first index after ``t`` of an exit row or of a time exit, ``FAR`` for none."""
    while s.next_exit < len(p.exit_t) and p.exit_t[s.next_exit] <= t:
        s.next_exit += 1
    found = int(p.exit_t[s.next_exit]) if s.next_exit < len(p.exit_t) else FAR
    for i in range(s.met, s.asked):
        if p.leave_t[p.asked[i]] > t:
            return min(found, int(p.leave_t[p.asked[i]]))
    return found


@jitable
def first_entry(s: Any, p: SetPlan, t: int) -> int:
    """Return the first index after ``t`` of an entry row, ``FAR`` for none."""
    while s.next_entry < len(p.entries) and p.entries[s.next_entry].t <= t:
        s.next_entry += 1
    return int(p.entries[s.next_entry].t) if s.next_entry < len(p.entries) else FAR


@jitable
def waits_for_open(s: Any) -> bool:
    """Return whether the next open fills an order at any price."""
    return bool(
        s.exit_works or (s.entry_works and at_market(s)) or (s.stop_works and s.stop_triggered)
    )


@jitable
def next_index(s: Any, c: Any, g: Records, tape: Tape, p: SetPlan, t: int) -> int:
    """Return the next index to visit, the timeline's length when none is left."""
    if s.changed or waits_for_open(s):
        return t + 1
    bound = min(len(tape.rows), first_from(tape.day_marks, t + 1), release_index(s, tape, t))
    if not s.open_plan:
        return min(bound, first_entry(s, p, t))
    bound = min(bound, first_exit(s, p, t))
    if s.quantity != 0.0:
        bound = min(bound, first_from(tape.due, t + 1))
    return next_with_plan(s, c, g, tape, t, bound)


@jitable
def settle(s: Any, c: Any, g: Records, tape: Tape, log: Records, t: int, days: Floats) -> None:
    """Match the bar that closes at an instant and mark the account."""
    if s.open_plan and tape.rows[t].closes:
        match_bar(s, c, g, tape, log, t)
    s.equity = equity_of(s, c, tape.rows[t].mark)
    if tape.rows[t].has_close:
        # Only a close shows a change to the guards: until then every instant is visited.
        s.changed = 0
        see_close(s, s.equity)
        if tape.rows[t].day_of != NONE and len(days) > 0:
            days[tape.rows[t].day_of] = s.equity


@jitable
def open_bars(s: Any, c: Any, g: Records, tape: Tape, log: Records, t: int) -> None:
    """Book funding, then match the levels and orders that the open fills."""
    if not s.open_plan:
        return
    book_funding(s, tape, t)
    if tape.rows[t].opens:
        s.room = np.nan
        match_open(s, c, g, tape, log, t)
        match_open_entry(s, c, g, tape, log, t)


@jitable
def decide(s: Any, c: Any, g: Records, tape: Tape, p: SetPlan, t: int) -> None:
    """Apply guards, then the playbook's plan: breakeven, exits, an entry."""
    if s.closed_plan:
        s.closed_plan = 0
        on_plan_closed(s, c)
    if tape.rows[t].has_close and on_mark(s, c, tape, t) and s.open_plan:
        submit_exit(s, c, g, GUARD_ROLE)
    move_to_breakeven(s, c, tape.rows[t].at)
    is_due = is_asked(s, t, p.leave_t, p.asked)
    place = np.searchsorted(p.exit_t, t)
    exits = bool(place < len(p.exit_t) and p.exit_t[place] == t)
    if s.quantity != 0.0:
        if exits or is_due:
            leaves(s, c, g, tape.rows[t].at, exits, p.exit_key[place] if exits else np.nan)
        return
    if not s.entry_works and first_entry(s, p, t - 1) == t:
        p.asked[s.asked] = s.next_entry
        s.asked += 1
        ask_entry(s, c, g, tape, p, s.next_entry)


@jitable
def run_set(s: Any, c: Any, g: Records, tape: Tape, p: SetPlan, days: Floats, log: Records) -> None:
    """Simulate one set from the first instant to the last; results are left in the state."""
    s.cash, s.risk_limit, s.held_since, s.filled_bar = c.cash, np.nan, NONE, NONE
    s.equity = s.curve_peak = c.cash + c.idle + 0.0
    begin_guards(s, c)
    t, count = 0, len(tape.rows)
    while t < count:
        settle(s, c, g, tape, log, t, days)
        decide(s, c, g, tape, p, t)
        open_bars(s, c, g, tape, log, t)
        t = next_index(s, c, g, tape, p, t)
    s.equity = equity_of(s, c, tape.rows[count - 1].mark)
    if s.held_since != NONE:
        s.held_ns += tape.rows[count - 1].at - s.held_since


@jitable
def run_sets(
    states: Records,
    terms: Records,
    tape: Tape,
    plans: SetPlan,
    shares: Floats,
    ladders: Floats,
    first_entries: Ints,
    first_exits: Ints,
    days: Floats,
    targets: Records,
    log: Records,
) -> None:
    """Simulate sets one after another; the entries of set ``i`` begin at ``first_entries[i]``."""
    for i in range(len(states)):
        a, b = first_entries[i], first_entries[i + 1]
        p, q = first_exits[i], first_exits[i + 1]
        plan = SetPlan(
            plans.entries[a:b],
            plans.prices[a:b],
            plans.leave_t[a:b],
            plans.asked[a:b],
            plans.exit_t[p:q],
            plans.exit_key[p:q],
            shares[i],
            ladders[i],
        )
        run_set(states[i], terms[i], targets, tape, plan, days[i], log)


compiled_sets = compiled(run_sets)
