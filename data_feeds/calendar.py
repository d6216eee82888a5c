"""Exchange sessions, business days and local clock times, as UTC nanoseconds.

``24/7`` means always open; every other name is an exchange_calendars name. The horizon is fixed, so
that today's date never changes a result.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS, Dates, Instants, midnights_ns, utc_days
from data_feeds.errors import SchemaError

if TYPE_CHECKING:
    from data_feeds.exchange_schedule import ExchangeSchedule

ALWAYS_OPEN = "24/7"
# Days on which both the exchange and the Federal Reserve work. Columbus Day and Veterans Day are
# exchange sessions without an H.15 release, so exchange days alone would look ahead by a day.
FEDERAL_RESERVE = "FED"

FIRST_YEAR = 1954
LAST_YEAR = 2035


# ``exchange_schedule`` is loaded when it is needed; its docstring says why.


@lru_cache(maxsize=8)
def _schedule(calendar: str) -> "ExchangeSchedule":
    """Return the sessions of an exchange, for the years with known holidays."""
    from data_feeds.exchange_schedule import read_schedule  # noqa: PLC0415

    return read_schedule(calendar, FIRST_YEAR, LAST_YEAR)


@lru_cache(maxsize=32)
def zone_of(calendar: str) -> str:
    """Return the time zone of an exchange's clock; UTC for a market that never closes.

    Raises
    ------
    SchemaError : the calendar is unknown.
    """
    if calendar == ALWAYS_OPEN:
        return "UTC"
    from data_feeds.exchange_schedule import exchange_zone  # noqa: PLC0415

    _schedule(calendar)  # refuses a name that is no calendar
    return exchange_zone(calendar)


def known_days(calendar: str) -> tuple[np.datetime64, np.datetime64] | None:
    """Return the first and the last known session of an exchange; None around the clock."""
    if calendar == ALWAYS_OPEN:
        return None
    days = _schedule(calendar).days
    return days[0], days[-1]


def _check_covered(calendar: str, days: Dates) -> None:
    """Refuse dates outside the years of a calendar's known sessions and holidays."""
    exchange = "XNYS" if calendar == FEDERAL_RESERVE else calendar
    sessions = _schedule(exchange).days
    outside = np.flatnonzero((days < sessions[0]) | (days > sessions[-1]))
    if len(outside):
        raise SchemaError(
            f"date {days[outside[0]]}: calendar {calendar} covers {sessions[0]} to {sessions[-1]}; "
            "leave the row out, e.g. with start in the mapping"
        )


@lru_cache(maxsize=8)
def _business_days(calendar: str) -> np.busdaycalendar:
    """Return the working days of a calendar, weekends and holidays excluded."""
    exchange = "XNYS" if calendar == FEDERAL_RESERVE else calendar
    sessions = _schedule(exchange).days
    first, after = (np.datetime64(f"{year}-01-01") for year in (FIRST_YEAR, LAST_YEAR + 1))
    every_day = np.arange(first, after, dtype="datetime64[D]")
    holidays = np.setdiff1d(every_day[np.is_busday(every_day)], sessions)
    if calendar == FEDERAL_RESERVE:
        from data_feeds.exchange_schedule import federal_holidays  # noqa: PLC0415

        holidays = np.union1d(holidays, federal_holidays(FIRST_YEAR, LAST_YEAR))
    return np.busdaycalendar(holidays=holidays)


def _days(dates: Dates) -> Dates:
    days = np.asarray(dates).astype("datetime64[D]")
    years = days.astype("datetime64[Y]").astype(int) + 1970
    outside = np.flatnonzero((years < FIRST_YEAR) | (years > LAST_YEAR))
    if len(outside):
        raise SchemaError(
            f"date {days[outside[0]]}: calendars cover {FIRST_YEAR} to {LAST_YEAR}; "
            "leave the row out, e.g. with start in the mapping"
        )
    return days


def session_bounds(calendar: str, dates: Dates) -> tuple[Instants, Instants]:
    """Return the opens and closes of the sessions of some dates, early closes included.

    Parameters
    ----------
    calendar : ``24/7`` (a session is the UTC day) or an exchange_calendars name
    dates : local session dates

    Returns
    -------
    ``opened_at, closed_at``, int64 ns UTC, one for each date.

    Raises
    ------
    SchemaError : a date is no session of that calendar, or the calendar is unknown.
    """
    days = _days(dates)
    if calendar == ALWAYS_OPEN:
        opened = midnights_ns(days)
        return opened, opened + DAY_NS
    _check_covered(calendar, days)
    schedule = _schedule(calendar)
    rows = np.searchsorted(schedule.days, days)
    absent = np.flatnonzero(schedule.days[rows] != days)
    if len(absent):
        bad = days[absent[0]]
        raise SchemaError(f"{bad} is not a session of {calendar}; drop the row or fix its date")
    return schedule.opened_at[rows], schedule.closed_at[rows]


def sessions_between(calendar: str, first: np.datetime64, last: np.datetime64) -> Dates:
    """Return every session date from ``first`` to ``last``, both included."""
    if calendar == ALWAYS_OPEN:
        return np.arange(first, last + np.timedelta64(1, "D"), dtype="datetime64[D]")
    sessions = _schedule(calendar).days
    return sessions[(sessions >= first) & (sessions <= last)]


