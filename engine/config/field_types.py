"""Define field types of the configuration models: durations, instants, sets of names."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from data_feeds.clock import DAY_NS, parse_duration

# Years outside are typing errors and would overflow 64 bits of nanoseconds.
FIRST_YEAR, LAST_YEAR = 1970, 2200
LONGEST_YEARS = 10

Text = Annotated[str, Field(min_length=1)]


def _check_duration(text: str) -> str:
    try:
        length = parse_duration(text)
    except Exception as error:
        raise ValueError(str(error)) from error
    if length > LONGEST_YEARS * 365 * DAY_NS:
        raise ValueError(f"must be {LONGEST_YEARS} years or less; check the unit")
    return text


_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?"
)


def _read_instant(value: object) -> object:
    # pydantic alone would take 2026 for a second of 1970 and refuse a plain date.
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return datetime.fromisoformat(value)
    raise ValueError("write an instant as 2026-02-05 or 2026-02-05T14:00Z; no zone means UTC")


def _as_utc(instant: datetime) -> datetime:
    # Near the years 1 and 9999 a change of zone overflows, so the year as written is checked first.
    if FIRST_YEAR <= instant.year < LAST_YEAR:
        utc = instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)
        if FIRST_YEAR <= utc.year < LAST_YEAR:
            return utc
    raise ValueError(f"must lie in the years {FIRST_YEAR} to {LAST_YEAR - 1}")


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"names {twice[0]} more than once; name each once")
    return tuple(sorted(names))


# The order of these names has no meaning; sorted, one set of names has one run id.
NameSet = Annotated[tuple[str, ...], AfterValidator(_each_once)]
Duration = Annotated[str, AfterValidator(_check_duration)]
UtcDatetime = Annotated[
    datetime,
    BeforeValidator(_read_instant),
    AfterValidator(_as_utc),
    WithJsonSchema({"type": "string", "pattern": f"^{_INSTANT.pattern}$"}),
]
