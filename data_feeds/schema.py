"""Canonical channels: the columns of each kind, and the rules of a valid table.

Every row carries the time of the fact and ``available_at``, the first instant at which a decision
may use it. All instants are int64 nanoseconds since the epoch, UTC. Every row is labelled observed,
inferred or synthetic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import utc_text
from data_feeds.errors import SchemaError

Array = NDArray[Any]


class ChannelKind(StrEnum):
    """The kinds of channel a dataset can hold."""

    BARS = "bars"
    MARK = "mark"
    FUNDING = "funding"
    OPEN_INTEREST = "open_interest"
    LIQUIDATIONS = "liquidations"
    DIVIDENDS = "dividends"
    SPLITS = "splits"
    SERIES = "series"


class Provenance(IntEnum):
    """Origin of a value; the largest number of any value in a run labels the run."""

    OBSERVED = 0
    INFERRED = 1
    SYNTHETIC = 2


BAR_TIMES = ("opened_at", "closed_at", "available_at")
POINT_TIMES = ("event_at", "available_at")

# Value columns by kind. Units: prices in quote per base unit; volume and open_interest_base in base
# units; *_quote in quote; rate a fraction of notional for one interval, positive: longs pay shorts;
# amount in quote per share; ratio new shares per old share; value in the series' own unit.
VALUE_COLUMNS: Mapping[ChannelKind, tuple[str, ...]] = MappingProxyType(
    {
        ChannelKind.BARS: ("open", "high", "low", "close", "volume"),
        ChannelKind.MARK: ("open", "high", "low", "close"),
        ChannelKind.FUNDING: ("rate",),
        ChannelKind.OPEN_INTEREST: ("open_interest_base", "open_interest_quote"),
        ChannelKind.LIQUIDATIONS: ("long_quote", "short_quote"),
        ChannelKind.DIVIDENDS: ("amount",),
        ChannelKind.SPLITS: ("ratio",),
        ChannelKind.SERIES: ("value",),
    }
)
# Only these columns may hold NaN, where the source gives no value.
NULLABLE = frozenset({"open_interest_base", "open_interest_quote"})

# Venues cap one interval's funding at 0.3% to 4%; a larger fraction is a percent in disguise.
MAX_FUNDING_RATE = 0.05


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

    def __reduce__(self) -> tuple[type["Channel"], tuple[object, ...]]:
        """Return how pickle rebuilds a channel: a read-only mapping cannot be pickled."""
        return Channel, (self.key, dict(self.columns))

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
        count = int(np.count_nonzero(known))
        if count == len(self):
            return self
        if not known[:count].all():
            return self.take(known)
        # Copies: a view's memory would go on with the rows that are cut off.
        return Channel(self.key, {name: v[:count].copy() for name, v in self.columns.items()})


def empty_columns(key: ChannelKey, rows: int) -> dict[str, Array]:
    """Return a channel's columns with a number of rows and uninitialized values."""
    columns: dict[str, Array] = {
        name: np.empty(rows, dtype=np.int64) for name in time_columns(key.kind)
    }
    columns |= {name: np.empty(rows, dtype=np.float64) for name in VALUE_COLUMNS[key.kind]}
    return columns | {"label": np.empty(rows, dtype=np.int8)}


def concatenated(key: ChannelKey, pieces: Sequence[Channel]) -> Channel:
    """Return a channel of the rows of all pieces, in their order, without a check."""
    if not pieces:
        return Channel(key, empty_columns(key, 0))
    return Channel(
        key, {name: np.concatenate([p[name] for p in pieces]) for name in pieces[0].columns}
    )


def validate(channel: Channel) -> None:
    """Check that every row of a channel obeys its kind's rules.

    Times increase strictly, bars do not overlap, and no row is available before it is complete. A
    bar or funding rate is never available before the previous row; a series value may be. Values
    are finite (``NULLABLE`` columns may be NaN) and in range. High and low enclose open and close.

    Raises
    ------
    SchemaError : the first broken rule, with channel, row, time, value and what to do.
    """
    check_columns(channel)
    if len(channel) == 0:
        return
    if channel.key.kind in (ChannelKind.BARS, ChannelKind.MARK):
        _check_bar_times(channel)
        _check_bar_prices(channel)
    else:
        _check_point_times(channel)
    if channel.key.kind in (ChannelKind.BARS, ChannelKind.MARK, ChannelKind.FUNDING):
        _check_known_in_order(channel)
    _check_values(channel)


def refuse_rows(channel: Channel, broken: Array, column: str, rule: str, remedy: str) -> None:
    """Raise for the first row at which ``broken`` is true.

    Raises
    ------
    SchemaError : with channel, row, time, value, ``rule`` and ``remedy``.
    """
    rows = np.flatnonzero(broken)
    if len(rows) == 0:
        return
    row = int(rows[0])
    at = utc_text(int(channel[time_columns(channel.key.kind)[0]][row]))
    value = channel[column][row]
    shown = utc_text(int(value)) if value.dtype == np.int64 else f"{value:g}"
    raise SchemaError(
        f"{channel.key}: row {row} at {at}: {column} {shown} {rule} "
        f"({len(rows)} row{'s' if len(rows) > 1 else ''}); {remedy}"
    )


