"""The page of an attribution: conclusions, bars of what each condition earned, the table."""

from collections.abc import Sequence

import numpy as np

from engine.attribution.effects import (
    COLUMNS_NOTE,
    HEADING,
    Attribution,
    ConditionEffect,
    effect_row,
)
from engine.formatting import counted_noun, percent, signed, signed_percent
from engine.pages.charts import GAIN, LOSS, MUTED, figure_svg, quiet_figure
from engine.pages.html import render
from engine.statistics import MIN_TRADES

PAGE_FILE = "index.html"
DOCUMENT_FILE = "attribution.json"
TABLE_FILE = "attribution.parquet"
FILES = (
    (DOCUMENT_FILE, "every number, and the run of each row"),
    (TABLE_FILE, "one row a condition"),
)
READING = (
    "A left-out condition counts as true at every row. Each row is a whole run: an added trade can "
    "prevent a later one and changes the sizes after it, so the rows do not add up.",
    "No interval is given: the runs differ in a few trades of one window. A difference as large as "
    "one trade is one trade.",
    "A condition chosen or dropped by this page was chosen with the whole window in view.",
)
NAMED = 3
BAR = 0.34
MARGIN = 0.6


def attribution_page(found: Attribution, name: str) -> str:
    """Return the HTML of an attribution; ``name`` is the name of its folder."""
    made = [effect for effect in found.effects if not effect.error]
    full = found.full
    return render(
        "attribution.html.j2",
        page_title=f"What each condition earned: {found.title}",
        heading=f"What each condition earned: {found.title}",
        is_synthetic=found.is_synthetic,
        notes=[
            f"Window {found.window}; {found.data_label} data. Full rules: return "
            f"{signed_percent(full.total_return)}, deepest drawdown {percent(full.max_drawdown)}, "
            f"{counted_noun(full.trades, 'trade')}, average R {signed(full.average_r)}.",
            f"Folder {name}",
        ],
        conclusions=attribution_conclusions(found),
        chart=effect_chart(made) if made else "",
        effects=[HEADING, *(effect_row(effect) for effect in found.effects)],
        columns_note=COLUMNS_NOTE,
        conditions=[(effect.condition, effect.description) for effect in found.effects],
        errors=[f"{e.condition}: could not be run: {e.error}" for e in found.effects if e.error],
        has_core=any(effect.core for effect in found.effects),
        reading=READING,
        files_beside=FILES,
    )


def attribution_conclusions(found: Attribution) -> list[str]:
    """Return the conclusions of an attribution, four sentences; fewer where no run was made."""
    made = [effect for effect in found.effects if not effect.error]
    few = f", fewer than {MIN_TRADES}" if found.full.trades < MIN_TRADES else ""
    limits = (
        f"The full rules made {counted_noun(found.full.trades, 'trade')}{few}, in one window: the "
        "page cannot say which condition would earn in another."
    )
    if not made:
        return ["No run without a condition could be made.", limits]
    helped = [effect for effect in made if effect.return_earned > 0]
    cost = [effect for effect in reversed(made) if effect.return_earned < 0]
    return [_named("earned", "return", helped), _named("cost", "return", cost), _idle(made), limits]


def _named(verb: str, unit: str, effects: Sequence[ConditionEffect]) -> str:
    """Return a sentence on the conditions that earned or cost most, the largest first."""
    if not effects:
        return f"No condition {verb} {unit}."
    parts = "; ".join(
        f"{effect.condition} {signed(100 * effect.return_earned)} points"
        f" ({counted_noun(effect.trades_in, 'trade')} without it only)"
        for effect in effects[:NAMED]
    )
    rest = len(effects) - NAMED
    more = f"; and {rest} more" if rest > 0 else ""
    return f"{counted_noun(len(effects), 'condition')} {verb} {unit}: {parts}{more}."


def _idle(made: Sequence[ConditionEffect]) -> str:
    idle = [e.condition for e in made if not e.trades_in and not e.trades_gone]
    if not idle:
        return "Every condition changed at least one entry."
    return (
        f"{len(idle)} of {counted_noun(len(made), 'condition')} changed no entry: without "
        f"{'it' if len(idle) == 1 else 'them'} the rules traded alike ({', '.join(idle)})."
    )


def effect_chart(effects: Sequence[ConditionEffect]) -> str:
    """Return the SVG of bars: points of return that each condition earned, and of drawdown saved.

    The first condition of the list is at the top.
    """
    height = MARGIN + BAR * len(effects)
    names = [effect.condition for effect in effects]
    with quiet_figure((height, height), one_axis=False) as (figure, panels):
        figure.subplots_adjust(left=0.25, hspace=0.3)
        for axes, words, values in (
            (panels[0], "return earned, points", [e.return_earned for e in effects]),
            (panels[1], "drawdown saved, points", [e.drawdown_saved for e in effects]),
        ):
            points = 100 * np.array(values)
            colours = [GAIN if value >= 0 else LOSS for value in points.tolist()]
            axes.barh(names, points, color=colours, height=0.65)
            axes.axvline(0, color=MUTED, linewidth=0.8)
            for place, value in enumerate(points.tolist()):
                axes.annotate(
                    signed(value), (max(value, 0.0), place), xytext=(4, 0), va="center",
                    textcoords="offset points", fontsize=8,
                )  # fmt: skip
            axes.invert_yaxis()
            axes.margins(x=0.12)
            axes.set_title(words, fontsize=9, loc="left")
        return figure_svg(figure)
