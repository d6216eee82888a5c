"""The headline numbers of all cells: what they are called, how they read, which way is better."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.compare.cell_runs import CellOutcome
from engine.compare.record import CellRecord
from engine.formatting import (
    adding_up,
    number,
    or_none,
    percent,
    signed,
    signed_percent,
)


@dataclass(frozen=True)
class Metric:
    """One headline number; ``better`` is +1 where more is better, -1 where less is, 0 neither."""

    name: str
    title: str
    better: int
    says: str
    value: Callable[[CellRecord], float]
    text: Callable[[float], str]


def _metric(name: str) -> Callable[[CellRecord], float]:
    return lambda cell: cell.metrics[name]


def _share(*names: str) -> Callable[[CellRecord], float]:
    return lambda cell: sum(cell.metrics[name] for name in names) / cell.start_equity


def _hedges(column: str) -> Callable[[CellRecord], float]:
    def value(cell: CellRecord) -> float:
        return math.fsum(row[column] for row in cell.files.rows("hedges")) / cell.start_equity

    return value


def _count(value: float) -> str:
    return number(value)


def _ratio(value: float) -> str:
    return or_none(value, signed)


EXCESS = ("excess_return", "trading_return", "interest_less_bill")
METRICS = (
    Metric(
        "total_return", "Return", 1, "of the window, not annualized",
        _metric("total_return"), signed_percent,
    ),
    Metric(
        "excess_return", "Over the bill", 1,
        "trading, and interest less the bill / starting equity",
        _metric("excess_return"), signed_percent,
    ),
    Metric(
        "trading_return", "of it trading", 1,
        "price, costs, funding and dividends / starting equity",
        _metric("trading_return"), signed_percent,
    ),
    Metric(
        "interest_less_bill", "of it interest less the bill", 1,
        "what cash was paid less what the equity would have earned in bills / starting equity",
        _metric("interest_less_bill"), signed_percent,
    ),
    Metric(
        "sharpe", "Sharpe", 1, "of daily returns in excess of the bill, annualized",
        _metric("sharpe"), _ratio,
    ),
    Metric(
        "sortino", "Sortino", 1,
        "mean / downside deviation of daily returns in excess of the bill, annualized",
        _metric("sortino"), _ratio,
    ),
    Metric(
        "max_drawdown", "Deepest drawdown", 1, "at bar closes",
        _metric("max_drawdown_bars"), signed_percent,
    ),
    Metric(
        "calmar", "Calmar", 1,
        "growth a year / deepest drawdown of daily returns in excess of the bill",
        _metric("calmar"), _ratio,
    ),
    Metric(
        "exposure", "Time in market", 0, "share of bar closes with a position",
        _metric("exposure"), lambda value: percent(value, 1),
    ),
    Metric(
        "trades", "Trades", 0, "plans with a fill, those open at the end included",
        _metric("trades"), _count,
    ),
    Metric(
        "hit_rate", "Win rate", 1, "trades with a net profit",
        _metric("hit_rate"), lambda value: percent(value, 0),
    ),
    Metric(
        "average_r", "Expectancy, R", 1, "mean net result in units of the loss at the stop",
        _metric("average_r"), signed,
    ),
    Metric(
        "costs", "Costs", -1, "fees and slippage / starting equity",
        _share("fees", "slippage"), percent,
    ),
    Metric(
        "funding", "Funding", 1, "received less paid / starting equity",
        _share("funding"), signed_percent,
    ),
    Metric(
        "hedge_cost", "Hedge cost", 1,
        "what hedges lost, those that held back against not hedging / starting equity",
        _hedges("cost"), signed_percent,
    ),
    Metric(
        "hedge_benefit", "Hedge benefit", 1,
        "what hedges gained, those that held back against not hedging / starting equity",
        _hedges("benefit"), signed_percent,
    ),
    Metric(
        "liquidations", "Liquidations", -1, "positions that the venue closed",
        _metric("liquidations"), _count,
    ),
)  # fmt: skip


def values(cell: CellRecord) -> dict[str, float]:
    """Return the headline numbers of a cell by name; NaN where one does not exist."""
    return {metric.name: metric.value(cell) for metric in METRICS}


def texts(numbers: Mapping[str, float]) -> dict[str, str]:
    """Return the headline numbers as the page writes them; the parts of the excess add up."""
    shown = {**numbers, **dict(zip(EXCESS, adding_up(*(numbers[x] for x in EXCESS)), strict=True))}
    return {metric.name: metric.text(shown[metric.name]) for metric in METRICS}


def matrix_rows(
    outcomes: Sequence[CellOutcome], records: Mapping[tuple[str, str], CellRecord]
) -> Iterator[dict[str, Any]]:
    """Yield one flat row a cell for ``matrix.csv`` and ``matrix.json``; None where no number is."""
    for outcome in outcomes:
        record = records.get((outcome.row, outcome.episode))
        numbers = values(record) if record is not None else {m.name: math.nan for m in METRICS}
        yield {
            "row": outcome.row,
            "episode": outcome.episode,
            "run": outcome.folder.name if outcome.folder is not None else "",
            "data_label": record.files.manifest["data_label"] if record is not None else "",
            "audit_findings": outcome.findings,
            "left_out": " ".join(record.files.manifest["left_out"]) if record is not None else "",
            "problem": outcome.problem,
            **{name: v if math.isfinite(v) else None for name, v in numbers.items()},
        }
