"""Instants, days and texts: hand-worked values and pandas as the oracle."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from data_feeds import clock
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from data_feeds.errors import SchemaError

# 2026-02-06T03:00:00Z: 20 490 days and 3 hours after the epoch.
AT = 20_490 * DAY_NS + 3 * HOUR_NS


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("90s", 90 * SECOND_NS),
        ("15m", 15 * MINUTE_NS),
        (" 4h ", 4 * HOUR_NS),
        ("2d", 2 * DAY_NS),
        ("1w", 7 * DAY_NS),
    ],
)
def test_a_duration_is_a_whole_number_of_its_unit(text: str, ns: int) -> None:
    assert clock.parse_duration(text) == ns


@pytest.mark.parametrize("text", ["", "0m", "1.5h", "-1d", "5", "h", "1M", "1 h", "1h30m"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(SchemaError, match="is not a duration; write a positive whole number"):
        clock.parse_duration(text)


@pytest.mark.parametrize(
    ("after_ns", "text"),
    [
        (0, "2026-02-06T03:00Z"),
        (5 * SECOND_NS, "2026-02-06T03:00:05Z"),
        (18_000_000, "2026-02-06T03:00:00.018Z"),
        (1, "2026-02-06T03:00:00.000000001Z"),
    ],
)
def test_an_instant_shows_seconds_only_where_they_are_not_zero(after_ns: int, text: str) -> None:
    assert clock.utc_text(AT + after_ns) == text


def test_a_datetime_is_one_instant_in_any_zone() -> None:
    plus_nine = datetime(2026, 2, 6, 12, tzinfo=timezone(timedelta(hours=9)))
    assert clock.datetime_ns(plus_nine) == clock.datetime_ns(datetime(2026, 2, 6, 3, tzinfo=UTC))
    assert clock.datetime_ns(plus_nine) == AT
    assert clock.datetime_ns(plus_nine.replace(microsecond=18_000)) == AT + 18_000_000


def test_an_instant_becomes_a_datetime_without_its_part_of_a_second() -> None:
    assert clock.utc_datetime(AT + 999) == datetime(2026, 2, 6, 3, tzinfo=UTC)
    new_york = clock.local_datetime(AT, ZoneInfo(clock.NEW_YORK))
    assert (new_york.date(), new_york.hour) == (date(2026, 2, 5), 22)


def test_a_text_without_a_zone_is_utc() -> None:
    assert clock.text_ns("2026-02-06T03:00") == AT
    assert clock.text_ns("2026-02-06") == AT - 3 * HOUR_NS


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_pandas_times_of_every_unit_give_nanoseconds(unit: str) -> None:
    index = pd.DatetimeIndex(["2026-02-06T03:00Z"]).as_unit(unit)  # type: ignore[arg-type]
    assert clock.index_ns(index).tolist() == [AT]
    assert clock.timestamp_ns(index[0]) == AT
    assert clock.utc_index(np.array([AT])).equals(index.as_unit("ns"))


def test_days_and_midnights_are_utc() -> None:
    at = np.array([AT, AT - 3 * HOUR_NS - 1])
    days = np.array(["2026-02-06", "2026-02-05"], dtype="datetime64[D]")
    assert clock.utc_days(at).tolist() == days.tolist()
    assert clock.utc_day(AT) == days[0]
    assert clock.midnights_ns(days).tolist() == [20_490 * DAY_NS, 20_489 * DAY_NS]
    assert clock.midnight_ns(date(2026, 2, 6)) == clock.midnight_ns(days[0]) == 20_490 * DAY_NS


def test_midnight_is_its_own_start_and_end_and_belongs_to_the_day_that_ends() -> None:
    midnight = 20_490 * DAY_NS
    assert clock.day_start_ns(midnight) == clock.day_end_ns(midnight) == midnight
    assert (clock.day_start_ns(AT), clock.day_end_ns(AT)) == (midnight, midnight + DAY_NS)
    assert clock.closing_days(np.array([midnight, midnight + 1])).tolist() == [20_489, 20_490]


def test_the_first_monday_began_four_days_after_the_epoch() -> None:
    assert clock.utc_datetime(clock.FIRST_MONDAY_NS).weekday() == 0
