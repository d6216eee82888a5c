"""A plan's stop that follows the price. Tables buy 10 units at 100; shorts are the mirror image.

At closes, the level after a close is in force from the next bar on. Inside a bar, the stop is met
if any order of the bar's prices can meet it, at the worst level that such an order allows.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.broker.price_range import PriceRange
from engine.broker.trailing import TrailingLevel
from engine.errors import PlaybookContractError
from engine.intents import Add, Enter, Exit, MoveStop, Target
from engine.records import OrderKind
from engine.testing import PERP, candles, fill_lines, hour, marks, play, table
from engine.trailing_stop import StopMoves, TrailingStop

FLAT = (100.0, 101.0, 99.0, 100.0)
CLOSES, INSIDE = StopMoves.AT_CLOSES, StopMoves.INSIDE_BARS
SIDES = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


def mirror(side, price):
    """Return a price of a long's table, or its mirror image at 100."""
    return price if side > 0 else 200.0 - price


def bars(side, *rows, flat=FLAT):
    """Return the bars of a long's table after two flat ones, or their mirror image."""
    flipped = [
        row
        if side > 0
        else (200.0 - row[0], 200.0 - row[2], 200.0 - row[1], 200.0 - row[3], *row[4:])
        for row in rows
    ]
    return table(candles([flat, flat, *flipped]))


def enter(side=1, stop=90.0, *, beyond=None, moved=CLOSES, share=1.0, **more):
    """Return an entry at market whose stop trails by 3 unless told otherwise."""
    terms = {name: more.pop(name) for name in ("distance", "fraction", "signal") if name in more}
    far = None if beyond is None else mirror(side, beyond)
    trail = TrailingStop(**(terms or {"distance": 3.0}), beyond=far, moved=moved)
    return Enter(PERP.id, side, mirror(side, stop), "test", trailing=trail, fraction=share, **more)


def played(side, intent, *rows, script=None, flat=FLAT, **sections):
    """Return the fills after the entry, with prices as for a long, and the stop orders."""
    outcome = play(bars(side, *rows, flat=flat), {0: [intent], **(script or {})}, **sections)
    lines = [
        (at, role, side * quantity, pytest.approx(mirror(side, price)))
        for at, role, quantity, price in fill_lines(outcome)
    ]
    return lines[1:], [order for order in outcome.orders if order.role == "stop"]


# Moved at closes.


@SIDES
def test_the_stop_is_a_distance_from_the_highest_close_and_works_from_the_next_bar(side):
    # Closes 100, 105, 103: the level is 105 - 3 = 102 from the third bar on. Its low of 102.5
    # passes it by; the bar before fell to 101, but its own close came later.
    rows = [(101, 106, 101, 105), (105, 105.5, 102.5, 103), (103, 104, 101, 102)]
    fills, (stop,) = played(side, enter(side), *rows)
    assert fills == [(5.0, "stop", -10.0, 102.0)]
    assert (mirror(side, stop.price), mirror(side, stop.last_level)) == (90.0, 102.0)
    assert (mirror(side, stop.best_price), stop.best_at) == (105.0, hour(3))
    assert (stop.trail_moved, stop.trail_distance, stop.status) == (CLOSES, 3.0, "filled")


@SIDES
def test_the_level_never_goes_back(side):
    # Best close 108, level 105; closes of 106 and 105.5 leave it there.
    rows = [(100, 108, 100, 108), (108, 108, 105.5, 106), (106, 106, 105.5, 105.5), FLAT]
    fills, _ = played(side, enter(side), *rows)
    assert fills == [(5.0, "stop", -10.0, 100.0)]  # gap: the open of 100 lies beyond 105


@SIDES
def test_a_first_stop_above_the_trailed_level_stays(side):
    # 101 - 3 = 98 lies farther than the first stop of 99.5.
    fills, (stop,) = played(
        side, enter(side, stop=98.5), (100, 101, 99.5, 101), (101, 101, 98.5, 99)
    )
    assert fills == [(4.0, "stop", -10.0, 98.5)]
    assert mirror(side, stop.last_level) == 98.5


