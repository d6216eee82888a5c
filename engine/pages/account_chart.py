"""Draw an account: the sleeves' results, its drawdown under the ladder's levels, the rungs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.answers.ladder_history import FULL_SIZE, LadderHistory
from engine.config.models import DrawdownConfig
from engine.equity_curve import EquityCurve
from engine.formatting import percent
from engine.metrics import drawdowns
from engine.pages.charts import (
    DRAWDOWN,
    FIRST_PRICE,
    INK,
    LINE,
    LOSS,
    draw_drawdown,
    figure_svg,
    quiet_figure,
    series_dates,
    thinned,
)

RUNGS = 0.62


def account_chart(
    curve: EquityCurve,
    sleeves: Mapping[str, EquityCurve],
    currency: str,
    *,
    starts: Mapping[str, float],
    rules: DrawdownConfig | None,
    ladders: Mapping[str, LadderHistory],
) -> str:
    """Return the SVG of net results, of the account's drawdown, and of each ladder's rung.

    The drawdown is that of the account's ladder, the first of ``ladders``, where it has one. Both
    the results and the drawdown count from the cash at the start, before the first close.

    Parameters
    ----------
    curve, sleeves : of the account, and of each sleeve by name
    starts : the cash of each sleeve at the start, by name
    rules : the account's ladder, whose levels cross the drawdown; None for none
    ladders : factors on new positions over time, by the name of their books
    """
    heights = (FIRST_PRICE, DRAWDOWN, *(RUNGS for _ in ladders))
    with quiet_figure(heights) as (figure, (result, drawdown, *rungs)):
        for name, sleeve in sleeves.items():
            at, values = thinned(sleeve.at, sleeve.equity - starts[name])
            result.plot(series_dates(at), values, linewidth=1.0, label=name)
        start = sum(starts.values())
        at, values = thinned(curve.at, curve.equity - start)
        result.plot(series_dates(at), values, color=INK, linewidth=1.6, label="account")
        result.legend(loc="upper left", frameon=False, fontsize=8, ncols=4)
        result.set_ylabel(f"net result, {currency}")
        result.yaxis.set_major_formatter("{x:,.0f}")
        whole = drawdowns(np.append(start, curve.equity))[1:]
        draw_drawdown(
            drawdown, curve.at, whole if rules is None else next(iter(ladders.values())).fall
        )
        _draw_levels(drawdown, rules)
        for axes, (name, ladder) in zip(rungs, ladders.items(), strict=True):
            _draw_rungs(axes, name, ladder)
        return figure_svg(figure)


def _draw_levels(axes: Any, rules: DrawdownConfig | None) -> None:
    """Draw the account's rungs and its halt across the drawdown."""
    if rules is None:
        return
    levels = [(rung.drawdown, f"size x {rung.multiplier:g}") for rung in rules.ladder]
    for level, words in (*levels, (rules.halt_at, "halt")):
        axes.axhline(-100 * level, color=LOSS, linewidth=0.8, linestyle="--")
        axes.annotate(
            f"{percent(level, 1)}: {words}", (0.005, -100 * level),
            xycoords=("axes fraction", "data"), xytext=(0, 2), textcoords="offset points",
            fontsize=7,
        )  # fmt: skip


def _draw_rungs(axes: Any, name: str, ladder: LadderHistory) -> None:
    """Draw the factor on new positions as steps: full size at the top, a halt at the bottom."""
    ends = np.arange(len(ladder.at))[[0, -1]] if len(ladder.at) else np.arange(0)
    kept = np.union1d(np.flatnonzero(np.diff(ladder.factor)) + 1, ends)
    at, factor = series_dates(ladder.at[kept]), 100 * ladder.factor[kept]
    axes.fill_between(at, 0, factor, step="post", color=LINE, alpha=0.25, linewidth=0)
    axes.step(at, factor, where="post", color=LINE, linewidth=1.2)
    axes.set_ylim(0, 112 * FULL_SIZE)
    axes.set_yticks([0, 50, 100])
    axes.tick_params(axis="y", labelsize=7)
    axes.set_title(f"{name}: size of new positions by drawdown, %", fontsize=8, loc="left", y=0.05)
