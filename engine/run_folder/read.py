"""The reader of run folders: tables as rows, dataclasses or frames; documents as dicts."""

import dataclasses
import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import numpy as np

from data_feeds.clock import DAY_NS, datetime_ns
from data_feeds.parquet_tables import read_table
from engine.equity_curve import EquityCurve
from engine.errors import ReportError
from engine.formatting import without
from engine.records import Decision, Fact, Fill, GuardEvent, OrderRow, Trade
from engine.run_folder.schema import (
    ACCOUNT_FILE,
    ACCOUNT_STATES,
    CONDITIONS_FILE,
    CONFIG_FILE,
    DAILY,
    DECISION_ROWS,
    DECISIONS,
    EQUITY,
    FILLS,
    GUARDS,
    LEDGER,
    MANIFEST_FILE,
    METRICS_FILE,
    ORDERS,
    SEALS_FILE,
    SLEEVES_FOLDER,
    TRADES,
    TRAIL_DISTANCES,
    DailyRow,
    TableOf,
    closed_set,
    instant_of_row,
    unreadable,
)
from engine.run_folder.seals import broken_seals, check_seals, is_no_run
from engine.run_folder.table_cells import (
    StoredColumns,
    TableRow,
    caps_of,
    cells_of,
    members_of,
    numbers_of,
)
from engine.trailing_stop import TrailDistance

# A command imports what it reads: `riskoff runs` needs no Parquet, and `riskoff explain` neither
# pandas nor, for most runs, the models of a run's configuration.
if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from engine.config.account import AccountConfig
    from engine.config.models import RunConfig
    from engine.daily_money import DailyMoney

Row = Mapping[str, Any]
Record = TypeVar("Record")
# Keys of the manifest of a run that readers use.
NEEDED = ("name", "playbook", "data_label", "window", "not_reusable")


class ResultFolder:
    """The tables and documents that runs and accounts share, each read once.

    Parameters
    ----------
    folder : the folder of a run, of an account or of one of its sleeves
    sealed : False skips the check of the seals, for the audit, which reports a broken seal as a
        finding

    Raises
    ------
    ReportError : a data file is missing, altered or was added; a file cannot be read.
    """

    def __init__(self, folder: Path, *, sealed: bool = True) -> None:
        self.folder = Path(folder)
        if sealed:
            check_seals(self.folder)
        self._rows: dict[str, list[Row]] = {}

    def broken_seals(self) -> dict[str, str] | None:
        """Return the fault of each data file by name; None for a folder that has no seals yet."""
        if not (self.folder / SEALS_FILE).is_file():
            return None
        return broken_seals(self.folder)

    def rows(self, table: str) -> list[Row]:
        """Return a table's rows in file order; instants are UTC datetimes, unset ones None.

        Parts of a microsecond are cut off.
        """
        if table not in self._rows:
            columns = StoredColumns(self.arrow(table))
            self._rows[table] = [TableRow(columns, place) for place in range(len(columns.table))]
        return self._rows[table]

    def frame(self, table: str) -> "pd.DataFrame":
        """Return a table as a frame by the UTC instant that orders its rows; empty cells are NaT.

        A table without such an instant is indexed by its row number.
        """
        import pandas as pd  # noqa: PLC0415

        frame: pd.DataFrame = self.arrow(table).to_pandas()
        column = instant_of_row(table)
        if column not in frame:
            return frame
        index = pd.DatetimeIndex(pd.to_datetime(frame[column], utc=True), name=column).as_unit("ns")
        return frame.drop(columns=column).set_index(index)

    def records(self, table: TableOf[Record]) -> tuple[Record, ...]:
        """Return the rows of a table as its dataclass; an empty instant is :data:`UNSET`.

        An empty cell of a number is NaN.
        """
        held = self.arrow(table.name)
        names = [field.name for field in dataclasses.fields(table.row_type)]  # type: ignore[arg-type]
        has_caps = "caps" in names
        names = [name for name in names if name != "caps"]
        self._check_columns(table.name, held, names)
        hints = get_type_hints(table.row_type)
        columns = {name: cells_of(held[name], is_real=hints[name] is float) for name in names}
        try:
            for name in names:
                columns[name] = members_of(name, columns[name], closed_set(hints[name]))
            if has_caps:
                columns["caps"] = list(caps_of(held))
        except ValueError as error:
            raise unreadable(self.folder / f"{table.name}.parquet", error) from error
        return tuple(
            table.row_type(**dict(zip(columns, cells, strict=True)))
            for cells in zip(*columns.values(), strict=True)
        )

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """``manifest.json``."""
        return self._document(MANIFEST_FILE)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """``metrics.json``: the headline numbers by name, NaN where one does not exist."""
        document = self._document(METRICS_FILE)
        for name, value in document.items():
            if value is not None and not (type(value) in (int, float) and math.isfinite(value)):
                raise unreadable(self.folder / METRICS_FILE, f"{name} = {value!r} is no number")
        return {name: math.nan if x is None else float(x) for name, x in document.items()}

    @cached_property
    def curve(self) -> EquityCurve:
        """Equity at bar closes."""
        table = self.arrow(EQUITY)
        names = [field.name for field in dataclasses.fields(EquityCurve) if field.name != "at"]
        self._check_columns(EQUITY, table, ["at", *names])
        at = np.array(cells_of(table["at"]), dtype=np.int64)
        values = {name: numbers_of(table[name]) for name in names}
        return EquityCurve(at=at, **values)

    @cached_property
    def daily(self) -> tuple[DailyRow, ...]:
        """Rows of ``daily.parquet``."""
        return self.records(DAILY)

    @cached_property
    def guards(self) -> tuple[GuardEvent, ...]:
        """Rows of ``guards.parquet``."""
        return self.records(GUARDS)

    def arrow(self, name: str) -> "pa.Table":
        """Return a stored table as it lies in its file."""
        import pyarrow as pa  # noqa: PLC0415

        path = self.folder / f"{name}.parquet"
        try:
            return read_table(path)
        except (OSError, pa.ArrowException) as error:
            raise unreadable(path, error) from error

    def _check_columns(self, name: str, table: "pa.Table", columns: Sequence[str]) -> None:
        missing = [column for column in columns if column not in table.column_names]
        if missing:
            path = self.folder / f"{name}.parquet"
            raise unreadable(path, f"no column {', '.join(missing)}")

    def _document(self, name: str, keys: Sequence[str] = ()) -> dict[str, Any]:
        path = self.folder / name
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise unreadable(path, error) from error
        if not isinstance(document, dict):
            raise unreadable(path, "not a JSON object")
        missing = [key for key in keys if key not in document]
        if missing:
            raise unreadable(path, f"no {', '.join(missing)}")
        return document


