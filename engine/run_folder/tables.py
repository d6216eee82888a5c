"""Parquet tables of the dataclasses in ``engine.records``, byte-identical for equal inputs."""

import dataclasses
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engine.excess import DailyMoney, Instants
from engine.records import Decision, EquityCurve

INSTANT = pa.timestamp("ns", tz="UTC")
# An instant at or before the epoch has not come; one past 2100 never will ("never released").
NEVER_NS = int(pd.Timestamp("2100-01-01", tz="UTC").as_unit("ns").value)
_TYPES: Mapping[type, pa.DataType] = {
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    str: pa.string(),
}


def is_instant(column: str) -> bool:
    """Return whether a column of this name holds instants."""
    return column in ("at", "until") or column.endswith("_at")


def instants(values: Sequence[int] | np.ndarray[Any, Any]) -> pa.Array:
    """Return int64 nanoseconds as UTC timestamps; unset and never-ending ones are empty cells."""
    numbers = np.asarray(values, dtype=np.int64)
    unset = (numbers <= 0) | (numbers >= NEVER_NS)
    return pa.array(numbers, type=pa.int64(), mask=unset).cast(INSTANT)


def rows_table(row_type: type, rows: Sequence[Any]) -> pa.Table:
    """Return a table of dataclass rows: its fields in order, one type a column even when empty.

    Fields of other types than int, float, bool and text are left out (``Decision.caps``: see
    :func:`decisions_table`).
    """
    hints = get_type_hints(row_type)
    columns: dict[str, pa.Array] = {}
    for field in dataclasses.fields(row_type):
        kind = _plain_type(hints[field.name])
        if kind is None:
            continue
        values = [getattr(row, field.name) for row in rows]
        if kind is int and is_instant(field.name):
            columns[field.name] = instants(values)
        else:
            columns[field.name] = pa.array([kind(value) for value in values], type=_TYPES[kind])
    return pa.table(columns)


def daily_table(money: DailyMoney) -> pa.Table:
    """Return what each day's change of equity is made of, a row a day, quote."""
    return pa.table(
        {
            "day": pa.array(money.days.to_numpy().astype("datetime64[D]")),
            "equity_before": money.before,
            "equity_after": money.after,
            "trading": money.trading,
            "interest": money.interest,
            "bill": money.bill,
        }
    )


def daily_money_of(table: pa.Table, ends: Instants) -> DailyMoney:
    """Return the days of a :func:`daily_table`; ``ends`` are the instants of their last marks.

    Raises
    ------
    KeyError : a column is missing.
    ValueError : the table has not a row for each end.
    """
    if len(table) != len(ends):
        raise ValueError(f"{len(table)} days, and equity has {len(ends)}")
    columns = ("equity_before", "equity_after", "trading", "interest", "bill")
    days = pd.DatetimeIndex(table.column("day").to_numpy()).as_unit("ns")
    return DailyMoney(days, ends, *(table.column(name).to_numpy() for name in columns))


def decisions_table(decisions: Sequence[Decision]) -> pa.Table:
    """Return the decisions with two columns a cap: what it allowed, and the size after it.

    ``cap_<name>`` is base units, NaN where the cap was not applied; ``size_after_<name>`` is the
    running minimum in the order applied.
    """
    table = rows_table(Decision, decisions)
    names = list(dict.fromkeys(name for decision in decisions for name, _ in decision.caps))
    allowed = np.full((len(names), len(decisions)), np.nan)
    after = np.full((len(names), len(decisions)), np.nan)
    place = {name: index for index, name in enumerate(names)}
    for column, decision in enumerate(decisions):
        size = float("inf")
        for name, quantity in decision.caps:
            size = min(size, quantity)
            allowed[place[name], column] = quantity
            after[place[name], column] = size
    for name in names:
        table = table.append_column(f"cap_{name}", pa.array(allowed[place[name]]))
        table = table.append_column(f"size_after_{name}", pa.array(after[place[name]]))
    return table


def curve_table(curve: EquityCurve) -> pa.Table:
    """Return the equity curve, one row an instant."""
    return pa.table(
        {
            field.name: instants(curve.at)
            if field.name == "at"
            else pa.array(np.asarray(getattr(curve, field.name), dtype=np.float64))
            for field in dataclasses.fields(EquityCurve)
        }
    )


def write_table(table: pa.Table, path: Path) -> None:
    """Write one Parquet file with fixed settings and no metadata that changes between runs."""
    pq.write_table(
        table.replace_schema_metadata(None),
        path,
        version="2.6",
        compression="zstd",
        use_dictionary=True,
        write_statistics=True,
        row_group_size=1_000_000,
        store_schema=True,
    )


def _plain_type(hint: Any) -> type | None:
    if isinstance(hint, type) and issubclass(hint, Enum) and issubclass(hint, str):
        return str
    return hint if isinstance(hint, type) and hint in _TYPES else None
