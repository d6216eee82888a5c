"""Say in a few sentences what a sweep chose, and how much of its result survives a judgement."""

from collections.abc import Sequence
from statistics import fmean

from engine.formatting import (
    counted_noun,
    percent,
    percent_share,
    share_against,
    signed_percent,
)
from engine.statistics import Missing
from engine.sweep.held_out import HeldOutFolds
from engine.sweep.judgement import CONVINCING, Judgement
from engine.sweep.sensitivity import SensitivityRow
from engine.sweep.sweep_text import said


def sweep_conclusions(
    found: Judgement | Missing,
    sensitivity: Sequence[SensitivityRow],
    *,
    chosen: str,
    metric: str,
    sets: int,
    windows: int,
) -> list[str]:
    """Return the conclusions of a sweep, three to five sentences; one where no set was chosen.

    Parameters
    ----------
    found, sensitivity : the judgement of the chosen set, and the set under changed costs and lags
    chosen : its values in words
    metric : the number that ranked the sets, in words
    sets, windows : how many there were
    """
    tried = f"{counted_noun(sets, 'set')} in {counted_noun(windows, 'window')}"
    if isinstance(found, Missing):
        return [f"None of {tried} was chosen: {found.reason}."]
    return [
        f"Of {tried} the rule chose {chosen}: its {metric} in excess of the bill is "
        f"{said(found.number)}.",
        _luck(found),
        _held_out(found.left_out),
        *_changes(sensitivity),
        *_edges(found),
    ]


def _luck(found: Judgement) -> str:
    if isinstance(found.deflated, Missing):
        return f"How much of it is luck cannot be computed: {found.deflated.reason}."
    shown = "more" if found.deflated >= CONVINCING else "NOT shown to be more"
    return (
        f"It is {shown} than the best of {counted_noun(found.trials, 'worthless set')}: the "
        f"probability is {share_against(found.deflated, CONVINCING)}, and {percent(CONVINCING, 0)} "
        "are needed."
    )


def _held_out(folds: HeldOutFolds | Missing) -> str:
    if isinstance(folds, Missing):
        return f"The choice cannot be judged on a window left out: {folds.reason}."
    won = sum(fold.excess > 0 for fold in folds.folds)
    count = len(folds.folds)
    return (
        f"Chosen without the window that judges it, it earned more than the bill in {won} of "
        f"{count} and was better than {percent_share(fmean(f.beaten for f in folds.folds))} of all "
        "sets on average (chance: 50%)."
    )


def _changes(rows: Sequence[SensitivityRow]) -> list[str]:
    """Return the sentence on the worst change, none where nothing was changed."""
    if len(rows) < 2:
        return []
    plain, *changed = rows
    worst = min(changed, key=lambda row: row.excess)
    return [
        f"The sum of its excess is {signed_percent(plain.excess)}; the worst of "
        f"{counted_noun(len(changed), 'change')} of costs and lags ({worst.change}) makes it "
        f"{signed_percent(worst.excess)}."
    ]


def _edges(found: Judgement) -> list[str]:
    if not found.edges:
        return []
    return [f"It lies at the end of {', '.join(found.edges)}: better values may lie outside."]
