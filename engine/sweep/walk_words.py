"""The walk-forward in words, as a table, as a document and as a chart."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.formatting import json_number, money, number, percent, signed_percent
from engine.pages.charts import EQUITY, figure_svg, quiet_figure, series_dates, thinned
from engine.statistics import Missing
from engine.sweep.sweep_run import SweepResult
from engine.sweep.walk_forward import ForwardForm, WalkForward, WalkSegment

NOT_TRADABLE = (
    "Nobody could have traded the forward choices or this account: each window begins after a high "
    "that was known only at the confirmation."
)
SAME = "the rolling choice is the anchored one, and so is its walk-forward"


def walk_sentences(result: SweepResult) -> list[str]:
    """Return a sentence on each form's account."""
    forms = {"anchored": result.anchored, "rolling": result.rolling}
    if is_same(result):
        forms = {"anchored and rolling": result.anchored}
    told = [_sentence(f"Walk-forward in one account, {name}", form) for name, form in forms.items()]
    return told if result.job.config.sell_offs is None else [*told, NOT_TRADABLE]


def is_same(result: SweepResult) -> bool:
    """Return whether both forms chose the same sets, so that there is one walk-forward."""
    one, other = result.anchored.walk, result.rolling.walk
    if isinstance(one, Missing) or isinstance(other, Missing):
        return False
    return _choices(one) == _choices(other)


def _choices(walk: WalkForward) -> list[tuple[str, str, str]]:
    rows = [segment.result.row for segment in walk.segments]
    return [(row.window, row.instrument, row.set_id) for row in rows]


def _sentence(words: str, form: ForwardForm) -> str:
    walk = form.walk
    if isinstance(walk, Missing):
        return f"{words}: {walk}."
    gain = walk.end_equity / walk.start_equity - 1
    windows = len({segment.result.row.window for segment in walk.segments})
    parts = [
        f"{money(walk.start_equity)} become {money(walk.end_equity)} ({signed_percent(gain)}) in "
        f"{windows} window{'' if windows == 1 else 's'}",
        f"deepest fall {percent(walk.worst_fall, 1)}",
        f"its Sharpe ratio in excess of the bill is {_sharpe(walk)}",
        *_seams(walk),
    ]
    lost = " An account was lost before its last window." if walk.is_lost else ""
    return f"{words}: {'; '.join(parts)}.{lost}"


def _sharpe(walk: WalkForward) -> str:
    found = walk.sharpe
    if isinstance(found, Missing):
        return str(found)
    return (
        f"{number(found.estimate, 3)} ({found.level:.0%} interval {number(found.low, 2)} to "
        f"{number(found.high, 2)})"
    )


def _seams(walk: WalkForward) -> list[str]:
    closed = sum(segment.closed for segment in walk.segments)
    fees = sum(segment.closing_fees for segment in walk.segments)
    stopped = sum(segment.in_force is not None for segment in walk.segments)
    told = [f"positions closed because their window ended: {closed}, for {money(fees)} of fees"]
    if stopped:
        told.append(f"windows that began under a guard of an earlier one: {stopped}")
    return told


def walk_rows(walk: WalkForward) -> list[tuple[str, ...]]:
    """Return a row for each segment, a heading row first."""
    head = (
        "window", "set", "equity at its start", "at its end", "return", "trades",
        "closed at its end", "guard in force at its start", "guards tripped",
    )  # fmt: skip
    return [head, *(_row(segment) for segment in walk.segments)]


def _row(segment: WalkSegment) -> tuple[str, ...]:
    row = segment.result.row
    return (
        ", ".join(text for text in (row.window, row.instrument) if text),
        row.set_id,
        money(segment.start_equity),
        money(segment.end_equity),
        signed_percent(row.total_return),
        str(row.trades),
        str(segment.closed),
        str(segment.in_force or "none"),
        _counted(segment.tripped) or "none",
    )


def _counted(names: tuple[str, ...]) -> str:
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def walk_document(walk: WalkForward | Missing) -> Mapping[str, Any]:
    """Return a walk-forward for ``summary.json``."""
    if isinstance(walk, Missing):
        return {"reason": walk.reason}
    sharpe = walk.sharpe
    return {
        "start_equity": walk.start_equity,
        "end_equity": walk.end_equity,
        "worst_fall": walk.worst_fall,
        "sharpe": {"reason": sharpe.reason}
        if isinstance(sharpe, Missing)
        else {name: json_number(getattr(sharpe, name)) for name in ("estimate", "low", "high")},
        "is_lost": walk.is_lost,
        "segments": [
            {
                "window": segment.result.row.window,
                "instrument": segment.result.row.instrument,
                "set_id": segment.result.row.set_id,
                "start_equity": segment.start_equity,
                "end_equity": segment.end_equity,
                "peak": segment.peak,
                "trades": segment.result.row.trades,
                "closed_at_end": segment.closed,
                "closing_fees": segment.closing_fees,
                "guard_in_force": segment.in_force,
                "guards_tripped": list(segment.tripped),
            }
            for segment in walk.segments
        ],
    }


def walk_chart(result: SweepResult) -> str:
    """Return the SVG of the equity of each form's account; "" without one. Lines mark the seams."""
    walks = {"anchored": result.anchored.walk, "rolling": result.rolling.walk}
    if is_same(result):
        walks.pop("rolling")
    drawn = {name: walk for name, walk in walks.items() if not isinstance(walk, Missing)}
    if not drawn:
        return ""
    with quiet_figure((EQUITY,)) as (figure, (axes,)):
        starts = {int(part.ends[0]) for walk in drawn.values() for part in walk.segments}
        for start in sorted(starts):
            axes.axvline(series_dates(np.array([start]))[0], color="#c5ccd3", linewidth=0.7)
        for name, walk in drawn.items():
            at, values = thinned(walk.at, walk.equity)
            axes.plot(series_dates(at), values, linewidth=1.1, label=name)
        axes.set_ylabel("equity")
        axes.legend(loc="best", frameon=False, fontsize=8)
        return figure_svg(figure)
