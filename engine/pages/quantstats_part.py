"""The only place that calls quantstats.

It gets daily simple returns and an aligned benchmark on one naive index, never prices, never a
ticker, never ``match_dates``. Rows that it still computes wrongly are left out of the page.
"""

import io
import logging
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from engine.errors import ReportError
from engine.formatting import percent
from engine.metrics import (
    DAYS_PER_YEAR,
    LEAST_VOLATILITY,
    standard_deviation,
    too_short,
    varies,
    volatility,
)
from engine.pages.charts import SVG_SALT, without_prologs
from engine.pages.quantstats_import import import_quantstats
from engine.statistics import too_still

# With fewer days most of quantstats' tables are empty and several pictures fail.
MIN_DAYS = 10
STRATEGY = "Strategy"
# Names of quantstats' own page. Its logarithmic picture has no readable axis and is left out.
PICTURES = ("returns", "vol_returns")
# Pictures whose axes are whole percents, for returns that move more than that.
COARSE_PICTURES = ("returns_dist", "dd_periods", "dd_plot", "daily_returns")
COARSE_RANGE = 0.05
# Rolling pictures over half a year and a year need a run that is clearly longer.
ROLLING_PICTURES = ("rolling_beta", "rolling_vol", "rolling_sharpe", "rolling_sortino")
ROLLING_DAYS = 400
# quantstats' functions that draw them, by place.
DRAWN_BY = {
    "returns": "returns",
    "vol_returns": "returns",
    "log_returns": "log_returns",
    "eoy_returns": "yearly_returns",
    "monthly_dist": "histogram",
    "daily_returns": "daily_returns",
    "rolling_beta": "rolling_beta",
    "rolling_vol": "rolling_volatility",
    "rolling_sharpe": "rolling_sharpe",
    "rolling_sortino": "rolling_sortino",
    "dd_periods": "drawdowns_periods",
    "dd_plot": "drawdown",
    "monthly_heatmap": "monthly_heatmap",
    "returns_dist": "distribution",
}
METRICS, DRAWDOWNS = "metrics", "dd_info"
# Between the places of the template that quantstats fills; no table or picture holds it.
BETWEEN = "\n<!-- next place -->\n"
# Rows that quantstats computes wrongly or by a convention it does not state: docs/results.md.
LEFT_OUT = frozenset(
    {
        "Information Ratio",
        "Treynor Ratio",
        "Ulcer Performance Index",
        "Serenity Index",
        "Recovery Factor",
        "Risk of Ruin",
        "Time in Market",
        "CAGR",
        # They count partial months and years as whole ones; the page has a table of its own.
        *("Expected Monthly", "Expected Yearly", "Best Month", "Worst Month"),
        *("Best Year", "Worst Year", "Avg. Up Month", "Avg. Down Month"),
        *("Win Month", "Win Quarter", "Win Year", "MTD", "YTD"),
    }
)
# Rows over fixed spans are left out of shorter runs, where they repeat the whole run.
SPAN_DAYS = {
    "3M": 90,
    "6M": 180,
    "1Y": 365,
    "3Y (ann.)": 1_095,
    "5Y (ann.)": 1_826,
    "10Y (ann.)": 3_652,
}
# Growth a year, which a window shorter than ``LEAST_DAYS`` lacks.
ANNUAL_GROWTH = frozenset({"All-time (ann.)", "Alpha", "Calmar", "Risk-Adjusted Return"})
# A character that few fonts have; a date that is the last day where nothing recovered.
WORDING = {"CAGR\N{SMALL PERCENT SIGN}": "CAGR", "<th>Recovered</th>": "<th>Until</th>"}
PLOT_STYLE = {
    "svg.hashsalt": SVG_SALT,
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.spines.bottom": False,
    "axes.grid": True,
    "grid.color": "#e6e9ed",
    "axes.axisbelow": True,
}
NO_BENCHMARK_VALUE = frozenset({"Beta", "Alpha", "Correlation"})
NOTHING = ("-", "nan", "nan%", "")
_ROW = re.compile(r"<tr>(?:<td[^>]*>.*?</td>)+</tr>\s*")
_CELL = re.compile(r"<td[^>]*>(.*?)</td>")


