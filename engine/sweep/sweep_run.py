"""The main function of a sweep: draw sets, run them, choose one, check the reported ones.

sets --> results (stored as they come) --> daily excess --> choice --> checks by the engine
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from engine.errors import ConfigError
from engine.sweep.axes import ParameterSet
from engine.sweep.blind_sets import BlindSets, blind_sets
from engine.sweep.daily_excess import DailyExcess, daily_excess, numbers_of
from engine.sweep.optuna_draws import AdaptiveDraws
from engine.sweep.parts import PartWriter, SweepParts
from engine.sweep.samplers import Draw, listed_sets
from engine.sweep.screened_runs import screened_runner
from engine.sweep.sensitivity import SensitivityRow, sensitivity
from engine.sweep.set_choice import Choice, Neighbours, choose, neighbours_of
from engine.sweep.set_runs import RunSets, SetResult, engine_runner
from engine.sweep.sweep_inputs import SweepInputs
from engine.sweep.sweep_job import SweepJob
from engine.sweep.trials import TrialCount, TrialLedger, TrialRecorder
from engine.sweep.verification import (
    CheckTask,
    check_runner,
    compare_runs,
    sets_to_check,
)
from engine.sweep.walk_forward import ForwardForm, forward_forms
from engine.workers import SharedFolders, Workers

PARTS_FOLDER = "parts"
# Sets of one request to a worker; a dead worker's batch is halved until the guilty set is named.
ENGINE_BATCH, SCREENED_BATCH = 4, 256
# Called with the number of sets done, and the last one in words.
OnSets = Callable[[int, str], None]


@dataclass(frozen=True, eq=False)
class SweepResult:
    """A finished sweep.

    Attributes
    ----------
    results : of every set, in the order drawn
    adaptive : whether earlier results decided about each set
    excess : daily returns in excess of the bill, a column a set
    near : the neighbourhood of each set
    blind : the sets that no result had suggested; only these judge the choice and form a family
    choice : the chosen set, and the number of every set
    sensitivity : the chosen set under other costs and later series
    anchored, rolling : the choice made on earlier windows alone, on all and on the last ones
    trials : the sets that ever saw these data with this playbook
    checked : places of the sets that were run again with every check
    reused : number of sets whose results an earlier, interrupted sweep had stored
    """

    job: SweepJob
    inputs: SweepInputs
    results: tuple[SetResult, ...]
    adaptive: tuple[bool, ...]
    excess: DailyExcess
    near: Neighbours
    blind: BlindSets
    choice: Choice
    checked: tuple[int, ...]
    sensitivity: tuple[SensitivityRow, ...]
    anchored: ForwardForm
    rolling: ForwardForm
    trials: TrialCount
    reused: int

    @property
    def chosen(self) -> SetResult | None:
        """The result of the chosen set."""
        place = self.choice.place
        return None if place is None else self.results[place]


def run_sweep(
    job: SweepJob,
    inputs: SweepInputs,
    root: Path,
    *,
    workers: Workers = Workers(),
    on_sets: OnSets | None = None,
) -> SweepResult:
    """Run every set of a sweep and choose one.

    Parameters
    ----------
    job, inputs : the checked sweep, and what determines its results
    root : the folder of all sweeps; results lie in ``parts/<results id>`` of it as they come
    workers : where the sets run; no number depends on it
    on_sets : told the progress

    Raises
    ------
    RiskoffError : a set failed; finished sets are kept, and the sweep can be continued.
    SimulationError : a set that was run again gave another result.
    """
    parts = stored_parts(job, inputs, root)
    ledger = TrialLedger(root)
    recorder = TrialRecorder(ledger, job, inputs)
    made = _all_sets(job, inputs, parts, recorder, workers=workers, on_sets=on_sets)
    excess = daily_excess(made.results, inputs.windows, inputs.periods_per_year)
    near = neighbours_of(job.space, [found.item for found in made.results])
    asked = job.config.choose
    numbers = numbers_of(excess.values, asked.metric, inputs.periods_per_year)
    choice = choose(numbers, near, asked.rule)
    chosen = None if choice.place is None else made.results[choice.place].item
    # First the checks: a difference must stop the sweep before anything is told.
    checked = _check(job, inputs, made.results, choice, workers)
    blind = blind_sets(excess, near, made.adaptive)
    anchored, rolling = forward_forms(job, inputs, blind, results=made.results, workers=workers)
    return SweepResult(
        job=job,
        inputs=inputs,
        results=tuple(made.results),
        adaptive=tuple(made.adaptive),
        excess=excess,
        near=near,
        blind=blind,
        choice=choice,
        checked=checked,
        sensitivity=() if chosen is None else sensitivity(job, inputs, chosen, workers),
        anchored=anchored,
        rolling=rolling,
        trials=ledger.count(inputs.results_id, list(recorder.rows.values())),
        reused=made.reused,
    )


def stored_parts(job: SweepJob, inputs: SweepInputs, root: Path) -> SweepParts:
    """Return the place of a sweep's results below the folder of all sweeps."""
    folder = root / PARTS_FOLDER / inputs.results_id
    return SweepParts(folder, job.space, is_reusable=not inputs.not_reusable)


