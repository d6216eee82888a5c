"""Reading a run folder back into rows."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from data_feeds.errors import YamlError
from data_feeds.yaml_text import load_yaml
from engine.config.models import RunConfig
from engine.config.problems import problem_lines
from engine.config.yaml_source import ConfigSource
from engine.errors import ReportError
from engine.records import Decision, EquityCurve, Fact, Fill, GuardEvent, OrderRow

Row = TypeVar("Row")
Record = Mapping[str, Any]

CAP_PREFIX = "cap_"
UNSET = 0


@dataclass(frozen=True)
class RunFiles:
    """Everything the audit reads of one run; empty instants are 0.

    ``traded`` names the instruments in the order in which they take turns: by name.
    """

    config: RunConfig
    manifest: Mapping[str, Any]
    metrics: Mapping[str, float]
    orders: tuple[OrderRow, ...]
    fills: tuple[Fill, ...]
    facts: tuple[Fact, ...]
    decisions: tuple[Decision, ...]
    guards: tuple[GuardEvent, ...]
    trades: tuple[Record, ...]
    curve: EquityCurve
    traded: tuple[str, ...]

    @cached_property
    def start(self) -> int:
        """First instant traded, ns UTC."""
        return int(pd.Timestamp(self.config.data.start).as_unit("ns").value)

    @cached_property
    def end(self) -> int:
        """Last instant traded, ns UTC."""
        return int(pd.Timestamp(self.config.data.end).as_unit("ns").value)

    @cached_property
    def order_by_id(self) -> Mapping[int, OrderRow]:
        """Orders by their id."""
        return {order.order_id: order for order in self.orders}

    @cached_property
    def turnover(self) -> float:
        """Sum of the notional of all fills, quote."""
        return sum((abs(fill.quantity) * fill.price for fill in self.fills), start=0.0)


def read_run(folder: Path) -> RunFiles:
    """Return the files of a run folder.

    Raises
    ------
    ReportError : a file is missing, cannot be read, or lacks a column.
    """
    return RunFiles(
        config=_read_config(folder / "config.resolved.yaml"),
        manifest=read_document(folder / "manifest.json"),
        metrics=read_metrics(folder / "metrics.json"),
        orders=read_rows(folder / "orders.parquet", OrderRow),
        fills=read_rows(folder / "fills.parquet", Fill),
        facts=read_rows(folder / "events.parquet", Fact),
        decisions=read_rows(folder / "journal_decisions.parquet", Decision),
        guards=read_rows(folder / "guards.parquet", GuardEvent),
        trades=tuple(_records(_table(folder / "trades.parquet"))),
        curve=read_curve(folder / "equity.parquet"),
        traded=_traded(folder / "journal_account.parquet"),
    )


def unreadable(path: Path, why: object) -> ReportError:
    """Return the error of a file that is not what a run writes."""
    reason = " ".join(str(why).split())
    return ReportError(
        f"{path}: {reason}; the audit needs a whole run folder, run again to make one"
    )


def _read_config(path: Path) -> RunConfig:
    try:
        document = load_yaml(path)
    except YamlError as error:
        raise unreadable(path, error) from error
    try:
        return RunConfig.model_validate(document.data)
    except ValidationError as error:
        marks = {key_path: f"line {line}" for key_path, line in document.lines.items()}
        first, *others = problem_lines(
            error, RunConfig, ConfigSource(document.data, marks, path.name)
        )
        why = f"{first} (and {len(others)} more)" if others else first
        raise unreadable(path, why) from error


def read_document(path: Path) -> dict[str, Any]:
    """Return a JSON object."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if not isinstance(document, dict):
        raise unreadable(path, "not a JSON object")
    return document


def read_metrics(path: Path) -> dict[str, float]:
    """Return the headline numbers by name; NaN where one does not exist."""
    document = read_document(path)
    for name, value in document.items():
        if value is not None and not (type(value) in (int, float) and math.isfinite(value)):
            raise unreadable(path, f"{name} = {value!r} is no number")
    return {name: math.nan if x is None else float(x) for name, x in document.items()}


def _table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error


def _instants(column: pa.ChunkedArray) -> list[int]:
    """Return instants as int64 ns UTC; an empty cell is 0."""
    numbers = column.cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64())
    return [UNSET if value is None else value for value in numbers.to_pylist()]


def _records(table: pa.Table) -> list[dict[str, Any]]:
    columns: dict[str, list[Any]] = {
        name: _instants(table[name])
        if pa.types.is_timestamp(table.schema.field(name).type)
        else table[name].to_pylist()
        for name in table.column_names
    }
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def read_rows(path: Path, row_type: type[Row]) -> tuple[Row, ...]:
    """Return the rows of a table as the dataclass whose fields are its columns."""
    table = _table(path)
    names = [field.name for field in dataclasses.fields(row_type)]  # type: ignore[arg-type]
    missing = [name for name in names if name not in table.column_names and name != "caps"]
    if missing:
        raise unreadable(path, f"no column {', '.join(missing)}")
    hints = get_type_hints(row_type)
    floats = {name for name in names if hints[name] is float}
    rows = []
    for record in _records(table):
        values = {name: record[name] for name in names if name != "caps"}
        for name in floats:
            values[name] = float("nan") if values[name] is None else values[name]
        if "caps" in names:
            values["caps"] = _caps(record)
        rows.append(row_type(**values))
    return tuple(rows)


def _caps(record: Record) -> tuple[tuple[str, float], ...]:
    """Return the caps that were applied (NaN columns were not)."""
    return tuple(
        (name.removeprefix(CAP_PREFIX), value)
        for name, value in record.items()
        if name.startswith(CAP_PREFIX) and value is not None and not math.isnan(value)
    )


def read_curve(path: Path) -> EquityCurve:
    """Return the equity curve of a table."""
    table = _table(path)
    names = [field.name for field in dataclasses.fields(EquityCurve)]
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise unreadable(path, f"no column {', '.join(missing)}")
    at: NDArray[np.int64] = np.array(_instants(table["at"]), dtype=np.int64)
    values = {name: table[name].to_numpy().astype(np.float64) for name in names if name != "at"}
    return EquityCurve(at=at, **values)


def _traded(path: Path) -> tuple[str, ...]:
    """Return the instruments that the run may trade, by name: so they take turns."""
    table = _table(path)
    if "instrument" not in table.column_names:
        raise unreadable(path, "no column instrument")
    return tuple(sorted(set(table["instrument"].to_pylist())))