def sessions_around(calendar: str, first_at: int, last_at: int) -> Dates:
    """Return the session dates between two instants, and one more day on both sides."""
    days = utc_days(np.array([first_at, last_at]))
    day = np.timedelta64(1, "D")
    return sessions_between(calendar, days[0] - day, days[1] + day)


def sessions_left_in_month(calendar: str, dates: Dates) -> NDArray[np.int64]:
    """Return the number of sessions after each date until the end of its month.

    It is 0 on the last session of a month. Sessions are known in advance, so it looks ahead only in
    the calendar.

    Raises
    ------
    SchemaError : a date lies outside the years of a calendar's known sessions.

    >>> sessions_left_in_month("24/7", np.array(["2024-02-28", "2024-02-29"], "datetime64[D]"))
    array([1, 0])
    """
    days = _days(dates)
    ends = (days.astype("datetime64[M]") + 1).astype("datetime64[D]")
    if calendar == ALWAYS_OPEN:
        return (ends - days).astype(np.int64) - 1
    _check_covered(calendar, days)
    sessions = _schedule(calendar).days
    before_end = np.searchsorted(sessions, ends, side="left")
    left: NDArray[np.int64] = before_end - np.searchsorted(sessions, days, side="right")
    return left


def hours_between(calendar: str, first_at: int, last_at: int) -> Instants:
    """Return an exchange's trading hours as pairs of opening and closing instants.

    The pairs cover the sessions that overlap ``[first_at, last_at]`` and the one before them. Early
    closes are included; a break at noon splits a session in two. ``24/7`` gives no pairs.
    """
    if calendar == ALWAYS_OPEN:
        return np.empty((0, 2), np.int64)
    starts, ends = _hours(calendar)
    first = max(int(np.searchsorted(ends, first_at, side="right")) - 1, 0)
    stop = int(np.searchsorted(starts, last_at, side="right"))
    return np.column_stack((starts[first:stop], ends[first:stop]))


def in_session(calendar: str, opened_at: Instants, closed_at: Instants) -> NDArray[np.bool_]:
    """Return a flag for each stretch that lies wholly inside a session, breaks excluded.

    A stretch that crosses an open, a close or a break gets False.
    """
    if calendar == ALWAYS_OPEN or len(opened_at) == 0:
        return np.ones(len(opened_at), np.bool_)
    starts, ends = _hours(calendar)
    row = np.searchsorted(starts, opened_at, side="right") - 1
    inside: NDArray[np.bool_] = (row >= 0) & (closed_at <= ends[np.maximum(row, 0)])
    return inside


@lru_cache(maxsize=8)
def _hours(calendar: str) -> tuple[Instants, Instants]:
    """Return all opening and closing instants of an exchange in order; a break closes and opens."""
    schedule = _schedule(calendar)
    has_break = schedule.has_break
    starts = np.concatenate((schedule.opened_at, schedule.resumed_at[has_break]))
    ends = np.concatenate(
        (
            np.where(has_break, schedule.break_at, schedule.closed_at),
            schedule.closed_at[has_break],
        )
    )
    order = np.argsort(starts)
    return starts[order], ends[order]


def add_business_days(calendar: str, dates: Dates, days: int) -> Dates:
    """Return the ``days``-th business day after each date; 0 is the date or the next business day.

    A weekend or holiday counts as the previous business day, so that one business day after
    Saturday is Monday. ``24/7`` counts calendar days. ``FED`` counts the days on which both the New
    York Stock Exchange and the Federal Reserve are open.
    """
    start = _days(dates)
    if calendar == ALWAYS_OPEN:
        return start + np.timedelta64(days, "D")
    _check_covered(calendar, start)
    roll: Literal["forward", "backward"] = "forward" if days == 0 else "backward"
    found = np.busday_offset(start, days, roll=roll, busdaycal=_business_days(calendar))
    _check_covered(calendar, found)
    return found


def local_instants(dates: Dates, clock: str, zone: str) -> Instants:
    """Return the UTC instants of one local wall-clock time on some dates.

    Parameters
    ----------
    dates : local dates
    clock : ``HH:MM``
    zone : IANA name, e.g. America/New_York; daylight saving is applied date by date

    Raises
    ------
    SchemaError : the zone is unknown, or the clock does not exist or is ambiguous on a date.
    """
    from data_feeds.exchange_schedule import instants_of_clock  # noqa: PLC0415

    days = _days(dates)
    try:
        hours, minutes = (int(part) for part in clock.split(":"))
        found = instants_of_clock(days, hours, minutes, zone)
    except (ValueError, KeyError) as error:
        raise SchemaError(
            f"clock {clock!r} in zone {zone!r}: write HH:MM and an IANA zone, e.g. America/New_York"
        ) from error
    if isinstance(found, np.datetime64):
        raise SchemaError(
            f"clock {clock!r} in zone {zone!r} does not exist or happens twice on "
            f"{found}; choose another clock time"
        )
    return found
