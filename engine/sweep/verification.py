"""Run the reported sets again by the engine with every check, and compare each number.

Reported are the chosen set, the ten best as the page ranks them, and a random sample. The second
run proves that decisions are causal; the books of the chosen set are audited. A difference stops
the sweep.
"""

import math
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from data_feeds.errors import RiskoffError
from engine.audit import audit_run
from engine.errors import SimulationError
from engine.results.contents import write_run
from engine.run import RunResult, prepare_run
from engine.screening import Screening, UnscreenedError, agreement
from engine.sweep.axes import ParameterSet
from engine.sweep.screened_runs import cell_screenings, screened_values
from engine.sweep.set_choice import Choice, ranked
from engine.sweep.set_runs import CellResult, SetResult, measured
from engine.sweep.sweep_job import SweepCell, SweepJob

BEST_SETS = 10
# Of the larger of two numbers; zero for two runs of the engine would be exact, too.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class CheckTask:
    """A set to run again, and whether its books are audited."""

    item: ParameterSet
    is_audited: bool


def sets_to_check(choice: Choice, count: int, *, sample: int, seed: int) -> list[int]:
    """Return the places of the chosen set, the ten best shown and a random sample, each once."""
    drawn = np.random.default_rng(seed).permutation(count)[:sample]
    first = [] if choice.place is None else [choice.place]
    return list(dict.fromkeys([*first, *ranked(choice)[:BEST_SETS], *drawn.tolist()]))


def check_runner(job: SweepJob, is_screened: bool) -> Callable[[CheckTask], SetResult]:
    """Return the function that runs a set again with the proof of its decisions.

    The fills of a screened set are compared with the engine's, one by one.
    """
    screening = cell_screenings(job) if is_screened else None

    def run_again(task: CheckTask) -> SetResult:
        cells = tuple(_checked(job, task, cell, screening) for cell in job.cells)
        return SetResult(task.item, cells)

    return run_again


def _checked(
    job: SweepJob,
    task: CheckTask,
    cell: SweepCell,
    screening: Callable[[SweepCell], Screening] | None,
) -> CellResult:
    try:
        prepared = prepare_run(job.run_config(task.item, cell), job.source, job.plugin_path)
        result = prepared.simulated()
        if screening is not None:
            _check_agreement(screening(cell), task.item, result)
        if task.is_audited:
            with tempfile.TemporaryDirectory(prefix="riskoff-sweep-") as folder:
                report = audit_run(write_run(result, Path(folder)), job.source)
            if not report.ok:
                raise SimulationError(
                    f"the audit found {len(report.findings)} difference(s), the first: "
                    f"{report.findings[0]}"
                )
    except RiskoffError as error:
        raise type(error)(f"set {task.item.set_id} ({task.item}) in {cell}: {error}") from error
    return measured(task.item, cell, result)


def _check_agreement(screening: Screening, item: ParameterSet, result: RunResult) -> None:
    with suppress(UnscreenedError):  # the engine ran this set in the sweep, too
        why = agreement(screening, screened_values(item), result.outcome)
        if why is not None:
            raise SimulationError(f"screening and engine differ: {why}")


def compare_runs(found: Sequence[SetResult], again: Sequence[SetResult]) -> None:
    """Compare results with those of the second runs.

    Raises
    ------
    SimulationError : two numbers differ; the text names the set, the cell and the first number.
    """
    for one, other in zip(found, again, strict=True):
        for cell, second in zip(one.cells, other.cells, strict=True):
            why = first_difference(cell, second)
            if why:
                where = ", ".join(part for part in (cell.row.window, cell.row.instrument) if part)
                raise SimulationError(
                    f"set {one.item.set_id} ({one.item}) in {where}: {why}; the playbook or "
                    "riskoff is not deterministic, and no result of this sweep is to be trusted"
                )


def first_difference(one: CellResult, other: CellResult) -> str:
    """Return the first number that two results of one cell do not share, in words; "" for none."""
    for (name, found), again in zip(
        asdict(one.row).items(), asdict(other.row).values(), strict=True
    ):
        if not _same(found, again):
            return f"{name} was {found} in the sweep and is {again} in the engine's run"
    if not np.array_equal(one.days, other.days):
        return f"the sweep has {len(one.days)} days and the engine's run {len(other.days)}"
    apart = np.flatnonzero(~np.isclose(one.excess, other.excess, rtol=TOLERANCE, atol=TOLERANCE))
    if len(apart):
        day = apart[0]
        return (
            f"the excess of {one.days[day]} was {one.excess[day]!r} in the sweep and is "
            f"{other.excess[day]!r} in the engine's run"
        )
    return ""


def _same(found: object, again: object) -> bool:
    if isinstance(found, float) and isinstance(again, float):
        both_missing = math.isnan(found) and math.isnan(again)
        return both_missing or math.isclose(found, again, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return found == again
