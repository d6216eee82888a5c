"""The fills of a plan inside one bar, and their order. Tables buy 10 units near 100."""

import pytest

from data_feeds.instrument import Instrument, InstrumentKind
from engine.intents import Enter, Exit, MoveStop, Target
from engine.records import OrderKind
from engine.testing import PERP, candles, fill_lines, play, table

FLAT = (100.0, 101.0, 99.0, 100.0)
TARGET = (Target(110.0, 1.0),)


def enter(direction=1, stop=None, **more):
    far = 50.0 if direction > 0 else 150.0
    return Enter(PERP.id, direction, stop=far if stop is None else stop, reason="test", **more)


def lines(rows, script, **sections):
    return fill_lines(play(table(candles(rows)), script, **sections))


def orders_by_role(outcome, role):
    return [order for order in outcome.orders if order.role == role]


# Stops.


def test_a_stop_touched_inside_the_bar_fills_at_its_level():
    assert lines([FLAT, FLAT, (100, 101, 95, 97), FLAT], {0: [enter(stop=95.0)]}) == [
        (1.0, "entry", 10.0, 100.0),
        (3.0, "stop", -10.0, 95.0),
    ]


def test_a_stop_one_tick_below_the_low_is_not_touched():
    assert len(lines([FLAT, FLAT, (100, 101, 95.1, 97), FLAT], {0: [enter(stop=95.0)]})) == 1


def test_a_gap_through_the_stop_fills_at_the_open_below_it():
    assert lines([FLAT, FLAT, (92, 99, 91, 98), FLAT], {0: [enter(stop=95.0)]})[1] == (
        2.0,
        "stop",
        -10.0,
        92.0,
    )


def test_a_short_is_stopped_by_a_gap_at_the_open_above_its_stop():
    assert lines([FLAT, FLAT, (108, 109, 104, 105), FLAT], {0: [enter(-1, stop=105.0)]})[1] == (
        2.0,
        "stop",
        10.0,
        108.0,
    )


def test_stop_and_target_in_one_bar_is_the_stop():
    wide = (100.0, 111.0, 94.0, 105.0)
    assert lines([FLAT, FLAT, wide, FLAT], {0: [enter(stop=95.0, targets=TARGET)]})[1] == (
        3.0,
        "stop",
        -10.0,
        95.0,
    )


# Targets and brackets.


def test_a_target_fills_at_its_level_and_cancels_the_stop():
    market = table(candles([FLAT, FLAT, (100, 111, 99, 105), (96, 97, 90, 91), FLAT]))
    outcome = play(market, {0: [enter(stop=95.0, targets=TARGET)]})
    assert fill_lines(outcome)[1:] == [(3.0, "target", -10.0, 110.0)]
    (stop,) = orders_by_role(outcome, "stop")
    # The later fall through 95 finds nothing left to sell.
    assert (stop.status, stop.filled) == ("cancelled", 0.0)
    assert stop.ended_at == outcome.fills[1].at


def test_a_stop_cancels_the_targets_of_its_bracket():
    market = table(candles([FLAT, FLAT, (100, 101, 94, 96), (110, 120, 109, 115), FLAT]))
    outcome = play(market, {0: [enter(stop=95.0, targets=TARGET)]})
    assert fill_lines(outcome)[1:] == [(3.0, "stop", -10.0, 95.0)]
    assert [order.status for order in orders_by_role(outcome, "target")] == ["cancelled"]


def test_an_open_beyond_the_target_fills_there():
    assert lines([FLAT, FLAT, (113, 114, 112, 113), FLAT], {0: [enter(targets=TARGET)]})[1] == (
        2.0,
        "target",
        -10.0,
        113.0,
    )


def test_targets_take_whole_lots_and_the_farthest_takes_the_rest():
    # 10 units in lots of 3: 9 are bought; 1/3 of 9 = 3 and 0.4 of 9 = 3.6 -> 3, the last takes 3.
    lots = Instrument(id=PERP.id, kind=InstrumentKind.PERP, tick_size=0.1, lot_size=3.0)
    targets = (Target(105.0, 1 / 3), Target(110.0, 0.4), Target(115.0, 1 - 1 / 3 - 0.4))
    rows = [FLAT, FLAT, (100, 106, 99, 105), (105, 116, 104, 115), FLAT]
    market = table(candles(rows), instruments=[lots])
    assert fill_lines(play(market, {0: [enter(targets=targets)]})) == [
        (1.0, "entry", 9.0, 100.0),
        (3.0, "target", -3.0, 105.0),
        (4.0, "target", -3.0, 110.0),
        (4.0, "target", -3.0, 115.0),
    ]


