"""A run's records as CSV text, for readers who work in a spreadsheet.

Instants are UTC in ISO 8601, numbers have all their digits, an empty cell is a value that does not
exist. A text that a spreadsheet would take for a formula begins with an apostrophe.
"""

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.run_folder.read import RunFolder
from engine.run_folder.schema import (
    DAILY,
    DECISIONS,
    FILLS,
    LEDGER,
    ORDERS,
    TRADES,
)

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = (ORDERS, FILLS, TRADES, DECISIONS, LEDGER, DAILY)
ABOUT = "about.csv"
# The first signs by which spreadsheets know a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_files(folder: Path) -> dict[str, bytes]:
    """Return the records of one run by file name, and what run they are of.

    Raises
    ------
    ReportError : the folder is no run's, or a file of it is missing or altered.
    """
    run = RunFolder(folder)
    tables = {f"{table.name}.csv": run.arrow(table.name) for table in TABLES}
    return {
        ABOUT: _csv(_about(run)),
        **{name: _csv(_table_rows(table)) for name, table in tables.items()},
    }


def safe_text(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula.

    >>> safe_text("=1+1"), safe_text("stop")
    ("'=1+1", 'stop')
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def _about(run: RunFolder) -> Iterator[list[str]]:
    """Yield the lines that name the run and its data."""
    manifest = run.manifest
    yield ["what", "value"]
    yield ["run", safe_text(run.folder.name)]
    yield ["playbook", safe_text(str(manifest["playbook"]))]
    yield ["data", safe_text(str(manifest["data_label"]))]
    for key, value in sorted(manifest["window"].items()):
        yield [f"window {key}", safe_text(str(value))]
    yield ["units and signs", "docs/results.md"]


def _table_rows(table: "pa.Table") -> Iterator[list[str]]:
    """Yield the heading and the rows of a table as texts."""
    yield list(table.column_names)
    columns = [_cells(column) for column in table.columns]
    for row in zip(*columns, strict=True):
        yield list(row)


def _cells(column: "pa.ChunkedArray") -> list[str]:
    import pyarrow as pa  # noqa: PLC0415

    if pa.types.is_timestamp(column.type):
        at = column.cast(pa.timestamp("ns")).to_numpy()
        whole_ms = not (at[~np.isnat(at)].astype(np.int64) % 10**6).any()
        texts = np.datetime_as_string(at, unit="ms" if whole_ms else "ns")
        return ["" if text == "NaT" else f"{text}Z" for text in texts]
    return [_cell(value) for value in column.to_pylist()]


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe_text(value) if isinstance(value, str) else str(value)


def _csv(rows: Iterator[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
