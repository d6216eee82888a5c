"""Gather the data of the page's charts as lists: curves, trades, phases, strips."""

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, MINUTE_NS, datetime_ns, midnight_ns, utc_text
from data_feeds.dataset import Dataset
from engine.compare.price_panels import price_panels
from engine.compare.record import CellRecord
from engine.config.compare import CompareConfig
from engine.episodes import Episode
from engine.formatting import number, signed, signed_percent
from engine.market_state import TIERS, Action, MarketState, Regime
from engine.metrics import drawdowns
from engine.pages.charts import thinned
from engine.pages.episode_picture import SHADES, episode_lines
from engine.run_data import state_data
from engine.signals.market.build import market_state

POINTS = 500
ONE_DAY = timedelta(days=1)
# The largest results of a cell are drawn; the table of the run folder has all trades.
DRAWN_TRADES = 150
STRIPS = ("regime", "action", "risk tier")


def episode_drawing(
    episode: Episode,
    cells: Sequence[CellRecord],
    source: Catalog | Dataset,
    config: CompareConfig,
) -> dict[str, Any]:
    """Return the chart data of one episode; times are minutes since 1970, UTC."""
    return {
        "start": episode.start_at // MINUTE_NS,
        "end": episode.end_at // MINUTE_NS,
        "phases": [
            {
                "name": phase.name.value,
                "start": midnight_ns(phase.start) // MINUTE_NS,
                "end": midnight_ns(phase.end + ONE_DAY) // MINUTE_NS,
                "shade": SHADES[phase.name],
            }
            for phase in episode.spans()
        ],
        "curves": {cell.row: _curve(cell) for cell in cells},
        "trades": {cell.row: _trades(cell) for cell in cells if not cell.item.baseline},
        "prices": price_panels(episode, cells, source),
        "markets": _markets(source, episode),
        "strips": _strips(source, episode, config),
    }


def _curve(cell: CellRecord) -> dict[str, list[float]]:
    curve, start = cell.curve, cell.start_equity
    at, equity = thinned(curve.at, curve.equity, POINTS)
    rows = np.searchsorted(curve.at, at)
    fall = drawdowns(np.append(start, curve.equity))[1:]
    held = curve.gross_notional[rows] / np.where(equity > 0, equity, np.nan)
    return {
        "at": (at // MINUTE_NS).tolist(),
        "result": _rounded((equity / start - 1) * 100),
        "drawdown": _rounded(fall[rows] * 100),
        "exposure": _rounded(np.nan_to_num(held)),
    }


def _trades(cell: CellRecord) -> list[dict[str, Any]]:
    largest = sorted(cell.trades, key=lambda row: -abs(row["net_pnl"]))[:DRAWN_TRADES]
    drawn = []
    for row in sorted(largest, key=lambda row: row["trade_id"]):
        entered = datetime_ns(row["entered_at"])
        left = None if row["open_at_end"] else datetime_ns(row["exited_at"])
        drawn.append(
            {
                "id": row["trade_id"],
                "in": entered // MINUTE_NS,
                "out": None if left is None else left // MINUTE_NS,
                "at_in": _result_at(cell, entered),
                "at_out": None if left is None else _result_at(cell, left),
                "won": bool(row["net_pnl"] > 0),
                "long": row["direction"] > 0,
                "text": trade_text(cell, row),
            }
        )
    return drawn


def trade_text(cell: CellRecord, row: Mapping[str, Any]) -> str:
    """Return a trade in lines of text: entry, reason, exit, result."""
    side = "long" if row["direction"] > 0 else "short"
    entry, leave = number(row["average_entry"], 7), number(row["average_exit"], 7)
    ended = (
        "open at the end"
        if row["open_at_end"]
        else f"out {utc_text(datetime_ns(row['exited_at']))} at {leave}: "
        f"{row['exit_reason'] or row['exit_roles']}"
    )
    result = f"{signed_percent(row['net_pnl'] / cell.start_equity)} of the account"
    if math.isfinite(row["r_multiple"]):
        result += f", {signed(row['r_multiple'])} R"
    reason = cell.reasons.get(row["decision_id"], "")
    return (
        f"{side} {row['instrument']}, in {utc_text(datetime_ns(row['entered_at']))} at {entry}\n"
        f"because: {reason}\n{ended}\n{result}"
    )


def _result_at(cell: CellRecord, at: int) -> float:
    equity = float(cell.equity_at(np.array([at]))[0])
    return round((equity / cell.start_equity - 1) * 100, 4)


def _markets(source: Catalog | Dataset, episode: Episode) -> dict[str, dict[str, list[float]]]:
    """Return BTC and QQQ, percent since the window's start."""
    lines = episode_lines(source, episode)
    drawn = {}
    for title in ("BTC", "QQQ"):
        line = lines.get(title)
        if line is None:
            continue
        inside = line.at > episode.start_at
        first = line.value[~inside][-1] if (~inside).any() else line.value[0]
        at, value = thinned(line.at[inside], line.value[inside], POINTS)
        drawn[title] = {
            "at": (at // MINUTE_NS).tolist(),
            "result": _rounded((value / first - 1) * 100),
        }
    return drawn


def _strips(source: Catalog | Dataset, episode: Episode, config: CompareConfig) -> dict[str, Any]:
    """Return the market state of each day; harm 0 to 3, None where unknown."""
    first, last = (np.datetime64(day, "D") for day in (episode.start, episode.end))
    data = state_data(source, config.market, first, last, config.extra_lag)
    if not any(len(channel) for channel in data.channels.values()):
        return {}
    state = market_state(data, config.market, first, last)
    # The state of a day holds from its evening to the next evening.
    edges = np.append(state.decided_at, state.decided_at[-1] + DAY_NS)
    return {
        "at": (edges // MINUTE_NS).tolist(),
        "names": list(STRIPS),
        "harm": [_harm(row) for row in _codes(state)],
        "words": _words(state),
    }


def _codes(state: MarketState) -> tuple[NDArray[np.float64], ...]:
    return (
        state.regime.astype(np.float64),
        state.action.astype(np.float64) * 1.5,
        state.tier.astype(np.float64),
    )


def _harm(values: NDArray[np.float64]) -> list[float | None]:
    return [None if value < 0 else float(value) for value in values.tolist()]


def _words(state: MarketState) -> list[list[str]]:
    return [
        [Regime(code).words for code in state.regime.tolist()],
        [Action(code).words for code in state.action.tolist()],
        [TIERS[code].value for code in state.tier.tolist()],
    ]


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(value, 3) for value in values.tolist()]
