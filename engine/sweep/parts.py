"""Results on disk while a sweep runs: one Parquet file a batch, named by its content.

A part is written whole under another name and then renamed, so that a killed sweep keeps every part
that it had finished. Reading checks that a part holds the bytes that its name says.
"""

import hashlib
import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from data_feeds.atomic import storage_errors, write_atomically
from data_feeds.parquet_tables import read_table
from engine.errors import ReportError
from engine.run_folder.write import rows_table, write_table
from engine.sweep.axes import SweepSpace
from engine.sweep.set_runs import CellResult, SetResult, SetRunRow

PREFIX, SUFFIX, NAME_DIGITS = "part-", ".parquet", 16
# A killed sweep loses at most the results of this many seconds.
SECONDS_PER_PART = 5.0
MAX_SETS_PER_PART = 256
Record = Callable[[Sequence[SetResult]], None]
PLACES, DAYS, EXCESS = "places", "days", "excess"


class SweepParts:
    """The parts of one sweep in a folder of their own.

    ``is_reusable`` is False where the rules read more than the folder's name covers: no stored
    result is used then.
    """

    def __init__(self, folder: Path, space: SweepSpace, *, is_reusable: bool = True) -> None:
        self.folder, self._space, self._is_reusable = folder, space, is_reusable

    def read(self) -> dict[str, SetResult]:
        """Return the stored results by set id, none where they may not be used.

        Raises
        ------
        ReportError : a part is damaged; the text names it.
        """
        found: dict[str, SetResult] = {}
        if not self._is_reusable:
            return found
        for path in sorted(self.folder.glob(f"{PREFIX}*{SUFFIX}")):
            for result in results_in(_intact(path), self._space):
                found[result.item.set_id] = result
        return found

    @contextmanager
    def writing(self, record: Record) -> "Iterator[PartWriter]":
        """Yield a writer; what it holds is written when the block ends, also by an error.

        ``record`` is called with the results of each part before it is written.
        """
        writer = PartWriter(self.folder, record)
        try:
            yield writer
        finally:
            writer.flush()


class PartWriter:
    """Collects results and writes a part every few seconds; ``added`` holds them by set id."""

    def __init__(self, folder: Path, record: Record) -> None:
        self._folder, self._record = folder, record
        self._held: list[SetResult] = []
        self.added: dict[str, SetResult] = {}
        self._last = time.monotonic()

    def add(self, result: SetResult) -> None:
        """Take one result; write a part if the last one is some seconds old."""
        self._held.append(result)
        self.added[result.item.set_id] = result
        is_due = time.monotonic() - self._last >= SECONDS_PER_PART
        if is_due or len(self._held) >= MAX_SETS_PER_PART:
            self.flush()

    def flush(self) -> None:
        """Write the results held as one part, if there are any."""
        if self._held:
            self._record(self._held)
            stream = io.BytesIO()
            write_table(results_table(self._held), stream)
            content = stream.getvalue()
            with storage_errors(self._folder):
                write_atomically(self._folder / part_name(content), content)
            self._held = []
        self._last = time.monotonic()


def part_name(content: bytes) -> str:
    """Return the name of a part: a hash of its bytes."""
    return f"{PREFIX}{hashlib.sha256(content).hexdigest()[:NAME_DIGITS]}{SUFFIX}"


def results_table(results: Sequence[SetResult]) -> pa.Table:
    """Return a row for each set and cell: numbers, places on the axes, and the daily excess."""
    cells = [(result.item, cell) for result in results for cell in result.cells]
    table = rows_table(SetRunRow, [cell.row for _, cell in cells])
    places = pa.array([list(item.places) for item, _ in cells], pa.list_(pa.int64()))
    days = pa.array([cell.days.astype("datetime64[D]").tolist() for _, cell in cells],
                    pa.list_(pa.date32()))  # fmt: skip
    excess = pa.array([cell.excess.tolist() for _, cell in cells], pa.list_(pa.float64()))
    for name, column in ((PLACES, places), (DAYS, days), (EXCESS, excess)):
        table = table.append_column(name, column)
    return table


def results_in(table: pa.Table, space: SweepSpace) -> list[SetResult]:
    """Return the results that a table of :func:`results_table` holds."""
    cells: dict[tuple[int, ...], list[CellResult]] = {}
    names = [field.name for field in fields(SetRunRow)]
    for row in table.to_pylist():
        days = np.array(row[DAYS], dtype="datetime64[D]")
        result = CellResult(_row(row, names), days, np.array(row[EXCESS], dtype=np.float64))
        cells.setdefault(tuple(row[PLACES]), []).append(result)
    return [SetResult(space.at(places), tuple(held)) for places, held in cells.items()]


def _row(row: Mapping[str, Any], names: Sequence[str]) -> SetRunRow:
    return SetRunRow(**{name: row[name] for name in names})


def _intact(path: Path) -> pa.Table:
    try:
        content = path.read_bytes()
        if part_name(content) != path.name:
            raise ReportError(
                f"{path}: is not the part that was written; delete it, and its sets are run again"
            )
        return read_table(content)
    except OSError as error:
        raise ReportError(f"{path}: cannot be read ({error.strerror or error})") from error
