"""The daily excess of all sets as one matrix, and the number by which sets are ranked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.config.sweep import SweepMetric
from engine.metrics import NO_VARIANCE_SHARE, scaled
from engine.sweep.set_runs import CellResult, Days, Floats, SetResult


@dataclass(frozen=True, eq=False)
class DailyExcess:
    """Returns in excess of the bill of all sets.

    Attributes
    ----------
    values : shape (days, sets), a fraction; the mean over the instruments of a window
    days : the UTC day of each row
    windows : the place of each row's window in ``names``; the days of a window are contiguous
    names : the windows in order of time
    clusters : the cluster of each window; windows of one cluster are left out together
    periods_per_year : days a year
    """

    values: Floats
    days: Days
    windows: NDArray[np.int64]
    names: tuple[str, ...]
    clusters: tuple[str, ...]
    periods_per_year: int

    def rows_of(self, cluster: str) -> NDArray[np.bool_]:
        """Return a mask of the rows of one cluster."""
        held = [window for window, name in enumerate(self.clusters) if name == cluster]
        mask: NDArray[np.bool_] = np.isin(self.windows, held)
        return mask


def daily_excess(
    results: Sequence[SetResult], clusters: Mapping[str, str], periods_per_year: int
) -> DailyExcess:
    """Return the daily excess of some sets; a day without a bar of an instrument counts as 0.

    ``clusters`` gives the cluster of each window by its name, in order of time.
    """
    values, days, windows = [], [], []
    for place, name in enumerate(clusters):
        held = [[cell for cell in found.cells if cell.row.window == name] for found in results]
        all_days = [cell.days for cells in held for cell in cells]
        grid = all_days[0] if _equal(all_days) else np.unique(np.concatenate(all_days))
        values.append(np.column_stack([_pooled(cells, grid) for cells in held]))
        days.append(grid)
        windows.append(np.full(len(grid), place))
    return DailyExcess(
        np.concatenate(values),
        np.concatenate(days),
        np.concatenate(windows),
        tuple(clusters),
        tuple(clusters.values()),
        periods_per_year,
    )


def _equal(days: Sequence[Days]) -> bool:
    return all(np.array_equal(other, days[0]) for other in days[1:])


def _pooled(cells: Sequence[CellResult], grid: Days) -> Floats:
    total = np.zeros(len(grid))
    for cell in cells:
        total[np.searchsorted(grid, cell.days)] += cell.excess
    return total / len(cells)


def numbers_of(excess: Floats, metric: SweepMetric, periods_per_year: int) -> Floats:
    """Return the number of each set, shape (sets,); NaN where it does not exist, never -inf.

    Parameters
    ----------
    excess : daily returns in excess of the bill, shape (days, sets)
    metric : ``sharpe``: mean / standard deviation (n - 1), annualized. ``excess_return``: mean x
        days of a year. ``excess_over_drawdown``: that mean over the deepest fall of the summed
        excess
    periods_per_year : days of a year

    A set without any return has the number 0: it earned the bill, no more and no less. A set whose
    summed excess rises and never falls has the last number +inf. The Sharpe ratio of returns that
    do not vary does not exist.

    >>> flat, up = [0.0, 0.0, 0.0], [0.01, -0.01, 0.02]
    >>> numbers_of(np.array([flat, up]).T, SweepMetric.SHARPE, 365).round(6).tolist()
    [0.0, 8.338094]
    >>> numbers_of(np.array([[0.01], [0.02]]), SweepMetric.EXCESS_OVER_DRAWDOWN, 365).tolist()
    [inf]
    """
    if len(excess) < 2:
        return np.full(excess.shape[1], np.nan)
    mean = excess.mean(axis=0)
    yearly = mean * periods_per_year
    if metric is SweepMetric.EXCESS_RETURN:
        return np.asarray(yearly, dtype=np.float64)
    out = np.where(~excess.any(axis=0), 0.0, np.nan)
    if metric is SweepMetric.SHARPE:
        units, _ = scaled(excess, axis=0)
        deviation = units.std(axis=0, ddof=1)
        size = np.sqrt(np.square(units).mean(axis=0))
        varies = deviation > NO_VARIANCE_SHARE * size
        mean, divisor = units.mean(axis=0) * np.sqrt(periods_per_year), deviation
    else:
        path = np.concatenate([np.zeros((1, excess.shape[1])), np.cumsum(excess, axis=0)])
        divisor = (np.maximum.accumulate(path, axis=0) - path).max(axis=0)
        # Interest less bill leaves rounding errors on days of rest, which are no fall.
        varies, mean = divisor > NO_VARIANCE_SHARE * np.abs(excess).max(axis=0), yearly
        # Without a fall the sum of the excess, and with it the mean, is zero or positive.
        out[~varies & (mean > 0)] = np.inf
    numbers: Floats = np.divide(mean, divisor, out=out, where=varies)
    return numbers
