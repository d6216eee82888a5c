"""The effect of each condition of a playbook: runs of the rules with one condition left out.

``playbook.ignore`` leaves a condition out: it counts as true at every row, in everything that the
playbook decides by it. Each variant is a complete run, causality check included. The effect is a
difference of whole runs: an added trade can prevent a later one, and it changes the equity on which
later sizes depend.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.errors import RiskoffError
from data_feeds.load import open_source
from engine.conditions import Truth, alternatives, failed_alone
from engine.config.models import RunConfig
from engine.errors import ConfigError
from engine.formatting import (
    MISSING,
    columns,
    counted_noun,
    json_number,
    number,
    percent,
    signed,
    without,
    wrapped,
)
from engine.playbook import Signals
from engine.results.finished import RunRecord
from engine.results.manifest import run_id
from engine.run import RunResult, run
from engine.workers import SharedFolders, Workers

HEADING = (
    "left out",
    "alone",
    "return",
    "earned",
    "drawdown",
    "saved",
    "trades",
    "in",
    "gone",
    "average R",
    "gained",
)

COLUMNS_NOTE = (
    "Each row is the run without that condition. Earned, saved and gained: full rules less "
    "without, in points of return, points of drawdown and R; positive: the condition helped. "
    "Alone: decision rows at which no other required condition of the same trade failed. In, "
    "gone: entries of the run without it only, and of the full rules only."
)

Entries = frozenset[tuple[int, str]]


@dataclass(frozen=True)
class RunFigures:
    """Numbers of one run; return and drawdown (zero or negative) are fractions."""

    total_return: float
    max_drawdown: float
    trades: int
    average_r: float


@dataclass(frozen=True)
class VariantRun:
    """A run of the rules, or the error that prevented it; ``entries`` are (instant, instrument)."""

    run_id: str
    figures: RunFigures
    entries: Entries
    error: str = ""


@dataclass(frozen=True)
class ConditionEffect:
    """The effect of one condition: the full rules compared with the rules without it.

    Attributes
    ----------
    condition, description : its name, and its meaning when true
    core : true when the rules without it are other rules, not looser ones
    failed_alone : decision rows of the window at which no other required condition of its group
        failed
    total_return, max_drawdown, trades, average_r : of the run without it; after an error NaN and 0
    return_earned : full rules less without, fraction of equity; positive: the condition earned
    drawdown_saved : full rules less without, fraction; positive: the condition made it shallower
    trades_in, trades_gone : entries of the run without it only, and of the full rules only
    average_r_gained : full rules less without, R
    run_id : of the run without it
    error : the error of that run, empty for none
    """

    condition: str
    description: str
    core: bool
    failed_alone: int
    total_return: float
    max_drawdown: float
    trades: int
    average_r: float
    return_earned: float
    drawdown_saved: float
    trades_in: int
    trades_gone: int
    average_r_gained: float
    run_id: str
    error: str


@dataclass(frozen=True)
class Attribution:
    """The full rules and the effect of each required condition, the largest return earned first."""

    name: str
    playbook: str
    window: str
    data_label: str
    left_out: tuple[str, ...]
    full: RunFigures
    full_run_id: str
    effects: tuple[ConditionEffect, ...]

    @property
    def is_synthetic(self) -> bool:
        """True when some data of the runs are invented."""
        return self.data_label == "synthetic"

    @property
    def title(self) -> str:
        """The name of the run and its playbook."""
        return f"{self.name} ({self.playbook}{without(self.left_out)})"

    def document(self) -> dict[str, Any]:
        """Return the content of ``attribution.json``; null where a number does not exist."""
        found: dict[str, Any] = _jsonable(asdict(self))
        return found

    def text(self) -> str:
        """Return the table for a terminal."""
        full = self.full
        label = " - SYNTHETIC DATA" if self.is_synthetic else ""
        head = [
            f"{self.title}, {self.window}{label}",
            f"Full rules: return {percent(full.total_return)}, deepest drawdown "
            f"{percent(full.max_drawdown)}, {counted_noun(full.trades, 'trade')}, average R "
            f"{signed(full.average_r)}.",
            "",
        ]
        table = [HEADING, *(effect_row(effect) for effect in self.effects)]
        return "\n".join([*head, *columns(table), "", *_notes(self.effects)]) + "\n"


def attribute(
    config: RunConfig,
    source: Catalog | Dataset | None = None,
    *,
    plugin_path: Path | None = None,
    workers: Workers = Workers(processes=2),
    on_progress: Callable[[float], None] | None = None,
) -> Attribution:
    """Run the rules, and without each required condition; return the effects.

    Parameters
    ----------
    config : the run; conditions that it already leaves out stay out
    source : an open catalog or a dataset; None opens ``config.data.source``. A dataset in memory is
        run in this process.
    plugin_path : folder of local playbooks
    workers : where the runs without a condition are made
    on_progress : called with the fraction of runs done, 0 to 1

    Raises
    ------
    ConfigError : the playbook requires no condition, or only those already left out.
    RiskoffError : the full rules cannot be run.
    """
    whole = run(config, _opened(config, source), plugin_path=plugin_path)
    names = _left_in(whole)

    def report(done: int, _: VariantRun) -> None:
        if on_progress is not None:
            on_progress((1 + done) / (1 + len(names)))

    setup = partial(_variant_runner, config, source, plugin_path)
    name = "the run without {}".format
    if isinstance(source, Dataset):
        workers = Workers()
    shared = _shared(config, source, plugin_path)
    with workers.run_jobs(setup, name=name, most=len(names), shared=shared) as run_variants:
        made = run_variants(names, report)
    full, record = _variant_of(whole), RunRecord(whole)
    alone = rows_failed_alone(whole.signals, record.start, record.end)
    effects = [
        _effect(whole, name, full, variant, alone[name])
        for name, variant in zip(names, made, strict=True)
    ]
    return Attribution(
        name=config.name,
        playbook=whole.playbook.name,
        window=f"{config.data.start:%Y-%m-%d} to {config.data.end:%Y-%m-%d}",
        data_label=record.provenance.name.lower(),
        left_out=config.playbook.ignore,
        full=full.figures,
        full_run_id=full.run_id,
        effects=tuple(sorted(effects, key=_most_earned)),
    )


def rows_failed_alone(signals: Signals, start: int, end: int) -> dict[str, int]:
    """Return for each required condition the rows in ``[start, end]`` at which only it failed.

    Only the conditions of its own group count. Unknown counts as failed, as in the journal.
    """
    required = [item for item in signals.conditions if item.required]
    inside = (signals.decided_at >= start) & (signals.decided_at <= end)
    failed = {item.name: (item.truth != Truth.TRUE) & inside for item in required}
    alone = failed_alone(failed, alternatives((item.name, item.group) for item in required))
    return {name: int(rows.sum()) for name, rows in alone.items()}


def _left_in(whole: RunResult) -> list[str]:
    """Return the required conditions that can be left out, in the playbook's order."""
    required = [item for item in whole.signals.conditions if item.required and not item.left_out]
    if not required:
        raise ConfigError(
            f"{whole.config.name}: nothing to leave out: {whole.playbook.name} requires no "
            f"condition{' but those in playbook.ignore' if whole.config.playbook.ignore else ''}"
        )
    return [item.name for item in required]


