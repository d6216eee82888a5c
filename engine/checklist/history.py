"""The checklist over many days, as a table and as a picture."""

from importlib import import_module
from typing import Any

import numpy as np
import pyarrow as pa

from engine.checklist.history_chart import CALM, COLOURS, strip_rows
from engine.formatting import counted_noun
from engine.market_state import TIERS, Action, Driver, MarketState, Regime
from engine.pages.charts import GAIN, INK, LOSS, MUTED
from engine.signals.market.regime import flips
from engine.signals.market.steps import known_steps


def history_table(state: MarketState) -> pa.Table:
    """Return a table of days: labels, each condition's truth (1, 0, null) and each measure."""
    table: dict[str, Any] = {
        "date": pa.array(state.dates),
        "known_at": pa.array(state.decided_at, pa.timestamp("ns", tz="UTC")),
        "action": [Action(int(code)).words for code in state.action],
        "known_steps": known_steps(state.conditions),
        "tier": [TIERS[int(code)].value for code in state.tier],
        "regime": [Regime(int(code)).words for code in state.regime],
        "driver": [Driver(int(code)).words for code in state.driver],
    }
    for name, item in state.conditions.items():
        table[name] = pa.array(item.truth, mask=item.truth < 0)
    for name, values in state.values.items():
        table[f"value_{name}"] = pa.array(values, mask=~np.isfinite(values))
    return pa.table(table)


def summary_lines(state: MarketState) -> list[str]:
    """Return lines of text: the days with each label, and the number of changes."""
    lines = [f"{counted_noun(len(state), 'day')}, {state.dates[0]} to {state.dates[-1]}"]
    named: tuple[tuple[str, Any, dict[int, str]], ...] = (
        ("action", state.action, {item.value: item.words for item in Action}),
        ("risk tier", state.tier, {place: tier.value for place, tier in enumerate(TIERS)}),
        ("regime", state.regime, {item.value: item.words for item in Regime}),
        ("driver", state.driver, {item.value: item.words for item in Driver}),
    )
    for label, codes, words in named:
        counts = ((word, int((codes == code).sum())) for code, word in words.items())
        told = ", ".join(f"{word} {count}" for word, count in counts if count)
        flipped = f"; {counted_noun(flips(codes), 'change')}"
        lines.append(f"{label}: {told}{flipped}")
    return lines


def history_picture(state: MarketState, *, title: str) -> Any:
    """Return a matplotlib figure: bitcoin, VIX, correlation, and strips of labels and steps."""
    import_module("matplotlib").use("Agg")
    figure = import_module("matplotlib.figure").Figure(figsize=(11, 8))
    axes = figure.subplots(4, 1, sharex=True, height_ratios=(2.2, 1.2, 1.2, 2.0))
    # Not the constrained layout: it costs as much as the drawing.
    figure.subplots_adjust(left=0.12, right=0.99, top=0.95, bottom=0.07, hspace=0.1)
    dates = state.dates.astype("datetime64[ns]")
    lines = (
        ("bitcoin", "BTC, log", INK),
        ("vix", "VIX", LOSS),
        ("correlation_QQQ_short", "correlation", GAIN),
    )
    for place, (name, label, colour) in enumerate(lines):
        values = state.values.get(name)
        if values is not None:
            axes[place].plot(dates, values, color=colour, linewidth=1.0)
        axes[place].set_ylabel(label)
        axes[place].grid(True, color=CALM, linewidth=0.7)
    axes[0].set_yscale("log")
    axes[0].set_title(title, loc="left", fontsize=11)
    _strips(axes[3], state)
    axes[3].margins(x=0.01)
    axes[3].set_xlabel("grey: nothing; yellow, amber, red: worse; white: unknown")
    return figure


def _strips(axes: Any, state: MarketState) -> None:
    """Draw a coloured strip for each label and step; white: unknown."""
    colours = import_module("matplotlib.colors")
    rows = strip_rows(state)
    table = np.stack([values for _, values in rows])
    table = np.where(table < 0, np.nan, table.astype(np.float64))
    edges = np.concatenate((state.dates, [state.dates[-1] + 1])).astype("datetime64[ns]")
    palette = colours.LinearSegmentedColormap.from_list("harm", COLOURS)
    axes.pcolormesh(edges, np.arange(len(rows) + 1), table, cmap=palette, vmin=0, vmax=3)
    axes.set_yticks(np.arange(len(rows)) + 0.5, [name for name, _ in rows])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0, colors=MUTED)
