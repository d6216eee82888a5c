"""Holes of bars, settlements and series, by hand and against a slow search."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_feeds.calendar import hours_between, session_bounds, sessions_between
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS
from data_feeds.holes import (
    Gap,
    gaps,
    local_intervals,
    point_holes,
    steps_of,
    zero_volume_runs,
)
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from tests.data_feeds.factory import bars, ns, replaced, series
from tests.data_feeds.quality_cases import funding

# Bars and series ----------------------------------------------------------------------------------


def test_gaps_of_bars_count_missing_bars() -> None:
    channel = bars([0, HOUR_NS, 4 * HOUR_NS], [(1, 1, 1, 1, 0), (1, 1, 1, 1, 0), (1, 1, 1, 1, 3)])
    assert gaps(channel) == [Gap(2 * HOUR_NS, 4 * HOUR_NS, 2)]
    assert zero_volume_runs(channel) == [Gap(0, 2 * HOUR_NS, 2)]


def test_a_weekend_is_no_gap_of_an_exchange() -> None:
    def session(day: str) -> int:
        return ns(f"{day}T14:30")

    friday, monday, wednesday = session("2026-02-06"), session("2026-02-09"), session("2026-02-11")
    channel = bars([friday, monday, wednesday], [(1, 1, 1, 1, 1)] * 3, "1d")
    closed = channel["opened_at"] + int(6.5 * HOUR_NS)
    channel = replaced(channel, closed_at=closed, available_at=closed)
    assert gaps(channel, "XNYS") == [Gap(int(closed[1]), wednesday, 1)]


def test_funding_gaps_follow_the_interval() -> None:
    step = 8 * HOUR_NS
    channel = funding([0, step, 2 * step, 5 * step])
    assert gaps(channel) == [Gap(3 * step, 5 * step, 2)]
    assert gaps(series([0, 1, 9], [0, 1, 9], [1, 2, 3])) == []


def test_a_series_has_a_hole_where_ten_of_its_usual_steps_are_missing() -> None:
    # Days 0, 1, 2 (revised twice), then ten days on, then a weekend's length on.
    days = [0, 1, 2, 2, 2, 12, 15]
    known = [0, 1, 2, 3, 4, 12, 15]
    at = [day * DAY_NS for day in days]
    channel = series(at, [day * DAY_NS for day in known], [1.0] * 7)
    assert gaps(channel) == [Gap(3 * DAY_NS, 12 * DAY_NS, 9)]


def test_a_series_that_changes_from_months_to_days_has_no_invented_hole() -> None:
    months = [np.datetime64(f"2020-{month:02}-01") for month in range(1, 13)]
    days = np.arange(np.datetime64("2021-01-01"), np.datetime64("2021-04-01"))
    dates = np.concatenate((months, days)).astype("datetime64[ns]").astype(np.int64)
    assert gaps(series(dates.tolist(), dates.tolist(), [1.0] * len(dates))) == []
    # Twelve days without a value among the daily ones.
    torn = np.delete(dates, slice(40, 52))
    (found,) = gaps(series(torn.tolist(), torn.tolist(), [1.0] * len(torn)))
    assert (found.missing, found.ended_at) == (12, int(dates[52]))


# Bars of exchanges --------------------------------------------------------------------------------

# Changes of the clock in New York and London, half days, breaks at noon in Tokyo and Hong Kong.
STRETCHES = {
    "XNYS": ("2025-10-20", "2025-12-05"),
    "XLON": ("2026-03-16", "2026-04-10"),
    "XTKS": ("2026-01-05", "2026-01-30"),
    "XHKG": ("2025-12-15", "2026-01-09"),
}


def parts_of_sessions(calendar: str) -> list[tuple[int, int]]:
    first, last = (np.datetime64(day) for day in STRETCHES[calendar])
    opened, closed = session_bounds(calendar, sessions_between(calendar, first, last))
    hours = hours_between(calendar, int(opened[0]), int(closed[-1]))
    return [(opens, closes) for opens, closes in hours.tolist() if closes > opened[0]]


def session_bars(calendar: str, timeframe: str, *, is_utc: bool) -> Channel:
    """Return bars from each opening, or on clock hours; a session's last bar is cut off."""
    step = Timeframe(timeframe).ns
    spans = []
    for opens, closes in parts_of_sessions(calendar):
        first = -(-opens // step) * step if is_utc else opens
        spans += [(at, min(at + step, closes)) for at in range(first, closes, step)]
    made = bars([opened for opened, _ in spans], [(1, 1, 1, 1, 1)] * len(spans), timeframe)
    closed = [closes for _, closes in spans]
    return replaced(made, closed_at=closed, available_at=closed)


@pytest.mark.parametrize("is_utc", [False, True])
@pytest.mark.parametrize("timeframe", ["5m", "30m", "1h", "2h", "4h"])
@pytest.mark.parametrize("calendar", list(STRETCHES))
def test_whole_sessions_have_no_hole(calendar: str, timeframe: str, is_utc: bool) -> None:
    assert gaps(session_bars(calendar, timeframe, is_utc=is_utc), calendar) == []


@settings(max_examples=60)
@given(
    st.sampled_from(list(STRETCHES)),
    st.sampled_from(["15m", "1h"]),
    st.sets(st.integers(1, 10_000), max_size=60),
)
def test_every_bar_taken_out_of_a_session_is_missing(
    calendar: str, timeframe: str, taken: set[int]
) -> None:
    whole = session_bars(calendar, timeframe, is_utc=False)
    gone = {number % (len(whole) - 2) + 1 for number in taken}
    held = whole.take(np.array([row for row in range(len(whole)) if row not in gone]))
    found = gaps(held, calendar)
    assert sum(gap.missing for gap in found) == len(gone)
    firsts = [row for row in sorted(gone) if row - 1 not in gone]
    assert [gap.started_at for gap in found] == whole["opened_at"][firsts].tolist()


def test_a_session_without_bars_misses_all_bars_of_its_hours() -> None:
    whole = session_bars("XNYS", "30m", is_utc=False)
    days = whole["opened_at"].astype("datetime64[ns]").astype("datetime64[D]")
    # Monday, Wednesday and the half Friday around Thanksgiving 2025: 13, 13 and 7 half hours.
    gone = np.isin(days, np.array(["2025-11-24", "2025-11-26", "2025-11-28"], "datetime64[D]"))
    assert [gap.missing for gap in gaps(whole.take(~gone), "XNYS")] == [13, 20]


def test_weeks_of_an_exchange_miss_weeks_not_sessions() -> None:
    mondays = [ns("2026-01-05") + week * 7 * DAY_NS for week in range(6)]
    weeks = bars(mondays, [(1, 1, 1, 1, 1)] * 6, "1w")
    assert gaps(weeks, "XNYS") == []
    (hole,) = gaps(weeks.take(np.array([0, 1, 4, 5])), "XNYS")
    assert hole.missing == 2


# Points -------------------------------------------------------------------------------------------


def at_hours(*numbers: float) -> list[int]:
    return [round(number * HOUR_NS) for number in numbers]


def missing_hours(hours: list[float]) -> list[float]:
    event = np.array(at_hours(*hours), dtype=np.int64)
    holes = point_holes(ChannelKind.FUNDING, int(event[0]), steps_of(event))
    return [float(at / HOUR_NS) for hole in holes for at in hole.due_at]


# Ten days of 8 hours, five of 4 hours, two of one hour, five of 8 hours again.
CHANGING = [*range(0, 240, 8), *range(240, 360, 4), *range(360, 408), *range(408, 529, 8)]


def test_changing_intervals_alone_are_no_hole() -> None:
    assert missing_hours(CHANGING) == []
    assert gaps(funding(at_hours(*CHANGING))) == []


@pytest.mark.parametrize(
    "taken",
    [
        # One and several of 8 hours, at the beginning, in the middle, before the change.
        [8], [8, 16, 24], [8, 24, 40], [80], [96, 112], [232], [224, 232],
        # Of 4 hours: in the middle, and the last one before the hours.
        [300], [300, 304, 308], [288, 296], [356], [348, 356],
        # Of one hour: in the middle, the first after the change, the last before the next one.
        [380], [380, 381, 385], [361], [407], [405, 407],
        # Of the last 8 hours, and up to the last row but one.
        [416], [448, 456], [520], [504, 512, 520],
        # Settlements at which the interval changes.
        [240], [360], [408], [407, 408], [360, 361],
        # In all of them.
        [16, 300, 380, 448],
    ],
)  # fmt: skip
def test_every_hole_of_a_file_with_changing_intervals_is_found(taken: list[int]) -> None:
    assert missing_hours([hour for hour in CHANGING if hour not in taken]) == taken


@pytest.mark.parametrize(
    "taken",
    [
        # The first of 4 hours after 8: the rows equal a change one settlement later.
        [244],
        # Every second of 4 hours up to the hourly rows: the rows equal intervals of 8 hours.
        [316, 324, 332, 340, 348, 356],
    ],
)
def test_a_hole_that_looks_like_another_change_is_not_known(taken: list[int]) -> None:
    assert missing_hours([hour for hour in CHANGING if hour not in taken]) == []


def test_no_hole_is_found_before_the_first_and_after_the_last_settlement() -> None:
    assert missing_hours(CHANGING[3:-3]) == []


def test_most_steps_may_be_holes() -> None:
    # Every second settlement of 8 hours is missing, in all of the rows: no venue has 16 hours.
    assert missing_hours(list(range(0, 161, 16))) == list(range(8, 160, 16))


def test_sums_of_a_day_are_an_interval_of_their_own() -> None:
    assert missing_hours([0, 24, 48, 96, 120]) == [72]
    # With one settlement of 8 hours among the rows these are no holes.
    assert missing_hours([0, 24, 32]) == [8, 16]


def test_a_few_seconds_of_delay_are_in_time_and_half_an_hour_is_an_interval() -> None:
    late = [hour + 12 / 3600 * (hour % 3) for hour in CHANGING]
    assert missing_hours(late) == []
    assert missing_hours([0, 0.5, 1.0, 1.5, 2.5, 3.0, 3.5]) == [2.0]


def test_open_interest_of_five_minutes_and_then_of_an_hour_has_its_own_holes_alone() -> None:
    minutes = [*range(0, 600, 5), *range(600, 6_000, 60)]
    held = [minute for minute in minutes if minute not in (50, 55, 300, 1_200, 1_260)]
    event = np.array(held, dtype=np.int64) * MINUTE_NS
    columns = {
        "event_at": event,
        "available_at": event,
        "open_interest_base": np.ones(len(event)),
        "open_interest_quote": np.full(len(event), np.nan),
        "label": np.zeros(len(event), dtype=np.int8),
    }
    channel = Channel(ChannelKey("BTCUSDT-PERP", ChannelKind.OPEN_INTEREST), columns)
    assert [(gap.started_at // MINUTE_NS, gap.missing) for gap in gaps(channel)] == [
        (50, 2),
        (300, 1),
        (1_200, 2),
    ]


@settings(max_examples=150)
@given(st.lists(st.sampled_from([1, 2, 3, 4, 8, 12, 16]), min_size=1, max_size=6))
def test_the_reading_is_the_cheapest_of_all(hours: list[int]) -> None:
    def price(reading: tuple[int, ...]) -> float:
        cost = 2.5 * sum(a != b for a, b in pairwise(reading))
        for step, interval in zip(hours, reading, strict=True):
            times = round(step / interval)
            cost += float("inf") if times < 1 else (times > 1) + 3 * (step != times * interval)
        return cost

    most = max(set(hours), key=lambda step: (hours.count(step), -step))
    known = {1, 2, 4, 8} | ({most} if most < 8 or most == min(hours) == 12 else set())
    event = np.cumsum([0, *(hour * HOUR_NS for hour in hours)])
    steps = steps_of(event)
    found = local_intervals(ChannelKind.FUNDING, steps)
    mine = [i // HOUR_NS for i, (_, n) in zip(found, steps, strict=True) for _ in range(n)]
    cheapest = min(price(r) for r in product(known, repeat=len(hours)))
    assert price(tuple(mine)) == pytest.approx(cheapest, abs=1e-3)


@pytest.mark.parametrize(("whole", "extra"), [(8, 3), (8, 6), (4, 1), (2, 0.5)])
def test_one_point_beside_the_schedule_is_no_change(whole: int, extra: float) -> None:
    at = [round(i * whole * HOUR_NS) for i in range(40)]
    beside = sorted([*at, round((20 * whole + extra) * HOUR_NS)])
    assert gaps(funding(beside)) == []
    # With a settlement missing elsewhere, only that one is a hole.
    missing = [instant for instant in beside if instant != at[10]]
    assert gaps(funding(missing)) == [Gap(at[10], at[11], 1)]
