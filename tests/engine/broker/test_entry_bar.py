"""Fills after an entry inside a bar. Tables buy 10 units near 100; shorts are the mirror image.

Prices come to an entry from the open. The extreme beyond the entry in that direction comes after
it. The other extreme may have come before, so that on that side only the close is certain. If stop
and target are both proved, the stop fills. docs/fills.md has the table of all cases.
"""

import pytest

from engine.intents import Add, Enter, MoveStop, Target
from engine.records import OrderKind
from engine.testing import PERP, candles, fill_lines, marks, play, table

FLAT = (100.0, 101.0, 99.0, 100.0)
TOUCH, THROUGH = {"limit_fill": "touch"}, {"limit_fill": "through"}
SIDES = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


def mirror(side, price):
    """Return a price of a long's table, or its mirror image at 100."""
    return price if side > 0 else 200.0 - price


def bar(side, opened, high, low, close, *volume):
    """Return a bar of a long's table, or its mirror image."""
    if side > 0:
        return (opened, high, low, close, *volume)
    return (200.0 - opened, 200.0 - low, 200.0 - high, 200.0 - close, *volume)


def entry(side, kind, level, stop, *targets):
    """Return an entry of 10 units; its levels are given as for a long."""
    share = 1 / len(targets) if targets else 1.0
    return Enter(
        PERP.id,
        side,
        mirror(side, stop),
        "test",
        targets=tuple(Target(mirror(side, price), share) for price in targets),
        kind=kind,
        price=mirror(side, level),
    )


def played(side, intent, *rows, **sections):
    """Return the fills after the entry, with prices as for a long."""
    level = intent.price
    market = table(candles([FLAT, *(bar(side, *row) for row in rows)]))
    outcome = play(market, {0: [intent]}, **{"notional": 10 * level, **sections})
    lines = fill_lines(outcome)
    assert lines[0] == (2.0, "entry", side * 10.0, level)
    return [
        (at, role, side * quantity, mirror(side, price)) for at, role, quantity, price in lines[1:]
    ]


STOPPED, REACHED = "stop", "target"

# A buy limit at 98 under an open of 100, stop 95, target 104: the low comes after the entry.
LIMIT_CASES = {
    "the high beyond the target may be over": ((100, 105, 97, 103), None),
    "the close beyond the target proves it": ((100, 105, 97, 104.5), REACHED),
    "the low beyond the stop proves it": ((100, 101, 94, 99), STOPPED),
    "the low at the stop proves it": ((100, 101, 95, 99), STOPPED),
    "low and close prove both": ((100, 106, 94, 105), STOPPED),
    "neither is reached": ((100, 103, 97, 97.5), None),
    "a close at the target is no trade through it": ((100, 104, 97, 104), None),
}
# A buy stop at 102 over an open of 100, stop 98, target 106: the high comes after the entry.
STOP_CASES = {
    "the high beyond the target proves it": ((100, 107, 99, 103), REACHED),
    "the low beyond the stop may be over": ((100, 103, 97, 102.5), None),
    "the close beyond the stop proves it": ((100, 103, 97, 97.5), STOPPED),
    "the close at the stop proves it": ((100, 103, 97, 98), STOPPED),
    "high and close prove both": ((100, 107, 97, 97.5), STOPPED),
    "the high proves the target, the low nothing": ((100, 107, 97, 103), REACHED),
    "an open beyond the stop is over": ((97, 103, 96, 102), None),
    "neither is reached": ((100, 105, 99, 104), None),
    "a high at the target is no trade through it": ((100, 106, 99, 103), None),
}


@SIDES
@pytest.mark.parametrize("case", LIMIT_CASES)
def test_after_a_limit_entry_the_far_extreme_and_the_close_decide(side, case):
    row, what = LIMIT_CASES[case]
    price = {STOPPED: 95.0, REACHED: 104.0}.get(what)
    expected = [] if what is None else [(2.0, what, -10.0, price)]
    assert played(side, entry(side, OrderKind.LIMIT, 98.0, 95.0, 104.0), row) == expected


