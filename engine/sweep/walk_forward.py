"""Trade the forward choices in one account: the set of each fold in its window, one after another.

A segment starts with the cash, the peak equity and the guards with which the segment before ended.
A position that is open at the end of a segment is closed at the last close of its instrument, with
a taker's fee and slippage. The rules begin anew in each segment, because another set decides there.
Each instrument of the sweep has an account of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from data_feeds.errors import RiskoffError
from engine.broker.final_closes import SEGMENT_END
from engine.bt import CarriedAccount, simulate_segment
from engine.decision_terms import GuardEventKind, GuardName
from engine.records import SimulationOutcome
from engine.results.finished import RunRecord
from engine.run import prepare_run
from engine.statistics import Interval, Missing, daily_measures, intervals
from engine.sweep.axes import ParameterSet
from engine.sweep.blind_sets import BlindSets
from engine.sweep.daily_excess import daily_excess
from engine.sweep.held_out import ROLLING, HeldOutFolds, forward
from engine.sweep.set_runs import CellResult, Floats, SetResult, measured_record
from engine.sweep.sweep_inputs import SweepInputs
from engine.sweep.sweep_job import SweepCell, SweepJob
from engine.workers import SharedFolders, Workers


@dataclass(frozen=True)
class WalkTask:
    """The segments of one account in order of time: where, and the set that decides."""

    segments: tuple[tuple[SweepCell, ParameterSet], ...]

    @property
    def key(self) -> tuple[tuple[SweepCell, str], ...]:
        """Windows and ids of sets; equal tasks have equal keys."""
        return tuple((cell, item.set_id) for cell, item in self.segments)


@dataclass(frozen=True, eq=False)
class WalkSegment:
    """One segment of a walk-forward; amounts in the account's currency.

    Attributes
    ----------
    result : its numbers and its daily excess; the return is that on ``start_equity``
    peak : running maximum of equity at bar closes at its end, over all segments so far
    in_force : the guard that forbade entries at its start, None for none
    tripped : guards that tripped in it, in order
    closed, closing_fees : positions closed because it ended, and their fees
    ends, equity : the instants (ns UTC) of the last mark of each day, and the equity there
    """

    result: CellResult
    start_equity: float
    peak: float
    in_force: GuardName | None
    tripped: tuple[str, ...]
    closed: int
    closing_fees: float
    ends: NDArray[np.int64]
    equity: Floats

    @property
    def end_equity(self) -> float:
        """Equity at the end, all positions closed."""
        return self.result.row.end_equity


@dataclass(frozen=True, eq=False)
class WalkForward:
    """The accounts of all instruments, and the days of all segments one after the other.

    Attributes
    ----------
    accounts : the segments of each account
    sharpe : annualized Sharpe ratio in excess of the bill, with its interval
    at, equity : instants (ns UTC) of the days' ends, and the sum of the accounts' equities
    is_lost : an account had no cash left before its last window, and no segment follows
    """

    accounts: tuple[tuple[WalkSegment, ...], ...]
    sharpe: Interval | Missing
    at: NDArray[np.int64]
    equity: Floats
    is_lost: bool

    @property
    def segments(self) -> tuple[WalkSegment, ...]:
        """All segments, account by account."""
        return tuple(segment for account in self.accounts for segment in account)

    @property
    def start_equity(self) -> float:
        """Equity of all accounts before the first segment."""
        return sum(account[0].start_equity for account in self.accounts)

    @property
    def end_equity(self) -> float:
        """Equity of all accounts after the last segment."""
        return sum(account[-1].end_equity for account in self.accounts)

    @property
    def worst_fall(self) -> float:
        """Deepest fall from a peak at the ends of days, a fraction, zero or negative."""
        path = np.append(self.start_equity, self.equity)
        return float((path / np.maximum.accumulate(path) - 1).min())


@dataclass(frozen=True, eq=False)
class ForwardForm:
    """One form of the forward choice: each window judged alone, and all of them in one account.

    ``last`` is the number of windows, or clusters of them, that choose; None: all earlier ones.
    """

    last: int | None
    folds: HeldOutFolds | Missing
    walk: WalkForward | Missing


def forward_forms(
    job: SweepJob,
    inputs: SweepInputs,
    blind: BlindSets,
    *,
    results: Sequence[SetResult],
    workers: Workers,
) -> tuple[ForwardForm, ForwardForm]:
    """Return the anchored form, which chooses on all earlier windows, and the rolling one."""
    cut = job.config.folds
    first, last = (1, ROLLING) if cut is None else (cut.choosing, cut.choosing)
    chosen, memory = job.config.choose, inputs.memory_days
    found = [
        blind.judged(partial(forward, asked=chosen, memory_days=memory, first=first, last=choosing))
        for choosing in (None, last)
    ]
    walks = walk_forward(job, found, results, inputs.periods_per_year, workers)
    anchored, rolling = (
        ForwardForm(choosing, folds, walk)
        for choosing, folds, walk in zip((None, last), found, walks, strict=True)
    )
    return anchored, rolling


def walk_forward(
    job: SweepJob,
    forms: Sequence[HeldOutFolds | Missing],
    results: Sequence[SetResult],
    periods_per_year: int,
    workers: Workers,
) -> list[WalkForward | Missing]:
    """Return the walk-forward of each form of the forward choice; equal choices are run once.

    ``results`` are those of all sets, in the order of the folds' places.

    Raises
    ------
    RiskoffError : a segment failed; the text begins with set and window.
    """
    tasks = [_tasks(job, folds, results) for folds in forms]
    distinct = {task.key: task for of_form in tasks for task in of_form}
    shared = SharedFolders.of(sources=[job.source_name], plugin_path=job.plugin_path)
    setup, most = partial(walk_runner, job), max(len(distinct), 1)
    with workers.run_jobs(setup, name=_label, most=most, shared=shared) as run_tasks:
        found = dict(zip(distinct, run_tasks(list(distinct.values())), strict=True))
    return [
        folds
        if isinstance(folds, Missing)
        else _joined([(task, found[task.key]) for task in of_form], periods_per_year)
        for folds, of_form in zip(forms, tasks, strict=True)
    ]


def _tasks(
    job: SweepJob, folds: HeldOutFolds | Missing, results: Sequence[SetResult]
) -> list[WalkTask]:
    """Return the account of each instrument: in each fold, its windows in order of time."""
    if isinstance(folds, Missing):
        return []
    chosen = {window: results[fold.place].item for fold in folds.folds for window in fold.windows}
    names = dict.fromkeys(cell.instrument for cell in job.cells)
    return [
        WalkTask(
            tuple(
                (cell, chosen[cell.window])
                for cell in job.cells
                if cell.instrument == name and cell.window in chosen
            )
        )
        for name in names
    ]


def _label(task: WalkTask) -> str:
    return f"the walk-forward from {task.segments[0][0]}"


def walk_runner(job: SweepJob) -> Callable[[WalkTask], tuple[WalkSegment, ...] | Missing]:
    """Return the function that trades the segments of one account in this process."""

    def run_walk(task: WalkTask) -> tuple[WalkSegment, ...] | Missing:
        found: list[WalkSegment] = []
        account: CarriedAccount | None = None
        for cell, item in task.segments:
            if account is not None and account.equity <= 0:
                break
            try:
                segment = _traded(job, cell, item, account)
            except RiskoffError as error:
                raise type(error)(f"set {item.set_id} in {cell}: {error}") from error
            if isinstance(segment, Missing):
                return segment
            found.append(segment[0])
            account = segment[1]
        return tuple(found)

    return run_walk


def _traded(
    job: SweepJob, cell: SweepCell, item: ParameterSet, account: CarriedAccount | None
) -> tuple[WalkSegment, CarriedAccount] | Missing:
    """Return one segment, and the account at its end."""
    prepared = prepare_run(job.run_config(item, cell), job.source, job.plugin_path)
    inputs = replace(prepared.inputs, carried=account)
    if not inputs.currencies.is_par:
        return Missing("wallets of several currencies change their value between windows")
    outcome, after = simulate_segment(inputs)
    record = RunRecord(prepared.without_proof(outcome))
    money = record.money
    segment = WalkSegment(
        result=measured_record(item, cell, record),
        start_equity=inputs.start_equity,
        peak=after.risk.guards.peak,
        in_force=None if account is None else account.risk.guards.in_force(inputs.start),
        tripped=_tripped(outcome),
        closed=sum(fill.reason == SEGMENT_END for fill in outcome.fills),
        closing_fees=sum(fill.fee for fill in outcome.fills if fill.reason == SEGMENT_END),
        ends=money.ends,
        equity=money.after,
    )
    return segment, after


def _tripped(outcome: SimulationOutcome) -> tuple[str, ...]:
    return tuple(
        str(event.guard) for event in outcome.guard_events if event.event == GuardEventKind.TRIPPED
    )


def _joined(
    walked: Sequence[tuple[WalkTask, tuple[WalkSegment, ...] | Missing]], periods_per_year: int
) -> WalkForward | Missing:
    """Return the accounts of one form together."""
    accounts = []
    for _, found in walked:
        if isinstance(found, Missing):
            return found
        accounts.append(found)
    held = tuple(segment.result for account in accounts for segment in account)
    windows = {cell.window: cell.window for task, _ in walked for cell, _ in task.segments}
    walked_windows = {result.row.window for result in held}
    windows = {name: name for name in windows if name in walked_windows}
    item = walked[0][0].segments[0][1]
    excess = daily_excess([SetResult(item, held)], windows, periods_per_year).values[:, 0]
    measures = {"sharpe": daily_measures(periods_per_year)["sharpe"]}
    at, equity = _summed_equity(accounts)
    return WalkForward(
        accounts=tuple(accounts),
        sharpe=intervals(excess, measures)["sharpe"],
        at=at,
        equity=equity,
        is_lost=any(
            len(found) < len(task.segments)
            for (task, _), found in zip(walked, accounts, strict=True)
        ),
    )


def _summed_equity(
    accounts: Sequence[Sequence[WalkSegment]],
) -> tuple[NDArray[np.int64], Floats]:
    """Return the ends of days of all accounts, and the sum of their equities at each."""
    at = np.unique(np.concatenate([part.ends for account in accounts for part in account]))
    total = np.zeros(len(at))
    for account in accounts:
        ends = np.concatenate([part.ends for part in account])
        values = np.concatenate([[account[0].start_equity], *(part.equity for part in account)])
        total += values[np.searchsorted(ends, at, side="right")]
    return at, total
