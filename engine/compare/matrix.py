"""A finished comparison, and the numbers of its cells: headline numbers, costs, funding, hedges."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.compare.cell_runs import CellOutcome
from engine.compare.record import CellRecord
from engine.config.compare import CompareConfig
from engine.episodes import Episode
from engine.formatting import percent, signed_percent
from engine.metrics import METRICS, Better, Metric, rounded_excess


@dataclass(frozen=True)
class Matrix:
    """A finished comparison: its config, episodes, outcomes and the records of its cells."""

    config: CompareConfig
    episodes: Sequence[Episode]
    outcomes: Sequence[CellOutcome]
    records: Mapping[tuple[str, str], CellRecord]

    @property
    def synthetic(self) -> bool:
        """Return whether a cell read generated data."""
        return any(record.is_synthetic for record in self.records.values())

    def of_episode(self, episode: Episode) -> list[CellRecord]:
        """Return the finished cells of an episode in the order of the rows."""
        names = [(row, episode.name) for row in self.config.rows]
        return [self.records[name] for name in names if name in self.records]


@dataclass(frozen=True)
class MatrixColumn:
    """One number of each cell, under its name in ``matrix.csv`` and ``matrix.json``."""

    name: str
    title: str
    better: Better
    says: str
    value: Callable[[CellRecord], float]
    text: Callable[[float], str]


# A column has the name of its number in metrics.json but for this one.
COLUMN_NAMES = {"max_drawdown_bars": "max_drawdown"}


def _of_metric(metric: Metric) -> MatrixColumn:
    return MatrixColumn(
        name=COLUMN_NAMES.get(metric.name, metric.name),
        title=metric.title[:1].upper() + metric.title[1:],
        better=metric.better,
        says=metric.says,
        value=lambda cell: cell.metrics[metric.name],
        text=metric.text,
    )


def _share(*names: str) -> Callable[[CellRecord], float]:
    return lambda cell: sum(cell.metrics[name] for name in names) / cell.start_equity


def _hedges(column: str) -> Callable[[CellRecord], float]:
    def value(cell: CellRecord) -> float:
        return math.fsum(row[column] for row in cell.files.rows("hedges")) / cell.start_equity

    return value


# Money of cells is compared as a share of the equity at the start.
SHARES = (
    MatrixColumn(
        "costs", "Costs", Better.LESS, "fees and slippage / equity at the start",
        _share("fees", "slippage"), percent,
    ),
    MatrixColumn(
        "funding", "Funding", Better.MORE, "received less paid / equity at the start",
        _share("funding"), signed_percent,
    ),
    MatrixColumn(
        "hedge_cost", "Hedge cost", Better.MORE,
        "losses of hedges, of those that hold back against not hedging / equity at the start",
        _hedges("cost"), signed_percent,
    ),
    MatrixColumn(
        "hedge_benefit", "Hedge benefit", Better.MORE,
        "gains of hedges, of those that hold back against not hedging / equity at the start",
        _hedges("benefit"), signed_percent,
    ),
)  # fmt: skip
_COMPARED = tuple(_of_metric(metric) for metric in METRICS if metric.compared)
# Liquidations stay the last column of matrix.csv.
COLUMNS = (*_COMPARED[:-1], *SHARES, _COMPARED[-1])


def values(cell: CellRecord) -> dict[str, float]:
    """Return the numbers of a cell by column; NaN where one does not exist."""
    return {column.name: column.value(cell) for column in COLUMNS}


def texts(numbers: Mapping[str, float]) -> dict[str, str]:
    """Return the numbers as the page writes them; the parts of the excess return add up."""
    shown = rounded_excess(numbers)
    return {column.name: column.text(shown[column.name]) for column in COLUMNS}


def matrix_rows(
    outcomes: Sequence[CellOutcome], records: Mapping[tuple[str, str], CellRecord]
) -> Iterator[dict[str, Any]]:
    """Yield one flat row a cell for ``matrix.csv`` and ``matrix.json``; None for no number."""
    for outcome in outcomes:
        record = records.get((outcome.row, outcome.episode))
        numbers = values(record) if record is not None else {c.name: math.nan for c in COLUMNS}
        yield {
            "row": outcome.row,
            "episode": outcome.episode,
            "run": outcome.folder.name if outcome.folder is not None else "",
            "data_label": record.files.manifest["data_label"] if record is not None else "",
            "audit_findings": outcome.findings,
            "left_out": " ".join(record.files.manifest["left_out"]) if record is not None else "",
            "problem": outcome.problem,
            **{name: v if math.isfinite(v) else None for name, v in numbers.items()},
        }
