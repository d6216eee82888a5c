"""Rows at a common risk: the bill plus k times the trading result.

The trading result is the excess without interest: idle cash adds nothing to it, and the money of
owned shares costs the bill, which the row would otherwise earn twice. With k = 1 it is the run
itself, all of its idle cash in bills. k makes it move as much as the benchmark's excess. One k
comes from the whole run: that is *descriptive, hindsight*. The other comes from the 60 days before,
lagged one day: k of day t reads the days t - 61 to t - 2, which were over before the close at which
the size of day t was set.

The costs are repriced. Fees grow with the size, as trading does; slippage that depends on size is
computed again for the scaled quantity of each fill by the run's own model. Where k changes from day
to day, the change trades the held notional at the run's mean cost.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engine.metrics import standard_deviation
from engine.statistics import Missing

Floats = NDArray[np.float64]
LARGEST_K = 5.0
WORST_DAY = -0.5
TRAILING_DAYS = 60
LAG = 1
HINDSIGHT_LABEL = "k of the whole run: descriptive, hindsight"
TRAILING_LABEL = f"k of the {TRAILING_DAYS} days before, lagged one day"


@dataclass(frozen=True)
class ScaledRow:
    """Daily returns at the benchmark's volatility.

    ``k`` is the multiple on each day; on days without a multiple yet the row holds
    bills.
    """

    k: Floats
    total: Floats


@dataclass(frozen=True)
class ScalableFill:
    """One fill whose slippage depends on its size.

    Attributes
    ----------
    day : place of its day among the run's days
    weight : its notional / equity at the day's start
    slippage : fraction of price lost at a multiple of its quantity
    """

    day: int
    weight: float
    slippage: Callable[[float], float]

    def added(self, k: float) -> float:
        """Return the cost beyond k times the fill's own, a fraction of the day's equity."""
        return k * self.weight * (self.slippage(k) - self.slippage(1.0)) if k > 0 else 0.0


@dataclass(frozen=True)
class ScaledCosts:
    """The costs that scaling adds beyond k times the run's own.

    Attributes
    ----------
    held : notional of the positions at each day's end / equity at its start
    mean_cost : fee and slippage of the run's fills / their notional, a fraction
    """

    fills: tuple[ScalableFill, ...]
    held: Floats
    mean_cost: float

    def of(self, k: Floats) -> Floats:
        """Return the added cost of each day, a fraction of the equity at its start."""
        before = np.concatenate(([0.0], self.held[:-1]))
        cost: Floats = self.mean_cost * abs(np.diff(k, prepend=k[:1])) * before
        for fill in self.fills:
            cost[fill.day] += fill.added(float(k[fill.day]))
        return cost


def whole_run_k(financed: Floats, benchmark: Floats) -> float:
    """Return the multiple at which a row moves as much as the benchmark; inf without a move."""
    own = standard_deviation(financed)
    return standard_deviation(benchmark) / own if own > 0 else math.inf


def trailing_k(financed: Floats, benchmark: Floats) -> Floats:
    """Return the multiple of each day from the 60 days before, lagged one; NaN before the 62nd.

    Days are those of the run: seven a week where it holds bitcoin. It is inf where the row did not
    move in those days.
    """
    found = np.full(len(financed), np.nan)
    first = TRAILING_DAYS + LAG
    if len(financed) <= first:
        return found
    own, other = (
        sliding_window_view(values, TRAILING_DAYS)[: len(financed) - first].std(axis=1, ddof=1)
        for values in (financed, benchmark)
    )
    # A window of one and the same number has a deviation of rounding, not of moves.
    moved = own > 1e-12
    found[first:] = np.divide(other, own, out=np.full(len(own), np.inf), where=moved)
    return found


def scaled_row(
    k: Floats, financed: Floats, bill: Floats, costs: ScaledCosts
) -> ScaledRow | Missing:
    """Return ``bill + k x financed`` less the added costs, or why the row is too small to scale."""
    active = financed != 0
    if not active.any():
        return Missing("too small to scale: no trading result")
    beyond = active & (k > LARGEST_K)
    if beyond.any():
        return Missing(
            f"too small to scale: k above {LARGEST_K:g} on {int(beyond.sum())} of "
            f"{int(active.sum())} days with a result"
        )
    # Before the first multiple, and on days without a result, the row holds bills.
    used = np.where(np.isfinite(k) & (k <= LARGEST_K), k, 0.0)
    total = bill + used * financed - costs.of(used)
    if total.min() <= WORST_DAY:
        return Missing(f"too small to scale: a scaled day loses {-total.min():.0%}")
    return ScaledRow(used, total)
