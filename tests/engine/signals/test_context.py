import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.errors import SchemaError
from data_feeds.timeframe import Timeframe
from engine.signals.context import series_change, thin_window, trend, unknown_change
from tests.engine.signals.channels import bars, series


def ns(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


def hourly(close):
    close = np.asarray(close, dtype=np.float64)
    return bars(np.arange(len(close)) * HOUR_NS, close, close, close, np.ones(len(close)))


def test_the_trend_reads_complete_longer_bars_only():
    close = np.arange(1.0, 13.0)
    rows = (np.arange(12, dtype=np.int64) + 1) * HOUR_NS
    found = trend(hourly(close), Timeframe("4h"), 2, rows)
    # 4h closes 4, 8, 12 are known at hours 4, 8, 12; the mean of two from hour 8 on.
    assert found.close[3:].tolist() == [4.0] * 4 + [8.0] * 4 + [12.0]
    assert found.mean[7:].tolist() == [6.0] * 4 + [10.0]
    assert found.known.tolist() == [False] * 7 + [True] * 5


def test_a_trend_timeframe_must_be_a_multiple():
    with pytest.raises(SchemaError, match="multiple"):
        trend(hourly([1.0, 2.0]), Timeframe("90m"), 2, np.array([HOUR_NS]))


def test_a_change_is_between_the_values_known_then_and_now():
    days = np.array([0, 1, 2, 3], dtype=np.int64) * DAY_NS
    published = days + DAY_NS  # each value comes out a day later
    yields = series(days, [4.0, 4.1, 4.3, 4.2], published)
    rows = np.array([2, 3, 4], dtype=np.int64) * DAY_NS
    found = series_change(yields, rows, 2 * DAY_NS, 3 * DAY_NS, relative=False)
    # At day 3: day 2's value 4.3 against what was known at day 1: day 0's value 4.0.
    assert found.known.tolist() == [False, True, True]
    np.testing.assert_allclose(found.value[1:], [0.3, 0.1])


def test_a_relative_change_is_a_fraction_and_a_revision_counts_from_its_publication():
    # 100 is revised to 102 on day 5.
    dollar = series([0, 0, DAY_NS], [100.0, 102.0, 103.0], [0, 5 * DAY_NS, DAY_NS])
    rows = np.array([DAY_NS], dtype=np.int64)
    found = series_change(dollar, rows, DAY_NS, 2 * DAY_NS, relative=True)
    assert found.value.tolist() == [pytest.approx(0.03)]


def test_a_stale_series_is_unknown():
    rows = np.array([10 * DAY_NS], dtype=np.int64)
    found = series_change(series([0, DAY_NS], [1.0, 2.0]), rows, DAY_NS, DAY_NS, relative=False)
    assert not found.known.any()
    assert not unknown_change(3).known.any()


@pytest.mark.parametrize(
    ("instant", "thin"),
    [
        ("2026-02-05T20:59", False),  # Thursday 15:59 in New York (winter: UTC-5)
        ("2026-02-05T21:00", True),  # 16:00
        ("2026-02-06T00:59", True),  # 19:59
        ("2026-02-06T01:00", False),  # 20:00
        ("2026-07-02T20:00", True),  # summer: UTC-4
        ("2026-02-07T12:00", True),  # Saturday
        ("2026-02-08T23:00", True),  # Sunday
        ("2026-02-09T12:00", False),
    ],
)
def test_weekends_and_the_late_new_york_day_are_thin(instant, thin):
    found = thin_window(np.array([ns(instant)]), weekend=True, first_hour=16, last_hour=20)
    assert found.tolist() == [thin]


def test_the_weekend_can_be_left_out():
    saturday = np.array([ns("2026-02-07T12:00")])
    assert not thin_window(saturday, weekend=False, first_hour=16, last_hour=20).any()