def draw_of(job: SweepJob) -> Draw:
    """Return the sampler of a sweep."""
    asked = job.config.sampler
    if asked.kind.is_adaptive:
        return AdaptiveDraws(asked, job.space, job.rules)
    return listed_sets(asked, job.space, job.rules)


def runner_of(inputs: SweepInputs) -> tuple[Callable[[SweepJob], RunSets], int]:
    """Return the function that makes a worker's runner, and the sets of one request to it."""
    return (
        (screened_runner, SCREENED_BATCH) if inputs.is_screened else (engine_runner, ENGINE_BATCH)
    )


@dataclass
class _SetsMade:
    """The results so far, in the order drawn."""

    results: list[SetResult] = field(default_factory=list)
    adaptive: list[bool] = field(default_factory=list)
    reused: int = 0


def _all_sets(
    job: SweepJob,
    inputs: SweepInputs,
    parts: SweepParts,
    recorder: TrialRecorder,
    *,
    workers: Workers,
    on_sets: OnSets | None,
) -> _SetsMade:
    """Run the batches of the sampler; a set with a stored result is not run again."""
    made, known, draw = _SetsMade(), parts.read(), draw_of(job)
    runner, size = runner_of(inputs)
    setup, shared = partial(runner, job), _shared(job)
    with workers.run_batches(setup, name=_set_name, size=size, shared=shared) as run_sets:
        while batch := draw.ask():
            fresh = [item for item in batch if item.set_id not in known]
            before = len(made.results) + len(batch) - len(fresh)
            recorder.is_adaptive = draw.is_adaptive
            with parts.writing(recorder.record) as writer:
                run_sets(fresh, _Keeper(writer, before, on_sets))
            known |= writer.added
            here = [known[item.set_id] for item in batch]
            recorder.record_missing(here)
            made.results += here
            made.adaptive += [draw.is_adaptive] * len(batch)
            made.reused += len(batch) - len(fresh)
            draw.tell(_numbers_told(here, job, inputs) if draw.listens else ())
    if not made.results:
        raise ConfigError("constraints: no drawn set fulfils them; loosen them or raise sets")
    return made


@dataclass
class _Keeper:
    """Stores the results of each batch and tells the progress; ``done`` sets were done before."""

    writer: PartWriter
    done: int
    on_sets: OnSets | None

    def __call__(self, _: Sequence[int], results: Sequence[SetResult]) -> None:
        for found in results:
            self.writer.add(found)
            self.done += 1
            if self.on_sets is not None:
                self.on_sets(self.done, str(found.item))


def _numbers_told(results: Sequence[SetResult], job: SweepJob, inputs: SweepInputs) -> list[float]:
    """Return the number of each set alone, as an adaptive sampler is told."""
    metric, per_year = job.config.choose.metric, inputs.periods_per_year
    return [
        float(
            numbers_of(daily_excess([found], inputs.windows, per_year).values, metric, per_year)[0]
        )
        for found in results
    ]


def _check(
    job: SweepJob,
    inputs: SweepInputs,
    results: Sequence[SetResult],
    choice: Choice,
    workers: Workers,
) -> tuple[int, ...]:
    """Run the reported sets again with every check; return their places."""
    config = job.config
    places = sets_to_check(choice, len(results), sample=config.checked_sets, seed=config.seed)
    tasks = [CheckTask(results[place].item, place == choice.place) for place in places]
    setup, shared = partial(check_runner, job, inputs.is_screened), _shared(job)
    with workers.run_jobs(setup, name=_task_name, most=len(tasks), shared=shared) as run_again:
        again = run_again(tasks)
    compare_runs([results[place] for place in places], again)
    return tuple(places)


def _shared(job: SweepJob) -> SharedFolders:
    """Return the folders that the workers of a cluster must see."""
    return SharedFolders.of(sources=[job.source_name], plugin_path=job.plugin_path)


def _set_name(item: ParameterSet) -> str:
    return f"set {item.set_id} ({item})"


def _task_name(task: CheckTask) -> str:
    return _set_name(task.item)
