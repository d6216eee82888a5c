"""The writer of a run folder: byte-identical tables and documents, published by a rename."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ruamel.yaml import YAML

from engine.daily_money import DailyMoney
from engine.equity_curve import EquityCurve
from engine.errors import ReportError
from engine.formatting import json_number
from engine.records import Decision
from engine.run_folder.partial_folders import REPLACED, partial_folder
from engine.run_folder.schema import (
    CAP_PREFIX,
    EMPTY_CELL_FROM,
    METRICS_FILE,
    SIZE_AFTER_PREFIX,
    closed_set,
    is_instant,
)
from engine.run_folder.seals import write_seals

INSTANT = pa.timestamp("ns", tz="UTC")
_TYPES: Mapping[type, pa.DataType] = {
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    str: pa.string(),
}


def instants(values: Sequence[int] | np.ndarray[Any, Any]) -> pa.Array:
    """Return int64 nanoseconds as UTC timestamps; unset and far-future ones are empty cells."""
    numbers = np.asarray(values, dtype=np.int64)
    unset = (numbers <= 0) | (numbers >= EMPTY_CELL_FROM)
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
    """Return the parts of each day's change of equity, one row a day, quote."""
    return pa.table(
        {
            "day": pa.array(money.days.to_numpy().astype("datetime64[D]")),
            "equity_before": money.before,
            "equity_after": money.after,
            "trading": money.trading,
            "interest": money.interest,
            "bill": money.bill,
            "revaluation": money.revaluation,
        }
    )


def decisions_table(decisions: Sequence[Decision]) -> pa.Table:
    """Return the decisions with two columns a cap: the allowed quantity, and the size after it.

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
        table = table.append_column(f"{CAP_PREFIX}{name}", pa.array(allowed[place[name]]))
        table = table.append_column(f"{SIZE_AFTER_PREFIX}{name}", pa.array(after[place[name]]))
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


def write_table(table: pa.Table, path: Path | BinaryIO) -> None:
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


def write_json(document: Any, path: Path) -> None:
    """Write indented JSON; NaN is refused because other programs cannot read it."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def write_yaml(document: dict[str, Any], path: Path) -> None:
    """Write plain YAML in the document's order."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        _yaml().dump(document, stream)


def write_metrics(metrics: Mapping[str, float], folder: Path) -> None:
    """Write the headline numbers; a number that does not exist is null."""
    document = {name: json_number(value) for name, value in metrics.items()}
    write_json(document, folder / METRICS_FILE)


@contextmanager
def staged(final: Path) -> Iterator[Path]:
    """Yield an empty hidden folder that becomes ``final`` when the block ends without an error.

    Its seals are written last (:mod:`engine.run_folder.seals`). An earlier ``final`` is replaced
    only after that. On any error, Ctrl-C included, the hidden folder is removed and ``final`` stays
    as it was. A killed process leaves its hidden folder to the next writer
    (:mod:`engine.run_folder.partial_folders`).

    Raises
    ------
    ReportError : the file system refuses.
    """
    try:
        with partial_folder(final.parent) as holder:
            folder = holder / "new"
            folder.mkdir()
            yield folder
            write_seals(folder)
            (holder / REPLACED).mkdir()
            _publish(folder, final, holder / REPLACED / final.name)
    except OSError as error:
        raise _cannot_write(final, error) from error


def timing_document(started_at: datetime, seconds: float) -> dict[str, str | float]:
    """Return the contents of ``timing.json``: the start of a simulation, and its seconds."""
    # A start cut to its second would order two short runs of that second by chance.
    started = started_at.isoformat(timespec="milliseconds")
    return {"started_at": started, "seconds": round(seconds, 3)}


def check_writable(root: Path) -> None:
    """Check before a long run that its folder can be written.

    Raises
    ------
    ReportError : ``root`` cannot be made or written to.
    """
    try:
        with partial_folder(root):
            pass
    except OSError as error:
        raise _cannot_write(root, error) from error


def _publish(folder: Path, final: Path, old: Path) -> None:
    replaced = final.exists()
    if replaced:
        final.rename(old)
    try:
        folder.rename(final)
    except BaseException:
        if replaced:
            old.rename(final)
        raise


def _cannot_write(path: Path, error: OSError) -> ReportError:
    reason = error.strerror or str(error)
    return ReportError(
        f"{path}: cannot write the run folder ({reason}); free space or choose another --out"
    )


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 100
    return yaml


def _plain_type(hint: Any) -> type | None:
    if closed_set(hint) is not None:
        return str
    return hint if isinstance(hint, type) and hint in _TYPES else None
