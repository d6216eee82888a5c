"""The chosen set under other costs and later series, each run by the engine in every cell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.yaml_text import KeyPath
from engine.bt import simulate
from engine.config.models import RunConfig
from engine.costs.slippage_model import BASIS_POINT
from engine.run import prepare_run
from engine.sweep.axes import ParameterSet
from engine.sweep.daily_excess import daily_excess, numbers_of
from engine.sweep.set_runs import SetResult, measured
from engine.sweep.sweep_inputs import SweepInputs
from engine.sweep.sweep_job import SweepCell, SweepJob
from engine.workers import SharedFolders, Workers

# Numbers of the slippage models that make it larger.
SLIPPAGE_TERMS = ("base_bps", "range_share", "impact", "coefficient")
Written = tuple[KeyPath, Any, str]


@dataclass(frozen=True)
class StressedRun:
    """One change of the chosen set: a factor on fees and slippage, or a delay of the series."""

    item: ParameterSet
    cost_factor: float = 1.0
    extra_lag: str | None = None

    @property
    def label(self) -> str:
        """The change in words."""
        if self.extra_lag is not None:
            return f"series {self.extra_lag} later"
        return "no costs" if self.cost_factor == 0 else f"costs x {self.cost_factor:g}"


@dataclass(frozen=True)
class SensitivityRow:
    """The chosen set under one change; ``excess`` is the sum of its daily excess, a fraction."""

    change: str
    number: float
    excess: float
    trades: int


def sensitivity(
    job: SweepJob, inputs: SweepInputs, item: ParameterSet, workers: Workers
) -> tuple[SensitivityRow, ...]:
    """Return the chosen set as it is and under every change of the sweep's file."""
    asked = job.config.sensitivity
    tasks = [StressedRun(item)]
    tasks += [StressedRun(item, cost_factor=factor) for factor in asked.costs]
    tasks += [StressedRun(item, extra_lag=lag) for lag in asked.lags]
    shared = SharedFolders.of(sources=[job.source_name], plugin_path=job.plugin_path)
    setup = partial(_stressed_runner, job)
    with workers.run_jobs(setup, name=_label, most=len(tasks), shared=shared) as run_tasks:
        found = run_tasks(tasks)
    return tuple(_row(task, result, job, inputs) for task, result in zip(tasks, found, strict=True))


def _label(task: StressedRun) -> str:
    return f"set {task.item.set_id} with {task.label}"


def _row(task: StressedRun, found: SetResult, job: SweepJob, inputs: SweepInputs) -> SensitivityRow:
    excess = daily_excess([found], inputs.windows, inputs.periods_per_year)
    metric = job.config.choose.metric
    return SensitivityRow(
        change="as chosen" if task == StressedRun(task.item) else task.label,
        number=float(numbers_of(excess.values, metric, inputs.periods_per_year)[0]),
        excess=float(excess.values.sum()),
        trades=sum(cell.row.trades for cell in found.cells),
    )


def _stressed_runner(job: SweepJob) -> Callable[[StressedRun], SetResult]:
    def run_changed(task: StressedRun) -> SetResult:
        cells = []
        for cell in job.cells:
            config = job.run_config(task.item, cell, _changes(job, task, cell))
            prepared = prepare_run(config, job.source, job.plugin_path)
            result = prepared.without_proof(simulate(prepared.inputs))
            cells.append(measured(task.item, cell, result))
        return SetResult(task.item, tuple(cells))

    return run_changed


def _changes(job: SweepJob, task: StressedRun, cell: SweepCell) -> list[Written]:
    if task.extra_lag is not None:
        return [(("data", "extra_lag"), task.extra_lag, "sensitivity.lags")]
    if task.cost_factor == 1.0:
        return []
    config = job.run_config(task.item, cell)
    prepared = prepare_run(config, job.source, job.plugin_path)
    traded = [prepared.dataset.instruments[name] for name in prepared.requirements.traded]
    return scaled_costs(config, traded, task.cost_factor)


def scaled_costs(config: RunConfig, traded: Sequence[Instrument], factor: float) -> list[Written]:
    """Return the costs in force times a factor, as values of the venue.

    An instrument's own terms count; of several instruments of a kind those of the first are used
    for all.
    """
    found: list[Written] = []
    for instrument in reversed(traded):
        costs = config.venue.costs_of(instrument)
        rates = {"maker_fee_bps": costs.maker_rate, "taker_fee_bps": costs.taker_rate}
        if instrument.kind is InstrumentKind.ETF:
            rates = {"commission_bps": costs.taker_rate}
        found += [_written((name,), rate / BASIS_POINT * factor) for name, rate in rates.items()]
        terms = costs.slippage.model_dump()
        found += [
            _written(("slippage", name), terms[name] * factor)
            for name in SLIPPAGE_TERMS
            if terms.get(name) is not None
        ]
    return found


def _written(path: KeyPath, value: float) -> Written:
    return ("venue", *path), value, "sensitivity.costs"
