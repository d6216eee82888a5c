"""Convert between instants, days, durations and texts.

An instant is an int64 number of nanoseconds since 1970-01-01T00:00 UTC. A day is a calendar date,
``datetime64[D]``; it is a UTC day unless a zone is named.
"""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data_feeds.errors import SchemaError

if TYPE_CHECKING:
    import pandas as pd

Instants = NDArray[np.int64]
Dates = NDArray[np.datetime64]

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
WEEK_NS = 7 * DAY_NS
# The epoch was a Thursday: four days later the first Monday began.
FIRST_MONDAY_NS = 4 * DAY_NS

NEW_YORK = "America/New_York"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNIT_NS = {"s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS, "w": WEEK_NS}
_DURATION = re.compile(r"(\d+)([smhdw])")


def parse_duration(text: str) -> int:
    """Return the nanoseconds of a duration such as ``90s``, ``15m``, ``4h``, ``2d``, ``1w``.

    Raises
    ------
    SchemaError : the text is not a positive whole number and one unit of ``s m h d w``.

    >>> parse_duration("4h") // HOUR_NS
    4
    """
    return _duration_ns(text)


@cache
def _duration_ns(text: str) -> int:
    """Return the nanoseconds of a duration; models of a sweep ask for few texts, many times."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise SchemaError(
            f"{text!r} is not a duration; write a positive whole number and one of s m h d w, "
            "for example 15m or 4h"
        )
    return int(match[1]) * _UNIT_NS[match[2]]


def utc_text(at: int) -> str:
    """Return an instant as text, e.g. ``2026-02-06T03:00Z``; seconds only where they are not zero.

    >>> utc_text(0), utc_text(1_500_000_000)
    ('1970-01-01T00:00Z', '1970-01-01T00:00:01.5Z')
    """
    text = str(np.datetime64(int(at), "ns").astype("datetime64[s]"))
    if part := int(at) % SECOND_NS:
        return f"{text}.{part:09d}".rstrip("0") + "Z"
    return (text[:-3] if text.endswith(":00") else text) + "Z"


# datetime and pandas ------------------------------------------------------------------------------
# The functions that need pandas import it: it takes a third of a second, and most commands
# convert no index.


def datetime_ns(moment: datetime) -> int:
    """Return the instant of a datetime that carries a zone."""
    return (moment - _EPOCH) // _MICROSECOND * 1_000


def utc_datetime(at: int) -> datetime:
    """Return the UTC datetime of an instant, parts of a second dropped."""
    return datetime.fromtimestamp(at // SECOND_NS, tz=UTC)


def local_datetime(at: int, zone: tzinfo) -> datetime:
    """Return the datetime of an instant in a zone, parts of a second dropped."""
    return datetime.fromtimestamp(at // SECOND_NS, tz=zone)


def text_ns(text: str) -> int:
    """Return the instant of a UTC date or time without a zone, e.g. ``2020-03-12T10:15``."""
    return int(np.datetime64(text, "ns").astype(np.int64))


def timestamp_ns(moment: "pd.Timestamp | datetime") -> int:
    """Return the instant of a pandas timestamp, to the nanosecond; without a zone it is UTC."""
    import pandas as pd  # noqa: PLC0415

    return int(pd.Timestamp(moment).as_unit("ns").value)


def index_ns(index: "pd.DatetimeIndex") -> Instants:
    """Return the instants of a pandas index, whatever its unit."""
    found: Instants = index.as_unit("ns").asi8
    return found


def utc_index(at: Instants) -> "pd.DatetimeIndex":
    """Return instants as a pandas index in UTC."""
    import pandas as pd  # noqa: PLC0415

    return pd.DatetimeIndex(np.asarray(at).astype("datetime64[ns]"), tz="UTC")


# Days ---------------------------------------------------------------------------------------------


def utc_days(at: Instants) -> Dates:
    """Return the UTC day of each instant."""
    return np.asarray(at).astype("datetime64[ns]").astype("datetime64[D]")


def utc_day(at: int) -> np.datetime64:
    """Return the UTC day of one instant."""
    day: np.datetime64 = np.datetime64(int(at), "ns").astype("datetime64[D]")
    return day


def midnights_ns(dates: Dates) -> Instants:
    """Return the instant at which each date begins, UTC."""
    found: Instants = np.asarray(dates).astype("datetime64[ns]").astype(np.int64)
    return found


def midnight_ns(day: date | np.datetime64) -> int:
    """Return the instant at which a date begins, UTC.

    >>> midnight_ns(date(1970, 1, 2)) == DAY_NS
    True
    """
    return int(np.datetime64(day).astype("datetime64[ns]").astype(np.int64))


def day_start_ns(at: int) -> int:
    """Return the last UTC midnight at or before an instant."""
    return at // DAY_NS * DAY_NS


def day_end_ns(at: int) -> int:
    """Return the first UTC midnight at or after an instant."""
    return -(-at // DAY_NS) * DAY_NS


def closing_days(at: Instants) -> NDArray[np.int64]:
    """Return the number of the UTC day that each instant ends or lies in; midnight ends a day."""
    days: NDArray[np.int64] = (at - 1) // DAY_NS
    return days
