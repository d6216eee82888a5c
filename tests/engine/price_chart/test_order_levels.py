"""Levels of orders over time equal the orders' own history, trailing moves included."""

import math

import pytest

from data_feeds.clock import HOUR_NS
from engine.decision_terms import EndReason
from engine.intents import Enter
from engine.price_chart.order_levels import order_levels
from engine.price_chart.unwritten_run import UnwrittenRun
from engine.records import OrderRole
from engine.results.finished import RunRecord
from engine.testing import PERP, START, candles, table
from engine.trailing_stop import StopMoves, TrailingStop
from tests.engine.audit.simulated import scripted
from tests.engine.audit.test_trailing_runs import (
    CLOCK,
    FINE_MARKET,
    FINE_SCRIPTS,
    FLAT,
    MARKET,
    SCRIPT,
    WIDTH,
)
from tests.engine.mixed_cases import mixed_case
from tests.engine.price_chart.two_plans import two_plans


def levels_of(run):
    record = RunRecord(run)
    bars = record.traded_bars[PERP.id]
    return order_levels(UnwrittenRun(record), run.dataset.instruments[PERP.id], bars, record.end)


def hours(level):
    return (
        (level.from_at - START) // HOUR_NS,
        (level.until_at - START) // HOUR_NS,
        level.price,
    )


def test_a_trailing_stop_is_drawn_with_every_move():
    # The first stop starts at 90 and trails by 3 once a close has reached 104, at hour 4: 101; the
    # close of 105 at hour 5 moves it to 102, where a move by hand to 102.5 replaces it. The close
    # of 107 at hour 6 gives 104, which is met inside the bar that closes at hour 8.
    drawn = levels_of(scripted(MARKET, SCRIPT, CLOCK, {"width": WIDTH}))
    first = [level for level in drawn if level.plan_id == drawn[0].plan_id]
    assert {level.role for level in first} == {OrderRole.STOP}
    assert [hours(level) for level in first] == [
        (1, 4, 90.0),
        (4, 5, 101.0),
        (5, 5, 102.0),
        (5, 6, 102.5),
        (6, 8, 104.0),
    ]


def test_a_stop_that_fills_in_parts_stays_where_it_was_met():
    # The close of 105 at hour 3 moves the stop to 102, which the low of hour 4 meets. The volume
    # allows one unit a bar from there on; the closes of 108 and 112 move the stop no more.
    rows = [
        FLAT, FLAT, (100, 105, 100, 105), (105, 106, 101, 103, 50), (103, 108, 103, 108, 50),
        (108, 112, 108, 112, 50), (112, 112, 104, 105), (105, 106, 104, 105),
    ]  # fmt: skip
    script = {0: [Enter(PERP.id, 1, 90.0, "one", trailing=TrailingStop(distance=3.0))]}
    run = scripted(table(candles(rows)), script, CLOCK, venue={"participation_cap": 0.02})
    parts = {fill.at for fill in run.outcome.fills if fill.role == OrderRole.STOP}
    assert len(parts) >= 3
    drawn = [hours(level) for level in levels_of(run)]
    assert drawn == [(1, 2, 90.0), (2, 3, 97.0), (3, (max(parts) - START) // HOUR_NS, 102.0)]


def test_a_bar_without_trades_moves_no_stop():
    # The bar that closes at hour 3 has prices and no volume: nothing traded at 110. In the next one
    # prices may rise to 103, which lifts the stop to 100, and fall back to 100.
    rows = [FLAT, FLAT, (100, 110, 100, 110, 0), (100, 104, 100, 104), FLAT]
    stop = TrailingStop(distance=3.0, moved=StopMoves.INSIDE_BARS)
    script = {0: [Enter(PERP.id, 1, 90.0, "one", trailing=stop)]}
    run = scripted(table(candles(rows)), script, CLOCK)
    assert [hours(level) for level in levels_of(run)] == [(1, 2, 90.0), (2, 4, 98.0), (4, 4, 100.0)]


def stops_with_levels(run):
    """Yield each trailing stop with its bars and its drawn levels, where it worked for a while."""
    record = RunRecord(run)
    for name, bars in record.traded_bars.items():
        drawn = order_levels(UnwrittenRun(record), run.dataset.instruments[name], bars, record.end)
        for order in run.outcome.orders:
            own = [level for level in drawn if level.order_id == order.order_id]
            if order.trail_moved and own and own[-1].until_at > own[0].from_at:
                yield order, bars, own


def assert_own_levels(run):
    """Check the drawn levels of each trailing stop against the level that the broker recorded."""
    count = 0
    for order, bars, own in stops_with_levels(run):
        count += 1
        closes = set(bars["closed_at"].tolist())
        way = -order.side
        assert own[0].price == order.price
        # Without gaps, never back, and moved at closes alone.
        assert [one.until_at for one in own[:-1]] == [one.from_at for one in own[1:]]
        assert [way * one.price for one in own] == sorted(way * one.price for one in own)
        assert {one.from_at for one in own[1:]} <= closes
        if order.end_reason == EndReason.MOVED and order.ended_at not in closes:
            # It worked until its bar closed, which was later than the move that ended it.
            assert way * own[-1].price <= way * order.last_level
        else:
            assert own[-1].price == order.last_level
    return count


@pytest.mark.parametrize("script", [SCRIPT, *FINE_SCRIPTS])
@pytest.mark.parametrize("market", [MARKET, FINE_MARKET], ids=["rows", "fine"])
def test_the_last_level_of_each_order_is_the_level_that_the_broker_recorded(market, script):
    assert assert_own_levels(scripted(market, script, CLOCK, {"width": WIDTH})) >= 3


# Among them bars without trades, stops filled in parts, liquidations, stops moved between two
# closes, and stops that end with the last target.
@pytest.mark.parametrize("seed", [2, 34, 35, 37])
def test_levels_of_random_accounts_are_those_of_their_broker(seed):
    assert assert_own_levels(mixed_case(seed).finished()) > 0


def test_moved_stops_and_targets_are_the_orders_themselves():
    run = two_plans()
    drawn = levels_of(run)
    orders = {order.order_id: order for order in run.outcome.orders}
    for level in drawn:
        order = orders[level.order_id]
        assert level.price == order.price
        assert not order.ended_at or level.until_at <= order.ended_at
    expected = {order.order_id for order in orders.values() if not math.isnan(order.price)}
    assert {level.order_id for level in drawn} == expected
    # Plan 1: long at the open of hour 1, its stop moved from 90 to 98 by the decision at hour 3,
    # one target reached inside the bar that closes at hour 5, the stop inside the next one. Plan 2:
    # a short that rests at 105 from hour 7, is filled at hour 8 and open at the end of hour 12.
    shown = [(level.plan_id, level.role, *hours(level)) for level in drawn]
    assert shown == [
        (1, "stop", 1, 3, 90.0),
        (1, "target", 1, 5, 104.0),
        (1, "target", 1, 6, 120.0),
        (1, "stop", 3, 6, 98.0),
        (2, "entry", 7, 8, 105.0),
        (2, "stop", 8, 12, 112.0),
    ]
