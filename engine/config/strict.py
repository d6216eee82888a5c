"""What all configuration models share: strict models, durations, instants."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    WithJsonSchema,
    model_validator,
)

from data_feeds.ordering import by_key
from data_feeds.timeframe import DAY_NS, parse_duration

# What lies outside is a slip of the pen, and would overflow 64 bits of nanoseconds.
FIRST_YEAR, LAST_YEAR = 1970, 2200
LONGEST_YEARS = 10


class KeysInOrder(BaseModel):
    """Holds every mapping by key, so that no result depends on the order of a file's keys.

    ``shown_as_written`` names fields whose order is only that of a table on a page.
    """

    shown_as_written: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="after")
    def _sort_mappings(self) -> "KeysInOrder":
        for name in type(self).model_fields:
            value = self.__dict__[name]
            if isinstance(value, Mapping | list | tuple) and name not in self.shown_as_written:
                self.__dict__[name] = by_key(value)
        return self


class Model(KeysInOrder):
    """Base of all configuration models."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )


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


# Names whose order says nothing: sorted, so that one set of names has one run id.
NameSet = Annotated[tuple[str, ...], AfterValidator(_each_once)]
Duration = Annotated[str, AfterValidator(_check_duration)]
UtcDatetime = Annotated[
    datetime,
    BeforeValidator(_read_instant),
    AfterValidator(_as_utc),
    WithJsonSchema({"type": "string", "pattern": f"^{_INSTANT.pattern}$"}),
]
