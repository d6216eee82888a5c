"""The cells of stored tables as Python's own values, without pandas and Arrow's functions."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import SECOND_NS
from engine.decision_terms import Cap
from engine.records import UNSET
from engine.run_folder.schema import CAP_PREFIX

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StoredColumns(dict[str, list[Any]]):
    """The columns of a table as lists of cells, each made when a row is first asked for it.

    The journal has a column or two for every condition; an answer needs a few of them.
    """

    def __init__(self, table: "pa.Table") -> None:
        self.table = table
        self.names: tuple[str, ...] = tuple(table.column_names)

    def __missing__(self, name: str) -> list[Any]:
        if name not in self.names:
            raise KeyError(name)
        cells = self[name] = row_cells(self.table[name])
        return cells


class TableRow(Mapping[str, Any]):
    """One row of a table; its cells are read by the column's name."""

    __slots__ = ("_columns", "_place")

    def __init__(self, columns: StoredColumns, place: int) -> None:
        self._columns, self._place = columns, place

    def __getitem__(self, name: str) -> Any:
        return self._columns[name][self._place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns.names)

    def __len__(self) -> int:
        return len(self._columns.names)


# Nanoseconds in the units of stored instants.
_UNIT_NS = {"s": SECOND_NS, "ms": 10**6, "us": 10**3, "ns": 1}


def numbers_of(column: "pa.ChunkedArray") -> NDArray[np.float64]:
    """Return a column of numbers; its own ``to_numpy`` would load pandas."""
    chunks = [
        np.array(chunk.to_pylist(), dtype=np.float64) if chunk.null_count else np.from_dlpack(chunk)
        for chunk in column.chunks
    ]
    return np.concatenate([np.empty(0), *chunks])


def instant_cells(column: "pa.ChunkedArray") -> list[int | None]:
    """Return a column's instants, ns UTC; its own ``cast`` would load Arrow's functions."""
    import pyarrow as pa  # noqa: PLC0415

    unit = _UNIT_NS[column.type.unit]
    cells = (cell for chunk in column.chunks for cell in chunk.view(pa.int64()).to_pylist())
    return [None if cell is None else cell * unit for cell in cells]


def row_cells(column: "pa.ChunkedArray") -> list[Any]:
    """Return a column's cells with instants as datetimes; empty ones are None."""
    import pyarrow as pa  # noqa: PLC0415

    if not pa.types.is_timestamp(column.type):
        cells: list[Any] = column.to_pylist()
        return cells
    return [
        None if at is None else _EPOCH + timedelta(microseconds=at // 1_000)
        for at in instant_cells(column)
    ]


def cells_of(column: "pa.ChunkedArray", *, is_real: bool = False) -> list[Any]:
    """Return a column's cells: instants as int64 ns UTC, empty ones UNSET; empty reals NaN."""
    import pyarrow as pa  # noqa: PLC0415

    if pa.types.is_timestamp(column.type):
        return [UNSET if value is None else value for value in instant_cells(column)]
    cells: list[Any] = column.to_pylist()
    return [math.nan if cell is None else cell for cell in cells] if is_real else cells


def members_of(column: str, cells: list[Any], closed: type[StrEnum] | None) -> list[Any]:
    """Return texts as members of the column's closed set; columns without one are unchanged."""
    if closed is None:
        return cells
    known: dict[Any, Any] = {member.value: member for member in closed} | {"": "", None: ""}
    for cell in cells:
        if cell not in known:
            raise ValueError(f"{column} = {cell!r}; known: {', '.join(closed)}")
    return [known[cell] for cell in cells]


def caps_of(table: "pa.Table") -> Iterator[tuple[tuple[Cap, float], ...]]:
    """Yield the caps of each row that were applied; the cell of any other cap is NaN."""
    names = [name for name in table.column_names if name.startswith(CAP_PREFIX)]
    caps = [Cap.named(name.removeprefix(CAP_PREFIX)) for name in names]
    columns = [table[name].to_pylist() for name in names]
    for place in range(len(table)):
        cells = zip(caps, (column[place] for column in columns), strict=True)
        yield tuple((cap, cell) for cap, cell in cells if cell is not None and not math.isnan(cell))
