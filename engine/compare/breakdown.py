"""The parts of a cell's result: by phase of its episode, and by kind of money."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from data_feeds.clock import datetime_ns, midnight_ns
from engine.compare.record import CellRecord
from engine.episodes import Phase
from engine.metrics import max_drawdown
from engine.records import FactKind, FillStage

ONE_DAY = timedelta(days=1)
HEDGES = ("bought_cost", "bought_benefit", "held_back_cost", "held_back_benefit")


@dataclass(frozen=True)
class PhaseResult:
    """A cell in one phase; fractions, drawdown zero or negative. ``trades`` were entered in it."""

    phase: Phase
    total_return: float
    drawdown: float
    exposure: float
    trades: int


def hedges(cell: CellRecord) -> dict[str, float]:
    """Return cost and benefit of the hedges, fractions of the equity at the start.

    A ``bought`` hedge is judged by its trades, which are part of the price result. A ``held_back``
    hedge is compared with not holding back; it moves no money and is no part of the return.
    """
    found = dict.fromkeys(HEDGES, 0.0)
    for line in cell.files.rows("hedges"):
        kind = "bought" if line["unit"] == "trade" else "held_back"
        found[f"{kind}_cost"] += line["cost"] / cell.start_equity
        found[f"{kind}_benefit"] += line["benefit"] / cell.start_equity
    return found


def by_phase(cell: CellRecord) -> list[PhaseResult]:
    """Return the phases of the cell's episode in order."""
    return [_in_phase(cell, phase) for phase in cell.episode.spans()]


def _in_phase(cell: CellRecord, phase: Phase) -> PhaseResult:
    edges = np.array([midnight_ns(phase.start), midnight_ns(phase.end + ONE_DAY)])
    before, after = cell.equity_at(edges).tolist()
    inside = (cell.curve.at > edges[0]) & (cell.curve.at <= edges[1])
    equity = cell.curve.equity[inside]
    # An account without equity has no return.
    held = cell.curve.gross_notional[inside] / np.where(equity > 0, equity, np.nan)
    return PhaseResult(
        phase,
        after / before - 1 if before > 0 else math.nan,
        max_drawdown(np.append(before, equity)),
        float(np.nanmean(held)) if np.isfinite(held).any() else 0.0,
        _entered(cell, int(edges[0]), int(edges[1])),
    )


def _entered(cell: CellRecord, start: int, end: int) -> int:
    """Return the trades entered from one midnight to another (ns UTC).

    A fill at the open of the first midnight's bar counts. A fill at the open of the last midnight's
    bar belongs to the next phase, unless the window ends there. A fill inside a bar is stamped at
    the bar's close.
    """
    first: dict[int, Any] = {}
    for fill in cell.files.rows("fills"):
        first.setdefault(fill["plan_id"], fill)
    count = 0
    for trade in cell.trades:
        fill = first[trade["plan_id"]]
        at, at_open = datetime_ns(fill["at"]), fill["stage"] == FillStage.OPEN
        last = end == cell.episode.end_at and at == end
        count += last or (start <= at < end if at_open else start < at <= end)
    return count


def attribution(cell: CellRecord) -> dict[str, float]:
    """Return the parts of the total return, fractions of the equity at the start that add up.

    ``price`` before slippage, ``slippage`` and ``fees`` (zero or negative), ``funding``,
    ``dividends``, ``borrow`` (rebates less borrow fees), ``interest``, ``revaluation`` of cash by
    the rates of currencies, ``other`` (amounts that belong to no trade: zero but for rounding).
    """
    sums = {
        name: math.fsum(row[name] for row in cell.trades)
        for name in ("gross_pnl", "slippage_cost", "fees", "funding", "income", "borrow_carry")
    }
    parts = {
        "price": sums["gross_pnl"] + sums["slippage_cost"],
        "slippage": -sums["slippage_cost"],
        "fees": -sums["fees"],
        "funding": sums["funding"],
        "dividends": sums["income"],
        "borrow": sums["borrow_carry"],
        "interest": cell.fact_sum(FactKind.INTEREST),
        "revaluation": float(cell.curve.revaluation[-1]) if len(cell.curve.at) else 0.0,
    }
    change = cell.metrics["end_equity"] - cell.start_equity
    parts["other"] = change - math.fsum(parts.values())
    return {name: amount / cell.start_equity for name, amount in parts.items()}
