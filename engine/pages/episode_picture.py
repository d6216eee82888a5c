"""Show an episode as text and as a picture: phases, with the moves of four markets in each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_feeds.catalog import Catalog
from data_feeds.clock import midnight_ns
from data_feeds.dataset import Dataset
from data_feeds.schema import ChannelKey, ChannelKind
from engine.episodes import Episode, EpisodeInput, Phase, PhaseName
from engine.formatting import columns, signed, signed_percent
from engine.pages.charts import INK, MUTED, quiet_figure, series_dates, thinned

PANEL = 1.7
RESOLUTION = 110
# Largest age of the close before the window: a weekend with a holiday on each side.
BEFORE = timedelta(days=7)
SHADES = {
    PhaseName.BEFORE: "#ffffff",
    PhaseName.SHOCK: "#f6d9b0",
    PhaseName.FLUSH: "#eeaaa0",
    PhaseName.SECOND_FLUSH: "#d98880",
    PhaseName.STABILIZATION: "#d5dde6",
    PhaseName.RECOVERY: "#cfe8d5",
}


@dataclass(frozen=True)
class ShownMarket:
    """A market and the channels that may hold it, best first; ``relative``: moves are fractions."""

    title: str
    channels: tuple[tuple[str, ChannelKind, str], ...]
    relative: bool = True


MARKETS = (
    ShownMarket(
        "BTC",
        (
            ("BTCUSDT-PERP", ChannelKind.BARS, "1h"),
            ("BTCUSDT-PERP", ChannelKind.BARS, "15m"),
            ("BTC-USD", ChannelKind.BARS, "1d"),
        ),
    ),
    ShownMarket("QQQ", (("QQQ", ChannelKind.BARS, "1d"),)),
    ShownMarket("DXY", (("DXY", ChannelKind.SERIES, ""), ("DTWEXBGS", ChannelKind.SERIES, ""))),
    ShownMarket("10Y, %", (("DGS10", ChannelKind.SERIES, ""),), relative=False),
)


@dataclass(frozen=True)
class MarketLine:
    """A market's values at ``at`` (ns UTC): bars at their close, series on their day."""

    channel: str
    at: NDArray[np.int64]
    value: NDArray[np.float64]

    def change(self, phase: Phase, *, relative: bool) -> float | None:
        """Return the move over a phase, a fraction or a difference; None without two values."""
        start, end = midnight_ns(phase.start), midnight_ns(phase.end + timedelta(days=1))
        before = np.searchsorted(self.at, start, side="right") - 1
        last = np.searchsorted(self.at, end, side="right") - 1
        if before < 0 or last <= before:
            return None
        one, other = float(self.value[before]), float(self.value[last])
        return other / one - 1 if relative else other - one


def episode_lines(source: Catalog | Dataset, episode: Episode) -> dict[str, MarketLine]:
    """Return the markets that a source holds in the window, by title, with a week before it."""
    start = midnight_ns(episode.start - BEFORE)
    lines = {}
    for market in MARKETS:
        for name, kind, timeframe in market.channels:
            line = _line(source, ChannelKey(name, kind, timeframe), start, episode.end_at)
            if line is not None:
                lines[market.title] = line
                break
    return lines


def _line(source: Catalog | Dataset, key: ChannelKey, start: int, end: int) -> MarketLine | None:
    if isinstance(source, Catalog):
        if source.find(key) is None:
            return None
        channel = source.read(key, start, end)
    else:
        if key not in source.channels:
            return None
        channel = source.channels[key]
    bars = key.kind is ChannelKind.BARS
    at = channel["closed_at" if bars else "event_at"]
    rows = np.flatnonzero((at >= start) & (at <= end))
    if not len(rows):
        return None
    return MarketLine(str(key), at[rows], channel["close" if bars else "value"][rows])


def phase_rows(episode: Episode, lines: Mapping[str, MarketLine]) -> list[tuple[str, ...]]:
    """Return a table: each phase with its days and the move of every market in it."""
    shown = [market for market in MARKETS if market.title in lines]
    rows = [("phase", "from", "to", *(market.title for market in shown))]
    for phase in episode.spans():
        moves = [
            _move(lines[market.title].change(phase, relative=market.relative), market)
            for market in shown
        ]
        rows.append((phase.name.value, str(phase.start), str(phase.end), *moves))
    return rows