def test_a_fraction_is_taken_of_the_best_close_and_the_level_rounded_towards_the_price():
    # 105.3 x (1 - 0.02) = 103.194 -> up to 103.2, a tick of 0.1; a short: 94.7 x 1.02 = 96.594 ->
    # down to 96.5.
    fills, _ = played(1, enter(fraction=0.02), (100, 106, 99, 105.3), (105, 105, 103.2, 104))
    assert fills == [(4.0, "stop", -10.0, 103.2)]
    outcome = play(bars(-1, (100, 106, 99, 105.3)), {0: [enter(-1, fraction=0.02)]})
    assert outcome.orders[1].last_level == 96.5


@SIDES
def test_the_stop_stays_until_a_close_reaches_the_activation(side):
    # Beyond 106: the close of 105.9 leaves the first stop, that of 106 moves it to 103.
    rows = [(100, 107, 100, 105.9), (105.9, 106, 102, 106), (106, 106, 103, 104)]
    fills, _ = played(side, enter(side, beyond=106.0), *rows)
    assert fills == [(5.0, "stop", -10.0, 103.0)]


@SIDES
def test_a_gap_beyond_the_level_fills_at_the_open(side):
    fills, (stop,) = played(side, enter(side), (100, 106, 100, 105), (101, 104, 100, 103))
    assert fills == [(3.0, "stop", -10.0, 101.0)]
    assert mirror(side, stop.last_level) == 102.0


@SIDES
def test_a_bar_without_trades_moves_nothing(side):
    # The second bar closes at 110 without a trade: 105 - 3 = 102 stays.
    rows = [(100, 106, 100, 105), (110, 110, 110, 110, 0.0), (104, 104, 102, 103)]
    fills, _ = played(side, enter(side), *rows)
    assert fills == [(5.0, "stop", -10.0, 102.0)]


def test_closes_before_the_entry_do_not_count():
    # A limit at 98 fills in the bar that closes at 98.5; the close of 104 before it is no best one.
    intent = enter(kind=OrderKind.LIMIT, price=98.0)
    rows = [(100, 104, 100, 104), (104, 104, 97, 98.5), (98.5, 99, 95.5, 96)]
    _, (stop,) = played(1, intent, *rows, notional=980.0)
    assert (stop.best_price, stop.last_level) == (98.5, 95.5)
    assert stop.best_at == hour(4)


# A signal gives the distance.


def test_a_signal_is_read_at_every_decision_row_and_moves_the_stop_at_the_same_close():
    # Distances 5, 5, 5, 2: 105 - 5 = 100 after row 2; after row 3 the best close 105 less 2 = 103.
    rows = [(100, 106, 100, 105), (105, 105, 104, 104.5), (104.5, 105, 103, 104)]
    outcome = play(bars(1, *rows), {0: [enter(signal="atr")]}, signals={"atr": [5, 5, 5, 2, 9]})
    assert fill_lines(outcome)[1:] == [(5.0, "stop", -10.0, 103.0)]
    handed = [(row.at, row.distance) for row in outcome.trail_distances]
    assert handed == [
        (hour(1), 5.0),
        (hour(2), 5.0),
        (hour(3), 5.0),
        (hour(4), 2.0),
        (hour(5), 9.0),
    ]


def test_an_unknown_or_empty_distance_leaves_the_stop_where_it_is():
    rows = [(100, 106, 100, 105), (105, 108, 104, 108), FLAT]
    outcome = play(
        bars(1, *rows), {0: [enter(signal="atr")]}, signals={"atr": [5, 5, math.nan, 0, 5]}
    )
    stop = outcome.orders[1]
    # At the fifth close the best one is 108: 108 - 5 = 103, above that close.
    assert (stop.best_price, stop.last_level) == (108.0, 103.0)


