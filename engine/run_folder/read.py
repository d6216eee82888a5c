"""Reading a run folder back: tables as rows, documents as dictionaries."""

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data_feeds.errors import YamlError
from data_feeds.yaml_text import load_yaml
from engine.errors import ReportError
from engine.formatting import without
from engine.run_folder.schema import (
    ACCOUNT_FILE,
    CONDITIONS_FILE,
    CONFIG_FILE,
    MANIFEST_FILE,
    METRICS_FILE,
    SEALS_FILE,
    SLEEVES_FOLDER,
)
from engine.run_folder.seals import check_seals, is_no_run

Row = Mapping[str, Any]
# What readers take from the manifest of a run.
NEEDED = ("name", "playbook", "data_label", "window", "not_reusable")


class RunFiles:
    """One run folder's files, each read once.

    Raises
    ------
    ReportError : the folder is missing or an account's (its sleeves are the runs), or its seals do
        not hold: a data file is missing, altered or was added.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        check_is_run(self.folder)
        check_seals(self.folder)
        self._tables: dict[str, list[Row]] = {}

    def rows(self, table: str) -> list[Row]:
        """Return a table's rows in file order; instants are pandas timestamps, unset ones None."""
        if table not in self._tables:
            self._tables[table] = read_rows(self.folder / f"{table}.parquet")
        return self._tables[table]

    def decision_rows_around(
        self, at: pd.Timestamp
    ) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
        """Return the last decision row at or before an instant, and the first one after it."""
        rows: list[pd.Timestamp] = [row["at"] for row in self.rows("decision_rows")]
        place = bisect_right(rows, at)
        return (rows[place - 1] if place else None), (rows[place] if place < len(rows) else None)

    @cached_property
    def drawdown_ladder(self) -> list[float]:
        """The factors on new positions, one a rung by rising drawdown; empty without a ladder."""
        path = self.folder / CONFIG_FILE
        try:
            risk = load_yaml(path).data["risk"]
        except (YamlError, KeyError) as error:
            raise ReportError(f"{path}: cannot be read ({error}); run again") from error
        return [rung["multiplier"] for rung in (risk["drawdown"] or {"ladder": ()})["ladder"]]

    def equity_at(self, at: pd.Timestamp) -> float | None:
        """Return equity at the last point of the curve at or before an instant."""
        path = self.folder / "equity.parquet"
        try:
            curve = pq.read_table(path, columns=["at", "equity"])
            instants = curve.column("at").cast(pa.int64()).to_numpy()
        except (OSError, KeyError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error
        place = int(np.searchsorted(instants, at.as_unit("ns").value, side="right")) - 1
        return float(curve.column("equity")[place].as_py()) if place >= 0 else None

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """``manifest.json``."""
        return self._document(MANIFEST_FILE, NEEDED)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """``metrics.json``."""
        return self._document(METRICS_FILE)

    @cached_property
    def conditions(self) -> list[dict[str, Any]]:
        """The conditions of ``conditions.json``, in the playbook's order."""
        listed: list[dict[str, Any]] = self._document(CONDITIONS_FILE, ("conditions",))[
            "conditions"
        ]
        return listed

    def _document(self, name: str, keys: Sequence[str] = ()) -> dict[str, Any]:
        path = self.folder / name
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        if not isinstance(document, dict):
            raise _unreadable(path, "not a JSON object")
        missing = [key for key in keys if key not in document]
        if missing:
            raise _unreadable(path, f"no {', '.join(missing)}")
        return document


def read_rows(path: Path) -> list[Row]:
    """Return the rows of one table of a run's or an account's folder.

    Raises
    ------
    ReportError : the file is missing or damaged.
    """
    try:
        rows: list[Row] = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    return rows


def check_is_run(folder: Path) -> None:
    """Refuse what is no run folder at all.

    Raises
    ------
    ReportError : the folder is missing or another one, or it is an account's.
    """
    if (folder / ACCOUNT_FILE).is_file():
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


def _unreadable(path: Path, why: object) -> ReportError:
    reason = " ".join(str(why).split())
    return ReportError(f"{path}: cannot be read ({reason}); run again")


def moment(instant: pd.Timestamp | None) -> str:
    """Return an instant as ``2026-02-06 03:00Z``, and a dash for one that has not come.

    >>> moment(pd.Timestamp("2026-02-06T03:00Z"))
    '2026-02-06 03:00Z'
    """
    if instant is None:
        return "-"
    text = instant.strftime("%Y-%m-%d %H:%M:%S" if instant.second else "%Y-%m-%d %H:%M")
    return f"{text}Z"


def run_title(files: RunFiles, what: str) -> str:
    """Return a line that names the run, its rules, what is told, and shouts what is not real."""
    manifest = files.manifest
    label = " - SYNTHETIC DATA" if manifest["data_label"] == "synthetic" else ""
    rules = f"{manifest['playbook']}{without(manifest.get('left_out', ()))}"
    return f"{manifest['name']} ({rules}), {what}{label}"
