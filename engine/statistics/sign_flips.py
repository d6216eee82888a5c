"""The mean effect over a few clusters: sign flips and Student's t, one number a cluster.

Days inside a cluster may depend on each other in any way; clusters are independent. The sign test
holds where a cluster's number, less the mean, is as likely to be positive as negative by the same
amount, whatever its variance. Up to 22 clusters all ``2^q`` flips are taken, and the test is then
exact; above that, random flips with a seed.

The statistic of Canay, Romano and Shaikh (2017, 'Randomization Tests under an Approximate Symmetry
Assumption', Econometrica 85(3)) is studentized: the mean over its standard error. Flips of signs
leave the sum of squares unchanged, so the studentized statistic rises with the absolute sum, and
ordering flips by the sum gives the same p-value. The interval holds every mean that the test does
not reject. The t test with q - 1 degrees of freedom stands beside it (Ibragimov and Mueller 2010,
't-Statistic Based Correlation and Heterogeneity Robust Inference', JBES 28(4)).
"""

import math
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.metrics import NO_VARIANCE_SHARE
from engine.statistics.power import detectable
from engine.statistics.samples import Floats, Missing, fraction, sample

# With five clusters the smallest two-sided p-value is 2 / 2^5 = 6%: nothing can be found at 5%.
LEAST_CLUSTERS = 6
# 2^21 pairs of flips: a second, and 50 MB.
EXACT_CLUSTERS = 22
RANDOM_FLIPS = 99_999
# A flip whose sum differs by less is a tie: the sums are added in different orders.
TIE = 1e-12


@dataclass(frozen=True)
class ClusterEffect:
    """The mean over clusters and how far it can be told from zero.

    Attributes
    ----------
    mean, standard_error : in the unit of the numbers
    clusters : q, the number of numbers
    p_value : two-sided, by sign flips
    low, high : the means that the sign flips do not reject at the level
    t_p_value, t_low, t_high : the same by Student's t with q - 1 degrees of freedom
    detectable : the smallest true mean that a two-sided 5% test finds in four of five samples
    exact : all flips were taken, not a random part of them
    """

    mean: float
    standard_error: float
    clusters: int
    p_value: float
    low: float
    high: float
    t_p_value: float
    t_low: float
    t_high: float
    detectable: float
    exact: bool


def cluster_effect(
    values: ArrayLike, *, level: float = 0.95, seed: int = 0
) -> ClusterEffect | Missing:
    """Return the mean of one number a cluster with its test and interval, or why there is none.

    Parameters
    ----------
    values : one number a cluster, such as the sum of daily differences of returns
    level : of the interval, between 0 and 1
    seed : of the random flips above 22 clusters

    Raises
    ------
    ReportError : a value that is not finite, or a level out of range

    >>> found = cluster_effect([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    >>> found.mean, found.p_value  # only the flips of all and of none have a sum of 21 or more
    (3.5, 0.03125)
    """
    numbers, level = sample(values, "values"), fraction(level, "level")
    count = len(numbers)
    if count < LEAST_CLUSTERS:
        return Missing(f"{count} clusters, {LEAST_CLUSTERS} needed")
    deviation = float(numbers.std(ddof=1))
    if deviation <= NO_VARIANCE_SHARE * float(abs(numbers).max()):
        return Missing("all clusters have the same number")
    mean, error = float(numbers.mean()), deviation / math.sqrt(count)
    exact = count <= EXACT_CLUSTERS
    sums, flipped = _all_flips(numbers) if exact else _random_flips(numbers, seed)
    low, high = _not_rejected(numbers, sums, flipped, 1 - level)
    student = import_module("scipy.stats").t
    reach = float(student.ppf((1 + level) / 2, count - 1)) * error
    return ClusterEffect(
        mean=mean,
        standard_error=error,
        clusters=count,
        p_value=_p_value(numbers, sums),
        low=low,
        high=high,
        t_p_value=float(2 * student.sf(abs(mean) / error, count - 1)),
        t_low=mean - reach,
        t_high=mean + reach,
        detectable=detectable(error, count - 1),
        exact=exact,
    )


def _all_flips(numbers: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return the sum and the count of the numbers with a flipped sign, one entry a pair of flips.

    A flip and its opposite have the same absolute sum, so the first number is never flipped. The
    first entry flips nothing.
    """
    sums, flipped = np.zeros(1), np.zeros(1, np.int64)
    for value in numbers[1:]:
        sums = np.concatenate((sums, sums + value))
        flipped = np.concatenate((flipped, flipped + 1))
    return sums, flipped


def _random_flips(numbers: Floats, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return the same for random flips behind the one that flips nothing."""
    draw = np.random.default_rng(seed)
    sums, flipped = np.zeros(RANDOM_FLIPS + 1), np.zeros(RANDOM_FLIPS + 1, np.int64)
    for value in numbers:
        signs = draw.integers(0, 2, RANDOM_FLIPS)
        sums[1:] += value * signs
        flipped[1:] += signs
    return sums, flipped


def _p_value(numbers: Floats, sums: Floats) -> float:
    """Return the share of flips whose absolute sum is at least that of the numbers."""
    total = float(numbers.sum())
    near = TIE * float(abs(numbers).sum())
    return float(np.mean(abs(total - 2 * sums) >= abs(total) - near))


def _not_rejected(
    numbers: Floats, sums: Floats, flipped: NDArray[np.int64], size: float
) -> tuple[float, float]:
    """Return the ends of the interval of means that the test does not reject.

    A flip is as extreme as the numbers under a mean that lies between the average of the flipped
    numbers and the average of the others. The flip of none, or of all, always is.
    """
    count = len(numbers)
    parted = (flipped > 0) & (flipped < count)
    one = sums[parted] / flipped[parted]
    other = (numbers.sum() - sums[parted]) / (count - flipped[parted])
    # The test rejects while the share of extreme flips is at most its size.
    place = math.floor(size * len(sums) + TIE) - int((~parted).sum())
    if place < 0:
        return -math.inf, math.inf
    lows, highs = np.minimum(one, other), np.maximum(one, other)
    return (
        float(np.partition(lows, place)[place]),
        float(-np.partition(-highs, place)[place]),
    )
