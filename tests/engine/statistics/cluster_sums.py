"""Sums of worthless daily differences over clusters of the lengths that sell-offs have."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tests.engine.statistics.worthless import autoregressive, clustered, iid, t4

Days = Callable[[np.random.Generator, int, int], NDArray[np.float64]]
# Sessions inside the 21 clusters of QQQ's sell-offs at -10%, 2006 to 2026.
LENGTHS = (163, 104, 249, 56, 25, 22, 54, 61, 40, 61, 38, 89, 24, 37, 26, 20, 264, 77, 26, 50, 109)


def skewed(draw: np.random.Generator, days: int, variants: int) -> NDArray[np.float64]:
    """Return independent days with many small gains and few large losses (skewness -2)."""
    return 0.01 * (1 - draw.exponential(1.0, (days, variants)))


def skewed_dependent(draw: np.random.Generator, days: int, variants: int) -> NDArray[np.float64]:
    """Return skewed days whose size lasts: each day's scale follows the days before it."""
    scale = np.exp(autoregressive(draw, days, variants) * 40)
    return skewed(draw, days, variants) * scale


KINDS: Mapping[str, Days] = {
    "iid": iid,
    "t4": t4,
    "AR 0.2": autoregressive,
    "volatility clusters": clustered,
    "skewed": skewed,
    "skewed, dependent": skewed_dependent,
}


def cluster_sums(draw: np.random.Generator, days: Days, count: int) -> NDArray[np.float64]:
    """Return one sum a cluster; each has a length drawn from those of real sell-offs."""
    lengths = draw.choice(LENGTHS, count)
    together = days(draw, int(lengths.max()), count)
    inside = np.arange(len(together))[:, np.newaxis] < lengths
    sums: NDArray[np.float64] = np.where(inside, together, 0.0).sum(axis=0)
    return sums