@dataclass(frozen=True)
class QuantstatsPart:
    """quantstats' share of a page, as HTML: tables of metrics and drawdowns, and SVG pictures.

    ``reason`` says why there is nothing to show; it is "" otherwise.
    """

    reason: str = ""
    metrics: str = ""
    drawdowns: str = ""
    pictures: tuple[str, ...] = ()


def quantstats_part(
    returns: "pd.Series[float]",
    benchmark: "pd.Series[float] | None",
    *,
    periods_per_year: int,
    years: float,
) -> QuantstatsPart:
    """Return quantstats' tables and pictures of excess returns; see :func:`quantstats_html`.

    Raises
    ------
    ReportError : the indexes differ, or quantstats failed.
    """
    reason = why_no_quantstats(returns, periods_per_year)
    if reason:
        return QuantstatsPart(reason)
    metrics, drawdowns, *shown = quantstats_html(
        (METRICS, DRAWDOWNS, *pictures(returns)),
        returns,
        benchmark,
        periods_per_year=periods_per_year,
        years=years,
    )
    # A place whose picture needs a benchmark stays empty without one.
    return QuantstatsPart("", metrics, drawdowns, tuple(part for part in shown if part.strip()))


def pictures(returns: "pd.Series[float]") -> tuple[str, ...]:
    """Return the names of the pictures that are readable for returns of this length and size."""
    wealth = (1 + returns).cumprod()
    wide = wealth.max() - wealth.min() >= COARSE_RANGE
    return (
        *PICTURES,
        *(COARSE_PICTURES if wide else ()),
        *(ROLLING_PICTURES if len(returns) >= ROLLING_DAYS else ()),
    )


def why_no_quantstats(returns: "pd.Series[float]", periods_per_year: int = 365) -> str:
    """Return the reason why quantstats cannot describe these excess returns, or "".

    >>> why_no_quantstats(pd.Series([0.0] * 30))
    'every daily return is the same, so ratios and distributions do not exist'
    """
    if len(returns) < MIN_DAYS:
        return f"the run has {len(returns)} daily returns and the page needs {MIN_DAYS}"
    if not np.isfinite(returns.to_numpy()).all():
        return "a daily return is not a number: equity was not positive"
    values = np.asarray(returns, dtype=np.float64)
    if not varies(standard_deviation(values), values):
        return "every daily return is the same, so ratios and distributions do not exist"
    if volatility(values, periods_per_year) < LEAST_VOLATILITY:
        return (
            "the daily returns in excess of the bill move less than "
            f"{percent(LEAST_VOLATILITY)} a year, so their ratios say nothing"
        )
    return ""


def quantstats_html(
    names: Sequence[str],
    returns: "pd.Series[float]",
    benchmark: "pd.Series[float] | None",
    *,
    periods_per_year: int,
    years: float,
) -> list[str]:
    """Return quantstats' tables and pictures of some names, as HTML.

    Parameters
    ----------
    names : of the places of quantstats' own template
    returns : daily simple returns on a naive index, in excess of the bill: quantstats ignores a
        negative rate and fails on a series of rates
    benchmark : the same for the benchmark on the identical index; left out when None, without
        variance or identical to the strategy (quantstats fails on these), or moving too little
    periods_per_year : daily returns a year
    years : time elapsed in the window; rows of growth a year are left out of short ones

    Raises
    ------
    ReportError : the indexes differ, or quantstats failed.
    """
    if benchmark is not None and not benchmark.index.equals(returns.index):
        raise ReportError("tearsheet: the benchmark's days differ from the strategy's")
    if benchmark is not None and _says_nothing(benchmark, returns, periods_per_year):
        benchmark = None
    with (
        tempfile.TemporaryDirectory() as scratch,
        _fenced(),
        _drawing_only(names),
        _drawn_once(),
    ):
        page, places = Path(scratch) / "page.html", Path(scratch) / "places.html"
        places.write_text(BETWEEN.join(f"{{{{{name}}}}}" for name in names), encoding="utf-8")
        try:
            # By name: the import takes a second.
            import_module("quantstats.reports").html(
                returns.rename(STRATEGY),
                benchmark,
                rf=0.0,
                output=str(page),
                compounded=True,
                periods_per_year=periods_per_year,
                match_dates=False,
                template_path=str(places),
                strategy_title=STRATEGY,
                **({} if benchmark is None else {"benchmark_title": str(benchmark.name)}),
            )
        except Exception as error:
            raise ReportError(f"tearsheet: quantstats failed ({error})") from error
        filled = tidied(without_prologs(page.read_text(encoding="utf-8")), years)
    return filled.split(BETWEEN)


