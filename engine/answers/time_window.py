"""A stretch of a run that somebody asks about: a UTC day, or from one instant to another."""

import re
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from engine.config.field_types import UtcDatetime
from engine.errors import ConfigError, ReportError
from engine.records import FillStage
from engine.run_folder.read import Row, RunFolder, moment

_INSTANT: TypeAdapter[datetime] = TypeAdapter(UtcDatetime)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAY = pd.Timedelta(days=1)
_TICK = pd.Timedelta(1, "ns")
BETWEEN = ".."


@dataclass(frozen=True)
class TimeWindow:
    """A stretch of time, UTC, for what closes and for what opens.

    A midnight between two days is both: bars close and rules decide at it for the day that ends,
    then orders fill at the open and funding is settled for the day that begins.

    Attributes
    ----------
    words : as it was asked for
    begins, ends : what happens at an open lies in ``[begins, ends)``
    after, until : what closes or is decided lies in ``(after, until]``
    """

    words: str
    begins: pd.Timestamp
    ends: pd.Timestamp
    after: pd.Timestamp
    until: pd.Timestamp

    def holds(self, at: pd.Timestamp) -> bool:
        """Return whether what closes or is decided at an instant lies inside."""
        return bool(self.after < at <= self.until)

    def holds_open(self, at: pd.Timestamp) -> bool:
        """Return whether what happens at an open, after the decisions of its instant, does."""
        return bool(self.begins <= at < self.ends)

    def holds_fill(self, fill: Row) -> bool:
        """Return whether a row of ``fills`` does: at an open, or in a bar and told at its close."""
        at_open = fill["stage"] == FillStage.OPEN.value
        return self.holds_open(fill["at"]) if at_open else self.holds(fill["at"])

    def overlaps(self, interval: Row) -> bool:
        """Return whether a row of ``journal_account`` covers any of it, by its ``from_at``."""
        until = interval["until_at"]
        return bool(interval["from_at"] < self.ends and (until is None or until > self.begins))


def parse_instant(instant: str | datetime) -> pd.Timestamp:
    """Return the instant that a text such as ``2026-02-06T03:00Z`` means; without a zone UTC.

    Raises
    ------
    ConfigError : not an instant.
    """
    # The configuration's rules: pandas alone would take "now", "NaT" and an empty text.
    try:
        return pd.Timestamp(_INSTANT.validate_python(instant)).as_unit("ns")
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        problem = f"{str(instant)!r} is not an instant that a run can have: {reason}"
        raise ConfigError(problem) from error


def parse_day(text: str) -> TimeWindow:
    """Return the UTC day that a text such as ``2026-02-05`` names.

    Raises
    ------
    ConfigError : not a date.
    """
    if not _DATE.fullmatch(text):
        raise ConfigError(f"{text!r} is not a day; write it as 2026-02-05")
    start = parse_instant(text)
    return TimeWindow(text, start, start + _DAY, start, start + _DAY)


def parse_span(text: str) -> TimeWindow:
    """Return the stretch that ``2026-02-05``, or ``FROM..TO`` with days or instants, names.

    Days are whole, both included; instants are included.

    Raises
    ------
    ConfigError : neither, or TO lies before FROM.
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


def checked(span: TimeWindow, files: RunFolder) -> TimeWindow:
    """Return the part of a stretch that the run traded.

    The run's first instant belongs to its first day and its last one to its last, whole.

    Raises
    ------
    ReportError : none of it.
    """
    window = files.manifest["window"]
    start, end = pd.Timestamp(window["start"]), pd.Timestamp(window["end"])
    if span.ends <= start or span.after >= end:
        raise ReportError(
            f"{span.words} lies outside the run's window, {moment(start)} to {moment(end)}"
        )
    return TimeWindow(
        span.words,
        begins=max(span.begins, start),
        ends=end + _TICK if span.until >= end else span.ends,
        after=start - _TICK if span.begins <= start else span.after,
        until=min(span.until, end),
    )
