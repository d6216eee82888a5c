"""Run sets by the compiled screening, where the base can be screened; else the engine runs all.

Screening and engine give the same orders and cash; the reported sets are run by both, and a
difference stops the sweep (:mod:`engine.sweep.verification`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from data_feeds.clock import DAY_NS
from engine.config.sweep_file import key_path
from engine.config.yaml_source import dotted
from engine.run import PreparedRun, prepare_run
from engine.screening import Screened, Screening, UnscreenedError, refused_paths, supports
from engine.sweep.axes import ParameterSet
from engine.sweep.set_runs import (
    CellResult,
    RunSets,
    SetResult,
    SetRunRow,
    engine_runner,
)
from engine.sweep.sweep_job import SweepCell, SweepJob


def reasons_for_engine(job: SweepJob, runs: Iterable[PreparedRun]) -> tuple[str, ...]:
    """Return why the engine must run every set of a sweep; empty where sets are screened."""
    if not job.config.screening:
        return ("screening: false",)
    reasons: list[str] = []
    for run in runs:
        reasons += supports(run)
        if not reasons:
            reasons += refused_paths(_swept_paths(job))
    return tuple(dict.fromkeys(reasons))


def screened_runner(job: SweepJob) -> RunSets:
    """Return the function that screens sets in this process.

    A set whose rules no bracket plan holds is run by the engine.
    """
    screen, by_engine = cell_screenings(job), engine_runner(job)

    def run_sets(items: Sequence[ParameterSet]) -> Sequence[SetResult]:
        try:
            columns = [_screened(screen(cell), cell, items) for cell in job.cells]
        except UnscreenedError:
            if len(items) > 1:
                return [found for item in items for found in run_sets([item])]
            return by_engine(items)
        rows = zip(*columns, strict=True)
        return [SetResult(item, cells) for item, cells in zip(items, rows, strict=True)]

    return run_sets


def cell_screenings(job: SweepJob) -> Callable[[SweepCell], Screening]:
    """Return the function that gives the screening of a cell; each is prepared once."""
    held: dict[SweepCell, Screening] = {}

    def screening(cell: SweepCell) -> Screening:
        if cell not in held:
            config = job.run_config(job.first_set, cell)
            prepared = prepare_run(config, job.source, job.plugin_path)
            held[cell] = Screening.of(prepared, job.source, job.plugin_path)
        return held[cell]

    return screening


def screened_values(item: ParameterSet) -> Mapping[str, Any]:
    """Return a set's values by the full paths of a run file."""
    return {dotted(key_path(path)): value for path, value in item.values.items()}


def _swept_paths(job: SweepJob) -> list[str]:
    return [dotted(key_path(axis.path)) for axis in job.space.axes]


def _screened(
    screening: Screening, cell: SweepCell, items: Sequence[ParameterSet]
) -> list[CellResult]:
    found = screening.screen([screened_values(item) for item in items])
    # A close at midnight belongs to the day that it ends.
    days = ((found.days - 1) // DAY_NS).astype("datetime64[D]")
    excess = found.excess_returns()
    return [
        CellResult(_row(found, place, item, cell), days, np.array(excess[place]))
        for place, item in enumerate(items)
    ]


def _row(found: Screened, place: int, item: ParameterSet, cell: SweepCell) -> SetRunRow:
    return SetRunRow(
        set_id=item.set_id,
        window=cell.window,
        instrument=cell.instrument,
        total_return=float(found.net_pnl[place] / found.start_equity[place]),
        max_drawdown=float(found.max_drawdown_bars[place]),
        trades=int(found.trades[place]),
        liquidations=int(found.liquidations[place]),
        fees=float(found.fees[place]),
        funding=float(found.funding[place]),
        end_equity=float(found.end_equity[place]),
    )
