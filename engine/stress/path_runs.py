"""The main function of a stress: run and audit paths, return rows and distribution."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import or_
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigError, SimulationError
from engine.reads import Reads
from engine.stress.job import StressJob
from engine.stress.measure import StressSummary, summarize
from engine.stress.path import PathResult, PathRow, PathTask, path_name, path_runner
from engine.workers import RunJobs, SharedFolders, Workers

# Audited are the first paths, and the paths of the lowest return and the lowest drawdown.
AUDITED_FIRST = 3

Floats = NDArray[np.float64]
RunPaths = RunJobs[PathTask, PathResult]


@dataclass(frozen=True)
class StressResult:
    """A finished stress.

    ``equity`` is account currency at the start and after each day, shape (paths, days + 1).
    ``audited`` are the paths whose decisions were checked to be causal and whose books were
    audited. ``reads`` are the files and modules that the playbook read on any path.
    """

    job: StressJob
    rows: tuple[PathRow, ...]
    equity: Floats
    audited: tuple[int, ...]
    summary: StressSummary
    reads: Reads


def run_stress(
    job: StressJob,
    *,
    tolerance: float = 0.15,
    workers: Workers = Workers(processes=2),
    on_progress: Callable[[float], None] | None = None,
) -> StressResult:
    """Run a playbook over the paths of a scenario.

    Parameters
    ----------
    job : what to run, from :func:`~engine.stress.job.stress_job`
    tolerance : the drawdown that counts as a breach, a fraction
    workers : where the paths run
    on_progress : called with the fraction done, 0 to 1

    Raises
    ------
    ConfigError : ``tolerance`` is out of range.
    RiskoffError : a path failed; the error of the first failed path is raised.
    SimulationError : the audit of a path found a difference.
    """
    check_tolerance(tolerance)
    with (
        tempfile.TemporaryDirectory(prefix="riskoff-stress-") as scratch,
        workers.run_jobs(
            # A worker of a cluster cannot see the folder.
            partial(path_runner, job, None if workers.dask else Path(scratch)),
            name=partial(path_name, job=job),
            most=job.paths,
            shared=SharedFolders.of(plugin_path=job.plugin_path),
        ) as run_paths,
    ):
        results = _all_paths(job, run_paths, on_progress)
        audited = _audit_worst(results, run_paths)
    rows = tuple(result.row for result in results)
    return StressResult(
        job=job,
        rows=rows,
        equity=np.stack([result.equity for result in results]),
        audited=audited,
        summary=summarize(rows, tolerance=tolerance, seed=job.seed),
        reads=reduce(or_, (result.reads for result in results)),
    )


def check_tolerance(tolerance: float) -> None:
    """Refuse a tolerance outside 0 to 1.

    Raises
    ------
    ConfigError : the text names the option, its value and what it may be.
    """
    if not 0 < tolerance < 1:
        raise ConfigError(f"--tolerance {tolerance:g}: a fraction between 0 and 1 is needed")


def _all_paths(
    job: StressJob, run_paths: RunPaths, on_progress: Callable[[float], None] | None
) -> list[PathResult]:
    def report(done: int, _: PathResult) -> None:
        if on_progress is not None:
            on_progress(done / job.paths)

    return run_paths([PathTask(i, i < AUDITED_FIRST) for i in range(job.paths)], report)


def _audit_worst(results: Sequence[PathResult], run_paths: RunPaths) -> tuple[int, ...]:
    """Run the paths of the lowest return and drawdown again, audited; return all audited numbers.

    Raises
    ------
    SimulationError : a path gave another result the second time.
    """
    first = tuple(range(min(AUDITED_FIRST, len(results))))
    lowest = (
        min(results, key=lambda result: result.row.total_return).row,
        min(results, key=lambda result: result.row.max_drawdown).row,
    )
    rows = {row.path: row for row in lowest if row.path not in first}
    for again in run_paths([PathTask(number, True) for number in rows]):
        row = rows[again.row.path]
        if again.row != row:
            raise SimulationError(
                f"path {row.path} of seed {row.seed}: run twice, it came to {row} and to "
                f"{again.row}; the playbook or riskoff is not deterministic"
            )
    return (*first, *rows)
