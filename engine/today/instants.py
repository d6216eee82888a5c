"""The instants around an answer: the asked one, bars that are due, the next open and close."""

from datetime import date

import numpy as np

from data_feeds.calendar import (
    ALWAYS_OPEN,
    local_instants,
    session_bounds,
    sessions_between,
)
from data_feeds.clock import (
    DAY_NS,
    FIRST_MONDAY_NS,
    HOUR_NS,
    NEW_YORK,
    WEEK_NS,
    Instants,
    datetime_ns,
    utc_day,
)
from engine.answers.time_window import parse_instant

# Two weeks and the longest closure of an exchange since 1954 (September 2001) are shorter.
_CLOSURE = np.timedelta64(21, "D")
# A venue publishes a session's bar some time after its close; until then it is not late.
PUBLISHED_WITHIN_NS = HOUR_NS


def asked_instant(text: str, clock: str) -> int:
    """Return the instant of ``2026-02-05T14:00Z``, or of a date at a New York time, ns UTC.

    Raises
    ------
    ConfigError : the text is neither.

    >>> from data_feeds.clock import utc_text
    >>> utc_text(asked_instant("2026-02-05", "18:30"))
    '2026-02-05T23:30Z'
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return datetime_ns(parse_instant(text))
    return at_clock(np.datetime64(day, "D"), clock)


def at_clock(day: np.datetime64, clock: str) -> int:
    """Return the instant of a New York date at a New York time, ns UTC."""
    return int(local_instants(np.array([day]), clock, NEW_YORK)[0])


def reading_day(at: int, clock: str) -> np.datetime64:
    """Return the newest New York date whose ``clock`` time has passed at an instant."""
    day = utc_day(at)
    while at_clock(day, clock) > at:
        day = day - np.timedelta64(1, "D")
    return day


def due_close(calendar: str, frame_ns: int, at: int) -> int:
    """Return the close of the newest bar that must be known at an instant, ns UTC.

    A bar is due an hour after its close, and at the latest when the next one closes.
    """
    known = at - min(PUBLISHED_WITHIN_NS, frame_ns)
    if calendar == ALWAYS_OPEN:
        offset = _grid_offset(frame_ns)
        return (known - offset) // frame_ns * frame_ns + offset
    return max(close for close in _closes(calendar, frame_ns, known) if close <= known)


def next_close(calendar: str, frame_ns: int, closed_at: int) -> int:
    """Return the first close of a bar after an instant, ns UTC."""
    if calendar == ALWAYS_OPEN:
        offset = _grid_offset(frame_ns)
        return (closed_at - offset) // frame_ns * frame_ns + offset + frame_ns
    return min(close for close in _closes(calendar, frame_ns, closed_at) if close > closed_at)


def next_open(calendar: str, frame_ns: int, at: int) -> int:
    """Return the open of the first bar that opens at or after an instant, ns UTC."""
    if calendar == ALWAYS_OPEN:
        offset = _grid_offset(frame_ns)
        return -((offset - at) // frame_ns) * frame_ns + offset
    opens, ends = _sessions(calendar, at)
    # Inside a session a bar opens where the bar before it closes, if a whole bar is left.
    closes = set(_closes(calendar, frame_ns, at))
    inside = {close for close in closes - set(ends.tolist()) if close + frame_ns in closes}
    return int(min(start for start in {*opens.tolist(), *inside} if start >= at))


def _grid_offset(frame_ns: int) -> int:
    """Return where the bars around the clock are counted from: weeks begin on Monday."""
    return FIRST_MONDAY_NS if frame_ns % WEEK_NS == 0 else 0


def _sessions(calendar: str, at: int) -> tuple[Instants, Instants]:
    """Return opens and closes of the sessions around an instant."""
    day = utc_day(at)
    return session_bounds(calendar, sessions_between(calendar, day - _CLOSURE, day + _CLOSURE))


def _closes(calendar: str, frame_ns: int, at: int) -> list[int]:
    """Return the closes of the bars around an instant; bars that span a close do not exist."""
    opens, closes = _sessions(calendar, at)
    if frame_ns % WEEK_NS == 0:
        # A week's bar closes with its last session.
        weeks = (closes - FIRST_MONDAY_NS) // WEEK_NS
        return [int(close) for close in closes[:-1][weeks[:-1] != weeks[1:]]]
    if frame_ns >= DAY_NS:
        return [int(close) for close in closes]
    bounds = zip(opens.tolist(), closes.tolist(), strict=True)
    return [
        close
        for opened, closed in bounds
        for close in range(opened + frame_ns, closed + 1, frame_ns)
    ]
