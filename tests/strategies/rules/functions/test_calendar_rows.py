import numpy as np
import pytest

from engine.api import session_bounds
from strategies.rules.functions.calendar_rows import (
    days_to_month_end,
    hour,
    month_end_rows,
    weekday,
)
from strategies.rules.functions.function import RowTimes

HOUR_NS = 3_600 * 10**9


def dated(*texts, calendar="24/7"):
    at = np.array(texts, "datetime64[ns]")
    return RowTimes(at.astype(np.int64), at.astype("datetime64[D]"), calendar)


def test_the_day_and_the_hour_are_those_of_the_zone():
    # 03:00 UTC on Monday 4 March 2024 is 22:00 on Sunday in New York; in summer time 23:00.
    times = dated("2024-03-04T03:00", "2024-03-11T03:00")
    assert weekday(times, "UTC").tolist() == [1.0, 1.0]
    assert weekday(times, "America/New_York").tolist() == [7.0, 7.0]
    assert hour(times, "UTC").tolist() == [3.0, 3.0]
    assert hour(times, "America/New_York").tolist() == [22.0, 23.0]


def test_trading_days_are_counted_to_the_end_of_the_month():
    # March 2024 ended on Good Friday the 29th, closed: the 28th is the last session.
    dates = ("2024-03-26", "2024-03-27", "2024-03-28", "2024-03-29", "2024-04-01")
    assert days_to_month_end(dated(*dates, calendar="XNYS")).tolist() == [2, 1, 0, 0, 21]
    assert days_to_month_end(dated(*dates)).tolist() == [5, 4, 3, 2, 29]


def test_the_month_ends_on_its_last_session():
    dates = ("2024-02-29", "2024-03-28", "2024-03-29", "2024-05-30", "2024-05-31", "2024-06-01")
    found = month_end_rows(dated(*dates, calendar="XNYS"))
    # The 29th of March and the 1st of June are no sessions.
    assert found.tolist() == [True, True, False, False, True, False]


def test_a_month_without_a_row_on_its_last_session_has_no_end():
    assert not month_end_rows(dated("2024-05-30", "2024-06-03", calendar="XNYS")).any()


def test_of_hourly_bars_the_one_that_closes_the_last_day_is_kept():
    at = np.arange("2024-01-30", "2024-02-02", dtype="datetime64[h]").astype("datetime64[ns]")
    closed_at = at.astype(np.int64) + HOUR_NS
    dates = (closed_at - 1).astype("datetime64[ns]").astype("datetime64[D]")
    times = RowTimes(closed_at, dates, "24/7", intraday=True)
    chosen = np.flatnonzero(month_end_rows(times))
    assert closed_at[chosen].astype("datetime64[ns]").tolist() == [1706745600 * 10**9]
    assert str(dates[chosen[0]]) == "2024-01-31"


def test_of_bars_after_the_close_of_an_exchange_the_first_is_kept():
    date = np.array(["2024-05-31"], "datetime64[D]")
    close = session_bounds("XNYS", date)[1][0]
    at = close + np.array([-1, 0, 1, 2]) * HOUR_NS
    times = RowTimes(at, np.repeat(date, 4), "XNYS", intraday=True)
    assert month_end_rows(times).tolist() == [False, True, False, False]


@pytest.mark.parametrize("calendar", ["24/7", "XNYS"])
def test_no_rows_have_no_month_end(calendar):
    empty = RowTimes(np.array([], np.int64), np.array([], "datetime64[D]"), calendar, intraday=True)
    assert month_end_rows(empty).tolist() == []
    assert days_to_month_end(empty).tolist() == []
