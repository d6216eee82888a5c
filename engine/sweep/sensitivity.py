"""The chosen set under other costs and later series, each run by the engine in every cell.

Costs are fees (of liquidations and borrowed shares, too), slippage and the spreads of options.
Interest and funding are no costs here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel

from data_feeds.clock import HOUR_NS, SECOND_NS, parse_duration
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.yaml_text import KeyPath
from engine.bt import simulate
from engine.config.models import RunConfig
from engine.config.short_sale_terms import MAX_BORROW_FEE_BPS
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
# Numbers of the option model that are its costs.
SPREAD_TERMS = ("haircut", "least_haircut")
PLACE = "sensitivity.costs"
Written = tuple[KeyPath, Any, str]


@dataclass(frozen=True)
class StressedRun:
    """One change of the chosen set: a factor on its costs, or a delay of the series."""

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
            config = job.run_config(task.item, cell, run_changes(job, task, cell))
            prepared = prepare_run(config, job.source, job.plugin_path)
            result = prepared.without_proof(simulate(prepared.inputs))
            cells.append(measured(task.item, cell, result))
        return SetResult(task.item, tuple(cells))

    return run_changed


def run_changes(job: SweepJob, task: StressedRun, cell: SweepCell) -> list[Written]:
    """Return the values that a change writes into the chosen set's run in a cell."""
    if task.extra_lag is not None:
        held = job.run_config(task.item, cell).data.extra_lag
        return [(("data", "extra_lag"), summed_lag(held, task.extra_lag), "sensitivity.lags")]
    if task.cost_factor == 1.0:
        return []
    config = job.run_config(task.item, cell)
    prepared = prepare_run(config, job.source, job.plugin_path)
    needs = prepared.requirements
    traded = [prepared.dataset.instruments[name] for name in needs.traded]
    found = scaled_costs(config, traded, task.cost_factor)
    return found + (scaled_spreads(config, task.cost_factor) if needs.options else [])


def summed_lag(held: str | None, added: str) -> str:
    """Return the delay of the run and a further one together.

    >>> summed_lag(None, "1d"), summed_lag("1d", "12h")
    ('1d', '36h')
    """
    if held is None:
        return added
    total = parse_duration(held) + parse_duration(added)
    return f"{total // HOUR_NS}h" if total % HOUR_NS == 0 else f"{total // SECOND_NS}s"


def scaled_costs(config: RunConfig, traded: Sequence[Instrument], factor: float) -> list[Written]:
    """Return the fees and slippage in force times a factor, as values of the run.

    An instrument's own terms count; of several instruments of a kind those of the first are used
    for all. No value exceeds the largest that a run may state. Borrow fees of a series stay.
    """
    found: list[Written] = []
    for instrument in reversed(traded):
        costs = config.venue.costs_of(instrument)
        rates = {
            "maker_fee_bps": costs.maker_rate,
            "taker_fee_bps": costs.taker_rate,
            "liquidation_fee_bps": costs.liquidation_fee_rate,
        }
        if instrument.kind is InstrumentKind.ETF:
            rates = {"commission_bps": costs.taker_rate}
            found += _borrow_fee(config, instrument, factor)
        found += [
            _written(("venue",), name, config.venue, rate / BASIS_POINT * factor)
            for name, rate in rates.items()
        ]
        terms = costs.slippage.model_dump()
        found += [
            _written(("venue", "slippage"), name, costs.slippage, terms[name] * factor)
            for name in SLIPPAGE_TERMS
            if terms.get(name) is not None
        ]
    return found


def _borrow_fee(config: RunConfig, fund: Instrument, factor: float) -> list[Written]:
    terms = config.account.short_sales
    rate = None if terms is None else terms.fee_of(fund, config.venue)
    if rate is None:
        return []
    fee = min(rate / BASIS_POINT * factor, MAX_BORROW_FEE_BPS)
    return [(("account", "short_sales", "borrow_fee_bps", fund.id), fee, PLACE)]


def scaled_spreads(config: RunConfig, factor: float) -> list[Written]:
    """Return the half spreads of options times a factor, as values of the run."""
    return [
        _written(("options",), name, config.options, getattr(config.options, name) * factor)
        for name in SPREAD_TERMS
    ]


def _written(section: KeyPath, name: str, model: BaseModel, value: float) -> Written:
    """Return a value of a section, at most the largest that the field of its model allows."""
    rules = type(model).model_fields[name].metadata
    largest = [rule.le for rule in rules if hasattr(rule, "le")]
    return (*section, name), min([value, *largest]), PLACE
