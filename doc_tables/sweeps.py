"""Make the tables of docs/sweeps.md: four sweeps on real data with axes fixed beforehand."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from doc_tables.blocks import PageBlock, table
from engine.config_files import read_sweep
from engine.formatting import number, p_value, percent, signed_percent
from engine.statistics import Interval, Missing
from engine.sweep import Judgement, SweepResult, judged, run_sweep, sweep_inputs, sweep_job
from engine.sweep.held_out import HeldOutFolds
from engine.sweep.judgement import CONVINCING, Number
from engine.sweep.sweep_text import values_words
from engine.sweep.walk_forward import ForwardForm
from engine.workers import Workers

PAGE = "sweeps.md"
NAMES = ("reclaim_real", "swing_real", "rsi_two_real", "volatility_target_real")
CHOICE = (
    "sweep", "sets x windows", "chosen", "Sharpe", "plateau", "trials", "best of worthless trials",
    "deflated", "overfitting", "superior, p", "convincing",
)  # fmt: skip
FORWARD = (
    "sweep", "choice", "rule's Sharpe", "windows above the bill", "better than", "one account",
    "deepest fall", "Sharpe", "95% interval",
)  # fmt: skip


@dataclass(frozen=True)
class FinishedSweep:
    """One sweep of the page and its judgement."""

    name: str
    result: SweepResult
    found: Judgement

    @property
    def link(self) -> str:
        """The file as a link."""
        return f"[`{self.name}`](../configs/sweeps/{self.name}.yaml)"


def finished_sweep(name: str, catalog: Path, root: Path) -> FinishedSweep:
    """Run a shipped sweep on a catalog and judge it; two processes, no number depends on them."""
    job = sweep_job(read_sweep(name, None, None, catalog))
    result = run_sweep(job, sweep_inputs(job), root, workers=Workers(processes=2))
    found = judged(result)
    if isinstance(found, Missing):
        raise SystemExit(f"{name}: no set was chosen: {found.reason}")
    return FinishedSweep(name, result, found)


def choice_cells(one: FinishedSweep) -> tuple[str, ...]:
    """Return the cells of a sweep's choice."""
    result, found = one.result, one.found
    windows = len(result.inputs.windows)
    luck, superior = found.overfitting, found.superiority
    passed = not isinstance(found.deflated, Missing) and found.deflated >= CONVINCING
    edges = f" (edge: {', '.join(found.edges)})" if found.edges else ""
    return (
        one.link,
        f"{len(result.results)} x {windows}",
        values_words(result) + edges,
        _short(found.number),
        _short(found.plateau),
        f"{found.trials}",
        _short(found.expected_best),
        "n/a" if isinstance(found.deflated, Missing) else percent(found.deflated, 0),
        "n/a" if isinstance(luck, Missing) else percent(luck.probability, 0),
        "n/a" if isinstance(superior, Missing) else p_value(superior.consistent),
        "yes" if passed else "**no**",
    )


def forward_cells(one: FinishedSweep, name: str, form: ForwardForm) -> tuple[str, ...]:
    """Return the cells of one form of a sweep's forward choice."""
    folds, walk = form.folds, form.walk
    if isinstance(folds, Missing) or isinstance(walk, Missing):
        return (one.link, name, *("n/a" for _ in FORWARD[2:]))
    gain = walk.end_equity / walk.start_equity - 1
    return (
        one.link,
        name,
        number(folds.number, 2),
        f"{sum(fold.excess > 0 for fold in folds.folds)} of {len(folds.folds)}",
        percent(_beaten(folds), 0),
        signed_percent(gain, 1),
        percent(walk.worst_fall, 1),
        *_sharpe(walk.sharpe),
    )


def _beaten(folds: HeldOutFolds) -> float:
    return sum(fold.beaten for fold in folds.folds) / len(folds.folds)


def _sharpe(found: Interval | Missing) -> tuple[str, str]:
    if isinstance(found, Missing):
        return "n/a", found.reason
    return number(found.estimate, 2), f"{number(found.low, 2)} to {number(found.high, 2)}"


def _short(value: Number) -> str:
    return "n/a" if isinstance(value, Missing) else number(value, 2)


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Yield the page's tables; the sweeps go one after the other, and no earlier trial counts."""
    with tempfile.TemporaryDirectory(prefix="riskoff-sweeps-") as folder:
        found = [finished_sweep(name, catalog, Path(folder)) for name in NAMES]
    lines = table(CHOICE, map(choice_cells, found))
    forms = [
        forward_cells(one, name, form)
        for one in found
        for name, form in (("anchored", one.result.anchored), ("rolling", one.result.rolling))
    ]
    changes = [row.change for row in found[0].result.sensitivity]
    costs = [
        (one.link, *(signed_percent(row.excess, 1) for row in one.result.sensitivity))
        for one in found
    ]
    yield PageBlock(PAGE, "choices", lines)
    yield PageBlock(PAGE, "forward", table(FORWARD, forms))
    yield PageBlock(PAGE, "costs", table(("sweep", *changes), costs))
