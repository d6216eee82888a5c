"""The distribution over paths: quantiles, means, probabilities, each with an interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.statistics import (
    Interval,
    Missing,
    mean_interval,
    proportion_interval,
    quantile_interval,
)
from engine.stress.path import PathRow

QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)
LEVEL = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number, and its interval or the reason why that is missing."""

    estimate: float
    interval: Interval | Missing


@dataclass(frozen=True)
class Distribution:
    """One measure over all paths: ``quantiles`` by probability, the mean, the lowest value."""

    quantiles: Mapping[float, Estimate]
    mean: Estimate
    worst: float


@dataclass(frozen=True)
class StressSummary:
    """The distribution over all paths.

    ``total_return`` and ``max_drawdown`` are fractions (a drawdown is zero or negative).
    ``probabilities`` are shares of paths by name, see :func:`events`. ``worse_at_most`` is an
    upper bound, at ``level``, for the share of the scenario's paths below the lowest value here; it
    holds for each measure alone.
    """

    paths: int
    tolerance: float
    level: float
    total_return: Distribution
    max_drawdown: Distribution
    probabilities: Mapping[str, Estimate]
    worse_at_most: float


def summarize(
    rows: Sequence[PathRow], *, tolerance: float, seed: int, level: float = LEVEL
) -> StressSummary:
    """Return the distribution over the rows of some paths.

    Parameters
    ----------
    rows : one row a path, at least one
    tolerance : the drawdown that counts as a breach, a fraction
    seed : seed of the resamples for the intervals of means
    level : nominal coverage of every interval, a fraction
    """
    returns = np.array([row.total_return for row in rows])
    drawdowns = np.array([row.max_drawdown for row in rows])
    return StressSummary(
        paths=len(rows),
        tolerance=tolerance,
        level=level,
        total_return=distribution(returns, seed=seed, level=level),
        max_drawdown=distribution(drawdowns, seed=seed, level=level),
        probabilities={
            name: share(happened, level=level) for name, happened in events(rows, tolerance).items()
        },
        worse_at_most=worse_at_most(len(rows), level),
    )


def events(rows: Sequence[PathRow], tolerance: float) -> dict[str, list[bool]]:
    """Return, by event and path: a loss, a liquidation, a halt, a breach, no trade.

    A drawdown of exactly the tolerance is a breach.
    """
    return {
        "loss": [row.total_return < 0 for row in rows],
        "liquidation": [row.liquidations > 0 for row in rows],
        "halt": [row.halts > 0 for row in rows],
        "breach": [-row.max_drawdown >= tolerance for row in rows],
        "no_trade": [row.trades == 0 for row in rows],
    }


def distribution(values: Floats, *, seed: int, level: float = LEVEL) -> Distribution:
    """Return quantiles, mean and minimum of values, shape (paths,)."""
    quantiles = {
        probability: Estimate(
            float(np.quantile(values, probability)),
            quantile_interval(values, probability, level=level),
        )
        for probability in QUANTILES
    }
    mean = Estimate(float(values.mean()), mean_interval(values, seed=seed, level=level))
    return Distribution(quantiles, mean, float(values.min()))


def share(happened: Sequence[bool], *, level: float = LEVEL) -> Estimate:
    """Return the share of paths with an event."""
    count = sum(happened)
    return Estimate(count / len(happened), proportion_interval(count, len(happened), level=level))


def worse_at_most(paths: int, level: float) -> float:
    """Return the largest share of worse paths that a sample of ``paths`` misses with 1 - level.

    If a share p of all paths were worse, a sample of n would hold none of them with probability
    ``(1 - p) ** n``.

    >>> round(worse_at_most(200, 0.95), 4)
    0.0149
    """
    hidden: float = (1 - level) ** (1 / paths)
    return 1 - hidden
