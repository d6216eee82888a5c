"""An order fills only in a bar that opened at or after its decision, and only while it works."""

import math

from data_feeds.schema import ChannelKey, ChannelKind
from engine.intents import Enter, Exit, MoveStop, Target
from engine.records import OrderKind
from engine.testing import ETF, PERP, candles, fill_lines, hour, play, table
from engine.trailing_stop import StopMoves, TrailingStop

# QQQ trades 14:30 to 21:00 UTC on three days; the perp's hourly closes decide.
OPENED = [hour(24 * day + 14.5) for day in range(3)]
CLOSED = [hour(24 * day + 21) for day in range(3)]
CLOCK = ChannelKey(PERP.id, ChannelKind.BARS, "1h")
SECOND_SESSION_ROW = 24 + 16  # closes on day two at 17:00


def two_clocks(sessions):
    etf = candles(sessions, instrument=ETF.id, timeframe="1d", opened_at=OPENED, closed_at=CLOSED)
    return table(candles([(100, 101, 99, 100)] * 72), etf)


def fills_of(sessions, script):
    market = two_clocks(sessions)
    return fill_lines(
        play(market, script, clock=CLOCK, account={"brokerage_cash": 10_000.0}, notional=1_000.0)
    )


def test_a_limit_entry_decided_during_a_session_waits_for_the_next_one():
    # Both sessions fall through 95; the second one had opened before the decision.
    sessions = [(100, 101, 99, 100), (100, 101, 90, 100), (100, 101, 90, 96)]
    limit = Enter(ETF.id, 1, 80.0, "test", kind=OrderKind.LIMIT, price=95.0)
    fills = fills_of(sessions, {SECOND_SESSION_ROW: [limit]})
    assert [(at, role, price) for at, role, _, price in fills] == [(48 + 21.0, "entry", 95.0)]


def test_a_stop_moved_during_a_session_works_from_the_next_open():
    # Bought at 100 at the second open. The stop rises to 98 at 17:00; the session's low of 97 may
    # have come before that. The third session opens at 97, below it.
    sessions = [(100, 101, 99, 100), (100, 101, 97, 99), (97, 99, 96, 98)]
    script = {
        30: [Enter(ETF.id, 1, 80.0, "test")],
        SECOND_SESSION_ROW: [MoveStop(ETF.id, 98.0, "test")],
    }
    fills = fills_of(sessions, script)
    assert [(at, role, price) for at, role, _, price in fills] == [
        (24 + 14.5, "entry", 100.0),
        (48 + 14.5, "stop", 97.0),
    ]


def test_a_trailing_stop_replaced_during_a_session_does_not_move_at_its_close():
    # The new order, decided at 17:00, trails the close of 105 by 3; the old one ended at 80.
    sessions = [(100, 101, 99, 100), (100, 106, 99, 105), (104, 105, 103, 104)]
    trail = TrailingStop(distance=3.0)
    script = {
        30: [Enter(ETF.id, 1, 80.0, "test", trailing=trail)],
        SECOND_SESSION_ROW: [MoveStop(ETF.id, 98.0, "test")],
    }
    account = {"brokerage_cash": 10_000.0}
    outcome = play(two_clocks(sessions), script, clock=CLOCK, account=account, notional=1_000.0)
    _, old, new = outcome.orders
    assert (old.end_reason, old.last_level, math.isnan(old.best_price)) == ("moved", 80.0, True)
    assert (new.price, new.last_level, new.best_price) == (98.0, 102.0, 105.0)


def test_a_new_order_keeps_the_level_that_the_old_one_reached_inside_their_bar():
    # Bought at 100. At the session's open the distance is 8: the old order reaches 106 - 8 = 98,
    # below the low of 99. By the distance of 12 known since, the new one would be at 97.
    sessions = [(100, 101, 99, 100), (100, 106, 99, 105), (104, 105, 103, 104)]
    widths = [8.0] * SECOND_SESSION_ROW + [12.0] * (72 - SECOND_SESSION_ROW)
    trail = TrailingStop(signal="width", moved=StopMoves.INSIDE_BARS)
    script = {
        30: [Enter(ETF.id, 1, 80.0, "test", trailing=trail)],
        SECOND_SESSION_ROW: [MoveStop(ETF.id, 97.0, "test")],
    }
    account = {"brokerage_cash": 10_000.0}
    outcome = play(
        two_clocks(sessions),
        script,
        clock=CLOCK,
        account=account,
        notional=1_000.0,
        signals={"width": widths},
    )
    _, old, new = outcome.orders
    assert (old.last_level, old.best_price) == (98.0, 106.0)
    assert (new.price, new.last_level, new.best_price) == (97.0, 98.0, 106.0)


def test_a_target_that_closes_the_plan_leaves_nothing_to_the_next_one():
    # 10 bought; half sold; the first target's half of the entry is all that is left.
    rows = [(100, 101, 99, 100)] * 4 + [(100, 113, 99, 112), (112, 113, 111, 112)]
    targets = (Target(110.0, 0.5), Target(112.0, 0.5))
    script = {
        0: [Enter(PERP.id, 1, 50.0, "test", targets=targets)],
        2: [Exit(PERP.id, "half", 0.5)],
    }
    assert fill_lines(play(table(candles(rows)), script)) == [
        (1.0, "entry", 10.0, 100.0),
        (3.0, "exit", -5.0, 100.0),
        (5.0, "target", -5.0, 110.0),
    ]
