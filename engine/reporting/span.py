"""A stretch of a run that somebody asks about: a UTC day, or from one instant to another."""

import re
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from engine.config.base import UtcDatetime
from engine.errors import ConfigError, ReportError
from engine.reporting.run_files import RunFiles, moment

_INSTANT: TypeAdapter[datetime] = TypeAdapter(UtcDatetime)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAY = pd.Timedelta(days=1)
_TICK = pd.Timedelta(1, "ns")
BETWEEN = ".."


@dataclass(frozen=True)
class Span:
    """What lies after ``after`` and not after ``until``, UTC.

    A bar that closes at midnight belongs to the day that it ends, so a day begins after its first
    midnight and includes its last.
    """

    words: str
    after: pd.Timestamp
    until: pd.Timestamp

    def holds(self, at: pd.Timestamp) -> bool:
        """Return whether an instant lies inside."""
        return bool(self.after < at <= self.until)


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


def parse_day(text: str) -> Span:
    """Return the UTC day that a text such as ``2026-02-05`` names.

    Raises
    ------
    ConfigError : not a date.
    """
    if not _DATE.fullmatch(text):
        raise ConfigError(f"{text!r} is not a day; write it as 2026-02-05")
    start = parse_instant(text)
    return Span(text, start, start + _DAY)


def parse_span(text: str) -> Span:
    """Return the stretch that ``2026-02-05``, or ``FROM..TO`` with days or instants, names.

    Days are whole, both included; instants are included.

    Raises
    ------
    ConfigError : neither, or TO lies before FROM.
    """
    if BETWEEN not in text:
        return parse_day(text)
    first, _, last = text.partition(BETWEEN)
    after = parse_instant(first) - (pd.Timedelta(0) if _DATE.fullmatch(first) else _TICK)
    until = parse_instant(last) + (_DAY if _DATE.fullmatch(last) else pd.Timedelta(0))
    if until <= after:
        raise ConfigError(f"{text!r} ends before it begins; write it as FROM{BETWEEN}TO")
    return Span(f"{first} to {last}", after, until)


def checked(span: Span, files: RunFiles) -> Span:
    """Return the part of a stretch that the run traded.

    Raises
    ------
    ReportError : none of it.
    """
    window = files.manifest["window"]
    start, end = pd.Timestamp(window["start"]), pd.Timestamp(window["end"])
    if span.until < start or span.after >= end:
        raise ReportError(
            f"{span.words} lies outside the run's window, {moment(start)} to {moment(end)}"
        )
    return Span(span.words, max(span.after, start - _TICK), min(span.until, end))
