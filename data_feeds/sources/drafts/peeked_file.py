"""A user's file as a draft sees it: its table, its header, and its stamps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from data_feeds.errors import SchemaError, SourceError
from data_feeds.sources.file_format import TableFormat, TimeColumn
from data_feeds.sources.local_table import read_local_table, separator_advice
from data_feeds.sources.mapping import Stamp
from data_feeds.sources.time_column import read_stamps

# A draft has no option for the spelling of a file.
_IN_A_MAPPING = (
    "; such a key stands in a mapping, not behind --as: 'riskoff init DIR' writes one to change, "
    "prices_mapping.yaml (keys: docs/data.md)"
)
_WEEK_NS = 7 * DAY_NS
_UNITS = (("w", _WEEK_NS), ("d", DAY_NS), ("h", HOUR_NS), ("m", MINUTE_NS), ("s", SECOND_NS))


@dataclass(frozen=True)
class DraftedEntry:
    """Keys of a mapping's entry without path and instrument, and remarks for the user."""

    keys: Mapping[str, Any]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class PeekedFile:
    """A file and its table, read with a header of some lines."""

    path: Path
    header_lines: int = 1
    frame: pd.DataFrame = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        form = TableFormat.model_validate({"header_lines": self.header_lines})
        try:
            frame = read_local_table(self.path, form)
        except SourceError as error:
            hint = _IN_A_MAPPING if "read: {" in str(error) else ""
            raise SourceError(f"{error}{hint}") from error
        if advice := separator_advice(frame.columns, form):
            raise SourceError(f"{self.path}: cannot be read{advice}{_IN_A_MAPPING}")
        object.__setattr__(self, "frame", frame)

    @property
    def names(self) -> dict[str, str]:
        """Names of the columns by their spelling in lower case with low lines."""
        return {_plain(name): name for name in map(str, self.frame.columns)}

    @property
    def read(self) -> dict[str, Any]:
        """The mapping's key ``read``, where the header is not one line."""
        return {} if self.header_lines == 1 else {"read": {"header_lines": self.header_lines}}

    def with_header(self, lines: int) -> "PeekedFile":
        """Return the file read with another number of header lines."""
        return PeekedFile(self.path, lines)

    def columns(self, wanted: Mapping[str, str], what: str) -> dict[str, str]:
        """Return the file's names of some columns.

        Parameters
        ----------
        wanted : canonical name: the format's name in lower case with low lines
        what : the format in words, for the message

        Raises
        ------
        SchemaError : a column is not there.
        """
        names = self.names
        missing = [plain for plain in wanted.values() if plain not in names]
        if missing:
            raise SchemaError(
                f"{self.path}: no {what}: no column {missing[0]!r}; it has "
                f"{', '.join(names.values())}; name another format with --as, or write a mapping "
                "(docs/data.md)"
            )
        return {name: names[plain] for name, plain in wanted.items()}

    def values(self, column: str) -> pd.Series:
        """Return a column of the file."""
        found: pd.Series = self.frame[column]
        return found

    def bar_length(self, time: Mapping[str, Any], calendar: str, asked: str | None) -> str:
        """Return the commonest step between stamps as a bar length, or the one asked for.

        Bars of an exchange from 20 hours to 4 days apart are daily: a weekend may lie between.

        Raises
        ------
        SchemaError : there are too few rows, or the step is longer than a week.
        """
        if asked is not None:
            return asked
        column = TimeColumn.model_validate({"zone": "UTC", **time})
        stamps = read_stamps(self.values(column.column), column, Stamp.EVENT, self.path)
        steps = np.diff(np.unique(stamps.asi8))
        if len(steps) == 0:
            raise SchemaError(f"{self.path}: one row shows no bar length; add --timeframe, e.g. 1h")
        lengths, counts = np.unique(steps, return_counts=True)
        length = int(lengths[int(np.argmax(counts))])
        if length > _WEEK_NS:
            raise SchemaError(
                f"{self.path}: rows are {length / DAY_NS:g} days apart; bars of a month have no "
                "fixed length: take daily or weekly ones"
            )
        if calendar != ALWAYS_OPEN and 20 * HOUR_NS <= length <= 4 * DAY_NS:
            return "1d"
        return duration_text(length)


def _plain(name: str) -> str:
    return "_".join(name.strip().lower().split())


def duration_text(length: int) -> str:
    """Return nanoseconds as a duration in its largest whole unit.

    >>> duration_text(4 * 3_600_000_000_000)
    '4h'
    """
    unit, ns = next(((u, n) for u, n in _UNITS if length % n == 0), ("s", SECOND_NS))
    return f"{length // ns}{unit}"
