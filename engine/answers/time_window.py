"""The window of a run that a question is about: a UTC day, or from one instant to another."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from engine.config.field_types import UtcDatetime
from engine.errors import ConfigError, ReportError
from engine.records import FillStage
from engine.run_folder.read import Row, RunFolder, moment

_INSTANT: TypeAdapter[datetime] = TypeAdapter(UtcDatetime)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
BETWEEN = ".."


@dataclass(frozen=True)
class TimeWindow:
    """A window of time, UTC, with separate bounds for closes and for opens.

    A midnight belongs to two days. The bar close and the decision at midnight belong to the day
    that ends; the fill at the open and the funding settlement belong to the day that begins.

    Attributes
    ----------
    words : the window as the reader wrote it
    begins, ends : events at an open lie in ``[begins, ends)``
    after, until : closes and decisions lie in ``(after, until]``
    """

    words: str
    begins: datetime
    ends: datetime
    after: datetime
    until: datetime

    def holds(self, at: datetime) -> bool:
        """Return whether a close or a decision at an instant lies inside the window."""
        return bool(self.after < at <= self.until)

    def holds_open(self, at: datetime) -> bool:
        """Return whether an event at an open lies inside; it follows its instant's decisions."""
        return bool(self.begins <= at < self.ends)

    def holds_fill(self, fill: Row) -> bool:
        """Return whether a row of ``fills`` lies inside; a fill in a bar counts at its close."""
        at_open = fill["stage"] == FillStage.OPEN.value
        return self.holds_open(fill["at"]) if at_open else self.holds(fill["at"])

    def overlaps(self, interval: Row) -> bool:
        """Return whether a row of ``journal_account`` overlaps the window."""
        until = interval["until_at"]
        return bool(interval["from_at"] < self.ends and (until is None or until > self.begins))


def parse_instant(instant: str | datetime) -> datetime:
    """Return the instant of a text such as ``2026-02-06T03:00Z``; a text without a zone is UTC.

    Raises
    ------
    ConfigError : the text is not an instant.
    """
    # The configuration's rules: pandas alone accepts "now", "NaT" and an empty text.
    try:
        return _INSTANT.validate_python(instant)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        problem = f"{str(instant)!r} is not an instant that a run can have: {reason}"
        raise ConfigError(problem) from error


def parse_day(text: str) -> TimeWindow:
    """Return the UTC day of a text such as ``2026-02-05``.

    Raises
    ------
    ConfigError : the text is not a date.
    """
    if not _DATE.fullmatch(text):
        raise ConfigError(f"{text!r} is not a day; write it as 2026-02-05")
    start = parse_instant(text)
    return TimeWindow(text, start, start + _DAY, start, start + _DAY)


def parse_window(text: str) -> TimeWindow:
    """Return the window of ``2026-02-05``, or of ``FROM..TO`` with days or instants.

    The window includes both days as a whole, and both instants.

    Raises
    ------
    ConfigError : the text is neither form, or TO lies before FROM.
    """
    if BETWEEN not in text:
        return parse_day(text)
    first, _, last = text.partition(BETWEEN)
    begins, until = parse_instant(first), parse_instant(last)
    after, ends = begins, until + _DAY
    if not _DATE.fullmatch(first):
        after -= _TICK
    if _DATE.fullmatch(last):
        until += _DAY
    else:
        ends = until + _TICK
    if until <= after:
        raise ConfigError(f"{text!r} ends before it begins; write it as FROM{BETWEEN}TO")
    return TimeWindow(f"{first} to {last}", begins, ends, after, until)


def traded_part(window: TimeWindow, run: RunFolder) -> TimeWindow:
    """Return the part of a window in which the run traded.

    The run's first day includes its first instant, and its last day the last instant, as a whole.

    Raises
    ------
    ReportError : the run did not trade in the window.
    """
    traded = run.manifest["window"]
    start, end = datetime.fromisoformat(traded["start"]), datetime.fromisoformat(traded["end"])
    if window.ends <= start or window.after >= end:
        raise ReportError(
            f"{window.words} lies outside the run's window, {moment(start)} to {moment(end)}"
        )
    return TimeWindow(
        window.words,
        begins=max(window.begins, start),
        ends=end + _TICK if window.until >= end else window.ends,
        after=start - _TICK if window.begins <= start else window.after,
        until=min(window.until, end),
    )
