"""One path: continue the data, run the playbook, return the numbers of the distribution."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS
from data_feeds.dataset import Dataset
from data_feeds.errors import RiskoffError
from data_feeds.simulation.scenarios import joined
from engine.audit import audit_run
from engine.bt import simulate
from engine.decision_terms import GuardEventKind, GuardName
from engine.equity_curve import EquityCurve
from engine.errors import SimulationError
from engine.plugins import configured_playbook, new_playbook
from engine.reads import Reads
from engine.results.contents import write_run
from engine.results.finished import RunRecord
from engine.run import RunResult, prepare_playbook
from engine.stress.job import StressJob, window_config

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PathRow:
    """The result of one path; one row of ``paths.parquet``.

    ``total_return`` and ``max_drawdown`` are fractions, the latter zero or negative and measured at
    bar closes. ``liquidations`` and ``trades`` count plans, ``halts`` the trips of the drawdown
    halt. Amounts are in account currency: ``fees`` positive when paid, ``funding`` positive when
    received.
    """

    path: int
    seed: int
    total_return: float
    max_drawdown: float
    liquidations: int
    trades: int
    fees: float
    funding: float
    end_equity: float
    halts: int = 0


@dataclass(frozen=True)
class PathTask:
    """One path to run, by its number from 0, and whether to audit it."""

    number: int
    audited: bool


@dataclass(frozen=True)
class PathResult:
    """A path's row, its equity at the start and after each day, shape (days + 1,).

    ``reads`` are the files and modules that the playbook read.
    """

    row: PathRow
    equity: Floats
    reads: Reads


class PathRunner:
    """Runs the paths of one job, and prepares their shared parts once."""

    def __init__(self, job: StressJob, scratch: Path | None) -> None:
        self._job = job
        self._scratch = scratch
        self._continuation = job.continuation()
        begin, end = self._continuation.begin, self._continuation.end
        self._config = window_config(job, begin, end)
        self._grid = np.arange(begin, end + 1, DAY_NS, dtype=np.int64)
        self._playbook = configured_playbook(job.config.playbook, job.plugin_path)

    def run(self, task: PathTask) -> PathResult:
        """Return the result of a path.

        An audited path is also checked for causal decisions, and its books are audited.

        Raises
        ------
        SimulationError : the audit found a difference.
        RiskoffError : the playbook failed; the text begins with the path.
        """
        return self._measured(task.number, self.simulated(task))

    def simulated(self, task: PathTask) -> RunResult:
        """Return the run over a path; see :meth:`run`."""
        try:
            data = joined(self._job.base.dataset, self._continuation.path(task.number))
            result = self._simulated(data, proved=task.audited)
            if task.audited:
                self._audit(result, data)
        except RiskoffError as error:
            raise type(error)(f"{path_name(task, self._job)}: {error}") from error
        return result

    def _simulated(self, data: Dataset, *, proved: bool) -> RunResult:
        # A new instance for each path: state from one path must not reach the next.
        playbook = new_playbook(type(self._playbook), self._playbook.params, self._playbook.ignored)
        prepared = prepare_playbook(self._config, data, playbook)
        outcome = simulate(prepared.inputs)
        return prepared.result(outcome) if proved else prepared.without_proof(outcome)

    def _audit(self, result: RunResult, data: Dataset) -> None:
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            report = audit_run(write_run(result, Path(folder)), data)
        if not report.ok:
            raise SimulationError(
                f"the audit found {len(report.findings)} difference(s), the first: "
                f"{report.findings[0]}; nothing is written"
            )

    def _measured(self, number: int, result: RunResult) -> PathResult:
        record = RunRecord(result)
        found = record.metrics
        row = PathRow(
            path=number,
            seed=self._job.seed,
            total_return=found["total_return"],
            max_drawdown=found["max_drawdown_bars"],
            liquidations=int(found["liquidations"]),
            trades=int(found["trades"]),
            fees=found["fees"],
            funding=found["funding"],
            end_equity=found["end_equity"],
            halts=sum(
                event.guard is GuardName.DRAWDOWN_HALT and event.event is GuardEventKind.TRIPPED
                for event in result.outcome.guard_events
            ),
        )
        equity = daily_equity(result.outcome.curve, record.start_equity, self._grid)
        return PathResult(row, equity, result.playbook.reads)


def path_runner(job: StressJob, scratch: Path | None) -> Callable[[PathTask], PathResult]:
    """Return the function that runs the paths of a job in one process.

    ``scratch`` is an existing folder for what an audit reads, which the caller removes; None: the
    system's folder of temporary files.
    """
    return PathRunner(job, scratch).run


def path_name(task: PathTask, job: StressJob) -> str:
    """Return the name of a path in an error."""
    return f"path {task.number} of seed {job.seed}"


def daily_equity(curve: EquityCurve, start_equity: float, grid: NDArray[np.int64]) -> Floats:
    """Return equity at instants (ns UTC): that of the last bar close so far, or of the start."""
    values = np.concatenate(([start_equity], curve.equity))
    equity: Floats = values[np.searchsorted(curve.at, grid, side="right")]
    # A close at the first instant is not part of the window.
    equity[0] = start_equity
    return equity
