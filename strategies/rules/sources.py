"""Define where the observations of a term come from: its rows."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from engine.api import DAY_NS, ChannelKey, ChannelKind, Timeframe

SourceKind: TypeAlias = Literal["channel", "state", "clock", "plan"]
SESSION = "session"
ONE_DAY = "1d"

_BARS = (ChannelKind.BARS, ChannelKind.MARK)


@dataclass(frozen=True)
class RowSource:
    """One set of observations: a channel's rows, days of the market state, or decision rows.

    Attributes
    ----------
    kind : ``channel``; ``state``: one row a calendar day; ``clock``: the decision rows; ``plan``:
        values of an open plan, which have no rows before a decision
    key : name of the channel, None for the other kinds
    by_session : the bars are sessions of an exchange
    month_ends : only the rows of each month's last trading day
    """

    kind: SourceKind
    key: ChannelKey | None = None
    by_session: bool = False
    month_ends: bool = False

    def __str__(self) -> str:
        name = self.kind if self.key is None else str(self.key)
        return f"month_end({name})" if self.month_ends else name

    @property
    def is_bars(self) -> bool:
        """Return whether the rows are bars or marks, the decision rows included."""
        return self.kind == "clock" or (self.key is not None and self.key.kind in _BARS)

    @property
    def is_dated(self) -> bool:
        """Return whether a row stands for a date: a published series or a day of the state."""
        series = self.key is not None and self.key.kind is ChannelKind.SERIES
        return self.kind == "state" or series

    @property
    def is_daily(self) -> bool:
        """Return whether rows can be matched by date: sessions, daily bars, dated values."""
        return self.is_dated or self.by_session or self.step_ns == DAY_NS

    @property
    def step_ns(self) -> int:
        """Return the length of the channel's bars, ns; 0 where the rows have none."""
        if self.key is None or self.key.kind not in _BARS:
            return 0
        return Timeframe(self.key.timeframe).ns


# Sorted by name, without repetition: () has no rows (a constant), several mean common instants.
Rows: TypeAlias = tuple[RowSource, ...]

CONSTANT: Rows = ()
CLOCK: Rows = (RowSource("clock"),)
STATE: Rows = (RowSource("state"),)
PLAN: Rows = (RowSource("plan"),)


def channel_rows(key: ChannelKey, *, by_session: bool = False) -> Rows:
    """Return the rows of one channel."""
    return (RowSource("channel", key, by_session),)


def together(*rows: Rows) -> Rows:
    """Return the rows at the common instants of several rows."""
    return tuple(sorted({source for item in rows for source in item}, key=str))