def phase_records(episode: Episode, lines: Mapping[str, MarketLine]) -> list[dict[str, Any]]:
    """Return the phases for another program; ``moves`` as :meth:`Line.change` gives them."""
    return [
        {
            "phase": phase.name.value,
            "start": str(phase.start),
            "end": str(phase.end),
            "rule": phase.rule,
            "moves": {
                market.title: lines[market.title].change(phase, relative=market.relative)
                for market in MARKETS
                if market.title in lines
            },
        }
        for phase in episode.spans()
    ]


def _move(change: float | None, market: ShownMarket) -> str:
    return signed_percent(change, 1) if market.relative else signed(change)


def episode_text(episode: Episode, lines: Mapping[str, MarketLine], *, data: str) -> str:
    """Return the episode as text for a terminal."""
    table = columns(phase_rows(episode, lines), indent="")
    rules = ("dated by", *(phase.rule for phase in episode.spans()))
    return "\n".join(
        [
            f"{episode.name}: {episode.title}, {episode.start} to {episode.end} (UTC days), "
            f"{episode.warmup_days} days of warm-up before it",
            f"Data: {data}",
            "Phases are dated with hindsight; no playbook can see them.",
            "",
            *(f"{row}  {rule}" for row, rule in zip(table, rules, strict=True)),
            "",
            "Sub-legs",
            *columns([(leg.name, str(leg.start), str(leg.end)) for leg in episode.legs], left=3),
            "",
            "Events",
            *(f"  {event.day}  {event.text} ({event.source})" for event in episode.events),
            "",
            "Inputs that exist then",
            *columns([_input_row(item) for item in episode.inputs], left=4),
        ]
    )


def _input_row(item: EpisodeInput) -> tuple[str, ...]:
    since = f"since {item.since}" if item.since else ""
    return f"{item.instrument}/{item.kind.value}", item.label.value, since, item.note


def episode_picture(episode: Episode, lines: Mapping[str, MarketLine], *, data: str) -> bytes:
    """Return a PNG with one panel a market and the phases shaded."""
    with quiet_figure([PANEL for _ in lines]) as (figure, panels):
        for axes, (title, line) in zip(panels, lines.items(), strict=True):
            _shade(axes, episode)
            at, values = thinned(line.at, line.value)
            axes.plot(series_dates(at), values, color=INK, linewidth=1.0)
            axes.set_ylabel(title)
            for event in episode.events:
                day = series_dates(np.array([midnight_ns(event.day)]))[0]
                axes.axvline(day, color=MUTED, linewidth=0.6, linestyle=":")
        first = panels[0]
        first.set_title(
            f"{episode.name}: {episode.title}; phases by hindsight; data: {data}",
            fontsize=9,
            color=INK,
            loc="left",
        )
        _name_phases(first, episode)
        edges = series_dates(np.array([episode.start_at, midnight_ns(episode.end)]))
        first.set_xlim(edges[0], edges[1])
        stream = BytesIO()
        figure.savefig(stream, format="png", dpi=RESOLUTION, metadata={"Software": None})
        return stream.getvalue()


def _edges(phase: Phase) -> NDArray[np.datetime64]:
    return series_dates(
        np.array([midnight_ns(phase.start), midnight_ns(phase.end + timedelta(days=1))])
    )


def _shade(axes: Any, episode: Episode) -> None:
    for phase in episode.spans():
        start, end = _edges(phase)
        axes.axvspan(start, end, color=SHADES[phase.name], linewidth=0, zorder=0)


def _name_phases(axes: Any, episode: Episode) -> None:
    """Write each phase's name at its left edge; names of short phases step down."""
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top + 0.4 * (top - bottom))
    days = (episode.end - episode.start).days
    height, last = 0, -1.0
    for phase in episode.spans():
        place = (phase.start - episode.start).days / days
        height = (height + 1) % 3 if place - last < 0.13 else 0
        last = place
        axes.text(
            _edges(phase)[0],
            0.97 - 0.09 * height,
            f" {phase.name.value}",
            transform=axes.get_xaxis_transform(),
            fontsize=7.5,
            color=INK,
            verticalalignment="top",
        )