@SIDES
@pytest.mark.parametrize("case", STOP_CASES)
def test_after_a_stop_entry_the_far_extreme_and_the_close_decide(side, case):
    row, what = STOP_CASES[case]
    price = {STOPPED: 98.0, REACHED: 106.0}.get(what)
    expected = [] if what is None else [(2.0, what, -10.0, price)]
    assert played(side, entry(side, OrderKind.STOP, 102.0, 98.0, 106.0), row) == expected


@SIDES
@pytest.mark.parametrize(
    ("kind", "level", "stop", "target", "row"),
    [
        (OrderKind.LIMIT, 98.0, 95.0, 104.0, (100, 104, 97, 104)),
        (OrderKind.STOP, 102.0, 98.0, 106.0, (100, 106, 99, 103)),
    ],
)
def test_a_touch_is_enough_for_a_target_where_the_run_says_so(side, kind, level, stop, target, row):
    intent = entry(side, kind, level, stop, target)
    assert played(side, intent, row, venue=TOUCH) == [(2.0, "target", -10.0, target)]
    assert played(side, intent, row, venue=THROUGH) == []


def test_the_close_carries_a_limit_entry_through_its_target():
    # From the entry at 4,952 to the close of 5,100 prices went through 5,001.5.
    intent = Enter(
        PERP.id,
        1,
        4_000.0,
        "test",
        targets=(Target(5_001.5, 1.0),),
        kind=OrderKind.LIMIT,
        price=4_952.0,
    )
    rows = [(5_400, 5_410, 5_390, 5_400), (5_400, 5_500, 4_951, 5_100), (5_100,) * 4]
    outcome = play(table(candles(rows)), {0: [intent]}, notional=49_520.0)
    assert fill_lines(outcome) == [(2.0, "entry", 10.0, 4_952.0), (2.0, "target", -10.0, 5_001.5)]
    # 10 x (5,001.5 - 4,952)
    assert outcome.curve.equity[-1] == pytest.approx(100_495.0)


@SIDES
@pytest.mark.parametrize(
    ("kind", "level", "stop", "target", "row"),
    [
        (OrderKind.LIMIT, 98.0, 90.0, 104.0, (100, 105, 97, 104.5, 140)),
        (OrderKind.STOP, 102.0, 90.0, 106.0, (100, 107, 99, 106.5, 140)),
    ],
)
def test_a_proved_target_has_the_volume_that_the_entry_left(side, kind, level, stop, target, row):
    # 10% of 140 is 14: the entry takes 10, the target 4. The last 6 go at the better next open.
    intent = entry(side, kind, level, stop, target)
    after = (108, 109, 107, 108)
    assert played(side, intent, row, after, venue={"participation_cap": 0.1}) == [
        (2.0, "target", -4.0, target),
        (2.0, "target", -6.0, 108.0),
    ]


@SIDES
def test_a_proved_stop_has_the_volume_that_the_entry_left(side):
    # 10% of 130 is 13: the entry takes 10, the stop 3, the next open the other 7.
    intent = entry(side, OrderKind.LIMIT, 98.0, 95.0)
    rows = [(100, 101, 94, 96, 130), (96, 97, 95, 96)]
    assert played(side, intent, *rows, venue={"participation_cap": 0.1}) == [
        (2.0, "stop", -3.0, 95.0),
        (2.0, "stop", -7.0, 96.0),
    ]


# Several targets, breakeven, tranches.


@SIDES
@pytest.mark.parametrize(
    ("close", "filled"), [(98.5, []), (101.0, [100.0]), (103.9, [100.0]), (104.5, [100.0, 104.0])]
)
def test_the_close_proves_the_targets_below_it(side, close, filled):
    intent = entry(side, OrderKind.LIMIT, 98.0, 90.0, 100.0, 104.0)
    done = played(side, intent, (100, 106, 97, close))
    assert done == [(2.0, "target", -5.0, price) for price in filled]


@SIDES
@pytest.mark.parametrize(("high", "filled"), [(104.0, []), (105.0, [104.0]), (107.0, [104, 106])])
def test_the_high_proves_the_targets_of_a_stop_entry_below_it(side, high, filled):
    intent = entry(side, OrderKind.STOP, 102.0, 90.0, 104.0, 106.0)
    done = played(side, intent, (100, high, 97, 102.5))
    assert done == [(2.0, "target", -5.0, price) for price in filled]


