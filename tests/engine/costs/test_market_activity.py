import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel
from engine.audit.daily_activity import DailyActivity
from engine.costs.market_activity import load_activity
from engine.testing import PERP, START, candles, table

DAYS = 45


def random_market(seed, *, days=DAYS, holes=0):
    """Return hourly bars of a random walk, some of them missing, and 30m bars of some days."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, days * 24)))
    opens = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(opens, close) * (1 + rng.uniform(0, 0.01, len(close)))
    low = np.minimum(opens, close) * (1 - rng.uniform(0, 0.01, len(close)))
    volume = rng.uniform(1, 50, len(close))
    rows = np.column_stack((opens, high, low, close, volume))
    hourly = candles(rows.tolist())
    hourly = hourly.take(~np.isin(np.arange(len(hourly)), rng.integers(0, len(hourly), holes)))
    fine = candles(np.repeat(rows, 2, axis=0).tolist(), timeframe="30m")
    held = np.isin(np.arange(days), rng.integers(0, days, 12))
    return table(hourly, fine.take(np.repeat(held, 48)))


def activity(market, start=START, end=START + DAYS * DAY_NS):
    return load_activity(market, [PERP.id], start, end)[PERP.id]


def test_volume_is_the_median_of_the_days_known_and_needs_ten():
    # Day n trades 24 x n; after eleven days the median is that of day 6 (the first day is 1).
    rows = [
        (100.0, 101.0, 99.0, 100.0 + day % 2, 1.0 * day) for day in range(1, 13) for _ in range(24)
    ]
    held = activity(table(candles(rows)), end=START + 12 * DAY_NS)
    assert held.at(START + 11 * DAY_NS).daily_volume == 24 * 6.0
    assert held.at(START + 11 * DAY_NS).is_known
    # Ten days give only nine returns.
    assert not held.at(START + 10 * DAY_NS + 23 * HOUR_NS).is_known
    assert math.isnan(held.at(START + 9 * DAY_NS).daily_volume)


def test_volatility_is_the_root_of_the_mean_squared_return_of_the_days():
    # The last price alternates between 100 and 101: every return is ln(1.01) or its negative.
    rows = [(100.0, 101.0, 100.0, 100.0 + day % 2, 1.0) for day in range(12) for _ in range(24)]
    held = activity(table(candles(rows)), end=START + 12 * DAY_NS)
    found = held.at(START + 12 * DAY_NS)
    assert found.usual_volatility == pytest.approx(math.log(1.01))
    # Parkinson of an hour from 100 to 101: ln(1.01) / sqrt(4 ln 2) x sqrt(24).
    hour = math.log(1.01) / math.sqrt(4 * math.log(2)) * math.sqrt(24)
    assert found.volatility == pytest.approx(hour)


def test_an_hour_counts_from_its_end_and_the_day_from_midnight():
    rows = [(100.0, 101.0, 100.0, 100.0 + day % 2, 1.0) for day in range(12) for _ in range(24)]
    rows[11 * 24 + 5] = (100.0, 150.0, 100.0, 101.0, 1.0)
    held = activity(table(candles(rows)), end=START + 12 * DAY_NS)
    ends = START + 11 * DAY_NS + 6 * HOUR_NS
    wild = math.log(1.5) / math.sqrt(4 * math.log(2)) * math.sqrt(24)
    assert held.at(ends).volatility == pytest.approx(wild)
    assert held.at(ends - 1).volatility < wild / 10
    assert held.at(ends + HOUR_NS).volatility < wild / 10


@settings(max_examples=30)
@given(st.integers(0, 50), st.integers(11, DAYS - 1), st.integers(0, 23))
def test_no_later_bar_changes_what_was_known(seed, day, hour):
    market = random_market(seed, holes=6)
    at = START + day * DAY_NS + hour * HOUR_NS
    whole, cut = activity(market), activity(market.cut(at))
    assert whole.at(at) == cut.at(at)


@pytest.mark.parametrize("seed", range(4))
def test_the_audit_works_out_the_same_values_day_by_day(seed):
    market = random_market(seed, holes=8)
    end = START + DAYS * DAY_NS
    start = START + 33 * DAY_NS
    held, slow = activity(market, start), DailyActivity(market, PERP, start, end)
    known = 0
    for at in range(start, end, 7 * HOUR_NS + 1):
        fast, again = held.at(at), slow.at(at)
        assert again.volume == pytest.approx(fast.daily_volume, nan_ok=True)
        assert again.usual == pytest.approx(fast.usual_volatility, nan_ok=True)
        assert again.recent == pytest.approx(fast.volatility, nan_ok=True)
        known += fast.is_known
    assert known > 20


def test_the_same_instant_has_the_same_activity_whatever_bars_a_run_trades_on():
    # A catalog with 5m bars, and the run's own dataset of 15m bars that were made from them.
    rng = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, 14 * 288)))
    opens = np.concatenate(([100.0], close[:-1]))
    fine = candles(
        np.column_stack(
            (opens, np.maximum(opens, close), np.minimum(opens, close), close, np.ones(len(close)))
        ).tolist(),
        timeframe="5m",
    )
    end = START + 14 * DAY_NS
    whole = activity(table(fine), end=end)
    for factor, name in ((3, "15m"), (12, "1h")):
        longer = activity(table(grouped(fine, factor, name)), end=end)
        for at in range(START + 12 * DAY_NS, end, HOUR_NS):
            assert longer.at(at).volatility == pytest.approx(whole.at(at).volatility)
            assert longer.at(at).daily_volume == pytest.approx(whole.at(at).daily_volume)


def grouped(bars: Channel, factor: int, timeframe: str) -> Channel:
    rows = {
        "open": bars["open"][::factor],
        "high": bars["high"].reshape(-1, factor).max(axis=1),
        "low": bars["low"].reshape(-1, factor).min(axis=1),
        "close": bars["close"][factor - 1 :: factor],
        "volume": bars["volume"].reshape(-1, factor).sum(axis=1),
    }
    return candles(np.column_stack(list(rows.values())).tolist(), timeframe=timeframe)


def test_an_instrument_without_bars_is_left_out():
    market = table(candles([(100.0, 101.0, 99.0, 100.0)] * 24))
    other = Instrument(id="ETH", kind="perp")
    assert load_activity(market, [other.id], START, START + DAY_NS) == {}