def test_a_level_that_a_smaller_distance_lifts_above_the_price_sells_at_the_next_open():
    # Best close 108 less 5 = 103; at a close of 104 the distance falls to 1: 107 lies above 104.
    rows = [(100, 108, 100, 108), (108, 108, 103.5, 104), (104.5, 105, 103, 104)]
    outcome = play(bars(1, *rows), {0: [enter(signal="atr")]}, signals={"atr": [5, 5, 5, 1, 1]})
    assert fill_lines(outcome)[1:] == [(4.0, "stop", -10.0, 104.5)]


def test_a_signal_that_was_not_prepared_is_named():
    with pytest.raises(PlaybookContractError, match="signal 'atr'; prepare returned: width"):
        play(bars(1, FLAT), {0: [enter(signal="atr")]}, signals={"width": [1, 1, 1]})


# Moved inside bars.


STILL = (100.0, 100.0, 100.0, 100.0)


@SIDES
@pytest.mark.parametrize(
    ("row", "level"),
    [
        # Bought at 100: 97 is in force. The open of 101 lifts it to 98 before any other price.
        ((101, 106, 98, 105), 98.0),
        # Up to 100.5, which lifts the level to 97.5, and down to it; the high came later.
        ((100, 106, 97.5, 105), 97.5),
        # From the high of 102.6 the level is 99.6: the low just meets it.
        ((100, 102.6, 99.6, 102.5), 99.6),
        # Between the extremes lie 2.9, less than the distance: no order of prices meets the stop.
        ((100, 102.4, 99.5, 102.3), None),
        ((97.5, 98, 95, 98), 97.0),
    ],
)
def test_inside_a_bar_the_worst_order_of_its_prices_counts(side, row, level):
    fills, (stop,) = played(side, enter(side, stop=80.0, moved=INSIDE), row, flat=STILL)
    assert fills == ([] if level is None else [(3.0, "stop", -10.0, level)])
    assert mirror(side, stop.last_level) == pytest.approx(99.4 if level is None else level)


@SIDES
def test_a_bar_that_cannot_meet_the_stop_moves_it_by_its_high(side):
    rows = [(100, 102.4, 99.5, 102.3), (102.3, 105, 102.2, 104), (103, 103.5, 101.9, 103)]
    fills, (stop,) = played(side, enter(side, moved=INSIDE), *rows)
    # Highs 101, 102.4, 105: 98, 99.4, 102; the fourth bar falls to 101.9.
    assert fills == [(5.0, "stop", -10.0, 102.0)]
    assert mirror(side, stop.best_price) == 105.0


@SIDES
def test_inside_a_bar_the_stop_begins_at_the_activation(side):
    # Beyond 106 at a distance of 3: the level begins at 103, above the low of 101.
    rows = [(101, 105.9, 101, 105), (105, 107, 101, 106)]
    fills, _ = played(side, enter(side, stop=80.0, moved=INSIDE, beyond=106.0), *rows)
    assert fills == [(4.0, "stop", -10.0, 103.0)]


@SIDES
def test_after_an_entry_inside_the_bar_only_its_certain_prices_count(side):
    # A buy stop at 102: the high of 104 follows, the low of 98 may not. 104 - 3 = 101 < 103.
    intent = enter(side, moved=INSIDE, kind=OrderKind.STOP, price=mirror(side, 102.0))
    rows = [(100, 104, 98, 103), (103, 103.5, 101, 102)]
    outcome = play(bars(side, *rows), {0: [intent]}, notional=10 * mirror(side, 102.0))
    lines = [(at, role, mirror(side, price)) for at, role, _, price in fill_lines(outcome)]
    assert lines == [(3.0, "entry", 102.0), (4.0, "stop", 101.0)]


ENDS = st.integers(0, 40)


