"""Draw a stress test: quantiles of the return through time, and a histogram at the end."""

from io import BytesIO
from typing import Any

import numpy as np

from data_feeds.clock import DAY_NS
from engine.pages.charts import INK, LINE, LOSS, MUTED, quiet_figure, series_dates
from engine.stress.measure import QUANTILES
from engine.stress.path_runs import StressResult

FAN, HISTOGRAM = 3.6, 2.4
RESOLUTION = 110
BINS = 40
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
        _draw_fan(fan, result)
        _draw_ends(ends, result)
        stream = BytesIO()
        figure.savefig(stream, format="png", dpi=RESOLUTION, metadata={"Software": None})
    return stream.getvalue()


def _draw_fan(axes: Any, result: StressResult) -> None:
    relative = result.equity / result.equity[:, :1] - 1
    low, lower, middle, upper, high = np.quantile(relative, QUANTILES, axis=0) * 100
    begin = result.job.continuation().begin
    days = series_dates(begin + np.arange(relative.shape[1], dtype=np.int64) * DAY_NS)
    axes.fill_between(days, low, high, color=LINE, alpha=_OUTER, linewidth=0, label="5% to 95%")
    axes.fill_between(days, lower, upper, color=LINE, alpha=_INNER, linewidth=0, label="25% to 75%")
    axes.plot(days, middle, color=INK, linewidth=1.3, label="median")
    worst = int(np.argmin([row.total_return for row in result.rows]))
    axes.plot(days, relative[worst] * 100, color=LOSS, linewidth=0.8, label="lowest return")
    axes.axhline(0, color=MUTED, linewidth=0.7)
    axes.legend(loc="lower left", frameon=False, fontsize=8, ncols=4)
    axes.set_ylabel("return since the start, %")
    axes.set_title(
        f"{result.job.config.name}: {result.job.config.playbook.name}, {len(result.rows)} paths of "
        f"{result.job.days} days, quantiles day by day",
        fontsize=9, color=INK, loc="left",
    )  # fmt: skip


def _draw_ends(axes: Any, result: StressResult) -> None:
    returns = np.array([row.total_return for row in result.rows]) * 100
    drawdowns = np.array([row.max_drawdown for row in result.rows]) * 100
    both = np.concatenate((returns, drawdowns))
    # The margin keeps the bins wider than zero where all paths end alike.
    edges = np.linspace(both.min() - 0.01, both.max() + 0.01, BINS + 1)
    axes.hist(returns, bins=edges, color=LINE, alpha=0.6, label="total return")
    axes.hist(
        drawdowns, bins=edges, histtype="step", color=LOSS, linewidth=1.1, label="maximum drawdown"
    )
    tolerance = -result.summary.tolerance * 100
    if edges[0] <= tolerance:
        axes.axvline(tolerance, color=LOSS, linewidth=0.9, linestyle="--", label="tolerance")
    axes.legend(loc="upper left", frameon=False, fontsize=8)
    axes.set_ylabel("paths")
    axes.set_xlabel("%")
