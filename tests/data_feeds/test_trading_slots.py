import math

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.trading_slots import trading_slots
from engine.testing import ETF, PERP, START, candles, table

DAY = [(100.0, 130.0, 99.0, 100.0 + n, 10.0 + n) for n in range(24)]


def slots(*channels, days):
    return trading_slots(table(*channels), PERP.id, START, START + days * DAY_NS)


def test_a_whole_day_has_its_volume_and_last_price():
    found = slots(candles(DAY), days=1)
    # 10 + 11 + ... + 33
    assert found.day_volume.tolist() == [516.0]
    assert found.day_close.tolist() == [123.0]
    assert found.day_ends.tolist() == [START + DAY_NS]
    assert len(found.hour_ends) == 24
    assert found.hour_range[0] == pytest.approx(math.log(130 / 99))
    assert found.hour_share[0] == pytest.approx(1 / 24)


def test_a_day_with_a_hole_has_no_value_and_its_whole_hours_do():
    bars = candles(DAY * 2)
    found = slots(bars.take(np.arange(48) != 30), days=2)
    assert found.day_volume[0] == 516.0
    assert np.isnan(found.day_volume[1])
    assert found.day_bars.tolist() == ["1h", ""]
    assert len(found.hour_ends) == 47


def test_each_day_is_read_from_the_finest_bars_that_cover_it():
    # Hourly bars of two days; bars of 30 minutes cover the first and half of the second.
    hourly = candles([(100.0, 101.0, 99.0, 100.0, 2.0)] * 48)
    fine = candles([(100.0, 100.5, 99.5, 100.0, 5.0)] * 72, timeframe="30m")
    found = slots(hourly, fine, days=2)
    assert found.day_volume.tolist() == [48 * 5.0, 24 * 2.0]
    assert found.day_bars.tolist() == ["30m", "1h"]
    # Hours of the second day: 12 from the fine bars, 12 from the hourly ones.
    wide = np.isclose(found.hour_range, math.log(101 / 99))
    assert wide.tolist() == [False] * 36 + [True] * 12


def test_a_bar_known_after_its_close_counts_as_missing():
    bars = candles(DAY)
    late = {**bars.columns, "available_at": bars["available_at"] + (np.arange(24) == 5)}
    found = slots(type(bars)(bars.key, late), days=1)
    assert np.isnan(found.day_volume[0])
    assert len(found.hour_ends) == 23


def test_bars_longer_than_an_hour_take_the_place_of_hours():
    found = slots(candles([(100.0, 110.0, 99.0, 100.0, 7.0)] * 6, timeframe="4h"), days=1)
    assert found.day_volume.tolist() == [42.0]
    assert found.hour_ends.tolist() == [START + n * 4 * HOUR_NS for n in range(1, 7)]
    assert found.hour_share.tolist() == [pytest.approx(1 / 6)] * 6


def test_a_session_is_a_day_and_its_last_hour_may_be_short():
    # XNYS on 2026-02-02: 14:30 to 21:00, bars from 14:30 on, the last of 30 minutes.
    opens = [START + 14 * HOUR_NS + HOUR_NS // 2 + n * HOUR_NS for n in range(7)]
    closes = [*opens[1:], START + 21 * HOUR_NS]
    bars = candles(
        [(100.0, 101.0, 99.0, 100.0, 3.0)] * 7,
        instrument=ETF.id,
        opened_at=opens,
        closed_at=closes,
    )
    found = trading_slots(table(bars), ETF.id, START, START + DAY_NS)
    assert found.day_ends.tolist() == [START + 21 * HOUR_NS]
    assert found.day_volume.tolist() == [21.0]
    assert found.hour_share.tolist() == [pytest.approx(1 / 6.5)] * 6 + [pytest.approx(0.5 / 6.5)]


def test_a_daily_bar_of_an_exchange_is_its_session():
    bars = candles(
        [(100.0, 102.0, 99.0, 101.0, 9.0)],
        instrument=ETF.id,
        timeframe="1d",
        opened_at=[START + 14 * HOUR_NS + HOUR_NS // 2],
        closed_at=[START + 21 * HOUR_NS],
    )
    found = trading_slots(table(bars), ETF.id, START, START + DAY_NS)
    assert found.day_volume.tolist() == [9.0]
    assert found.hour_share.tolist() == [1.0]
    assert found.hour_range[0] == pytest.approx(math.log(102 / 99))


def test_bars_after_the_end_are_not_read():
    found = trading_slots(table(candles(DAY * 2)), PERP.id, START, START + 30 * HOUR_NS)
    assert found.day_volume[0] == 516.0
    assert np.isnan(found.day_volume[1])
    assert found.hour_ends[-1] == START + 30 * HOUR_NS
