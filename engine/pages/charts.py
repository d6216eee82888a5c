"""Draw charts as SVG text that is equal for equal data: no date, no random ids, no screen."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.equity_curve import EquityCurve
from engine.metrics import drawdowns
from engine.records import Fill, Trade

# Points that a line keeps: a picture has fewer pixels than more points would need.
MAX_POINTS = 1_600
SVG_SALT = "riskoff"
# Heights of the panels, inches.
FIRST_PRICE, FURTHER_PRICE, EQUITY, DRAWDOWN = 3.5, 1.9, 2.3, 1.4
WIDTH, TITLE, DATES = 10.5, 0.3, 0.5
FILL_MARKS = "every fill: ▲ long, ▼ short, x out; green trades made money after costs, red lost"
SHADE_MARKS = "shaded: sell-offs; light: the run-up before anyone could know, hindsight"
RUN_UP_SHADE, SELL_OFF_SHADE = "#f7ece0", "#ecd3c4"
INK, MUTED, GAIN, LOSS, LINE = "#1d2733", "#8a94a0", "#1a7f4b", "#c0392b", "#2a5b8c"
GRID, EDGE = "#e6e9ed", "#c5ccd3"
# A page's colours by what they mean: the picture then follows the reader's light or dark mode.
_PAGE_COLOURS = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GAIN: "rgb(var(--good))",
    LOSS: "rgb(var(--bad))",
    LINE: "var(--plot)",
    GRID: "var(--line)",
    EDGE: "var(--muted)",
    RUN_UP_SHADE: "rgba(var(--bad),.08)",
    SELL_OFF_SHADE: "rgba(var(--bad),.2)",
}
_COLOUR = re.compile("|".join(_PAGE_COLOURS))
# The same variables for a picture that stands on no page of ours, on white paper.
_OWN_COLOURS = (
    f"background:#fff;--ink:{INK};--muted:{MUTED};--line:{GRID};--plot:{LINE};"
    "--good:26,127,75;--bad:192,57,43"
)
_PROLOG = re.compile(
    r"<\?xml[^>]*\?>\s*|<!DOCTYPE svg[^>]*>\s*|<metadata>.*?</metadata>\s*", re.DOTALL
)


@dataclass(frozen=True)
class PriceLine:
    """One instrument in the window: trades, and closes in ``quote`` at ``closed_at`` (ns UTC)."""

    instrument: str
    quote: str
    closed_at: NDArray[np.int64]
    close: NDArray[np.float64]
    trades: Sequence[Trade]
    fills: Sequence[Fill] = ()


def trade_chart(
    prices: Sequence[PriceLine],
    curve: EquityCurve,
    currency: str,
    spans: Sequence[tuple[int, int, int]] = (),
    *,
    start: float,
) -> str:
    """Return the SVG of prices with fills, of equity in a currency, and of its drawdown.

    The drawdown falls from the equity at the ``start`` or a later peak. ``spans`` are shaded
    sell-offs, see :func:`shade`.
    """
    tallest = FIRST_PRICE if len(prices) == 1 else FURTHER_PRICE
    with quiet_figure((*(tallest for _ in prices), EQUITY, DRAWDOWN)) as (figure, panels):
        *above, equity, drawdown = panels
        for axes, price in zip(above, prices, strict=True):
            _draw_price(axes, price)
        for axes in above[:1]:
            marks = f"{FILL_MARKS}; {SHADE_MARKS}" if spans else FILL_MARKS
            axes.set_title(marks, fontsize=9, color=INK, loc="left")
        for axes in panels:
            shade(axes, spans)
        at, values = thinned(curve.at, curve.equity)
        equity.plot(series_dates(at), values, color=LINE, linewidth=1.1)
        equity.set_ylabel(f"equity, {currency}")
        draw_drawdown(drawdown, curve.at, drawdowns(np.append(start, curve.equity))[1:])
        return figure_svg(figure)


def thinned(
    at: NDArray[np.int64], values: NDArray[np.float64], points: int = MAX_POINTS
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return a line of at most about ``points`` points that keeps each stretch's low and high.

    The first and the last point always stay.
    """
    if len(at) <= points:
        return at, values
    kept = {0, len(at) - 1}
    for stretch in np.array_split(np.arange(len(at)), points // 2):
        kept.add(int(stretch[np.argmin(values[stretch])]))
        kept.add(int(stretch[np.argmax(values[stretch])]))
    rows = np.array(sorted(kept))
    return at[rows], values[rows]


@dataclass(frozen=True)
class ShadedLine:
    """One line of a chart with shaded stretches: positive values at ``at`` (ns UTC)."""

    title: str
    at: NDArray[np.int64]
    value: NDArray[np.float64]


def shaded_lines(lines: Sequence[ShadedLine], spans: Sequence[tuple[int, int, int]]) -> str:
    """Return the SVG of lines on a logarithmic axis, with the stretches of ``spans`` shaded.

    A span is (high, confirmation, end), ns UTC; its run-up is lighter, because it is hindsight.
    """
    with quiet_figure((FIRST_PRICE + EQUITY,)) as (figure, (axes,)):
        shade(axes, spans)
        for line in lines:
            at, values = thinned(line.at, line.value)
            axes.plot(series_dates(at), values, linewidth=1.1, label=line.title)
        axes.set_yscale("log")
        axes.set_title(SHADE_MARKS, fontsize=9, color=INK, loc="left")
        axes.set_ylabel("growth of 1, logarithmic")
        axes.legend(loc="upper left", frameon=False, fontsize=8)
        return figure_svg(figure)


def shade(axes: Any, spans: Sequence[tuple[int, int, int]]) -> None:
    """Shade sell-offs on an axis: (high, confirmation, end), ns UTC."""
    for span in spans:
        high, confirmed, end = series_dates(np.array(span, dtype=np.int64))
        axes.axvspan(high, confirmed, color=RUN_UP_SHADE, linewidth=0, zorder=0)
        axes.axvspan(confirmed, end, color=SELL_OFF_SHADE, linewidth=0, zorder=0)


@contextmanager
def quiet_figure(
    heights: Sequence[float], *, one_axis: bool = True
) -> Iterator[tuple[Any, Sequence[Any]]]:
    """Yield a figure and its panels, one above the other, of ``heights`` inches, on one UTC axis.

    Without ``one_axis`` each panel has its own axis, and the caller labels it.
    """
    total = sum(heights)
    with quiet_style() as mpl:
        figure = mpl.figure.Figure(figsize=(WIDTH, total))
        made = figure.subplots(
            len(heights), 1, sharex=one_axis, height_ratios=heights, squeeze=False
        )
        panels = list(made[:, 0])
        # The solver of the constrained layout returns other last digits from call to call.
        figure.subplots_adjust(
            left=0.09, right=0.99, top=1 - TITLE / total, bottom=DATES / total, hspace=0.08
        )
        for axes in panels:
            axes.grid(True, color=GRID, linewidth=0.7)
            axes.margins(x=0.01)
        if one_axis:
            panels[-1].set_xlabel("UTC")
        figure.align_ylabels(panels)
        yield figure, panels


@contextmanager
def quiet_grid(rows: int, columns: int, *, cell: tuple[float, float]) -> Iterator[tuple[Any, Any]]:
    """Yield a figure and its panels as an array (rows, columns), each ``cell`` inches in size."""
    width, height = columns * cell[0], rows * cell[1]
    with quiet_style() as mpl:
        figure = mpl.figure.Figure(figsize=(width, height + TITLE + DATES))
        panels = figure.subplots(rows, columns, squeeze=False)
        total = height + TITLE + DATES
        figure.subplots_adjust(
            left=0.06, right=0.99, top=1 - 2 * TITLE / total, bottom=DATES / total, hspace=0.35
        )
        for axes in panels.flat:
            axes.grid(True, color=GRID, linewidth=0.7)
            axes.margins(x=0.01)
        yield figure, panels


def figure_svg(figure: Any) -> str:
    """Return a matplotlib figure as an ``<svg>`` element without dates, random ids and background.

    Colours of this module become variables of the page's stylesheet.
    """
    stream = StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
    drawn = without_prologs(stream.getvalue()).strip()
    return _COLOUR.sub(lambda found: _PAGE_COLOURS[found[0]], drawn)


def standing_alone(svg: str) -> str:
    """Return a chart with colours of its own, for a notebook or a file; a page has them already."""
    return svg.replace("<svg ", f'<svg style="{_OWN_COLOURS}" ', 1)


def without_prologs(document: str) -> str:
    """Return a document with bare ``<svg>`` elements: no XML headers and no dated metadata."""
    return _PROLOG.sub("", document)


def _draw_price(axes: Any, price: PriceLine) -> None:
    at, values = thinned(price.closed_at, price.close)
    axes.plot(series_dates(at), values, color=MUTED, linewidth=0.9, label="close")
    filled: dict[int, list[Fill]] = defaultdict(list)
    for fill in price.fills:
        filled[fill.plan_id].append(fill)
    for trade in price.trades:
        _draw_trade(axes, trade, filled[trade.plan_id])
    axes.set_ylabel(f"{price.instrument}, {price.quote}")


def _draw_trade(axes: Any, trade: Trade, fills: Sequence[Fill]) -> None:
    """Draw every fill at its price and instant; no fill lies at the average of several."""
    color = GAIN if trade.net_pnl > 0 else LOSS
    adding = [fill for fill in fills if fill.quantity * trade.direction > 0]
    leaving = [fill for fill in fills if fill.quantity * trade.direction < 0]
    for marks, marker in ((adding, "^" if trade.direction > 0 else "v"), (leaving, "x")):
        at = series_dates(np.array([fill.at for fill in marks], dtype=np.int64))
        axes.plot(at, [fill.price for fill in marks], marker, color=color, markersize=6)
    if len(adding) == len(leaving) == 1:
        both = series_dates(np.array([adding[0].at, leaving[0].at]))
        axes.plot(both, [adding[0].price, leaving[0].price], color=color, linewidth=1.2)


def series_dates(instants: NDArray[np.int64]) -> NDArray[np.datetime64]:
    """Return instants (ns UTC) in microseconds, which matplotlib reads without a warning."""
    return instants.astype("datetime64[ns]").astype("datetime64[us]")


def draw_drawdown(axes: Any, at: NDArray[np.int64], fall: NDArray[np.float64]) -> None:
    """Draw falls from the highest equity so far, fractions of zero or below, at ``at`` (ns UTC)."""
    at, values = thinned(at, fall)
    axes.fill_between(series_dates(at), values * 100, 0, color=LOSS, alpha=0.35, linewidth=0)
    axes.set_ylabel("drawdown, %")


@contextmanager
def quiet_style() -> Iterator[Any]:
    """Yield matplotlib with the style of the project and without a screen."""
    # By name: the import takes 0.3 s, and `riskoff --help` needs no matplotlib.
    mpl: Any = import_module("matplotlib")
    import_module("matplotlib.figure")
    import_module("matplotlib.lines")
    mpl.use("Agg")
    style = {
        "svg.hashsalt": SVG_SALT,
        "svg.fonttype": "none",
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": EDGE,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": EDGE,
        "xtick.labelcolor": INK,
        "ytick.color": EDGE,
        "ytick.labelcolor": INK,
    }
    with mpl.rc_context({**mpl.rcParamsDefault, "backend": "Agg", **style}):
        yield mpl