@SIDES
def test_a_stop_moved_to_breakeven_after_a_proved_target_works_from_the_next_bar(side):
    # The entry's bar goes on to 101 after 104: nobody asks in which order, the stop was at 90.
    intent = entry(side, OrderKind.STOP, 102.0, 90.0, 104.0, 120.0)
    rows = [bar(side, *row) for row in ((100, 105, 97, 101), (103, 104, 101.5, 103), (103,) * 4)]
    outcome = play(
        table(candles([FLAT, *rows])),
        {0: [intent]},
        after_fill={2: [MoveStop(PERP.id, mirror(side, 102.0), "breakeven")]},
        notional=10 * intent.price,
    )
    assert fill_lines(outcome) == [
        (2.0, "entry", side * 10.0, mirror(side, 102.0)),
        (2.0, "target", side * -5.0, mirror(side, 104.0)),
        (3.0, "stop", side * -5.0, mirror(side, 102.0)),
    ]


@SIDES
def test_a_first_tranche_is_closed_by_what_its_own_bar_proves(side):
    # Half of 10 at 98, sold at 104 by the close; nothing is left to add to.
    intent = Enter(
        PERP.id,
        side,
        mirror(side, 90.0),
        "test",
        targets=(Target(mirror(side, 104.0), 1.0),),
        kind=OrderKind.LIMIT,
        price=mirror(side, 98.0),
        fraction=0.5,
    )
    rows = [FLAT, bar(side, 100, 106, 97, 105), FLAT, FLAT]
    outcome = play(
        table(candles(rows)),
        {0: [intent], 1: [Add(PERP.id, 0.5, "second")]},
        notional=10 * intent.price,
    )
    assert fill_lines(outcome) == [
        (2.0, "entry", side * 5.0, mirror(side, 98.0)),
        (2.0, "target", side * -5.0, mirror(side, 104.0)),
    ]
    assert outcome.decisions[-1].blocked_by == "no position"


# An entry that volume fills in parts, with something of it held already.

CAP = {"participation_cap": 0.1}
PART = (100.0, 101.0, 97.0, 99.0, 30.0)  # 3 of the 10 at 98


def in_parts(side, *rows, target=None, kind=OrderKind.LIMIT):
    """A buy limit at 98 with a stop at 95 that has 3 of its 10 units before these bars."""
    targets = () if target is None else (target,)
    market = table(candles([FLAT, bar(side, *PART), *(bar(side, *row) for row in rows)]))
    outcome = play(
        market,
        {0: [entry(side, kind, 98.0, 95.0, *targets)]},
        notional=10 * mirror(side, 98.0),
        venue=CAP,
    )
    return [(at, role, side * q, mirror(side, price)) for at, role, q, price in fill_lines(outcome)]


@SIDES
def test_prices_that_fall_to_the_stop_fill_the_rest_of_the_entry_on_their_way(side):
    # 10% of 100 is 10: 7 more at 98, 3 sold at 95, the other 7 at the next open.
    done = in_parts(side, (100, 101, 94, 96, 100), (96, 97, 95.5, 96))
    assert done == [
        (2.0, "entry", 3.0, 98.0),
        (3.0, "entry", 7.0, 98.0),
        (3.0, "stop", -3.0, 95.0),
        (3.0, "stop", -7.0, 96.0),
    ]


@SIDES
def test_without_volume_for_the_rest_the_stop_sells_what_is_held(side):
    done = in_parts(side, (100, 101, 94, 96, 0.001), (96, 97, 95.5, 96), (96, 97, 95.5, 96))
    # Too little trades for one lot: the stop breaks and sells at the open that knows a volume.
    assert done == [(2.0, "entry", 3.0, 98.0), (4.0, "stop", -3.0, 96.0)]


@SIDES
def test_a_bar_that_opens_under_the_limit_and_falls_stops_what_is_held(side):
    # Opens at 97 and fills what the volume of the bar before allows (3); 98 is met again, or not,
    # after the stop: the rest ends with it.
    done = in_parts(side, (97, 98.5, 94, 98.2, 400), (98,) * 4)
    assert done == [
        (2.0, "entry", 3.0, 98.0),
        (2.0, "entry", 3.0, 97.0),
        (3.0, "stop", -6.0, 95.0),
    ]


