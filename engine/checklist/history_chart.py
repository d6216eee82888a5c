"""Draw the checklist over many days as SVG: three series, and a strip for each label and step."""

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.market_state import Action, MarketState
from engine.pages.charts import GAIN, GRID, INK, LOSS, figure_svg, quiet_figure
from engine.signals.market.steps import STEPS

CALM = GRID
# From harmless to worst.
COLOURS = (CALM, "#f2d492", "#d98e04", LOSS)
LEVEL_WORDS = ("nothing", "cautious", "worse", "worst")
UNKNOWN = -1
# The levels of an action and of a step that holds; tiers and regimes are levels themselves.
_ACTION_LEVELS = {Action.CANNOT_TELL: UNKNOWN, Action.WAIT: 0, Action.REDUCE: 2, Action.HEDGE: 3}
_HOLDS = 2
SERIES = (
    ("bitcoin", "BTC, log", INK),
    ("vix", "VIX", LOSS),
    ("correlation_QQQ_short", "correlation", GAIN),
)
_HEIGHTS = (2.2, 1.3, 1.3, 2.3)

Levels = NDArray[np.int8]


def strip_rows(state: MarketState) -> list[tuple[str, Levels]]:
    """Return a level a day for each label and step: 0 nothing to 3 worst, -1 unknown."""
    action = np.array([_ACTION_LEVELS[Action(code)] for code in state.action.tolist()], np.int8)
    rows = [("action", action), ("risk tier", state.tier), ("regime", state.regime)]
    for step in STEPS:
        truth = state.conditions[step].truth
        levels = np.where(truth > 0, _HOLDS, truth).astype(np.int8)
        rows.append((step.replace("step_", "") + " step", levels))
    return rows


def strip_runs(levels: Levels) -> list[tuple[int, int, int]]:
    """Return (first day, number of days, level) of each stretch of equal known days.

    >>> strip_runs(np.array([0, 0, 3, -1, 3], dtype=np.int8))
    [(0, 2, 0), (2, 1, 3), (4, 1, 3)]
    """
    begins = np.flatnonzero(np.diff(levels, prepend=levels[:1] - 1))
    lengths = np.diff(begins, append=len(levels))
    found = zip(begins.tolist(), lengths.tolist(), levels[begins].tolist(), strict=True)
    return [run for run in found if run[2] != UNKNOWN]


def history_chart(state: MarketState) -> str:
    """Return the SVG of bitcoin, VIX, correlation, and the strips; an empty stretch is unknown."""
    with quiet_figure(_HEIGHTS) as (figure, (*above, strips)):
        figure.subplots_adjust(left=0.15)
        dates = state.dates.astype("datetime64[us]")
        for axes, (name, label, colour) in zip(above, SERIES, strict=True):
            values = state.values.get(name)
            if values is not None:
                axes.plot(dates, values, color=colour, linewidth=1.0)
            axes.set_ylabel(label)
        _draw_log_prices(above[0])
        _draw_strips(strips, state)
        return figure_svg(figure)


def _draw_log_prices(axes: Any) -> None:
    """Give prices a logarithmic axis with plain numbers; its own would show powers of ten."""
    ticker = import_module("matplotlib.ticker")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 3, 5, 7), numticks=12))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_minor_locator(ticker.NullLocator())


def _draw_strips(axes: Any, state: MarketState) -> None:
    numbers = import_module("matplotlib.dates").date2num(state.dates)
    rows = strip_rows(state)
    for place, (_, levels) in enumerate(rows):
        runs = strip_runs(levels)
        spans = [(numbers[first], days) for first, days, _ in runs]
        colours = [COLOURS[level] for *_, level in runs]
        axes.broken_barh(spans, (place + 0.08, 0.84), facecolors=colours, linewidth=0)
    axes.set_yticks(np.arange(len(rows)) + 0.5, [name for name, _ in rows])
    axes.set_ylim(len(rows), 0)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
