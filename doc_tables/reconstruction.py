"""Make the tables and the picture of docs/reconstruction.md: the reconstructions beside real data.

Without real data the tables show the reconstruction alone. Aggregates only; no rows are copied.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import dates
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from data_feeds.align import resample_bars
from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.embedded import embedded_catalog
from data_feeds.schema import Array, Channel, ChannelKey, ChannelKind
from data_feeds.simulation.episode_parameters import EPISODES, EpisodeParameters
from data_feeds.timeframe import Timeframe
from doc_tables.blocks import DOCS, PageBlock
from doc_tables.blocks import row as line

PICTURE = DOCS / "reconstruction.png"
PERP = "BTCUSDT-PERP"
DAYS_A_YEAR, SESSIONS_A_YEAR = 365, 252
CORRELATION_SESSIONS = 30
# Fewer daily returns than this say nothing about a volatility or a correlation.
FEWEST = 10
# The window of each sell-off, for its drawdown: from the shock to the episode's end.
SHOCKS = {"2020": "2020-02-13", "2022": "2021-11-01", "2026": "2025-10-01"}
# Days of forced selling and the hour of most of it.
FLUSH_DAYS = ("2020-03-12", "2021-05-19", "2022-06-13", "2022-11-08", "2025-10-10", "2026-02-05")


@dataclass(frozen=True)
class Days:
    """Hold a daily series: whole days since the epoch, and values."""

    on: Array
    values: Array

    def between(self, first: str, end: str) -> "Days":
        """Return the days from ``first``, ``end`` not included."""
        low, high = (np.datetime64(day).astype(int) for day in (first, end))
        rows = (self.on >= low) & (self.on < high)
        return Days(self.on[rows], self.values[rows])

    def changes(self, most_days: int = 5) -> "Days":
        """Return simple returns; none across a hole of more than ``most_days``."""
        near = np.diff(self.on) <= most_days
        returns = self.values[1:] / self.values[:-1] - 1
        return Days(self.on[1:][near], returns[near])


class ComparedMarket:
    """Read the days, hours and settlements of one catalog."""

    def __init__(self, catalog: Catalog, timeframe: str) -> None:
        self.catalog = catalog
        self.hours = self._hours(timeframe)

    def _hours(self, timeframe: str) -> Channel:
        bars = self.catalog.read(ChannelKey(PERP, ChannelKind.BARS, timeframe))
        return bars if timeframe == "1h" else resample_bars(bars, Timeframe("1h"))

    def days(self, name: str) -> Days:
        """Return closes of bitcoin's UTC days, of an equity's sessions, or a series' values."""
        if name == PERP:
            ended = self.hours["closed_at"] % DAY_NS == 0
            closes = self.hours["close"][ended]
            return Days((self.hours["closed_at"][ended] - 1) // DAY_NS, closes)
        series = ChannelKey(name, ChannelKind.SERIES)
        if self.catalog.find(series) is not None:
            rows = self.catalog.read(series)
            return Days(rows["event_at"] // DAY_NS, rows["value"])
        rows = self.catalog.read(ChannelKey(name, ChannelKind.BARS, "1d"))
        return Days(rows["opened_at"] // DAY_NS, rows["close"])

    def funding(self) -> Days:
        """Return funding rates by settlement, percent."""
        rows = self.catalog.read(ChannelKey(PERP, ChannelKind.FUNDING))
        return Days(rows["event_at"] // DAY_NS, 100 * rows["rate"])


def phase_spans(episode: EpisodeParameters) -> Iterator[tuple[str, str, str]]:
    """Yield each phase's name, first day and the day after its last."""
    ends = [phase.start for phase in episode.phases[1:]] + [episode.end]
    for phase, end in zip(episode.phases, ends, strict=True):
        yield phase.name, phase.start, end


def common(parts: list[Days]) -> list[Days]:
    """Return each market's rows on the days that all of them have."""
    on = parts[0].on
    for part in parts[1:]:
        on = np.intersect1d(on, part.on)
    return [Days(on, part.values[np.isin(part.on, on)]) for part in parts]


def volatility(markets: list[ComparedMarket], name: str, first: str, end: str) -> str:
    """Return annualized volatilities of daily returns, over the days that all markets have."""
    parts = common([m.days(name).changes(1 if name == PERP else 5) for m in markets])
    yearly = DAYS_A_YEAR if name == PERP else SESSIONS_A_YEAR
    moves = [part.between(first, end).values for part in parts]
    if len(moves[0]) < FEWEST:
        return "-"
    return pair([f"{x.std(ddof=1) * yearly**0.5:.0%}" for x in moves])


def paired_returns(markets: list[ComparedMarket]) -> tuple[Array, list[tuple[Array, Array]]]:
    """Return common sessions, and each market's returns of bitcoin and QQQ between them."""
    days = [(m.days(PERP), m.days("QQQ")) for m in markets]
    on = days[0][0].on
    for part in (part for both in days for part in both):
        on = np.intersect1d(on, part.on)
    returns = []
    for bitcoin, equity in days:
        levels = [x.values[np.isin(x.on, on)] for x in (bitcoin, equity)]
        changes = [Days(on, level).changes() for level in levels]
        sessions = changes[0].on
        returns.append((changes[0].values, changes[1].values))
    return sessions, returns


def correlation(markets: list[ComparedMarket], first: str, end: str) -> str:
    """Return the correlation of bitcoin and QQQ over a phase's sessions."""
    on, returns = paired_returns(markets)
    low, high = (np.datetime64(day).astype(int) for day in (first, end))
    rows = (on >= low) & (on < high)
    if rows.sum() < FEWEST:
        return "-"
    return pair([f"{np.corrcoef(one[rows], other[rows])[0, 1]:+.2f}" for one, other in returns])


def rolling_correlation(markets: list[ComparedMarket]) -> list[Days]:
    """Return the correlation of the last 30 session returns, where they span under 60 days."""
    on, returns = paired_returns(markets)
    ends = [
        row
        for row in range(CORRELATION_SESSIONS, len(on) + 1)
        if on[row - 1] - on[row - CORRELATION_SESSIONS] < 2 * CORRELATION_SESSIONS
    ]
    found = []
    for one, other in returns:
        parts = [slice(row - CORRELATION_SESSIONS, row) for row in ends]
        values = [np.corrcoef(one[part], other[part])[0, 1] for part in parts]
        found.append(Days(on[np.array(ends) - 1], np.array(values)))
    return found


def rolling_text(rolling: list[Days], first: str, end: str) -> str:
    """Return the median of the 30-session correlations that end in a phase."""
    values = [part.between(first, end).values for part in rolling]
    return pair([f"{np.median(x):+.2f}" for x in values]) if len(values[0]) else "-"


def vix_text(markets: list[ComparedMarket], first: str, end: str) -> str:
    """Return mean and maximum of VIX."""
    values = [m.days("VIX").between(first, end).values for m in markets]
    return pair([f"{x.mean():.0f}, {x.max():.0f}" for x in values])


def phase_rows(markets: list[ComparedMarket]) -> Iterator[str]:
    """Yield the table of phases: each cell is the reconstruction, then reality."""
    rolling = rolling_correlation(markets)
    names = ["BTC vol", "SPY vol", "QQQ vol", "BTC/QQQ", "BTC/QQQ, 30 sessions", "VIX mean, max"]
    yield from heading(["phase", *names])
    for episode in EPISODES:
        for name, *span in phase_spans(episode):
            cells = [
                *(volatility(markets, symbol, *span) for symbol in (PERP, "SPY", "QQQ")),
                correlation(markets, *span),
                rolling_text(rolling, *span),
                vix_text(markets, *span),
            ]
            yield line([f"{episode.name} {name}", *cells])


def tail_rows(markets: list[ComparedMarket]) -> Iterator[str]:
    """Yield the table of tails of daily returns, over the days that all markets have."""
    yield from heading(["episode", "market", "days", "1%", "99%", "worst", "best", "kurtosis"])
    for episode in EPISODES:
        for name in (PERP, "QQQ"):
            step = 1 if name == PERP else 5
            window = (episode.start, episode.end)
            parts = common([m.days(name).changes(step).between(*window) for m in markets])
            moves = [part.values for part in parts]
            cells = [pair([cell(x) for x in moves]) for cell in TAILS]
            yield line([episode.name, name.split("USDT")[0], str(len(moves[0])), *cells])


def kurtosis(moves: Array) -> float:
    """Return the fourth standardized moment; 3 for a normal distribution."""
    centred = moves - moves.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2)


TAILS: tuple[Callable[[Array], str], ...] = (
    lambda x: f"{np.quantile(x, 0.01):+.1%}",
    lambda x: f"{np.quantile(x, 0.99):+.1%}",
    lambda x: f"{x.min():+.1%}",
    lambda x: f"{x.max():+.1%}",
    lambda x: f"{kurtosis(x):.1f}",
)


def flush_volume(market: ComparedMarket, day: str) -> str:
    """Return the largest hourly volume of a day, in medians of the 20 days before."""
    start = int(np.datetime64(day, "ns").astype(np.int64))
    at, volume = market.hours["opened_at"], market.hours["volume"]
    # The flush may run into the next day's first hours.
    on = (at >= start) & (at < start + DAY_NS + 4 * HOUR_NS)
    before = (at >= start - 20 * DAY_NS) & (at < start)
    if on.sum() < 24 or before.sum() < 19 * 24:
        return "-"
    return f"{volume[on].max() / np.median(volume[before]):.0f}"


def flush_rows(markets: list[ComparedMarket]) -> Iterator[str]:
    """Yield the table of volume on the days of forced selling."""
    yield from heading(["day", "busiest hour, times the median hour"])
    for day in FLUSH_DAYS:
        yield line([day, pair([flush_volume(m, day) for m in markets])])


def funding_rows(markets: list[ComparedMarket]) -> Iterator[str]:
    """Yield the table of funding, over the days that all markets have."""
    yield from heading(["episode", "minimum", "median", "maximum", "negative"])
    for episode in EPISODES:
        parts = [m.funding().between(episode.start, episode.end) for m in markets]
        first = max(int(part.on[0]) for part in parts)
        rates = [part.values[part.on >= first] for part in parts]
        cells = (
            [f"{x.min():+.3f}%" for x in rates],
            [f"{np.median(x):+.4f}%" for x in rates],
            [f"{x.max():+.3f}%" for x in rates],
            [f"{(x < 0).mean():.0%}" for x in rates],
        )
        yield line([episode.name, *(pair(cell) for cell in cells)])


def drawdown(days: Days) -> str:
    """Return the deepest fall of closes, with the days of its peak and trough."""
    top = np.maximum.accumulate(days.values)
    trough = int(np.argmin(days.values / top))
    peak = int(np.argmax(days.values[: trough + 1]))
    depth = days.values[trough] / days.values[peak] - 1
    dates = (str(np.datetime64(int(days.on[row]), "D")) for row in (peak, trough))
    return f"{depth:.1%} ({' to '.join(dates)})"


def drawdown_rows(markets: list[ComparedMarket]) -> Iterator[str]:
    """Yield the table of drawdowns of daily closes in each sell-off."""
    labels = ["reconstruction", "reality"][: len(markets)]
    yield from heading(["sell-off", "market", *labels])
    for episode in EPISODES:
        for name in (PERP, "SPY", "QQQ"):
            window = (SHOCKS[episode.name], episode.end)
            cells = [drawdown(m.days(name).between(*window)) for m in markets]
            yield line([episode.name, name.split("USDT")[0], *cells])


def pair(cells: list[str]) -> str:
    """Return the reconstruction's figure and, after a bar, the real one."""
    return " / ".join(cells)


def heading(names: list[str]) -> list[str]:
    """Return the head of a Markdown table."""
    return [line(names), "|" + "---|" * len(names)]


def tables(markets: list[ComparedMarket]) -> list[str]:
    """Return the lines of all tables."""
    both = "reconstruction / reality" if len(markets) > 1 else "reconstruction alone"
    lines = [f"Each cell: {both}. A dash: fewer than {FEWEST} returns, or no such hours."]
    if len(markets) > 1:
        lines.append(
            "Volatilities, correlations and tails are over the days that both have: the real perp "
            "bars at hand lack the months before 2019-09-08, 2021-01 to 2021-06, and 2024. VIX, "
            "drawdowns, volume: each over its own days. Funding: from the later of the first days."
        )
    sections = (
        ("Volatility, correlation and VIX by phase", phase_rows),
        ("Tails of daily returns", tail_rows),
        ("Drawdowns of daily closes", drawdown_rows),
        ("Volume of the flushes", flush_rows),
        ("Funding at each settlement", funding_rows),
    )
    for title, rows in sections:
        lines += ["", f"### {title}", "", *rows(markets)]
    return lines


def unbroken(days: Days, scale: float) -> tuple[Array, Array]:
    """Return dates and scaled values with a NaN in each hole of more than a week."""
    holes = np.flatnonzero(np.diff(days.on) > 7) + 1
    on = np.insert(days.on, holes, days.on[holes] - 1)
    return on.astype("datetime64[D]"), np.insert(days.values * scale, holes, np.nan)


def draw_panel(
    panel: Axes, markets: list[ComparedMarket], name: str, episode: EpisodeParameters
) -> None:
    """Draw one instrument of one episode, reality first so that it lies behind."""
    styles = (("reconstruction", "tab:blue", 1.1), ("reality", "0.55", 2.0))
    for market, (label, color, width) in reversed(list(zip(markets, styles, strict=False))):
        days = market.days(name).between(episode.start, episode.end)
        scale = 0.001 if name == PERP else 100 / days.values[0]
        panel.plot(*unbroken(days, scale), color=color, lw=width, label=label)
    panel.grid(alpha=0.3)
    panel.xaxis.set_major_locator(dates.MonthLocator(bymonth=(1, 5, 9)))
    panel.xaxis.set_major_formatter(dates.DateFormatter("%Y-%m"))
    panel.tick_params(axis="x", rotation=30)


def draw(markets: list[ComparedMarket]) -> None:
    """Draw bitcoin and QQQ of each episode."""
    plt.rcParams.update({"font.size": 13})
    figure, axes = plt.subplots(2, 3, figsize=(14, 7.5), height_ratios=(2, 1), sharex="col")
    for column, episode in enumerate(EPISODES):
        top, bottom = axes[:, column]
        draw_panel(top, markets, PERP, episode)
        draw_panel(bottom, markets, "QQQ", episode)
        top.set_title(f"episode {episode.name}")
        top.set_yscale("log")
        low, high = top.get_ylim()
        ticks = (4, 5, 7, 10, 15, 20, 30, 40, 60, 70, 80, 100, 120)
        top.set_yticks([tick for tick in ticks if low < tick < high], minor=False)
        top.yaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:g}"))
        top.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    axes[0, 0].set_ylabel("BTC, thousand USDT")
    axes[1, 0].set_ylabel("QQQ, start = 100")
    axes[0, 0].legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(PICTURE, dpi=75, metadata={"Software": None})
    plt.close(figure)


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Draw the picture and yield the tables."""
    real = Catalog(catalog)
    markets = [ComparedMarket(embedded_catalog(), "15m")]
    if real.exists():
        markets.append(ComparedMarket(real, "1h"))
    draw(markets)
    yield PageBlock("reconstruction.md", "tables", tables(markets))
