"""Say which numbers of a cell rest on too few trades or days to be shown.

A mean of 10 trades has a 95% interval that holds the true mean in 89% of samples, of 30 trades in
93% (``docs/statistics.md``). The standard error of a Sharpe ratio of n independent days is about
sqrt(252 / n): 1.0 at 250 days, as large as most ratios that people hope for. Both counts are those
of :func:`engine.statistics.enough`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.compare.matrix import COLUMNS
from engine.compare.record import CellRecord
from engine.metrics import METRICS, IntervalSample
from engine.statistics import MIN_DAYS, MIN_TRADES

TOO_FEW = "too few"
_SAMPLES = {metric.name: metric.interval_from for metric in METRICS}
BLANKED = tuple(
    column.name
    for column in COLUMNS
    if _SAMPLES.get(column.name) in {IntervalSample.EXCESS, IntervalSample.TRADES}
)
BLANK_NOTE = (
    f"“Too few”: a hit rate and an average R need {MIN_TRADES} trades. A ratio needs {MIN_DAYS} "
    f"daily returns and, of a playbook, {MIN_TRADES} trades or rebalancings; a baseline chooses no "
    "moments, so that its days alone count. All intervals are below, without these numbers."
)


@dataclass(frozen=True)
class CellSample:
    """The observations behind a cell's numbers.

    ``entries`` are trades or, of a book of weights, rebalancings that traded.
    """

    trades: int
    entries: int
    days: int
    is_baseline: bool


def sample_of(cell: CellRecord) -> CellSample:
    """Return the observations of a finished cell."""
    return CellSample(len(cell.trades), cell.entries, len(cell.daily), cell.item.baseline)


def too_few(sample: CellSample) -> Mapping[str, str]:
    """Return the reason for each column that is not shown, by the column's name.

    >>> too_few(CellSample(trades=2, entries=2, days=293, is_baseline=True))["hit_rate"]
    '2 of 30 trades'
    >>> "sharpe" in too_few(CellSample(trades=2, entries=2, days=293, is_baseline=True))
    False
    """
    days = _short(sample.days, MIN_DAYS, "daily returns")
    entries = _short(sample.entries, MIN_TRADES, "trades or rebalancings")
    reasons = {
        IntervalSample.TRADES: _short(sample.trades, MIN_TRADES, "trades"),
        IntervalSample.EXCESS: "; ".join(
            filter(None, ("" if sample.is_baseline else entries, days))
        ),
    }
    found = {name: reasons[_SAMPLES[name]] for name in BLANKED}
    return {name: reason for name, reason in found.items() if reason}


def _short(held: int, needed: int, words: str) -> str:
    return f"{held} of {needed} {words}" if held < needed else ""
