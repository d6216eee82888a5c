"""Levels of orders over time equal the orders' own history, trailing moves included."""

import math

import pytest

from data_feeds.clock import HOUR_NS
from engine.price_chart.order_levels import order_levels
from engine.price_chart.unwritten_run import UnwrittenRun
from engine.records import OrderRole
from engine.results.finished import RunRecord
from engine.testing import PERP, START
from tests.engine.audit.simulated import scripted
from tests.engine.audit.test_trailing_runs import (
    CLOCK,
    FINE_MARKET,
    FINE_SCRIPTS,
    MARKET,
    SCRIPT,
    WIDTH,
)
from tests.engine.price_chart.two_plans import two_plans


def levels_of(run):
    record = RunRecord(run)
    bars = record.traded_bars[PERP.id]
    return order_levels(UnwrittenRun(record), PERP.id, bars, PERP.tick_size, record.end)


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


@pytest.mark.parametrize("script", [SCRIPT, *FINE_SCRIPTS])
@pytest.mark.parametrize("market", [MARKET, FINE_MARKET], ids=["rows", "fine"])
def test_the_last_level_of_each_order_is_the_level_that_the_broker_recorded(market, script):
    run = scripted(market, script, CLOCK, {"width": WIDTH})
    drawn = levels_of(run)
    stops = [order for order in run.outcome.orders if order.trail_moved]
    assert len(stops) >= 3
    for order in stops:
        own = [level for level in drawn if level.order_id == order.order_id]
        assert own[-1].price == order.last_level
        # Without gaps, never back, and from the level of the order.
        assert own[0].price == order.price
        assert [one.until_at for one in own[:-1]] == [one.from_at for one in own[1:]]
        assert [one.price for one in own] == sorted(one.price for one in own)


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