def _says_nothing(
    benchmark: "pd.Series[float]", returns: "pd.Series[float]", periods_per_year: int
) -> bool:
    """Return whether a benchmark hardly moves, or equals the returns up to rounding."""
    held, own = (np.asarray(series, dtype=np.float64) for series in (benchmark, returns))
    still = not varies(standard_deviation(held), held)
    still = still or too_still(held, periods_per_year) is not None
    return still or not varies(standard_deviation(held - own), own)


def tidied(page: str, years: float) -> str:
    """Return the page without table rows that are empty, wrong, or of spans longer than the run."""
    longer = {name for name, days in SPAN_DAYS.items() if days / DAYS_PER_YEAR > years}
    left_out = LEFT_OUT | longer | (ANNUAL_GROWTH if too_short(years) else frozenset())

    def keep(row: re.Match[str]) -> str:
        name, *cells = _CELL.findall(row[0])
        # Only the table of metrics: in the years' table "-" marks a year lost to the benchmark.
        empty = 0 < len(cells) <= 2 and (
            cells[-1] in NOTHING or (name not in NO_BENCHMARK_VALUE and cells[0] in NOTHING)
        )
        return "" if name in left_out or empty else row[0]

    for wording, plain in WORDING.items():
        page = page.replace(wording, plain)
    return _ROW.sub(keep, page)


@contextmanager
def _fenced() -> Iterator[None]:
    """Hide quantstats' warnings, prints and font messages, and undo its styles."""
    mpl: Any = import_module("matplotlib")
    fonts = logging.getLogger("matplotlib.font_manager")
    level = fonts.level
    quiet_out, quiet_err = redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO())
    with warnings.catch_warnings(), mpl.rc_context(), quiet_out, quiet_err:
        warnings.simplefilter("ignore")
        fonts.setLevel(logging.ERROR)
        mpl.use("Agg")
        # Only the first import sets a global style; without a reset pictures would depend on it.
        import_quantstats()
        mpl.rcParams.update({**mpl.rcParamsDefault, "backend": "Agg", **PLOT_STYLE})
        try:
            yield
        finally:
            fonts.setLevel(level)
            import_module("matplotlib.pyplot").close("all")


@contextmanager
def _drawing_only(names: Sequence[str]) -> Iterator[None]:
    """Draw the pictures of some names only: quantstats draws all, for every template."""
    reports: Any = import_module("quantstats.reports")
    plots = import_module("quantstats.plots")
    wanted = {DRAWN_BY[name] for name in names if name in DRAWN_BY}
    # quantstats fetches its plots once and keeps them in this global.
    reports._plots = SimpleNamespace(
        **{name: getattr(plots, name) if name in wanted else _nothing for name in DRAWN_BY.values()}
    )
    try:
        yield
    finally:
        reports._plots = plots


@contextmanager
def _drawn_once() -> Iterator[None]:
    """Draw a picture once, into its file.

    pyplot also draws it on a screen that does not exist, and matplotlib a time before to let a
    layout settle, for which quantstats' layout leaves an empty place.
    """
    canvas: Any = import_module("matplotlib.backends.backend_agg").FigureCanvasAgg
    figure: Any = import_module("matplotlib.figure").Figure
    tight_layout = figure.tight_layout

    def settled(self: Any, **options: Any) -> None:
        tight_layout(self, **options)
        self.set_layout_engine(None)

    canvas.draw_idle, figure.tight_layout = _nothing, settled
    try:
        yield
    finally:
        # The method is that of the base class again.
        del canvas.draw_idle
        figure.tight_layout = tight_layout


def _nothing(*_: object, **__: object) -> None:
    """Draw nothing."""
