"""Thin bars: joined candles keep open, high, low and close, and trades keep their single bars."""

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS
from engine.price_chart.candles import candles
from engine.testing import START
from engine.testing import candles as bars_of

RNG = np.random.default_rng(7)
COUNT = 400
CLOSES = 100 + np.cumsum(RNG.normal(0, 1, COUNT))
ROWS = [
    (close, close + RNG.uniform(0, 2), close - RNG.uniform(0, 2), close + RNG.uniform(-0.5, 0.5))
    for close in CLOSES
]
BARS = bars_of([(o, max(o, h, c), min(o, low, c), c) for o, h, low, c in ROWS])
END = START + COUNT * HOUR_NS


def test_few_bars_stay_as_they_are():
    drawn = candles(BARS, START, END, COUNT)
    assert drawn.grid_ns == 0
    for name in ("opened_at", "closed_at", "open", "high", "low", "close"):
        np.testing.assert_array_equal(getattr(drawn, name), BARS[name])


@pytest.mark.parametrize("near", [(), ((START + 200 * HOUR_NS, START + 205 * HOUR_NS),)])
def test_a_joined_candle_keeps_open_high_low_and_close_of_its_bars(near):
    drawn = candles(BARS, START, END, 120, near)
    assert drawn.grid_ns > HOUR_NS
    assert len(drawn) < COUNT
    first = np.searchsorted(BARS["opened_at"], drawn.opened_at)
    last = np.searchsorted(BARS["closed_at"], drawn.closed_at)
    # The candles follow each other, and every bar is in exactly one.
    np.testing.assert_array_equal(first[1:], last[:-1] + 1)
    assert (first[0], last[-1]) == (0, COUNT - 1)
    for place, (begin, until) in enumerate(zip(first, last, strict=True)):
        joined = {name: BARS[name][begin : until + 1] for name in ("open", "high", "low", "close")}
        assert drawn.open[place] == joined["open"][0]
        assert drawn.high[place] == joined["high"].max()
        assert drawn.low[place] == joined["low"].min()
        assert drawn.close[place] == joined["close"][-1]


def test_bars_near_a_trade_stay_single():
    trade = (START + 200 * HOUR_NS, START + 205 * HOUR_NS)
    drawn = candles(BARS, START, END, 120, (trade,))
    lengths = drawn.closed_at - drawn.opened_at
    around = (drawn.closed_at >= trade[0] - 40 * HOUR_NS) & (
        drawn.closed_at <= trade[1] + 40 * HOUR_NS
    )
    assert set(lengths[around]) == {HOUR_NS}
    assert lengths.max() > HOUR_NS


def test_nothing_lies_outside_the_window():
    # The bar that closes when the window begins lies before it.
    begin, until = START + 50 * HOUR_NS, START + 90 * HOUR_NS
    drawn = candles(BARS, begin, until, COUNT)
    assert drawn.opened_at[0] == begin
    assert drawn.closed_at[-1] == until


@pytest.mark.parametrize("most", [2, 20, 100, 150])
@pytest.mark.parametrize("trades", [0, 1, 3, 40])
def test_there_are_at_most_twice_as_many_candles_as_asked_for(most, trades):
    # Bars of a minute over two weeks: a stretch of the grid holds hundreds of them.
    bars = bars_of([(100, 101, 99, 100)] * 20_000, timeframe="1m")
    end = int(bars["closed_at"][-1])
    near = [(at, at + HOUR_NS) for at in np.linspace(START, end, trades, dtype=np.int64).tolist()]
    assert 0 < len(candles(bars, START, end, most, near)) <= 2 * most
    assert 0 < len(candles(BARS, START, END, most, near)) <= 2 * most


def test_a_window_of_centuries_keeps_the_bound():
    # Longer than any grid of a fixed list: 100 years of bars of 100 days.
    length = 100 * DAY_NS
    opened = [START - place * length for place in range(365, 0, -1)]
    bars = bars_of(
        [(100, 101, 99, 100)] * 365, opened_at=opened, closed_at=[at + length for at in opened]
    )
    assert len(candles(bars, opened[0], START, 30)) <= 30


def test_more_bars_change_no_joined_candle_before_them():
    # On a fixed grid a longer window only adds candles: the thinning reads no later bar.
    short = candles(BARS, START, START + 384 * HOUR_NS, 100)
    longer = candles(BARS, START, END, 101)
    assert short.grid_ns == longer.grid_ns
    np.testing.assert_array_equal(longer.close[: len(short)], short.close)