@SIDES
def test_a_target_met_with_the_entry_unclear_ends_the_rest_of_the_entry(side):
    # The bar visits 97 and 106: the part held is sold at 104 in any order.
    done = in_parts(side, (100, 106, 97, 101, 1_000), (101,) * 4, target=104.0)
    assert done == [(2.0, "entry", 3.0, 98.0), (3.0, "target", -3.0, 104.0)]


@SIDES
@pytest.mark.parametrize(
    ("row", "after"),
    [
        # Up from 97 prices meet 98 before 100: the other 7 are bought, then all are sold.
        ((97, 101, 96, 99, 1_000), [(2.0, "entry", 7.0, 98.0), (2.0, "target", -10.0, 100.0)]),
        # Without the target the rest is bought all the same.
        ((97, 99, 96, 99, 1_000), [(2.0, "entry", 7.0, 98.0)]),
        # The low may be before or after 98: the stop of the 3 first, and no more is bought.
        ((97, 99, 89, 99, 1_000), [(2.0, "stop", -3.0, 90.0)]),
        # With both reached as well.
        ((97, 101, 89, 99, 1_000), [(2.0, "stop", -3.0, 90.0)]),
    ],
)
def test_the_rest_of_an_entry_that_the_open_crossed_is_met_on_the_way_up(side, row, after):
    # The bar before trades 30, so that the open of 97 fills 3 of the 10.
    intent = entry(side, OrderKind.LIMIT, 98.0, 90.0, 100.0)
    rows = [bar(side, 100, 101, 99, 100, 30), bar(side, *row), bar(side, 99, 99, 99, 99)]
    outcome = play(table(candles(rows)), {0: [intent]}, notional=10 * intent.price, venue=CAP)
    done = [(at, role, side * q, mirror(side, p)) for at, role, q, p in fill_lines(outcome)]
    assert done == [(1.0, "entry", 3.0, 97.0), *after]


# Liquidation, by the mark's bar.


def liquidated(side, intent, last, mark=None):
    """Return role and price of the fills inside the entry's bar, at leverage setting 10.

    The mark is the last price unless it is given.
    """
    rows = [FLAT, bar(side, *last), bar(side, *last[3:4] * 4)]
    channels = [candles(rows)]
    if mark is not None:
        channels.append(marks([FLAT, bar(side, *mark), bar(side, *mark[3:4] * 4)]))
    outcome = play(table(*channels), {0: [intent]}, notional=10 * intent.price)
    return [(fill.role, fill.raw_price) for fill in outcome.fills[1:] if fill.stage == "range"]


# 10 x 98 with a margin of 98: (980 - 98) / (10 x 0.996) = 88.554. A short at 102 with 102:
# (1,020 + 102) / (10 x 1.004) = 111.753, the mirror's 88.247.
LIMIT_LEVEL = {1: 882 / 9.96, -1: 1_122 / 10.04}
# 10 x 102 with 102: 918 / 9.96 = 92.169. A short at 98 with 98: 1,078 / 10.04 = 107.371: 92.629.
STOP_LEVEL = {1: 918 / 9.96, -1: 1_078 / 10.04}


@SIDES
@pytest.mark.parametrize(
    ("last", "mark", "hit"),
    [
        ((100, 101, 88, 97), None, True),
        ((100, 101, 97, 97.5), (100, 101, 88, 97), True),  # the mark's own low
        ((100, 101, 88, 97), (100, 101, 89, 97), False),
        ((100, 101, 97, 97.5), (100, 101, 97, 88), True),  # the mark's close
    ],
)
def test_after_a_limit_entry_the_marks_low_liquidates(side, last, mark, hit):
    low = min(last[2], 97)
    intent = entry(side, OrderKind.LIMIT, 98.0, 50.0)
    mark = mark and (mark[0], mark[1], min(mark[2], mark[3]), mark[3])
    assert low <= 97
    expected = [("liquidation", pytest.approx(LIMIT_LEVEL[side]))] if hit else []
    assert liquidated(side, intent, last, mark) == expected