class RunFolder(ResultFolder):
    """One run folder, each file read once.

    Raises
    ------
    ReportError : the folder is missing or an account's (its sleeves are the runs), or its seals do
        not hold: a data file is missing, altered or was added.
    """

    def __init__(self, folder: Path, *, sealed: bool = True) -> None:
        if sealed:
            check_is_run(Path(folder))
        super().__init__(folder, sealed=sealed)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """``manifest.json``."""
        return self._document(MANIFEST_FILE, NEEDED)

    @cached_property
    def config(self) -> "RunConfig":
        """``config.resolved.yaml``."""
        from engine.run_folder.stored_config import stored_run  # noqa: PLC0415

        return stored_run(self.folder / CONFIG_FILE)

    @cached_property
    def conditions(self) -> list[dict[str, Any]]:
        """The conditions of ``conditions.json``, in the playbook's order."""
        document = self._document(CONDITIONS_FILE, ("conditions",))
        listed: list[dict[str, Any]] = document["conditions"]
        return listed

    @cached_property
    def orders(self) -> tuple[OrderRow, ...]:
        """Rows of ``orders.parquet``."""
        return self.records(ORDERS)

    @cached_property
    def trail_distances(self) -> tuple[TrailDistance, ...]:
        """Rows of ``trail_distances.parquet``."""
        return self.records(TRAIL_DISTANCES)

    @cached_property
    def fills(self) -> tuple[Fill, ...]:
        """Rows of ``fills.parquet``."""
        return self.records(FILLS)

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """Rows of the ledger."""
        return self.records(LEDGER)

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Rows of ``journal_decisions.parquet``."""
        return self.records(DECISIONS)

    @cached_property
    def trades(self) -> tuple[Trade, ...]:
        """Rows of ``trades.parquet``."""
        return self.records(TRADES)

    @cached_property
    def order_by_id(self) -> Mapping[int, OrderRow]:
        """The orders by their id."""
        return {order.order_id: order for order in self.orders}

    @cached_property
    def traded(self) -> tuple[str, ...]:
        """The instruments that the run may trade, by name."""
        table = self.arrow(ACCOUNT_STATES.name)
        self._check_columns(ACCOUNT_STATES.name, table, ["instrument"])
        return tuple(sorted(set(table["instrument"].to_pylist())))

    @cached_property
    def start(self) -> int:
        """First instant traded, ns UTC."""
        return datetime_ns(self.config.data.start)

    @cached_property
    def end(self) -> int:
        """Last instant traded, ns UTC."""
        return datetime_ns(self.config.data.end)

    @cached_property
    def money(self) -> "DailyMoney":
        """The parts of each UTC day's change of equity.

        Raises
        ------
        ReportError : the table has not one row for each day of the equity curve.
        """
        later = self.curve.at[self.curve.at > self.start]
        days = (later - 1) // DAY_NS
        ends = later[np.flatnonzero(np.append(days[1:] != days[:-1], True)[: len(days)])]
        table = self.arrow(DAILY.name)
        columns = (
            "equity_before",
            "equity_after",
            "trading",
            "interest",
            "bill",
            "revaluation",
        )
        self._check_columns(DAILY.name, table, ["day", *columns])
        if len(table) != len(ends):
            why = f"{len(table)} days, and equity has {len(ends)}"
            raise unreadable(self.folder / f"{DAILY.name}.parquet", why)
        import pandas as pd  # noqa: PLC0415

        from engine.daily_money import DailyMoney  # noqa: PLC0415

        index = pd.DatetimeIndex(table["day"].to_numpy()).as_unit("ns")
        return DailyMoney(index, ends, *(table[name].to_numpy() for name in columns))

    def decision_instants(self, first: int, last: int) -> list[int]:
        """Return the instants of the decision rows from ``first`` to ``last``, ns UTC."""
        at = self.arrow(DECISION_ROWS)["at"].to_numpy().astype("datetime64[ns]").astype(np.int64)
        return [int(instant) for instant in at[(at >= first) & (at <= last)]]

    def decision_rows_around(self, at: datetime) -> tuple[datetime | None, datetime | None]:
        """Return the last decision row at or before an instant, and the first one after it."""
        rows: list[datetime] = [row["at"] for row in self.rows(DECISION_ROWS)]
        place = bisect_right(rows, at)
        return (rows[place - 1] if place else None), (rows[place] if place < len(rows) else None)

    @cached_property
    def drawdown_ladder(self) -> list[float]:
        """The factors on new positions, one a rung by rising drawdown; empty without a ladder."""
        drawdown = self.config.risk.drawdown
        return [] if drawdown is None else [rung.multiplier for rung in drawdown.ladder]

    def equity_at(self, at: datetime) -> float | None:
        """Return equity at the last point of the curve at or before an instant."""
        place = int(np.searchsorted(self.curve.at, datetime_ns(at), side="right")) - 1
        return float(self.curve.equity[place]) if place >= 0 else None


class AccountFolder(ResultFolder):
    """The folder of an account: the sum of its sleeves, and each sleeve as a run folder."""

    @cached_property
    def config(self) -> "AccountConfig":
        """``account.resolved.yaml``."""
        from engine.run_folder.stored_config import stored_account  # noqa: PLC0415

        return stored_account(self.folder / ACCOUNT_FILE)

    @cached_property
    def sleeves(self) -> Mapping[str, Path]:
        """The folder of each sleeve, in the config's order."""
        return {name: self.folder / SLEEVES_FOLDER / name for name in self.config.sleeves}


