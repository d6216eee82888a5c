"""The chart of a study's paths: a row for each kind of event, a column for each market."""

from io import BytesIO
from typing import Any

import numpy as np

from engine.pages.charts import INK, LINE, LOSS, MUTED, figure_svg, quiet_grid
from engine.studies.study import Around, KindStudy, Study

CELL = (2.6, 1.7)
PANEL = (2.7, 1.9)
RESOLUTION = 75
POINTS_A_DAY = 6


def study_picture(study: Study, *, data: str) -> bytes:
    """Return a PNG: median path, the events' quartiles, and the placebo means' band."""
    shown = [kind for kind in study.kinds if len(kind.at)] or list(study.kinds)
    with quiet_grid(len(shown), len(shown[0].around), cell=CELL) as (figure, panels):
        for kind, row in zip(shown, panels, strict=True):
            for around, axes in zip(kind.around, row, strict=True):
                _draw(axes, kind, around)
            row[0].set_ylabel(f"{kind.kind.value.replace('_', ' ')}\n{row[0].get_ylabel()}")
        for around, axes in zip(shown[0].around, panels[0], strict=True):
            axes.set_title(f"{around.market.title}, {around.market.unit}", fontsize=9, color=INK)
        figure.suptitle(
            f"{', '.join(study.episodes)}; data: {data}.  Blue: median and quartiles of the "
            f"events; dashed: their mean; red: {100 * study.rules.sampling.level:g}% of the means "
            "at placebo dates",
            fontsize=9,
            color=INK,
            x=0.01,
            ha="left",
        )
        stream = BytesIO()
        figure.savefig(stream, format="png", dpi=RESOLUTION, metadata={"Software": None})
    return stream.getvalue()


def kind_chart(kind: KindStudy, level: float) -> str:
    """Return the SVG of one kind of event: a panel a market, two rows of panels.

    ``level`` is the share of placebo means that the bands hold.
    """
    across = -(-len(kind.around) // 2)
    with quiet_grid(2, across, cell=PANEL) as (figure, panels):
        figure.subplots_adjust(hspace=0.55, wspace=0.25)
        flat = list(panels.flat)
        for around, axes in zip(kind.around, flat, strict=False):
            _draw(axes, kind, around)
            axes.set_title(f"{around.market.title}, {around.market.unit}", fontsize=9)
        for axes in flat[len(kind.around) :]:
            axes.set_axis_off()
            _explain(axes, level)
        return figure_svg(figure)


def _explain(axes: Any, level: float) -> None:
    """Write the meaning of lines and bands into an empty panel."""
    lines: tuple[tuple[str, dict[str, Any]], ...] = (
        ("median of the events", {"color": LINE, "linewidth": 1.3}),
        ("their quartiles", {"color": LINE, "linewidth": 7, "alpha": 0.18}),
        ("their mean", {"color": INK, "linewidth": 0.9, "linestyle": "--"}),
        (
            f"{100 * level:g}% of the means\nat random dates",
            {"color": LOSS, "linewidth": 7, "alpha": 0.22},
        ),
    )
    for words, style in lines:
        axes.plot([], [], label=words, **style)
    axes.legend(loc="center left", frameon=False, fontsize=9)


def _draw(axes: Any, kind: KindStudy, around: Around) -> None:
    market, summary = around.market, around.summary
    # At this size more than six points a day cannot be told apart.
    drawn = slice(None, None, max(1, market.day_steps // POINTS_A_DAY))
    at = around.paths.offsets[drawn] / market.day_steps
    low, _, high = around.band[:, drawn] * market.scale
    axes.fill_between(at, low, high, color=LOSS, alpha=0.22, linewidth=0)
    lower, upper = summary.lower[drawn] * market.scale, summary.upper[drawn] * market.scale
    axes.fill_between(at, lower, upper, color=LINE, alpha=0.18, linewidth=0)
    axes.plot(at, summary.median[drawn] * market.scale, color=LINE, linewidth=1.3)
    axes.plot(at, summary.mean[drawn] * market.scale, color=INK, linewidth=0.9, linestyle="--")
    axes.axvline(0, color=MUTED, linewidth=0.7)
    axes.axhline(0, color=MUTED, linewidth=0.7)
    axes.tick_params(labelsize=7)
    if not np.isfinite(around.paths.moves).any():
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, color=MUTED, ha="center")
    base = int(summary.events[np.flatnonzero(around.paths.offsets == 0)[0]])
    axes.text(
        *(0.02, 0.97, f"n {base} of {len(kind.at)}"),
        transform=axes.transAxes,
        fontsize=7,
        color=MUTED,
        va="top",
    )
    axes.set_xlabel("days" if market.step_ns is not None else "sessions", fontsize=7, labelpad=1)
