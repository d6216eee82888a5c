"""Draw a stress test: quantiles of the return through time, and a histogram at the end."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np

from data_feeds.clock import DAY_NS
from engine.formatting import counted_noun
from engine.pages.charts import (
    INK,
    LINE,
    LOSS,
    MUTED,
    figure_svg,
    quiet_figure,
    series_dates,
)
from engine.stress.measure import QUANTILES, Floats
from engine.stress.path_groups import PathGroups
from engine.stress.path_runs import StressResult
from engine.stress.stress_summary import paths_words

FAN, HISTOGRAM = 3.6, 2.4
RESOLUTION = 110
BINS = 40
DATES = 8
# Darker towards the middle.
_OUTER, _INNER = 0.16, 0.32


def stress_picture(result: StressResult) -> bytes:
    """Return the picture as PNG, byte-identical for equal results."""
    job = result.job
    with quiet_figure((FAN, HISTOGRAM), one_axis=False) as (figure, (fan, ends)):
        figure.subplots_adjust(hspace=0.3, top=0.89)
        figure.suptitle(
            f"SYNTHETIC SCENARIO {job.scenario}, {job.story.title}: invented paths, no forecast",
            x=0.09, ha="left", fontsize=10, color=LOSS, weight="bold",
        )  # fmt: skip
        rules = f"{job.config.name}: {job.config.playbook.name}"
        paths = [row.path for row in result.rows]
        _draw_fan(fan, result, paths, f"{rules}, {paths_words(job)}")
        _draw_ends(ends, result)
        stream = BytesIO()
        figure.savefig(stream, format="png", dpi=RESOLUTION, metadata={"Software": None})
    return stream.getvalue()


def stress_chart(result: StressResult, groups: PathGroups) -> str:
    """Return the SVG for the page: the fan of all paths, that of paths with a trade, the ends.

    The second fan is left out where every path traded, or none.
    """
    traded = [row.path for row in groups.traded]
    mixed = 0 < len(traded) < len(groups.rows)
    heights = (FAN, FAN, HISTOGRAM) if mixed else (FAN, HISTOGRAM)
    with quiet_figure(heights, one_axis=False) as (figure, (fan, *others, ends)):
        # The last date of the fan reaches beyond its axis.
        figure.subplots_adjust(hspace=0.3, right=0.96)
        idle = f"{counted_noun(len(groups.rows), 'path')}, {len(groups.idle)} without a trade"
        _draw_fan(fan, result, [row.path for row in groups.rows], idle)
        for axes in others:
            _draw_fan(axes, result, traded, f"{counted_noun(len(traded), 'path')} with a trade")
            bounds = (fan.get_ylim(), axes.get_ylim())
            for panel in (fan, axes):
                panel.set_ylim(min(low for low, _ in bounds), max(high for _, high in bounds))
        _draw_stacked_ends(ends, groups)
        return figure_svg(figure)


def _draw_fan(axes: Any, result: StressResult, paths: Sequence[int], title: str) -> None:
    relative = result.equity[paths] / result.equity[paths, :1] - 1
    low, lower, middle, upper, high = np.quantile(relative, QUANTILES, axis=0) * 100
    begin = result.job.continuation().begin
    days = series_dates(begin + np.arange(relative.shape[1], dtype=np.int64) * DAY_NS)
    axes.fill_between(days, low, high, color=LINE, alpha=_OUTER, linewidth=0, label="5% to 95%")
    axes.fill_between(days, lower, upper, color=LINE, alpha=_INNER, linewidth=0, label="25% to 75%")
    axes.plot(days, middle, color=INK, linewidth=1.3, label="median")
    worst = int(np.argmin([result.rows[path].total_return for path in paths]))
    axes.plot(days, relative[worst] * 100, color=LOSS, linewidth=0.8, label="lowest return")
    # Evenly spaced: matplotlib's own dates collide at the ends of months.
    axes.set_xticks(days[:: max(1, len(days) // DATES)])
    axes.axhline(0, color=MUTED, linewidth=0.7)
    axes.legend(loc="lower left", frameon=False, fontsize=8, ncols=4)
    axes.set_ylabel("return since the start, %")
    axes.set_title(f"{title}: quantiles day by day", fontsize=9, color=INK, loc="left")


def _draw_stacked_ends(axes: Any, groups: PathGroups) -> None:
    """Draw the returns at the end, paths with and without a trade on each other."""
    parts = [[100 * row.total_return for row in part] for part in (groups.traded, groups.idle)]
    words = ("with a trade", "without a trade")
    axes.hist(
        parts, bins=_edges(np.concatenate(parts)), stacked=True, color=(LINE, MUTED), label=words
    )
    axes.set_title("total return at the end", fontsize=9, color=INK, loc="left")
    _label_ends(axes)


def _draw_ends(axes: Any, result: StressResult) -> None:
    returns = np.array([row.total_return for row in result.rows]) * 100
    drawdowns = np.array([row.max_drawdown for row in result.rows]) * 100
    edges = _edges(np.concatenate((returns, drawdowns)))
    axes.hist(returns, bins=edges, color=LINE, alpha=0.6, label="total return")
    axes.hist(
        drawdowns, bins=edges, histtype="step", color=LOSS, linewidth=1.1, label="maximum drawdown"
    )
    tolerance = -result.summary.tolerance * 100
    if edges[0] <= tolerance:
        axes.axvline(tolerance, color=LOSS, linewidth=0.9, linestyle="--", label="tolerance")
    _label_ends(axes)


def _edges(values: Floats) -> Floats:
    """Return the edges of the bins; the margin keeps them apart where all paths end alike."""
    return np.linspace(values.min() - 0.01, values.max() + 0.01, BINS + 1)


def _label_ends(axes: Any) -> None:
    axes.legend(loc="upper left", frameon=False, fontsize=8)
    axes.set_ylabel("paths")
    axes.set_xlabel("%")
