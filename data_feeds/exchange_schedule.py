"""Read sessions, breaks and holidays from exchange_calendars and pandas, as arrays.

``calendar`` loads this module when it is first asked about an exchange: the two libraries take
three quarters of a second, and most commands ask about none.
"""

import warnings
from dataclasses import dataclass

import exchange_calendars
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.holiday import USFederalHolidayCalendar

from data_feeds.clock import Dates, Instants, index_ns
from data_feeds.errors import SchemaError

# A year that every calendar covers, used to read a calendar's own bounds and zone.
_PROBE = ("2024-01-01", "2024-12-31")


@dataclass(frozen=True)
class ExchangeSchedule:
    """The sessions of an exchange by date, instants in ns UTC; a break is 0 where there is none."""

    days: Dates
    opened_at: Instants
    closed_at: Instants
    break_at: Instants
    resumed_at: Instants
    has_break: NDArray[np.bool_]


def read_schedule(calendar: str, first_year: int, last_year: int) -> ExchangeSchedule:
    """Return the sessions of an exchange in some years, fewer where its holidays are not known.

    Raises
    ------
    SchemaError : exchange_calendars does not know the name, or cannot compute the calendar.
    """
    try:
        with warnings.catch_warnings():
            # exchange_calendars 4.13 uses Series.values, which pandas 3.1 announces to change.
            warnings.simplefilter("ignore", pd.errors.Pandas4Warning)
            first, last = pd.Timestamp(first_year, 1, 1), pd.Timestamp(last_year, 12, 31)
            try:
                found = exchange_calendars.get_calendar(calendar, start=first, end=last)
            except ValueError:  # it reaches less far
                known = exchange_calendars.get_calendar(calendar, start=_PROBE[0], end=_PROBE[1])
                earliest, latest = known.bound_min(), known.bound_max()
                found = exchange_calendars.get_calendar(
                    calendar,
                    start=first if earliest is None else max(first, earliest),
                    end=last if latest is None else min(last, latest),
                )
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise SchemaError(
            f"calendar {calendar!r} is unknown; use 24/7 or an exchange_calendars name, e.g. XNYS"
        ) from error
    except (ValueError, NotImplementedError) as error:
        raise SchemaError(
            f"calendar {calendar!r} cannot be computed by exchange_calendars; use another one"
        ) from error
    return _as_arrays(found.schedule)


def _as_arrays(schedule: pd.DataFrame) -> ExchangeSchedule:
    paused = pd.DatetimeIndex(schedule["break_start"])
    has_break = np.asarray(paused.notna(), dtype=np.bool_)
    opened, closed, break_at, resumed = (
        index_ns(pd.DatetimeIndex(schedule[name]))
        for name in ("open", "close", "break_start", "break_end")
    )
    return ExchangeSchedule(
        days=schedule.index.to_numpy().astype("datetime64[D]"),
        opened_at=opened,
        closed_at=closed,
        break_at=np.where(has_break, break_at, 0),
        resumed_at=np.where(has_break, resumed, 0),
        has_break=has_break,
    )


def exchange_zone(calendar: str) -> str:
    """Return the time zone of a known exchange's clock."""
    with warnings.catch_warnings():
        # As in ``read_schedule``.
        warnings.simplefilter("ignore", pd.errors.Pandas4Warning)
        known = exchange_calendars.get_calendar(calendar, start=_PROBE[0], end=_PROBE[1])
    return str(known.tz)


def federal_holidays(first_year: int, last_year: int) -> Dates:
    """Return the holidays of the Federal Reserve in some years."""
    holidays = USFederalHolidayCalendar().holidays(f"{first_year}-01-01", f"{last_year}-12-31")
    return holidays.to_numpy().astype("datetime64[D]")


def instants_of_clock(days: Dates, hours: int, minutes: int, zone: str) -> Instants | np.datetime64:
    """Return the UTC instants of a local time on some dates, or the first date without it.

    Such a date skips the time or has it twice, by daylight saving.

    Raises
    ------
    ValueError, KeyError : pandas does not know the zone.
    """
    local = pd.DatetimeIndex(days).as_unit("ns") + pd.Timedelta(hours=hours, minutes=minutes)
    found = local.tz_localize(zone, nonexistent="NaT", ambiguous="NaT")
    missing = np.flatnonzero(found.isna())
    if len(missing):
        return np.datetime64(local[missing[0]].date())
    return index_ns(found.tz_convert("UTC"))
