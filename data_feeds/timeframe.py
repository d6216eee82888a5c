"""Bar lengths: text such as ``5m``, nanoseconds, bars a year."""

from dataclasses import dataclass
from functools import total_ordering

from data_feeds.clock import DAY_NS, parse_duration


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
