"""Sessions, business days and clock times around holidays and clock changes."""

import numpy as np
import pytest

from data_feeds.calendar import (
    FEDERAL_RESERVE,
    add_business_days,
    local_instants,
    session_bounds,
    sessions_between,
    sessions_left_in_month,
)
from data_feeds.clock import utc_text
from data_feeds.errors import SchemaError


def days(*names: str) -> np.ndarray:
    return np.array(names, dtype="datetime64[D]")


def test_sessions_follow_daylight_saving_and_early_closes() -> None:
    # US clocks changed on 2026-03-08; the day after Thanksgiving 2025 closed at 13:00 New York.
    opened, closed = session_bounds("XNYS", days("2026-03-06", "2026-03-09", "2025-11-28"))
    assert [utc_text(at) for at in opened] == [
        "2026-03-06T14:30Z", "2026-03-09T13:30Z", "2025-11-28T14:30Z",
    ]  # fmt: skip
    assert [utc_text(at) for at in closed] == [
        "2026-03-06T21:00Z", "2026-03-09T20:00Z", "2025-11-28T18:00Z",
    ]  # fmt: skip


def test_a_crypto_session_is_the_utc_day() -> None:
    opened, closed = session_bounds("24/7", days("2026-02-07"))
    assert utc_text(opened[0]) == "2026-02-07T00:00Z"
    assert utc_text(closed[0]) == "2026-02-08T00:00Z"


def test_a_holiday_is_no_session() -> None:
    with pytest.raises(SchemaError, match="2026-01-19 is not a session of XNYS"):
        session_bounds("XNYS", days("2026-01-16", "2026-01-19"))
    with pytest.raises(SchemaError, match="calendar 'NYSEX' is unknown"):
        session_bounds("NYSEX", days("2026-01-16"))
    with pytest.raises(SchemaError, match="calendars cover 1954 to 2035"):
        session_bounds("XNYS", days("2040-01-02"))


@pytest.mark.parametrize(
    ("calendar", "date", "opened", "before", "covered"),
    [
        # Tokyo opens at 09:00 (UTC+9), Hong Kong at 09:30, Shanghai at 09:30 (UTC+8).
        ("XTKS", "2026-02-06", "2026-02-06T00:00Z", "1996-12-30", "1997-01-06 to 2035"),
        ("XHKG", "2026-02-06", "2026-02-06T01:30Z", "1959-12-30", "1960-01-0. to 2035"),
        ("XSHG", "2026-02-06", "2026-02-06T01:30Z", "2027-01-04", "to 2026-12-31"),
    ],
)
def test_a_calendar_that_knows_fewer_years_is_used_for_those(
    calendar: str, date: str, opened: str, before: str, covered: str
) -> None:
    found, _ = session_bounds(calendar, days(date))
    assert utc_text(found[0]) == opened
    # Unknown holidays would make every day there a holiday, and one business day decades.
    for asked in (session_bounds, lambda name, dates: add_business_days(name, dates, 1)):
        with pytest.raises(SchemaError, match=f"{before}: calendar {calendar} covers .*{covered}"):
            asked(calendar, days(before))


def test_a_business_day_after_the_last_known_one_is_refused() -> None:
    with pytest.raises(SchemaError, match="date 2036-01-01: calendar XNYS covers"):
        add_business_days("XNYS", days("2035-12-31"), 1)


def test_sessions_between_skips_weekend_and_holiday() -> None:
    friday, tuesday = np.datetime64("2026-01-16"), np.datetime64("2026-01-20")
    found = sessions_between("XNYS", friday, tuesday)
    assert found.astype(str).tolist() == ["2026-01-16", "2026-01-20"]
    assert (
        len(sessions_between("24/7", np.datetime64("2026-01-16"), np.datetime64("2026-01-20"))) == 5
    )


@pytest.mark.parametrize(
    ("calendar", "date", "count", "expected"),
    [
        ("XNYS", "2026-02-06", 1, "2026-02-09"),
        ("XNYS", "2026-01-16", 1, "2026-01-20"),
        ("XNYS", "2026-02-07", 1, "2026-02-09"),
        ("XNYS", "2026-02-07", 0, "2026-02-09"),
        ("XNYS", "2026-02-06", 0, "2026-02-06"),
        # Columbus Day 2025-10-13: the exchange trades, the Federal Reserve publishes nothing.
        ("XNYS", "2025-10-10", 1, "2025-10-13"),
        (FEDERAL_RESERVE, "2025-10-10", 1, "2025-10-14"),
        ("24/7", "2026-02-06", 1, "2026-02-07"),
    ],
)
def test_business_days(calendar: str, date: str, count: int, expected: str) -> None:
    assert str(add_business_days(calendar, days(date), count)[0]) == expected


def test_local_times_follow_daylight_saving() -> None:
    # 16:15 New York is 21:15 UTC in winter and 20:15 in summer.
    found = local_instants(days("2026-03-06", "2026-03-09"), "16:15", "America/New_York")
    assert [utc_text(at) for at in found] == ["2026-03-06T21:15Z", "2026-03-09T20:15Z"]


def test_a_clock_time_that_does_not_exist_is_refused() -> None:
    with pytest.raises(
        SchemaError, match=r"'02:30' .* does not exist or happens twice on 2026-03-08"
    ):
        local_instants(days("2026-03-08"), "02:30", "America/New_York")
    with pytest.raises(SchemaError, match="Atlantis"):
        local_instants(days("2026-03-08"), "12:00", "Atlantis/Main")


def test_sessions_left_in_a_month_are_counted_from_the_calendar():
    # July 2024: after the 29th come Tuesday and Wednesday; after Saturday the 27th three sessions.
    dates = np.array(["2024-07-27", "2024-07-29", "2024-07-31"], "datetime64[D]")
    assert sessions_left_in_month("XNYS", dates).tolist() == [3, 2, 0]
    assert sessions_left_in_month("24/7", dates).tolist() == [4, 2, 0]


def test_sessions_left_beyond_the_known_holidays_are_refused():
    with pytest.raises(SchemaError, match="calendars cover 1954 to 2035"):
        sessions_left_in_month("XNYS", np.array(["2040-01-01"], "datetime64[D]"))
