"""Give a finished sweep: its sets, their runs and daily excess as frames."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from data_feeds.parquet_tables import read_frame
from engine.run_folder.seals import check_seals
from engine.sweep import BEST_FILE, PAGE_FILE, RESULTS_FILE, SETS_FILE, SUMMARY_FILE, SUMMARY_JSON
from engine.sweep.parts import DAYS, EXCESS, PLACES


class Sweep:
    """Hold the sets of a sweep, the chosen one and the verdict.

    Raises
    ------
    ReportError : a file of the folder is missing or altered.
    """

    def __init__(self, folder: Path) -> None:
        check_seals(folder)
        self.folder = folder
        self.page = folder / PAGE_FILE

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Return the content of ``summary.json``."""
        found: dict[str, Any] = json.loads((self.folder / SUMMARY_JSON).read_text(encoding="utf-8"))
        return found

    @cached_property
    def text(self) -> str:
        """Return the summary as text, the verdict included."""
        return (self.folder / SUMMARY_FILE).read_text(encoding="utf-8")

    @cached_property
    def best_config(self) -> Path | None:
        """Return the run file of the chosen set; None where none was chosen."""
        path = self.folder / BEST_FILE
        return path if path.is_file() else None

    @cached_property
    def sets(self) -> pd.DataFrame:
        """Return one row a set by its id: values, number, plateau, and how it was reported."""
        return read_frame(self.folder / SETS_FILE).set_index("set_id")

    @cached_property
    def runs(self) -> pd.DataFrame:
        """Return one row a set, window and instrument: return, drawdown, trades, costs."""
        return self._results.drop(columns=[PLACES, DAYS, EXCESS])

    @cached_property
    def daily_excess(self) -> pd.DataFrame:
        """Return the daily returns in excess of the bill, a row a run and day."""
        keys = ["set_id", "window", "instrument"]
        columns = [*keys, DAYS, EXCESS]
        rows = self._results[columns].explode([DAYS, EXCESS])
        rows[DAYS] = pd.to_datetime(rows[DAYS])
        rows[EXCESS] = rows[EXCESS].astype(float)
        return rows.rename(columns={DAYS: "day"}).set_index([*keys, "day"]).sort_index()

    @cached_property
    def _results(self) -> pd.DataFrame:
        return read_frame(self.folder / RESULTS_FILE)

    def __repr__(self) -> str:
        chosen = self.summary["chosen"]
        words = "none chosen" if chosen is None else f"chosen {chosen['set_id']}"
        return f"Sweep {self.folder.name}: {self.summary['sets']} sets, {words}"

    def _repr_html_(self) -> str:
        return self.sets.to_html(float_format="{:,.4g}".format)
