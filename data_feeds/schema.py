"""Canonical channels: which columns each kind has, and what makes a table valid.

Every row carries the time of the fact and ``available_at``, the first instant at which a decision
may use it. All instants are int64 nanoseconds since the epoch, UTC. Every row is labelled observed,
inferred or synthetic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class ChannelKind(StrEnum):
    """The kinds of channel a dataset can hold."""

    BARS = "bars"
    MARK = "mark"
    FUNDING = "funding"
    OPEN_INTEREST = "open_interest"
    LIQUIDATIONS = "liquidations"
    DIVIDENDS = "dividends"
    SERIES = "series"


class Provenance(IntEnum):
    """Where a value comes from; the largest number in a run labels the run."""

    OBSERVED = 0
    INFERRED = 1
    SYNTHETIC = 2


BAR_TIMES = ("opened_at", "closed_at", "available_at")
POINT_TIMES = ("event_at", "available_at")

# Value columns by kind. Units: prices in quote per base unit; volume and open_interest_base in base
# units; *_quote in quote; rate a fraction of notional for one interval, positive: longs pay shorts;
# amount in quote per share; value in the series' own unit.
VALUE_COLUMNS: Mapping[ChannelKind, tuple[str, ...]] = MappingProxyType(
    {
        ChannelKind.BARS: ("open", "high", "low", "close", "volume"),
        ChannelKind.MARK: ("open", "high", "low", "close"),
        ChannelKind.FUNDING: ("rate",),
        ChannelKind.OPEN_INTEREST: ("open_interest_base", "open_interest_quote"),
        ChannelKind.LIQUIDATIONS: ("long_quote", "short_quote"),
        ChannelKind.DIVIDENDS: ("amount",),
        ChannelKind.SERIES: ("value",),
    }
)
# A value the source does not give stays NaN in these columns and only in these.
NULLABLE = frozenset({"open_interest_base", "open_interest_quote"})


def time_columns(kind: ChannelKind) -> tuple[str, ...]:
    """Return the time columns of a kind; the first one is the sort key."""
    return BAR_TIMES if kind in (ChannelKind.BARS, ChannelKind.MARK) else POINT_TIMES


@dataclass(frozen=True, order=True)
class ChannelKey:
    """Name of one channel: instrument (or series name), kind and, for bars and marks, timeframe."""

    instrument: str
    kind: ChannelKind
    timeframe: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.instrument, self.kind.value, self.timeframe) if part)


@dataclass(frozen=True)
class Channel:
    """One channel's rows as equally long read-only arrays.

    ``columns`` holds the kind's time columns (int64), its value columns (float64) and ``label``
    (int8, :class:`Provenance`). Rows are ordered by the first time column; a revised series value
    repeats ``event_at`` with a later ``available_at``.
    """

    key: ChannelKey
    columns: Mapping[str, Array]

    def __post_init__(self) -> None:
        frozen = {}
        for name, values in self.columns.items():
            view = values.view()
            view.flags.writeable = False
            frozen[name] = view
        object.__setattr__(self, "columns", MappingProxyType(frozen))

    def __len__(self) -> int:
        return len(self.columns["available_at"])

    def __getitem__(self, column: str) -> Array:
        return self.columns[column]

    def take(self, rows: slice | Array) -> "Channel":
        """Return a channel of some of the rows, in their order."""
        return Channel(self.key, {name: values[rows] for name, values in self.columns.items()})

    def cut(self, at: int) -> "Channel":
        """Return the rows known at ``at`` (``available_at <= at``)."""
        known = self.columns["available_at"] <= at
        return self if bool(np.all(known)) else self.take(known)