@SIDES
@pytest.mark.parametrize(
    ("last", "mark", "hit"),
    [
        ((100, 103, 91, 101), None, False),  # the low may be over
        ((100, 103, 91, 92), None, True),
        ((91, 103, 90, 92), None, True),  # at its level, though the bar opened below it
        ((100, 103, 99, 101), (100, 103, 91, 101), False),
        ((100, 103, 99, 101), (100, 103, 91, 92), True),
    ],
)
def test_after_a_stop_entry_only_the_marks_close_liquidates(side, last, mark, hit):
    intent = entry(side, OrderKind.STOP, 102.0, 50.0)
    expected = [("liquidation", pytest.approx(STOP_LEVEL[side]))] if hit else []
    assert liquidated(side, intent, last, mark) == expected


@SIDES
def test_after_an_entry_stop_and_liquidation_are_measured_from_the_entry(side):
    # The bar opens at 91, between nothing: from 102 down to 92 prices meet 94 before 92.2 or 92.6,
    # though 92.2 is nearer to the open.
    intent = entry(side, OrderKind.STOP, 102.0, 94.0)
    assert liquidated(side, intent, (91, 103, 90, 92)) == [("stop", mirror(side, 94.0))]
    far = entry(side, OrderKind.STOP, 102.0, 92.1)
    assert liquidated(side, far, (91, 103, 90, 92)) == [
        ("liquidation", pytest.approx(STOP_LEVEL[side]))
    ]


# Through or touch.


@SIDES
@pytest.mark.parametrize(
    ("low", "limit_fill", "fills"),
    [
        (98.0, "through", False),
        (97.9, "through", True),  # one tick of 0.1
        (98.0, "touch", True),
        (98.1, "touch", False),
    ],
)
def test_a_limit_entry_fills_a_tick_beyond_or_at_a_touch(side, low, limit_fill, fills):
    intent = entry(side, OrderKind.LIMIT, 98.0, 90.0)
    market = table(candles([FLAT, bar(side, 100, 101, low, 99), FLAT]))
    outcome = play(
        market, {0: [intent]}, notional=10 * intent.price, venue={"limit_fill": limit_fill}
    )
    expected = [(2.0, "entry", side * 10.0, intent.price)] if fills else []
    assert fill_lines(outcome) == expected


@SIDES
@pytest.mark.parametrize(
    ("high", "limit_fill", "fills"),
    [(110.0, "through", False), (110.1, "through", True), (110.0, "touch", True)],
)
def test_a_target_fills_a_tick_beyond_or_at_a_touch(side, high, limit_fill, fills):
    intent = Enter(
        PERP.id, side, mirror(side, 90.0), "test", targets=(Target(mirror(side, 110.0), 1.0),)
    )
    market = table(candles([FLAT, FLAT, bar(side, 100, high, 99, 105), FLAT]))
    outcome = play(market, {0: [intent]}, venue={"limit_fill": limit_fill})
    expected = [(3.0, "target", side * -10.0, mirror(side, 110.0))] if fills else []
    assert fill_lines(outcome)[1:] == expected


@SIDES
def test_stops_and_opens_are_the_same_with_both(side):
    # An entry at an open exactly at its limit, a stop exactly at the low.
    intent = entry(side, OrderKind.LIMIT, 99.0, 95.0)
    rows = [FLAT, bar(side, 99, 101, 99, 100), bar(side, 100, 101, 95, 97), FLAT]
    both = [
        fill_lines(
            play(table(candles(rows)), {0: [intent]}, notional=10 * intent.price, venue=venue)
        )
        for venue in (TOUCH, THROUGH)
    ]
    assert (
        both[0]
        == both[1]
        == [
            (1.0, "entry", side * 10.0, intent.price),
            (3.0, "stop", side * -10.0, mirror(side, 95.0)),
        ]
    )


def test_a_target_at_the_very_open_fills_there_with_both():
    intent = Enter(PERP.id, 1, 90.0, "test", targets=(Target(110.0, 1.0),))
    rows = [FLAT, FLAT, (110, 110, 108, 109), FLAT]
    for venue in (TOUCH, THROUGH):
        outcome = play(table(candles(rows)), {0: [intent]}, venue=venue)
        assert fill_lines(outcome)[1:] == [(2.0, "target", -10.0, 110.0)]
