"""Give the tables that the folders of runs and accounts have in common."""

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

import pandas as pd

from engine.door.column_units import with_units
from engine.metrics import METRICS
from engine.run_folder.read import ResultFolder
from engine.run_folder.schema import DAILY, EQUITY, FOLDER_NAME, GUARDS


class FolderTables(ABC):
    """Read equity, metrics and identity of a run or an account from its folder."""

    _files: ResultFolder

    @property
    def folder(self) -> Path:
        """Return the folder of the result."""
        return self._files.folder

    @property
    def name(self) -> str:
        """Return the name in the config."""
        return str(self._files.manifest["name"])

    @property
    def run_id(self) -> str:
        """Return the 12 hexadecimal digits that identify config, data, code and versions."""
        parts = FOLDER_NAME.fullmatch(self.folder.name)
        return parts["run_id"] if parts else str(self._files.manifest["run_id"])

    @cached_property
    def metrics(self) -> "pd.Series[float]":
        """Return the headline numbers by name, NaN where one does not exist.

        ``attrs["units"]`` and ``attrs["meanings"]`` hold the unit and the meaning of each.
        """
        found = pd.Series(self._files.metrics, name=self.name, dtype=float)
        known = {metric.name: metric for metric in METRICS if metric.name in found.index}
        found.attrs["units"] = {name: str(metric.unit) for name, metric in known.items()}
        found.attrs["meanings"] = {name: metric.says for name, metric in known.items()}
        return found

    @cached_property
    def curve(self) -> pd.DataFrame:
        """Return equity and its parts at every bar close, quote."""
        return self._frame(EQUITY)

    @property
    def equity(self) -> "pd.Series[float]":
        """Return equity at every bar close, quote."""
        equity: pd.Series[float] = self.curve["equity"]
        equity.attrs["units"] = {"equity": self.curve.attrs["units"]["equity"]}
        return equity

    @cached_property
    def daily(self) -> pd.DataFrame:
        """Return the parts of each UTC day's change of equity, quote."""
        return self._frame(DAILY.name)

    @cached_property
    def guards(self) -> pd.DataFrame:
        """Return the guard events, tripped and released, by their instant."""
        return self._frame(GUARDS.name)

    def _frame(self, table: str) -> pd.DataFrame:
        return with_units(self._files.frame(table))

    def __repr__(self) -> str:
        total, fall = self.metrics["total_return"], self.metrics["max_drawdown_bars"]
        return (
            f"{type(self).__name__} {self.folder.name}: return {total:+.2%}, "
            f"deepest drawdown {fall:.2%}, {self._count()}"
        )

    def _repr_html_(self) -> str:
        units = self.metrics.attrs["units"]
        shown = self.metrics.rename(self.name).to_frame()
        shown["unit"] = [units.get(name, "") for name in shown.index]
        return shown.to_html(float_format="{:,.4g}".format)

    @abstractmethod
    def _count(self) -> str:
        """Return the words for the trades or sleeves in the representation."""