@given(
    walk=st.lists(st.integers(-6, 6), min_size=2, max_size=12),
    distance=st.integers(1, 12),
    start=st.integers(-30, 0),
    beyond=st.none() | st.integers(-5, 15),
    best=st.none() | st.integers(-5, 10),
)
def test_no_path_with_the_bars_prices_ends_worse_than_the_worst_order(
    walk, distance, start, beyond, best
):
    # Oracle: the stop moved tick by tick along one path, which is unknown to the bar.
    path = [200 + int(step) for step in np.cumsum([0, *walk])]
    path = _filled(path)
    terms = TrailingStop(
        distance=distance, beyond=None if beyond is None else 200 + beyond, moved=INSIDE
    )
    level = TrailingLevel(terms, direction=1, start=200.0 + start - 1, tick=1.0)
    reference = math.nan if best is None else 200.0 + best
    if best is not None:
        level.best = reference
        level.raw = max(level.raw, _level_at(reference, terms, -math.inf))
    if level.level >= path[0]:
        return  # a gap at the open, which is matched before
    part = PriceRange(
        float(min(path)), float(max(path)), math.nan, math.nan, float(path[0]), math.nan
    )
    met = level.level_within(part, 0)
    sold = _walked(path, level.level, reference, terms)
    ours = met if met >= part.low else float(path[-1])
    assert ours <= (path[-1] if sold is None else sold)
    if sold is not None:
        assert met >= part.low, "a path that meets the stop proves that an order of prices can"


def _filled(path):
    """Return every whole price that a path passes, one tick a step."""
    full = [path[0]]
    for price in path[1:]:
        way = 1 if price > full[-1] else -1
        full += range(full[-1] + way, price + way, way) if price != full[-1] else []
    return full


def _level_at(best, terms, level):
    if terms.beyond is not None and best < terms.beyond:
        return level
    return max(level, best - terms.distance)


def _walked(path, level, best, terms):
    """Return the price at which a stop that moves with every tick sells, None for never."""
    for price in path:
        if price <= level:
            return level
        best = price if math.isnan(best) else max(best, price)
        level = _level_at(best, terms, level)
    return None


# With the plan's other orders.


@SIDES
def test_a_moved_stop_is_a_new_order_that_goes_on_trailing(side):
    # 104 - 3 = 101; moved to 102; then 107 - 3 = 104. R still counts from the first stop, 90.
    rows = [(100, 104, 100, 104), (104, 107, 103, 107), (107, 107, 104, 105)]
    move = MoveStop(PERP.id, mirror(side, 102.0), "by hand")
    fills, (first, second) = played(side, enter(side), *rows, script={2: [move]})
    assert fills == [(5.0, "stop", -10.0, 104.0)]
    assert (first.end_reason, mirror(side, first.last_level)) == ("moved", 101.0)
    assert (mirror(side, second.price), mirror(side, second.last_level)) == (102.0, 104.0)
    assert (second.trail_distance, mirror(side, second.best_price)) == (3.0, 107.0)


def test_the_best_close_counts_on_after_a_move():
    # Best 106, level 103, moved to 104; a fall to 105 leaves the best close at 106.
    rows = [(100, 106, 100, 106), (106, 106, 104.5, 105), FLAT]
    script = {2: [MoveStop(PERP.id, 104.0, "by hand")]}
    _, (_, second) = played(1, enter(), *rows, script=script)
    assert (second.best_price, second.best_at) == (106.0, hour(3))


def test_a_move_behind_the_trailed_level_is_refused():
    script = {2: [MoveStop(PERP.id, 101.0, "too late")]}
    outcome = play(bars(1, (100, 106, 100, 105), FLAT), {0: [enter()], **script})
    assert outcome.decisions[-1].blocked_by == "stop would widen"
    assert "102" in outcome.decisions[-1].reason


def test_a_stop_moved_above_the_trailed_level_waits_there():
    script = {2: [MoveStop(PERP.id, 103.0, "nearer")]}
    fills, _ = played(1, enter(), (100, 106, 100, 105), (105, 105, 102.9, 104), script=script)
    assert fills == [(4.0, "stop", -10.0, 103.0)]