def check_columns(channel: Channel) -> None:
    """Check that a channel has its kind's columns, with the right types and equal lengths.

    Raises
    ------
    SchemaError : the first column that is missing, unknown or of another type.
    """
    kind = channel.key.kind
    times = time_columns(kind)
    expected = {*times, *VALUE_COLUMNS[kind], "label"}
    if set(channel.columns) != expected:
        missing = sorted(expected - set(channel.columns))
        extra = sorted(set(channel.columns) - expected)
        raise SchemaError(
            f"{channel.key}: columns missing: {', '.join(missing) or 'none'}; "
            f"not known: {', '.join(extra) or 'none'}; a {kind} channel has {sorted(expected)}"
        )
    for name, values in channel.columns.items():
        wanted = np.int64 if name in times else np.int8 if name == "label" else np.float64
        if values.dtype != wanted or values.shape != (len(channel),):
            raise SchemaError(
                f"{channel.key}: {name} is {values.dtype} of shape {values.shape}; "
                f"convert to {np.dtype(wanted)} of shape ({len(channel)},)"
            )
    is_bar = kind in (ChannelKind.BARS, ChannelKind.MARK)
    if is_bar != bool(channel.key.timeframe):
        raise SchemaError(
            f"{channel.key}: {'name a timeframe' if is_bar else 'only bars have a timeframe'}"
        )


def _after_previous(broken: Array) -> Array:
    """Return flags for all rows from flags for rows 1, 2, ... against the row before."""
    return np.concatenate(([False], broken))


def _check_bar_times(channel: Channel) -> None:
    opened, closed = channel["opened_at"], channel["closed_at"]
    order = "sort the rows and remove duplicates, or set sort: true in the mapping"
    refuse_rows(
        channel,
        _after_previous(opened[1:] <= opened[:-1]),
        "opened_at",
        "is not after the row before",
        order,
    )
    refuse_rows(
        channel, closed <= opened, "closed_at", "is not after opened_at", "fix the timeframe"
    )
    refuse_rows(
        channel,
        _after_previous(opened[1:] < closed[:-1]),
        "opened_at",
        "overlaps the row before",
        "check the timeframe and remove overlapping rows",
    )
    refuse_rows(
        channel,
        channel["available_at"] < closed,
        "available_at",
        "is before closed_at",
        "a bar is known at its close",
    )


def _check_point_times(channel: Channel) -> None:
    event, known = channel["event_at"], channel["available_at"]
    stepped = event[1:] > event[:-1]
    revised = (event[1:] == event[:-1]) & (known[1:] > known[:-1])
    refuse_rows(
        channel,
        _after_previous(~(stepped | revised)),
        "event_at",
        "is not after the row before",
        "sort the rows and remove duplicates; a revision needs a later available_at",
    )
    refuse_rows(
        channel, known < event, "available_at", "is before event_at", "fix the release rule"
    )


def _check_known_in_order(channel: Channel) -> None:
    known = channel["available_at"]
    refuse_rows(
        channel,
        _after_previous(known[1:] < known[:-1]),
        "available_at",
        "is before that of the row before",
        "fix the release rule or the late row; these rows become known in order",
    )


def _check_bar_prices(channel: Channel) -> None:
    for column in ("open", "high", "low", "close"):
        # A comparison with NaN is false, so NaN is refused here too.
        refuse_rows(
            channel,
            ~(channel[column] > 0),
            column,
            "is not a positive price",
            "repair or drop the row; prices are quote per base unit",
        )
    high, low = channel["high"], channel["low"]
    top = np.maximum(channel["open"], channel["close"])
    bottom = np.minimum(channel["open"], channel["close"])
    repair = "repair the row at its source"
    refuse_rows(channel, high < low, "high", "is below low", repair)
    refuse_rows(channel, high < top, "high", "is below open or close", repair)
    refuse_rows(channel, low > bottom, "low", "is above open or close", repair)


def _check_values(channel: Channel) -> None:
    kind = channel.key.kind
    for column in VALUE_COLUMNS[kind]:
        values = channel[column]
        bad = np.isinf(values) if column in NULLABLE else ~np.isfinite(values)
        refuse_rows(
            channel, bad, column, "is not a finite number", "drop the row or find its value"
        )
        if kind not in (ChannelKind.FUNDING, ChannelKind.SERIES):
            refuse_rows(channel, values < 0, column, "is negative", "check the sign at the source")
    if kind is ChannelKind.SPLITS:
        remedy = "write new shares per old share, e.g. 0.1 for one share for ten"
        refuse_rows(channel, channel["ratio"] <= 0, "ratio", "is not positive", remedy)
    if kind is ChannelKind.FUNDING:
        refuse_rows(
            channel,
            np.abs(channel["rate"]) > MAX_FUNDING_RATE,
            "rate",
            "is beyond any venue's cap as a fraction",
            "if the file gives percent, set unit: percent in the mapping; if basis points, "
            "scale: {rate: 0.0001}",
        )
    label = channel["label"]
    refuse_rows(
        channel,
        (label < 0) | (label > max(Provenance)),
        "label",
        "is unknown",
        "use 0 observed, 1 inferred or 2 synthetic",
    )
