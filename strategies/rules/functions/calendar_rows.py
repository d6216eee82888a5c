"""Days, hours and month ends of rows, by a calendar that is known in advance."""

import numpy as np

from engine.api import session_bounds, sessions_between, sessions_left_in_month, utc_index
from strategies.rules.functions.function import (
    Flags,
    Floats,
    Function,
    Parameter,
    RowTimes,
    fixed_unit,
    no_memory,
    same_unit,
)


def weekday(times: RowTimes, zone: str) -> Floats:
    """Return the day of the week of each instant in a zone, 1 Monday to 7 Sunday.

    >>> noon = np.array(["2024-02-29T12:00"], "datetime64[ns]")
    >>> times = RowTimes(noon.astype(np.int64), noon.astype("datetime64[D]"), "24/7")
    >>> weekday(times, "UTC").tolist()
    [4.0]
    """
    return 1.0 + utc_index(times.at).tz_convert(zone).day_of_week.to_numpy(dtype=np.float64)


def hour(times: RowTimes, zone: str) -> Floats:
    """Return the hour of each instant in a zone, 0 to 23.

    >>> noon = np.array(["2024-02-29T12:00"], "datetime64[ns]")
    >>> times = RowTimes(noon.astype(np.int64), noon.astype("datetime64[D]"), "24/7")
    >>> hour(times, "America/New_York").tolist()
    [7.0]
    """
    return utc_index(times.at).tz_convert(zone).hour.to_numpy(dtype=np.float64)


def days_to_month_end(times: RowTimes) -> Floats:
    """Return the trading days after each row's date until its month ends, 0 on the last one.

    >>> noon = np.array(["2024-02-28T12:00"], "datetime64[ns]")
    >>> times = RowTimes(noon.astype(np.int64), noon.astype("datetime64[D]"), "24/7")
    >>> days_to_month_end(times).tolist()
    [1.0]
    """
    return sessions_left_in_month(times.calendar, times.dates).astype(np.float64)


def month_end_rows(times: RowTimes) -> Flags:
    """Return whether each row is the last one of its month's last trading day.

    Of several rows a day it is the first one at or after the session's close. The calendar says
    which day and which close are the last, so no later row is read.

    >>> dates = np.array(["2024-03-27", "2024-03-28", "2024-04-01"], "datetime64[D]")
    >>> at = dates.astype("datetime64[ns]").astype(np.int64)
    >>> month_end_rows(RowTimes(at, dates, "XNYS")).tolist()
    [False, True, False]
    """
    chosen: Flags = sessions_left_in_month(times.calendar, times.dates) == 0
    if len(chosen):
        held = sessions_between(times.calendar, times.dates.min(), times.dates.max())
        chosen &= np.isin(times.dates, held)
    intraday = np.broadcast_to(times.intraday, len(chosen))
    several = chosen & intraday
    _, closed_at = session_bounds(times.calendar, times.dates[several])
    chosen[several] = times.at[several] >= closed_at
    same_date = times.dates[1:] == times.dates[:-1]
    chosen[1:] &= ~(chosen[:-1] & same_date & intraday[1:])
    return chosen


def _kept(x: Floats) -> Floats:
    return x


_ZONE = Parameter("zone", "zone", "an IANA time zone in quotes; left out, that of the clock")

CALENDAR = (
    Function(
        name="weekday",
        parameters=(_ZONE,),
        summary="day of the week of the decision, 1 Monday to 7 Sunday",
        formula="day of the week of the decision's instant in the zone",
        unit_words="1 to 7",
        memory_words="none",
        source="ISO 8601",
        compute=weekday,
        unit=fixed_unit("count"),
        memory=no_memory,
        reads_clock=True,
    ),
    Function(
        name="hour",
        parameters=(_ZONE,),
        summary="hour of the decision, 0 to 23",
        formula="hour of the decision's instant in the zone",
        unit_words="0 to 23",
        memory_words="none",
        source="ISO 8601",
        compute=hour,
        unit=fixed_unit("count"),
        memory=no_memory,
        reads_clock=True,
    ),
    Function(
        name="days_to_month_end",
        parameters=(),
        summary="trading days left in the month after this row's date, 0 on the last one",
        formula="sessions of the clock's calendar after the row's date and in its month",
        unit_words="days",
        memory_words="none; sessions are known in advance",
        source="exchange calendar; around the clock, calendar days UTC",
        compute=days_to_month_end,
        unit=fixed_unit("count"),
        memory=no_memory,
        reads_clock=True,
    ),
    Function(
        name="month_end",
        parameters=(Parameter("x", "number", "the values"),),
        summary="the values of x on the last trading day of each month, one row a month",
        formula=(
            "the rows of x dated on the last session of a month; of several rows that day, the "
            "first one at or after the session's close"
        ),
        unit_words="that of x",
        memory_words="one row a month; n rows reach back n months",
        source="exchange calendar; around the clock, calendar days UTC",
        compute=_kept,
        unit=same_unit,
        memory=no_memory,
        selects=month_end_rows,
    ),
)
