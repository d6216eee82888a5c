"""Read lengths: a number of rows, or a stretch of time, of the rows that they count."""

from dataclasses import dataclass, replace

from engine.api import DAY_NS, HOUR_NS, MINUTE_NS, ChannelKind
from strategies.rules.names import Names
from strategies.rules.sources import CLOCK, CONSTANT, PLAN, STATE, Rows, RowSource
from strategies.rules.syntax import Length
from strategies.rules.terms import NoMeaning

UNIT_NS = {"m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS, "w": 7 * DAY_NS}
MAX_ROWS = 100_000
MAX_NS = 10 * 366 * DAY_NS
_SESSIONS_A_YEAR, _DAYS_A_YEAR = 251.5, 365.25


@dataclass(frozen=True)
class WindowLength:
    """A length as rows, or as ns where ``rows`` is 0; ``by_session``: the rows are sessions."""

    rows: int
    ns: int = 0
    by_session: bool = False


def window_length(length: Length, rows: Rows, names: Names) -> WindowLength:
    """Return a written length as rows or as time, as the rows that it counts allow.

    Raises
    ------
    NoMeaning : these rows have no such length, or it is too long.
    """
    if rows in (CONSTANT, PLAN):
        raise NoMeaning("a window needs rows, but the operand has none; name a value of the market")
    if length.unit == "bars":
        return _of_rows(length.count)
    if length.unit == "sessions":
        _check_sessions(length, rows, names)
        return replace(_of_rows(length.count), by_session=True)
    ns = round(length.count * UNIT_NS[length.unit])
    if ns > MAX_NS:
        raise NoMeaning("a window is 10 years long at most")
    if rows == STATE:
        if ns % DAY_NS:
            raise NoMeaning("the market state has one row a day; write whole days, such as 3d")
        return _of_rows(ns // DAY_NS)
    _check_duration(length, rows, names)
    return WindowLength(0, ns)


def row_count(length: Length, rows: Rows, names: Names) -> WindowLength:
    """Return a written length as a number of rows, for functions that count rows alone.

    Raises
    ------
    NoMeaning : the rows have no fixed step, or the length is no whole number of steps.
    """
    found = window_length(length, rows, names)
    if found.rows:
        return found
    step = step_of(rows, names)
    if not step or found.ns % step:
        remedy = "write a number of bars" if not step else "write a multiple of the bars, or bars"
        raise NoMeaning(f"this function counts rows; {remedy}")
    return _of_rows(found.ns // step)


def step_of(rows: Rows, names: Names) -> int:
    """Return the length of the rows' bars, the longest of several, ns; 0 where one has none."""
    steps = [names.clock_source.step_ns if s.kind == "clock" else s.step_ns for s in rows]
    return max(steps) if steps and all(steps) and not any(s.month_ends for s in rows) else 0


def _of_rows(count: float) -> WindowLength:
    if count != int(count) or count < 1:
        raise NoMeaning(f"a number of rows is whole and above zero, not {count:g}")
    if count > MAX_ROWS:
        raise NoMeaning(f"a window has {MAX_ROWS:,} rows at most, not {count:,.0f}")
    return WindowLength(int(count))


def _resolved(source: RowSource, names: Names) -> RowSource:
    return names.clock_source if source.kind == "clock" else source


def _check_sessions(length: Length, rows: Rows, names: Names) -> None:
    sources = [_resolved(source, names) for source in rows]
    if not any(source.by_session or source.is_dated for source in sources):
        raise NoMeaning(
            f"{_told(rows)} has no sessions; write {length.count:g} bars, or a length of time"
        )


def _check_duration(length: Length, rows: Rows, names: Names) -> None:
    """Refuse a length of time on rows that come at no fixed step: sessions and published values."""
    _check_published(length, rows)
    held = [source for source in rows if _follows_exchange(_resolved(source, names), names)]
    if not held:
        return
    name = _told((held[0],))
    written = f"{length.count:g}{length.unit}"
    days = length.count * UNIT_NS[length.unit] / DAY_NS
    if days < 1 or not _resolved(held[0], names).is_daily:
        raise NoMeaning(f"{written} on {name}, which closes at night: write a number of bars")
    calendar_days = round(days * _DAYS_A_YEAR / _SESSIONS_A_YEAR)
    sessions = max(round(days * _SESSIONS_A_YEAR / _DAYS_A_YEAR), 1)
    raise NoMeaning(
        f"{written} on {name}: write {max(round(days), 1)} sessions (about {calendar_days} "
        f"calendar days) or {sessions} sessions (about {days:g} calendar days)"
    )


def _check_published(length: Length, rows: Rows) -> None:
    """Refuse a length of time on a series: no record says at which steps it is published."""
    for source in rows:
        if source.key is None or source.key.kind is not ChannelKind.SERIES:
            continue
        written, name = f"{length.count:g}{length.unit}", source.key.instrument
        days = length.count * UNIT_NS[length.unit] / DAY_NS
        if days < 1:
            raise NoMeaning(f"{written} on {name}: write a number of bars, its own values")
        sessions = max(round(days * _SESSIONS_A_YEAR / _DAYS_A_YEAR), 1)
        raise NoMeaning(
            f"{written} on {name}: write {max(round(days), 1)} bars, that many of its own values, "
            f"or {sessions} sessions (about {days:g} calendar days of a value a session)"
        )


def _follows_exchange(source: RowSource, names: Names) -> bool:
    if source.by_session:
        return True
    return source.kind == "channel" and names.is_around_the_clock(source) is False


def _told(rows: Rows) -> str:
    if rows == CLOCK:
        return "the clock"
    keys = [source.key for source in rows if source.key is not None]
    return " and ".join(key.instrument for key in keys) or str(rows[0])
