"""The instants around an answer, by hand.

New York trades 14:30Z to 21:00Z in winter. 2026-01-19 is a holiday, a Monday; 2025-11-28 closes at
18:00Z.
"""

import numpy as np
import pytest

from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.clock import DAY_NS, HOUR_NS, WEEK_NS, utc_text
from engine.errors import ConfigError
from engine.today.instants import asked_instant, due_close, next_close, next_open, reading_day
from tests.data_feeds.factory import ns

NYSE = "XNYS"


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-02-03T22:00", "2026-02-03T21:00"),  # an hour after the close the bar is due
        ("2026-02-03T21:59", "2026-02-02T21:00"),
        ("2026-02-08T15:00", "2026-02-06T21:00"),  # a Sunday
        ("2026-02-09T13:00", "2026-02-06T21:00"),  # Monday before the open
        ("2026-01-20T13:00", "2026-01-16T21:00"),  # after a holiday
        ("2025-11-28T19:00", "2025-11-28T18:00"),  # a half day
    ],
)
def test_a_session_s_bar_is_due_an_hour_after_its_close(now: str, due: str) -> None:
    assert utc_text(due_close(NYSE, DAY_NS, ns(now))) == f"{due}Z"


def test_around_the_clock_a_bar_may_be_an_hour_late_and_never_longer_than_a_bar() -> None:
    assert due_close(ALWAYS_OPEN, HOUR_NS, ns("2026-02-08T15:20")) == ns("2026-02-08T14:00")
    assert due_close(ALWAYS_OPEN, HOUR_NS // 12, ns("2026-02-08T15:04")) == ns("2026-02-08T14:55")
    assert due_close(ALWAYS_OPEN, DAY_NS, ns("2026-02-05T23:30")) == ns("2026-02-05")
    assert due_close(ALWAYS_OPEN, DAY_NS, ns("2026-02-05T00:59")) == ns("2026-02-04")
    # Weeks begin on Monday: that of 2026-02-02 ended on the 9th.
    assert due_close(ALWAYS_OPEN, WEEK_NS, ns("2026-02-10")) == ns("2026-02-09")
    assert due_close(ALWAYS_OPEN, WEEK_NS, ns("2026-02-09T00:30")) == ns("2026-02-02")


def test_a_week_at_an_exchange_closes_with_its_last_session() -> None:
    # The Friday of 2026-04-03 is a holiday, Good Friday.
    assert due_close(NYSE, WEEK_NS, ns("2026-02-07")) == ns("2026-02-06T21:00")
    assert due_close(NYSE, WEEK_NS, ns("2026-02-06T21:30")) == ns("2026-01-30T21:00")
    assert next_close(NYSE, WEEK_NS, ns("2026-03-27T20:00")) == ns("2026-04-02T20:00")


def test_the_next_close_follows_the_calendar() -> None:
    assert next_close(NYSE, DAY_NS, ns("2026-01-16T21:00")) == ns("2026-01-20T21:00")
    assert next_close(NYSE, HOUR_NS, ns("2026-02-03T19:30")) == ns("2026-02-03T20:30")
    # The half hour before the close fills no bar of an hour.
    assert next_close(NYSE, HOUR_NS, ns("2026-02-03T20:30")) == ns("2026-02-04T15:30")
    assert next_close(ALWAYS_OPEN, HOUR_NS, ns("2026-02-07T23:00")) == ns("2026-02-08T00:00")
    # Half hours that end at half past lack the hour's bar at its close.
    assert next_close(ALWAYS_OPEN, HOUR_NS, ns("2026-02-07T22:30")) == ns("2026-02-07T23:00")


def test_the_next_open_is_a_session_s_or_the_next_bar_s() -> None:
    assert next_open(NYSE, DAY_NS, ns("2026-02-06T23:30")) == ns("2026-02-09T14:30")
    assert next_open(NYSE, HOUR_NS, ns("2026-02-03T15:30")) == ns("2026-02-03T15:30")
    # The half hour before the close is no bar of an hour.
    assert next_open(NYSE, HOUR_NS, ns("2026-02-03T20:30")) == ns("2026-02-04T14:30")
    assert next_open(ALWAYS_OPEN, HOUR_NS, ns("2026-02-06T23:30")) == ns("2026-02-07T00:00")
    assert next_open(ALWAYS_OPEN, HOUR_NS, ns("2026-02-06T23:00")) == ns("2026-02-06T23:00")


def test_a_day_s_reading_is_the_newest_whose_clock_has_passed() -> None:
    # 18:30 New York is 23:30Z in winter.
    assert reading_day(ns("2026-02-02T23:30"), "18:30") == np.datetime64("2026-02-02")
    assert reading_day(ns("2026-02-02T23:29"), "18:30") == np.datetime64("2026-02-01")
    assert reading_day(ns("2026-02-03T02:00"), "18:30") == np.datetime64("2026-02-02")


def test_an_asked_date_is_that_day_s_reading_and_an_instant_is_itself() -> None:
    assert asked_instant("2026-02-05", "18:30") == ns("2026-02-05T23:30")
    assert asked_instant("2026-07-06", "18:30") == ns("2026-07-06T22:30")
    assert asked_instant("2026-02-05T14:00Z", "18:30") == ns("2026-02-05T14:00")
    with pytest.raises(ConfigError, match="'2026-02-30' is not an instant"):
        asked_instant("2026-02-30", "18:30")