def test_tranches_share_the_stop_and_r_counts_from_the_first_one():
    rows = [(100, 104, 100, 104), (104, 106, 103, 106), (106, 106, 102, 103)]
    script = {2: [Add(PERP.id, 0.5, "more")]}
    outcome = play(bars(1, *rows), {0: [enter(share=0.5)], **script})
    entered = [fill for fill in outcome.fills if fill.role == "entry"]
    # The second tranche is sized to the stop in force, 104 - 3 = 101.
    assert outcome.decisions[-1].stop == 101.0
    assert outcome.fills[-1].raw_price == 103.0
    assert -outcome.fills[-1].quantity == pytest.approx(sum(fill.quantity for fill in entered))


def test_the_trailing_stop_closes_what_a_target_left():
    targets = (Target(104.0, 0.5), Target(150.0, 0.5))
    rows = [(100, 105, 100, 105), (105, 105, 102, 103)]
    fills, (stop,) = played(1, enter(targets=targets), *rows)
    assert fills == [(3.0, "target", -5.0, 104.0), (4.0, "stop", -5.0, 102.0)]
    assert stop.trail_moved


@pytest.mark.parametrize("moved", list(StopMoves))
def test_stop_and_target_in_one_bar_is_the_stop(moved):
    rows = [(100, 102, 100, 102), (102, 111, 98, 110)]
    fills, _ = played(1, enter(moved=moved, targets=(Target(110.0, 1.0),)), *rows)
    # At closes 99; inside, the open of 102 sets 99 as well, and it is met first.
    assert fills == [(4.0, "stop", -10.0, 99.0)]


def test_an_open_beyond_the_level_fills_the_stop_and_not_the_exit():
    fills, (stop,) = played(
        1, enter(), (100, 105, 100, 105), FLAT, script={2: [Exit(PERP.id, "x")]}
    )
    # The open of 100 lies beyond 102: the stop of the level in force fills before the exit.
    assert fills == [(3.0, "stop", -10.0, 100.0)]
    assert stop.status == "filled"


def test_the_level_stays_once_the_stop_is_touched_and_the_rest_trades_at_the_next_open():
    # The volume cap leaves 5 of 10; the close of 120 moves nothing any more.
    rows = [(100, 106, 100, 105), (105, 121, 101, 120, 50.0), (119, 120, 118, 119)]
    fills, (stop,) = played(1, enter(), *rows, venue={"participation_cap": 0.1})
    assert fills == [(4.0, "stop", -5.0, 102.0), (4.0, "stop", -5.0, 119.0)]
    assert stop.last_level == 102.0


def test_a_liquidation_nearer_to_the_open_comes_before_the_trailed_level():
    # Setting 20: liquidated near 95.4 of the mark, whose bar opens at 96; the stop of 90 trails
    # below the low.
    market = table(
        candles([FLAT, FLAT, (100, 101, 99, 100), FLAT]),
        marks([FLAT, FLAT, (96, 100, 95, 99), FLAT]),
    )
    outcome = play(
        market, {0: [enter(distance=9.0)]}, account={"leverage_setting": 20, "venue_cash": 1_000}
    )
    assert outcome.fills[-1].role == "liquidation"


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({}, "not none"),
        ({"distance": 1.0, "fraction": 0.1}, "not distance and fraction"),
        ({"fraction": 1.0}, "must lie in"),
        ({"signal": ""}, "must name"),
        ({"distance": "3"}, "must be a number"),
        ({"distance": 3.0, "moved": "often"}, "often"),
    ],
)
def test_terms_that_say_nothing_are_refused(terms, why):
    with pytest.raises(ValueError, match=why):
        TrailingStop(**terms)


@pytest.mark.parametrize("distance", [math.nan, 0.0, -1.0, math.inf])
def test_a_distance_that_is_no_positive_number_refuses_the_entry(distance):
    outcome = play(bars(1, FLAT), {0: [enter(distance=distance)]})
    assert outcome.decisions[0].blocked_by == "bad level"
    assert "trailing stop" in outcome.decisions[0].reason