def test_a_target_below_one_lot_is_cancelled_and_the_farthest_takes_its_share():
    lots = Instrument(id=PERP.id, kind=InstrumentKind.PERP, tick_size=0.1, lot_size=5.0)
    targets = (Target(105.0, 0.4), Target(115.0, 0.6))  # 0.4 x 10 = 4, below one lot of 5
    rows = [FLAT, FLAT, (100, 106, 99, 105), (105, 116, 104, 115), FLAT]
    market = table(candles(rows), instruments=[lots])
    assert fill_lines(play(market, {0: [enter(targets=targets)]}))[1:] == [
        (4.0, "target", -10.0, 115.0)
    ]


def test_targets_are_taken_nearest_first_whatever_their_order_in_the_intent():
    targets = (Target(112.0, 0.5), Target(106.0, 0.5))
    rows = [FLAT, FLAT, (100, 107, 99, 105), (105, 113, 104, 112), FLAT]
    assert lines(rows, {0: [enter(targets=targets)]})[1:] == [
        (3.0, "target", -5.0, 106.0),
        (4.0, "target", -5.0, 112.0),
    ]


# The entry's own bar.


def test_an_entry_at_the_open_can_meet_its_stop_in_that_bar():
    assert lines([FLAT, (100, 101, 94, 96), FLAT], {0: [enter(stop=95.0)]}) == [
        (1.0, "entry", 10.0, 100.0),
        (2.0, "stop", -10.0, 95.0),
    ]


def test_an_entry_at_the_open_can_meet_its_target_in_that_bar():
    assert lines([FLAT, (100, 112, 99, 111), FLAT], {0: [enter(targets=TARGET)]})[1] == (
        2.0,
        "target",
        -10.0,
        110.0,
    )


def test_an_open_entry_that_could_meet_both_in_its_own_bar_meets_the_stop():
    wide = (100.0, 112.0, 94.0, 111.0)
    assert lines([FLAT, wide, FLAT], {0: [enter(stop=95.0, targets=TARGET)]})[1][1] == "stop"


def test_an_entry_at_an_open_beyond_its_own_stop_is_stopped_at_that_open():
    # Decided at 100 with the stop at 95, the market opens at 93: in and out at 93.
    assert lines([FLAT, (93, 99, 92, 98), FLAT], {0: [enter(stop=95.0)]}) == [
        (1.0, "entry", 10.0, 93.0),
        (1.0, "stop", -10.0, 93.0),
    ]


# Entries that rest, exits, moved stops.


def test_a_stop_entry_gapped_over_fills_at_the_open():
    entry = enter(kind=OrderKind.STOP, price=102.0)
    quantity = 9.803  # 1,000 / 102, in lots of 0.001
    rows = [FLAT, FLAT, (104, 105, 103, 104), FLAT]
    assert lines(rows, {0: [entry]}) == [(2.0, "entry", quantity, 104.0)]


def test_stop_and_targets_sleep_until_the_entry_fills():
    entry = enter(kind=OrderKind.STOP, price=105.0, stop=95.0, targets=TARGET)
    # Row 1 falls through 95 with nothing held.
    rows = [FLAT, (100, 101, 94, 96), (96, 106, 96, 105), (105, 111, 104, 110), FLAT]
    assert [line[:2] for line in lines(rows, {0: [entry]})] == [(3.0, "entry"), (4.0, "target")]


def test_an_exit_closes_at_the_next_open_and_cancels_the_bracket():
    market = table(candles([FLAT, FLAT, (103, 104, 102, 103), (90, 120, 89, 100), FLAT]))
    script = {0: [enter(stop=95.0, targets=TARGET)], 1: [Exit(PERP.id, "done")]}
    outcome = play(market, script)
    assert fill_lines(outcome)[1:] == [(2.0, "exit", -10.0, 103.0)]
    assert {order.status for order in outcome.orders} == {"filled", "cancelled"}


def test_a_partial_exit_leaves_the_rest_to_the_stop():
    rows = [FLAT, FLAT, (103, 104, 102, 103), (103, 104, 94, 95), FLAT]
    script = {0: [enter(stop=95.0)], 1: [Exit(PERP.id, "half", fraction=0.5)]}
    assert lines(rows, script)[1:] == [(2.0, "exit", -5.0, 103.0), (4.0, "stop", -5.0, 95.0)]


