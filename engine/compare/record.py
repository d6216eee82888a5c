"""One finished cell of a comparison, read from its run folder."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.compare.cell_runs import CellOutcome, read_audit
from engine.config.compare import RowConfig
from engine.daily_money import DailyMoney
from engine.decision_terms import IntentKind
from engine.episodes import Episode
from engine.equity_curve import EquityCurve
from engine.metrics import window_years
from engine.pages.publish import TEARSHEET_FILE
from engine.records import FactKind
from engine.results.entry_count import BookDecision, count_entries
from engine.run_folder.read import Row, RunFolder
from engine.run_folder.schema import LEDGER


@dataclass(frozen=True)
class CellRecord:
    """The numbers of one row in one episode, from its run folder; the page has no other source.

    Money is in account currency; fractions are of the starting equity.
    """

    outcome: CellOutcome
    item: RowConfig
    episode: Episode
    folder: Path

    @property
    def row(self) -> str:
        """The row's name."""
        return self.outcome.row

    @cached_property
    def files(self) -> RunFolder:
        """The run folder."""
        return RunFolder(self.folder)

    @cached_property
    def audit(self) -> dict[str, Any]:
        """``checks`` and ``findings`` of the audit."""
        return read_audit(self.folder)

    @property
    def curve(self) -> EquityCurve:
        """Equity at bar closes."""
        return self.files.curve

    @property
    def metrics(self) -> Mapping[str, float]:
        """``metrics.json``; NaN where a number does not exist."""
        return self.files.metrics

    @property
    def start_equity(self) -> float:
        """Equity before the first bar."""
        return self.metrics["start_equity"]

    @property
    def periods_per_year(self) -> int:
        """Daily returns a year, as the run's manifest says."""
        return int(self.files.manifest["conventions"]["periods_per_year"])

    @property
    def years(self) -> float:
        """Length of the window."""
        return window_years(self.episode.start_at, self.episode.end_at)

    @property
    def money(self) -> DailyMoney:
        """The parts of each UTC day's change of equity, by ``daily.parquet``."""
        return self.files.money

    @cached_property
    def daily(self) -> "pd.Series[float]":
        """Simple returns of UTC days."""
        return self.money.returns

    @cached_property
    def excess(self) -> "pd.Series[float]":
        """Returns of the same days in excess of the bill."""
        return self.money.excess

    @property
    def bill(self) -> str:
        """The series of the bill for excess returns, empty for none."""
        return self.files.manifest["conventions"]["bill_series"] or ""

    @property
    def trades(self) -> Sequence[Row]:
        """Rows of ``trades.parquet``."""
        return self.files.rows("trades")

    @property
    def entries(self) -> int:
        """The number of trades or, of a book of weights, of rebalancings that traded."""
        book = [
            BookDecision(row["decision_id"], row["plan_id"], row["decided_at"])
            for row in self.files.rows("journal_decisions")
            if row["intent"] == IntentKind.REBALANCE
        ]
        filled = {row["decision_id"] for row in self.files.rows("orders") if row["filled"] > 0}
        return count_entries(book, filled, (trade["plan_id"] for trade in self.trades))

    @cached_property
    def reasons(self) -> Mapping[int, str]:
        """The reason of each decision, by its id."""
        rows = self.files.rows("journal_decisions")
        return {row["decision_id"]: row["reason"] for row in rows}

    @property
    def has_tearsheet(self) -> bool:
        """True if the run folder has a page."""
        return (self.folder / TEARSHEET_FILE).is_file()

    @property
    def is_synthetic(self) -> bool:
        """True when a value of the market data was generated."""
        return bool(self.files.manifest["data_label"] == "synthetic")

    def fact_sum(self, kind: FactKind) -> float:
        """Return the cash of one kind that belongs to no trade, in the account's currency."""
        rows = self.files.rows(LEDGER.name)
        return math.fsum(
            row["amount"] * row["account_rate"]
            for row in rows
            if row["kind"] == kind.value and row["plan_id"] <= 0 and not row["memo"]
        )

    def equity_at(self, instants: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return equity at the last point of the curve at or before each instant (ns UTC).

        Before the first point it is the starting equity.
        """
        place = np.searchsorted(self.curve.at, instants, side="right") - 1
        known = self.curve.equity[np.maximum(place, 0)]
        return np.where(place >= 0, known, self.start_equity)