def is_account(folder: Path) -> bool:
    """Return whether a folder is an account's."""
    return (folder / ACCOUNT_FILE).is_file()


def check_is_run(folder: Path) -> None:
    """Refuse a folder that is not a run's.

    Raises
    ------
    ReportError : the folder is missing or another one, or it is an account's.
    """
    if is_account(folder):
        sleeves = sorted(path.name for path in (folder / SLEEVES_FOLDER).glob("*"))
        raise ReportError(
            f"{folder}: the folder of an account, not of a run; name one of its sleeves "
            f"behind it: {', '.join(f'/{name}' for name in sleeves)}"
        )
    known = any((folder / name).is_file() for name in (SEALS_FILE, MANIFEST_FILE, CONFIG_FILE))
    if not known or is_no_run(folder):
        lacking = MANIFEST_FILE if known else SEALS_FILE
        raise ReportError(
            f"{folder}: not a run folder (no {lacking}); give the path that `riskoff run` printed"
        )


def moment(instant: datetime | None) -> str:
    """Return an instant as ``2026-02-06 03:00Z``, and a dash for one that has not come.

    >>> from datetime import UTC
    >>> moment(datetime(2026, 2, 6, 3, tzinfo=UTC))
    '2026-02-06 03:00Z'
    """
    if instant is None:
        return "-"
    text = instant.strftime("%Y-%m-%d %H:%M:%S" if instant.second else "%Y-%m-%d %H:%M")
    return f"{text}Z"


def run_title(run: RunFolder, what: str) -> str:
    """Return a line that names the run, its rules and the answer, and any synthetic data."""
    manifest = run.manifest
    label = " - SYNTHETIC DATA" if manifest["data_label"] == "synthetic" else ""
    rules = f"{manifest['playbook']}{without(manifest.get('left_out', ()))}"
    return f"{manifest['name']} ({rules}), {what}{label}"
