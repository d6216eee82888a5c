"""Backtrader's own trailing stop beside ours: the wrong number first.

Both move at closes. They differ in the price that the stop starts from, in the tick grid, and in
the level of a stop that protects from the entry on.
"""

import backtrader as bt

from engine.intents import Enter
from engine.testing import PERP, candles, fill_lines, play, table
from engine.trailing_stop import TrailingStop

FLAT = (100.0, 101.0, 99.0, 100.0)


def stock(rows, plain, entry_bar=0, **trail):
    """Buy 10 at market and place Backtrader's StopTrail at the same time."""
    script = {
        entry_bar: lambda s: (
            s.buy(size=10),
            s.sell(size=10, exectype=bt.Order.StopTrail, **trail),
        )
    }
    return plain(rows, script=script).fills


def ours(rows, stop=50.0, **terms):
    intent = Enter(PERP.id, 1, stop, "test", trailing=TrailingStop(**terms))
    return fill_lines(play(table(candles(rows)), {0: [intent]}))


def test_the_stock_stop_trails_a_close_before_the_entry(plain):
    # The decision closes at 110, the entry opens at 100: 110 - 3 = 107 lies above the market, and
    # the stock stop sells in the bar that buys, at the same open.
    rows = [(110, 110, 110, 110), (100, 101, 99, 100), (100, 101, 99, 100), FLAT]
    assert stock(rows, plain, trailamount=3.0) == [(1, 10, 100.0), (1, -10, 100.0)]
    # Ours counts closes since the entry: 100 - 3 = 97 is never reached.
    assert [line[1] for line in ours(rows, distance=3.0)] == ["entry"]


def test_the_stock_stop_leaves_the_tick_grid(plain):
    # 105.3 x 0.98 = 103.194; the tick is 0.1.
    rows = [FLAT, FLAT, (100, 106, 99, 105.3), (105.3, 105.3, 103, 104), FLAT]
    (_, sold) = stock(rows, plain, trailpercent=0.02)
    assert (sold[0], round(sold[2], 6)) == (3, 103.194)
    assert ours(rows, fraction=0.02)[1] == (4.0, "stop", -10.0, 103.2)


def test_both_move_at_closes_and_sell_at_the_same_level(plain):
    rows = [FLAT, FLAT, (100, 106, 100, 105), (105, 108, 102.5, 104), (104, 105, 101, 102), FLAT]
    # The best close of 105 less 3: the bar's own high of 108 does not count.
    assert stock(rows, plain, trailamount=3.0) == [(1, 10, 100.0), (4, -10, 102.0)]
    assert ours(rows, distance=3.0)[1] == (5.0, "stop", -10.0, 102.0)


def test_both_sell_at_the_open_of_a_gap(plain):
    rows = [FLAT, FLAT, (100, 106, 100, 105), (98, 99, 97, 98), FLAT]
    assert stock(rows, plain, trailamount=3.0)[1] == (3, -10, 98.0)
    assert ours(rows, distance=3.0)[1] == (3.0, "stop", -10.0, 98.0)
