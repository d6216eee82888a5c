"""As-of joins and resampling against slow loops; marks and gaps by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_feeds.align import (
    as_of,
    marks_on_bars,
    resample_bars,
)
from data_feeds.clock import HOUR_NS, MINUTE_NS
from data_feeds.errors import SchemaError
from data_feeds.schema import Channel, ChannelKind, validate
from data_feeds.timeframe import Timeframe
from tests.data_feeds.factory import bars, ns, replaced, series

QUARTER = 15 * MINUTE_NS


# As-of --------------------------------------------------------------------------------------------


def test_a_value_is_unknown_until_it_is_published() -> None:
    # Friday's yield (event 100) is published at 400; before that Thursday's (10, out at 110) holds.
    found = as_of(series([10, 100], [110, 400], [4.0, 4.2]), "value", np.array([50, 399, 400]))
    assert np.isnan(found.values[0])
    assert found.values[1:].tolist() == [4.0, 4.2]
    assert found.age_ns.tolist() == [-1, 389, 300]
    assert found.is_fresh.tolist() == [False, True, True]


def test_a_stale_value_is_returned_and_says_so() -> None:
    found = as_of(series([10], [10], [1.0]), "value", np.array([15, 16]), max_age_ns=5)
    assert found.values.tolist() == [1.0, 1.0]
    assert found.is_fresh.tolist() == [True, False]


def test_a_late_revision_of_an_older_fact_does_not_displace_a_newer_one() -> None:
    channel = series([1, 1, 2, 2], [10, 30, 20, 40], [1.0, 1.5, 2.0, 2.5])
    found = as_of(channel, "value", np.array([10, 20, 30, 40]))
    assert found.values.tolist() == [1.0, 2.0, 2.0, 2.5]


def test_the_age_of_a_bar_counts_from_its_close() -> None:
    channel = bars([0, HOUR_NS], [(1, 1, 1, 1, 1), (2, 2, 2, 2, 1)])
    found = as_of(channel, "close", np.array([HOUR_NS - 1, HOUR_NS, 3 * HOUR_NS]))
    assert np.isnan(found.values[0])
    assert found.values[1:].tolist() == [1.0, 2.0]
    assert found.age_ns[1:].tolist() == [0, HOUR_NS]


@st.composite
def vintages(draw: st.DrawFn) -> Channel:
    """Return a random valid series with release lags and revisions."""
    rows = []
    for event in sorted(draw(st.sets(st.integers(0, 30), max_size=8))):
        lags = sorted(draw(st.sets(st.integers(0, 20), min_size=1, max_size=3)))
        rows += [(event, event + lag) for lag in lags]
    values = list(range(len(rows)))
    channel = series([row[0] for row in rows], [row[1] for row in rows], values)
    validate(channel)
    return channel


def slow_as_of(channel: Channel, instant: int) -> float:
    best = (-1, -1, np.nan)
    for event, known, value in zip(
        channel["event_at"], channel["available_at"], channel["value"], strict=True
    ):
        if known <= instant and (event, known) > best[:2]:
            best = (int(event), int(known), float(value))
    return best[2]


@settings(deadline=None)
@given(vintages(), st.lists(st.integers(-5, 60), max_size=10))
def test_as_of_equals_a_slow_loop(channel: Channel, instants: list[int]) -> None:
    found = as_of(channel, "value", np.array(instants, dtype=np.int64))
    expected = [slow_as_of(channel, instant) for instant in instants]
    np.testing.assert_array_equal(found.values, expected)


@settings(deadline=None)
@given(vintages(), st.integers(-5, 60))
def test_as_of_does_not_change_when_later_rows_are_cut(channel: Channel, instant: int) -> None:
    at = np.array([instant])
    np.testing.assert_array_equal(
        as_of(channel, "value", at).values, as_of(channel.cut(instant), "value", at).values
    )


# Resampling ---------------------------------------------------------------------------------------


@st.composite
def quarter_bars(draw: st.DrawFn) -> Channel:
    """Return random 15-minute bars with holes."""
    slots = sorted(draw(st.sets(st.integers(0, 40), max_size=30)))
    rows = []
    for _ in slots:
        first, last = draw(st.integers(50, 60)), draw(st.integers(50, 60))
        reach = draw(st.integers(0, 5))
        rows.append((first, max(first, last) + reach, min(first, last) - reach, last, reach))
    channel = bars([slot * QUARTER for slot in slots], rows, "15m")
    validate(channel)
    return channel


def slow_hours(channel: Channel) -> list[tuple[float, ...]]:
    buckets: dict[int, list[int]] = {}
    for i, opened in enumerate(channel["opened_at"]):
        buckets.setdefault(int(opened) // HOUR_NS, []).append(i)
    found = []
    for hour, rows in buckets.items():
        starts_late = hour == min(buckets) and channel["opened_at"][rows[0]] != hour * HOUR_NS
        is_over = channel["closed_at"][rows[-1]] == (hour + 1) * HOUR_NS
        later = rows[-1] + 1 < len(channel)
        if starts_late or not (is_over or later):
            continue
        known = (hour + 1) * HOUR_NS if is_over else channel["closed_at"][rows[-1] + 1]
        found.append((
            hour * HOUR_NS, known, channel["open"][rows[0]], max(channel["high"][rows]),
            min(channel["low"][rows]), channel["close"][rows[-1]], sum(channel["volume"][rows]),
            float(len(rows) < 4),
        ))  # fmt: skip
    return found


@settings(deadline=None)
@given(quarter_bars())
def test_resampling_equals_a_slow_loop(channel: Channel) -> None:
    hours = resample_bars(channel, Timeframe("1h"))
    validate(hours)
    names = ("opened_at", "available_at", "open", "high", "low", "close", "volume", "label")
    found = list(zip(*(hours[name].tolist() for name in names), strict=True))
    assert found == slow_hours(channel)


@settings(deadline=None)
@given(quarter_bars(), st.integers(0, 45))
def test_resampling_sees_no_later_bar(channel: Channel, slot: int) -> None:
    at = slot * QUARTER
    whole = resample_bars(channel, Timeframe("1h")).cut(at)
    cut = resample_bars(channel.cut(at), Timeframe("1h")).cut(at)
    for name, values in whole.columns.items():
        np.testing.assert_array_equal(values, cut[name])


def test_weeks_start_on_monday() -> None:
    monday = ns("2026-02-02T00:00")
    days = [monday + i * 24 * HOUR_NS for i in range(8)]
    weeks = resample_bars(bars(days, [(1, 2, 1, 1, 1)] * 8, "1d"), Timeframe("1w"))
    assert weeks["opened_at"].tolist() == [monday]
    assert weeks["volume"].tolist() == [7.0]


def test_only_whole_multiples_are_resampled() -> None:
    with pytest.raises(SchemaError, match="cannot be resampled to 1h; name a multiple of 25m"):
        resample_bars(bars([0], [(1, 1, 1, 1, 1)], "25m"), Timeframe("1h"))


def test_sessions_are_not_resampled() -> None:
    session = bars([ns("2026-02-06T14:30")], [(1, 1, 1, 1, 1)], "1d")
    session = replaced(session, closed_at=[ns("2026-02-06T21:00")])
    with pytest.raises(SchemaError, match="bars of sessions are not resampled"):
        resample_bars(session, Timeframe("1w"))


# Marks --------------------------------------------------------------------------------------------


def hourly_marks(*rows: tuple[float, ...]) -> Channel:
    return bars([i * HOUR_NS for i in range(len(rows))], rows, "1h", ChannelKind.MARK)


def test_marks_of_the_same_timeframe_are_exact() -> None:
    last = bars([0, HOUR_NS], [(100, 105, 90, 101, 1), (101, 103, 99, 102, 1)])
    path = marks_on_bars(last, hourly_marks((99, 104, 92, 100), (100, 102, 98, 101)))
    assert path.low.tolist() == [92, 98]
    assert path.close.tolist() == [100, 101]
    assert not path.inferred.any()


def test_hourly_marks_under_half_hour_bars_by_hand() -> None:
    last = bars(
        [i * 30 * MINUTE_NS for i in range(4)],
        [
            (100, 101, 99, 100, 1),
            (100, 102, 98, 100, 1),
            (100, 110, 80, 90, 1),
            (90, 95, 85, 94, 1),
        ],
        "30m",
    )
    path = marks_on_bars(last, hourly_marks((99.5, 101, 97, 99), (99, 104, 84, 92)))
    # Hour 1: nothing completed before, ratio 1. Hour 2: mark close 99 / last close 100 = 0.99.
    # Opens: exact at 00:00 and 01:00; 100 x 1 at 00:30; 90 x 0.99 = 89.1 at 01:30.
    assert path.open.tolist() == pytest.approx([99.5, 100, 99, 89.1])
    # Closes: 100 x 1; exact 99; 90 x 0.99 = 89.1; exact 92.
    assert path.close.tolist() == pytest.approx([100, 99, 89.1, 92])
    # Lows: 99; 98 within 97..101, widened by nothing; 80 x 0.99 = 79.2 clipped to 84;
    # 85 x 0.99 = 84.15.
    assert path.low.tolist() == pytest.approx([99, 98, 84, 84.15])
    # Highs: 101; 102 clipped to 101; 110 x 0.99 = 108.9 clipped to 104; 95 x 0.99 = 94.05.
    assert path.high.tolist() == pytest.approx([101, 101, 104, 94.05])
    assert path.inferred.all()


def test_a_close_seen_by_decisions_is_not_clipped_to_a_range_known_later() -> None:
    # The last price runs to 130 while the hour's mark, known at its end, never passes 104.
    last = bars([0, 30 * MINUTE_NS], [(100, 130, 100, 130, 1), (130, 130, 100, 100, 1)], "30m")
    path = marks_on_bars(last, hourly_marks((100, 104, 99, 100)))
    assert path.close[0] == 130
    assert path.high[0] == 130


def test_absent_marks_fall_back_to_the_last_price() -> None:
    last = bars([0], [(100, 105, 90, 101, 1)])
    path = marks_on_bars(last, None)
    assert (path.open[0], path.high[0], path.low[0], path.close[0]) == (100, 105, 90, 101)
    assert path.inferred.all()


def test_a_ratio_is_forgotten_after_a_day() -> None:
    late = 26 * HOUR_NS
    last = bars([0, late], [(100, 100, 100, 100, 1), (200, 210, 190, 200, 1)])
    path = marks_on_bars(last, hourly_marks((90, 90, 90, 90)))
    assert path.close.tolist() == [90, 200]
    assert path.inferred.tolist() == [False, True]


def test_finer_marks_are_resampled_first() -> None:
    marks = bars(
        [0, 30 * MINUTE_NS], [(99, 101, 98, 100), (100, 103, 97, 102)], "30m", ChannelKind.MARK
    )
    path = marks_on_bars(bars([0], [(100, 105, 90, 101, 1)]), marks)
    assert (path.open[0], path.high[0], path.low[0], path.close[0]) == (99, 103, 97, 102)
    assert not path.inferred.any()


FLAT = (100, 101, 99, 100, 1)


def test_marks_in_a_hole_of_the_bars_widen_the_bar_after_it() -> None:
    # Hours 2 and 3 are missing; their marks reach 120 and 80. Nothing else changes.
    last = bars([0, HOUR_NS, 4 * HOUR_NS, 5 * HOUR_NS], [FLAT] * 4)
    calm = (100, 102, 98, 100)
    marks = hourly_marks(calm, calm, (100, 120, 97, 100), (100, 103, 80, 99), calm, calm)
    path = marks_on_bars(last, marks)
    assert path.high.tolist() == [102, 102, 120, 102]
    assert path.low.tolist() == [98, 98, 80, 98]
    assert path.open.tolist() == path.close.tolist() == [100] * 4
    assert path.inferred.tolist() == [False, False, True, False]


def test_each_hole_widens_its_own_bar_and_the_first_bar_has_none_before_it() -> None:
    # Marks before the first bar and after the last one lie in no hole.
    last = bars([HOUR_NS, 3 * HOUR_NS, 5 * HOUR_NS], [FLAT] * 3)
    lows = (50, 98, 70, 98, 60, 98, 40)
    path = marks_on_bars(last, hourly_marks(*[(100, 102, low, 100) for low in lows]))
    assert path.low.tolist() == [98, 70, 60]
    assert path.inferred.tolist() == [False, True, True]


def test_only_coarser_marks_wholly_inside_a_hole_count() -> None:
    # Half-hour bars of 00:00 and 03:30 with hourly marks: 01:00 and 02:00 lie in the hole. The
    # marks of 00:00 and 03:00 reach into bars; the extreme of 03:00 only clips (101 x 1 to 100.5).
    last = bars([0, 7 * 30 * MINUTE_NS], [FLAT] * 2, "30m")
    marks = hourly_marks((100, 130, 60, 100), (100, 105, 90, 100), (100, 106, 91, 100),
                         (100, 100.5, 50, 100))  # fmt: skip
    path = marks_on_bars(last, marks)
    assert path.low.tolist() == [99, 90]
    assert path.high.tolist() == [101, 106]


def test_finer_marks_in_a_hole_count_too() -> None:
    last = bars([0, 2 * HOUR_NS], [FLAT] * 2)
    rows = [(100, 101, low, 100) for low in (99, 99, 99, 85, 99, 99)]
    marks = bars([i * 30 * MINUTE_NS for i in range(6)], rows, "30m", ChannelKind.MARK)
    path = marks_on_bars(last, marks)
    assert path.low.tolist() == [99, 85]
    assert path.inferred.tolist() == [False, True]


def test_a_hole_without_marks_changes_nothing() -> None:
    last = bars([0, 3 * HOUR_NS], [FLAT] * 2)
    marks = hourly_marks(*[(100, 102, 98, 100)] * 4).take(np.array([0, 3]))
    path = marks_on_bars(last, marks)
    assert path.low.tolist() == [98, 98]
    assert not path.inferred.any()


@settings(deadline=None)
@given(quarter_bars(), quarter_bars())
def test_holes_widen_by_exactly_the_marks_inside_them(last: Channel, other: Channel) -> None:
    columns = {name: other[name] for name in other.columns if name != "volume"}
    mark = Channel(type(other.key)("M", ChannelKind.MARK, "15m"), columns)
    path = marks_on_bars(last, mark)
    for i in range(1, len(last)):
        start, end = last["closed_at"][i - 1], last["opened_at"][i]
        inside = (mark["opened_at"] >= start) & (mark["closed_at"] <= end)
        alone = marks_on_bars(last.take(slice(i, None)), mark)
        if start == end or not inside.any():
            continue
        # Of the bar by itself only the ratio differs, which its own mark bar makes irrelevant.
        if last["opened_at"][i] in mark["opened_at"]:
            assert path.low[i] == min(alone.low[0], mark["low"][inside].min())
            assert path.high[i] == max(alone.high[0], mark["high"][inside].max())
        assert path.low[i] <= mark["low"][inside].min()
        assert path.inferred[i]


@settings(deadline=None)
@given(quarter_bars(), quarter_bars())
def test_a_mark_path_encloses_its_open_and_close(last: Channel, other: Channel) -> None:
    hours = resample_bars(other, Timeframe("1h"))
    columns = {name: hours[name] for name in hours.columns if name != "volume"}
    mark = Channel(type(hours.key)("M", ChannelKind.MARK, "1h"), columns)
    path = marks_on_bars(last, mark)
    assert (path.low <= np.minimum(path.open, path.close)).all()
    assert (path.high >= np.maximum(path.open, path.close)).all()


@settings(deadline=None)
@given(quarter_bars(), quarter_bars(), st.integers(0, 45))
def test_mark_closes_see_no_later_row(last: Channel, other: Channel, slot: int) -> None:
    hours = resample_bars(other, Timeframe("1h"))
    columns = {name: hours[name] for name in hours.columns if name != "volume"}
    columns["available_at"] = columns["closed_at"]
    mark = Channel(type(hours.key)("M", ChannelKind.MARK, "1h"), columns)
    at = slot * QUARTER
    whole = marks_on_bars(last, mark).close[: len(last.cut(at))]
    np.testing.assert_array_equal(whole, marks_on_bars(last.cut(at), mark.cut(at)).close)