def test_an_exit_before_the_entry_has_filled_any_of_it_cancels_the_entry():
    entry = enter(kind=OrderKind.LIMIT, price=90.0, stop=80.0)
    outcome = play(
        table(candles([FLAT, FLAT, (95, 96, 89, 90), FLAT])),
        {0: [entry], 1: [Exit(PERP.id, "too early")]},
    )
    assert [d.outcome for d in outcome.decisions] == ["approved", "approved"]
    assert outcome.fills == ()
    assert {order.status for order in outcome.orders} == {"cancelled"}


def test_a_target_reached_cancels_what_is_still_to_be_bought():
    # Only 4 units enter; the target sells them and no fifth is bought afterwards.
    rows = [(100, 101, 99, 100, 40), (100, 111, 99, 105, 80), (105, 106, 104, 105), FLAT]
    outcome = play(
        table(candles(rows)),
        {0: [enter(targets=TARGET)]},
        venue={"participation_cap": 0.1},
    )
    assert fill_lines(outcome) == [(1.0, "entry", 4.0, 100.0), (2.0, "target", -4.0, 110.0)]
    assert orders_by_role(outcome, "entry")[0].status == "cancelled"


def test_a_stop_without_volume_keeps_its_targets_from_filling_until_it_sells():
    # Row 2 reaches the stop and trades too little to sell one lot; row 3 opens and trades too
    # little again and reaches the target; row 4 sells at the open, whatever the target says.
    rows = [FLAT, FLAT, (100, 101, 94, 95, 0.001), (96, 112, 95, 111, 50), (108, 109, 107, 108)]
    outcome = play(
        table(candles(rows)),
        {0: [enter(stop=95.0, targets=TARGET)]},
        venue={"participation_cap": 0.1},
    )
    assert fill_lines(outcome)[1:] == [(4.0, "stop", -5.0, 108.0)]
    (target,) = orders_by_role(outcome, "target")
    assert (target.status, target.end_reason) == ("cancelled", "stop triggered")


def test_a_stop_moved_to_breakeven_after_the_first_target_works_from_the_next_bar():
    targets = (Target(105.0, 0.5), Target(120.0, 0.5))
    # Row 2 reaches 105 and is also where the move is decided (at its close); row 3 falls to 99.
    rows = [FLAT, FLAT, (100, 106, 99.5, 104), (104, 105, 99, 100), FLAT]
    market = table(candles(rows))
    outcome = play(
        market,
        {0: [enter(stop=95.0, targets=targets)]},
        after_fill={2: [MoveStop(PERP.id, 100.0, "breakeven")]},
    )
    assert fill_lines(outcome)[1:] == [(3.0, "target", -5.0, 105.0), (4.0, "stop", -5.0, 100.0)]
    first, moved = orders_by_role(outcome, "stop")
    assert (first.status, first.end_reason, moved.status) == ("cancelled", "moved", "filled")
    # 5 x 5 from the target, nothing from the rest.
    assert outcome.curve.equity[-1] == pytest.approx(100_025.0)


def test_a_stop_moved_above_the_market_sells_at_the_next_open():
    rows = [FLAT, FLAT, (100, 104, 99, 103), (98, 99, 97, 98), FLAT]
    script = {0: [enter(stop=95.0)], 2: [MoveStop(PERP.id, 102.0, "trail")]}
    assert lines(rows, script)[1:] == [(3.0, "stop", -10.0, 98.0)]


def test_a_stop_may_not_be_moved_away():
    rows = [FLAT, FLAT, FLAT, (100, 101, 94, 95), FLAT]
    outcome = play(
        table(candles(rows)), {0: [enter(stop=95.0)], 2: [MoveStop(PERP.id, 90.0, "hope")]}
    )
    assert outcome.decisions[-1].blocked_by == "stop would widen"
    assert fill_lines(outcome)[1:] == [(4.0, "stop", -10.0, 95.0)]


def test_after_a_plan_is_flat_the_next_one_starts_with_its_own_orders():
    rows = [FLAT, FLAT, (100, 101, 95, 96), FLAT, (100, 101, 91, 91), FLAT]
    script = {0: [enter(stop=95.0)], 2: [enter(stop=92.0)]}
    outcome = play(table(candles(rows)), script)
    assert [fill.plan_id for fill in outcome.fills] == [1, 1, 2, 2]
    assert fill_lines(outcome)[3][1:] == ("stop", pytest.approx(-1_000 / 96, abs=1e-3), 92.0)