def _leaving_out(config: RunConfig, name: str) -> RunConfig:
    # The model sorts them; unsorted, the variant would have another run id than the same run alone.
    names = tuple(sorted((*config.playbook.ignore, name)))
    rules = config.playbook.model_copy(update={"ignore": names})
    return config.model_copy(update={"playbook": rules})


def _opened(config: RunConfig, source: Catalog | Dataset | None) -> Catalog | Dataset:
    return open_source(config.data.source) if source is None else source


def _shared(
    config: RunConfig, source: Catalog | Dataset | None, plugin_path: Path | None
) -> SharedFolders:
    place = source.path if isinstance(source, Catalog) else config.data.source
    return SharedFolders.of(sources=[place], plugin_path=plugin_path)


def _variant_runner(
    config: RunConfig, source: Catalog | Dataset | None, plugin_path: Path | None
) -> Callable[[str], VariantRun]:
    """Return the function that runs the rules without one condition, given its name."""
    source = _opened(config, source)

    def variant(name: str) -> VariantRun:
        try:
            return _variant_of(run(_leaving_out(config, name), source, plugin_path=plugin_path))
        except RiskoffError as error:
            nothing = RunFigures(math.nan, math.nan, 0, math.nan)
            return VariantRun("", nothing, frozenset(), str(error))

    return variant


def _variant_of(result: RunResult) -> VariantRun:
    record = RunRecord(result)
    metrics = record.metrics
    figures = RunFigures(
        total_return=metrics["total_return"],
        max_drawdown=metrics["max_drawdown_bars"],
        trades=len(record.trades),
        average_r=metrics["average_r"],
    )
    entries = frozenset((trade.entered_at, trade.instrument) for trade in record.trades)
    return VariantRun(run_id(result), figures, entries)


def _effect(
    whole: RunResult, name: str, full: VariantRun, variant: VariantRun, alone: int
) -> ConditionEffect:
    (item,) = [item for item in whole.signals.conditions if item.name == name]
    rules, other = full.figures, variant.figures
    made = not variant.error
    return ConditionEffect(
        condition=name,
        description=item.description,
        core=item.core,
        failed_alone=alone,
        total_return=other.total_return,
        max_drawdown=other.max_drawdown,
        trades=other.trades,
        average_r=other.average_r,
        return_earned=rules.total_return - other.total_return,
        drawdown_saved=rules.max_drawdown - other.max_drawdown,
        trades_in=len(variant.entries - full.entries) if made else 0,
        trades_gone=len(full.entries - variant.entries) if made else 0,
        average_r_gained=rules.average_r - other.average_r,
        run_id=variant.run_id,
        error=variant.error,
    )


def _most_earned(effect: ConditionEffect) -> tuple[bool, float, str]:
    return bool(effect.error), -effect.return_earned, effect.condition


def effect_row(effect: ConditionEffect) -> tuple[str, ...]:
    """Return the cells of an effect under ``HEADING``."""
    name = f"{effect.condition}{' *' if effect.core else ''}"
    alone = number(effect.failed_alone)
    if effect.error:
        return (name, alone, *[MISSING] * (len(HEADING) - 2))
    return (
        name,
        alone,
        percent(effect.total_return),
        signed(100 * effect.return_earned),
        percent(effect.max_drawdown),
        signed(100 * effect.drawdown_saved),
        str(effect.trades),
        str(effect.trades_in),
        str(effect.trades_gone),
        signed(effect.average_r),
        signed(effect.average_r_gained),
    )


def _notes(effects: Sequence[ConditionEffect]) -> list[str]:
    lines = wrapped(COLUMNS_NOTE)
    for effect in effects:
        lines += wrapped(f"{effect.condition}: {effect.description}", "- ")
    if any(effect.core for effect in effects):
        lines += wrapped("* The rules without it are other rules, not looser ones.")
    for effect in effects:
        if effect.error:
            lines += wrapped(f"{effect.condition}: could not be run: {effect.error}")
    return lines


def _jsonable(value: Any) -> Any:
    """Return the value in lists and dictionaries, with null for NaN."""
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return json_number(value) if isinstance(value, float) else value
