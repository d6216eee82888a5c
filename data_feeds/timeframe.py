"""Bar lengths and durations in integer nanoseconds."""

import re
from dataclasses import dataclass
from functools import total_ordering

from data_feeds.errors import SchemaError

MINUTE_NS = 60 * 10**9
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS

_UNIT_NS = {"s": 10**9, "m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS, "w": 7 * DAY_NS}
_DURATION = re.compile(r"(\d+)([smhdw])")


def parse_duration(text: str) -> int:
    """Return the nanoseconds of a duration such as ``90s``, ``15m``, ``4h``, ``2d``, ``1w``.

    Raises
    ------
    SchemaError : the text is not a positive whole number and one unit of ``s m h d w``.

    >>> parse_duration("4h") // HOUR_NS
    4
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise SchemaError(
            f"{text!r} is not a duration; write a positive whole number and one of s m h d w, "
            "for example 15m or 4h"
        )
    return int(match[1]) * _UNIT_NS[match[2]]


@total_ordering
@dataclass(frozen=True)
class Timeframe:
    """A bar length; equal and ordered by its nanoseconds, written as ``5m``, ``1h``, ``1d``.

    A ``1d`` bar of an exchange-traded instrument covers its session, not 24 hours.
    """

    label: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ns", parse_duration(self.label))

    @property
    def ns(self) -> int:
        """Length in nanoseconds."""
        ns: int = self.__dict__["_ns"]
        return ns

    @property
    def bars_per_year(self) -> float:
        """Bars in a year of 365 days traded around the clock."""
        return 365 * DAY_NS / self.ns

    def __lt__(self, other: "Timeframe") -> bool:
        return self.ns < other.ns

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timeframe) and self.ns == other.ns

    def __hash__(self) -> int:
        return hash(self.ns)

    def __str__(self) -> str:
        return self.label
