"""Run one set by the engine, in every cell; the rows and the daily excess are all that is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_feeds.errors import RiskoffError
from engine.bt import simulate
from engine.results.finished import RunRecord
from engine.run import RunResult, prepare_run
from engine.sweep.axes import ParameterSet
from engine.sweep.sweep_job import SweepCell, SweepJob

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]


@dataclass(frozen=True)
class SetRunRow:
    """The numbers of one set in one cell.

    ``total_return`` and ``max_drawdown`` are fractions, the latter zero or negative and measured at
    bar closes. ``trades`` and ``liquidations`` count plans. Amounts are in account currency:
    ``fees`` positive when paid, ``funding`` positive when received.
    """

    set_id: str
    window: str
    instrument: str
    total_return: float
    max_drawdown: float
    trades: int
    liquidations: int
    fees: float
    funding: float
    end_equity: float


@dataclass(frozen=True, eq=False)
class CellResult:
    """One set in one cell: its numbers, and its return in excess of the bill on each UTC day."""

    row: SetRunRow
    days: Days
    excess: Floats


@dataclass(frozen=True, eq=False)
class SetResult:
    """One set in every cell, in the order of the sweep's cells."""

    item: ParameterSet
    cells: tuple[CellResult, ...]


RunSets = Callable[[Sequence[ParameterSet]], Sequence[SetResult]]


def engine_runner(job: SweepJob) -> RunSets:
    """Return the function that runs sets by the engine in this process; data are read once."""

    def run_sets(items: Sequence[ParameterSet]) -> list[SetResult]:
        return [
            SetResult(item, tuple(run_cell_of_set(job, item, cell) for cell in job.cells))
            for item in items
        ]

    return run_sets


def run_cell_of_set(job: SweepJob, item: ParameterSet, cell: SweepCell) -> CellResult:
    """Return the result of a set in a cell, without the proof of its decisions.

    Raises
    ------
    RiskoffError : the run failed; the text begins with the set and the cell.
    """
    try:
        prepared = prepare_run(job.run_config(item, cell), job.source, job.plugin_path)
        return measured(item, cell, prepared.without_proof(simulate(prepared.inputs)))
    except RiskoffError as error:
        raise type(error)(f"set {item.set_id} ({item}) in {cell}: {error}") from error


def measured(item: ParameterSet, cell: SweepCell, result: RunResult) -> CellResult:
    """Return the numbers of a finished run."""
    return measured_record(item, cell, RunRecord(result))


def measured_record(item: ParameterSet, cell: SweepCell, record: RunRecord) -> CellResult:
    """Return the numbers of a finished run whose record is at hand."""
    found, excess = record.metrics, record.excess_returns
    row = SetRunRow(
        set_id=item.set_id,
        window=cell.window,
        instrument=cell.instrument,
        total_return=found["total_return"],
        max_drawdown=found["max_drawdown_bars"],
        trades=int(found["trades"]),
        liquidations=int(found["liquidations"]),
        fees=found["fees"],
        funding=found["funding"],
        end_equity=found["end_equity"],
    )
    days = excess.index.to_numpy().astype("datetime64[D]")
    return CellResult(row, days, np.asarray(excess, dtype=np.float64))
