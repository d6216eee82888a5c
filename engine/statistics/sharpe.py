"""Inference on Sharpe ratios: one alone, the best of a search, the track record needed.

Sources: Bailey and Lopez de Prado (2012), 'The Sharpe Ratio Efficient Frontier', Journal of Risk
15(2), for the probabilistic ratio and the minimum track record length; the same (2014), 'The
Deflated Sharpe Ratio', Journal of Portfolio Management 40(5); Lopez de Prado, Lipton and Zoonekynd
(2025), 'How to Use the Sharpe Ratio', for the variance at the benchmark.

The variance of an estimated Sharpe ratio depends on the true ratio. A test assumes that the true
ratio is the benchmark, so it takes the variance at the benchmark (2025). The papers of 2012 and
2014 take the variance at the estimate, which is right for an interval around the estimate. With
negative skewness the two differ: 24 months at 0.458 with skewness -2.4 are above zero with 98.7%
(2025) or 91.3% (2012).

Every Sharpe ratio here is per period, **not annualized**: divide an annual ratio by
``sqrt(periods_per_year)``, its variance by ``periods_per_year``. Kurtosis is not the excess: 3 for
the normal distribution. NaN anywhere raises ReportError.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from engine.errors import ReportError
from engine.metrics import scaled
from engine.metrics import sharpe as sharpe_ratio
from engine.statistics.bootstrap import Interval
from engine.statistics.samples import Missing, at_least, finite, fraction, sample

# Where the variance of a Sharpe ratio is taken: for a test, or for an interval.
VarianceAt = Literal["benchmark", "estimate"]
NORMAL = NormalDist()
# Rounding of sample moments may fall short of the bound, kurtosis >= 1 + skewness squared.
MOMENT_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Moments:
    """The moments of a sample: per-period Sharpe ratio, skewness, kurtosis, length.

    ``skewness`` and ``kurtosis`` (3 for a normal distribution) are sample moments without a
    correction for bias, as in the papers.
    """

    sharpe: float
    skewness: float
    kurtosis: float
    observations: int


def moments(returns: ArrayLike) -> Moments | Missing:
    """Return the moments of a series of returns, shape (periods,), risk-free rate 0.

    The Sharpe ratio is that of ``engine.metrics`` with one period a year. ``Missing`` for fewer
    than two returns or no variance; ReportError on NaN.
    """
    found, _ = scaled(sample(returns, "returns"))
    ratio = sharpe_ratio(found, 1.0)
    if math.isnan(ratio):
        return Missing("the returns do not vary" if len(found) > 1 else "fewer than two returns")
    scores = (found - found.mean()) / found.std()
    return Moments(ratio, float((scores**3).mean()), float((scores**4).mean()), len(found))


def probabilistic_sharpe(
    sharpe: float,
    *,
    benchmark: float,
    observations: int,
    skewness: float,
    kurtosis: float,
    variance_at: VarianceAt = "benchmark",
) -> float | Missing:
    """Return the probability that the true Sharpe ratio exceeds a benchmark, given the sample.

    ``Z((sharpe - benchmark) sqrt(n) / sqrt(1 - skewness s + (kurtosis - 1) / 4 s^2))`` with Z the
    normal distribution and s the benchmark (2025). With ``variance_at="estimate"`` s is the
    estimate and n is one less: equation 11 of the paper of 2012.

    Parameters
    ----------
    sharpe, benchmark : per period, not annualized
    observations : number of returns
    skewness, kurtosis : of the returns; kurtosis 3 for a normal distribution
    variance_at : where the variance of the ratio is taken

    Returns
    -------
    A fraction; ``Missing`` for fewer than two returns, and for moments whose ratio has no spread.
    ReportError for moments that no sample can have.

    >>> fund = {"observations": 24, "skewness": -2.448, "kurtosis": 10.164}  # monthly returns
    >>> round(probabilistic_sharpe(0.036 / 0.079, benchmark=0.0, **fund), 3)
    0.987
    >>> round(probabilistic_sharpe(0.458, benchmark=0.0, variance_at="estimate", **fund), 3)
    0.913
    """
    finite(sharpe, "sharpe")
    finite(benchmark, "benchmark")
    tested = variance_at == "benchmark"
    spread = _spread(benchmark if tested else sharpe, skewness, kurtosis)
    if observations < 2:
        return Missing("fewer than two returns")
    if isinstance(spread, Missing):
        return spread
    weight = observations if tested else observations - 1
    return NORMAL.cdf((sharpe - benchmark) * math.sqrt(weight) / spread)


def sharpe_interval(
    sharpe: float, *, observations: int, skewness: float, kurtosis: float, level: float = 0.95
) -> Interval | Missing:
    """Return the normal interval of a Sharpe ratio per period, its variance at the estimate.

    ``sharpe -+ z sqrt((1 - skewness sharpe + (kurtosis - 1) / 4 sharpe^2) / (n - 1))``: the
    standard error of Mertens (2002) as the paper of 2012 gives it. The level is a fraction; the
    other parameters, ``Missing`` and ReportError are as in :func:`probabilistic_sharpe`.

    >>> found = sharpe_interval(0.458, observations=24, skewness=-2.448, kurtosis=10.164, level=0.9)
    >>> round(found.low, 3), round(found.high, 3)
    (-0.095, 1.011)
    """
    finite(sharpe, "sharpe")
    spread = _spread(sharpe, skewness, kurtosis)
    score = NORMAL.inv_cdf((1 + fraction(level, "level")) / 2)
    if observations < 2:
        return Missing("fewer than two returns")
    if isinstance(spread, Missing):
        return spread
    error = spread / math.sqrt(observations - 1)
    low, high = sharpe - score * error, sharpe + score * error
    return Interval(sharpe, low, high, level, 0, observations)


def expected_maximum_sharpe(trials: int, sharpe_variance: float) -> float:
    """Return the expected highest Sharpe ratio of worthless, independent trials.

    ``sqrt(V) ((1 - g) Z^-1(1 - 1/N) + g Z^-1(1 - 1/(N e)))`` with g the constant of
    Euler-Mascheroni (2014, equation 1); 0 for one trial.

    Parameters
    ----------
    trials : N, variants tried, whether reported or not
    sharpe_variance : V, variance of their Sharpe ratios, per period

    >>> round(expected_maximum_sharpe(100, 0.5 / 250), 4)  # the paper's example
    0.1132
    """
    at_least(trials, 1, "trials")
    at_least(finite(sharpe_variance, "sharpe_variance"), 0.0, "sharpe_variance")
    if trials == 1:
        return 0.0
    best = (1 - np.euler_gamma) * NORMAL.inv_cdf(1 - 1 / trials)
    best += np.euler_gamma * NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(sharpe_variance) * float(best)


def deflated_sharpe(
    sharpe: float,
    *,
    trials: int,
    sharpe_variance: float,
    observations: int,
    skewness: float,
    kurtosis: float,
    variance_at: VarianceAt = "benchmark",
) -> float | Missing:
    """Return the probability that the true Sharpe ratio exceeds the best of worthless trials.

    The probabilistic ratio against :func:`expected_maximum_sharpe` (2014, equation 2). Parameters
    and results are those of the two functions.

    >>> round(deflated_sharpe(2.5 / 250**0.5, trials=100, sharpe_variance=0.5 / 250,
    ...     observations=1250, skewness=-3.0, kurtosis=10.0, variance_at="estimate"), 4)
    0.9004
    """
    return probabilistic_sharpe(
        sharpe,
        benchmark=expected_maximum_sharpe(trials, sharpe_variance),
        observations=observations,
        skewness=skewness,
        kurtosis=kurtosis,
        variance_at=variance_at,
    )


def minimum_track_record(
    sharpe: float,
    *,
    benchmark: float,
    skewness: float,
    kurtosis: float,
    confidence: float = 0.95,
    variance_at: VarianceAt = "benchmark",
) -> float | Missing:
    """Return the number of returns at which a Sharpe ratio beats the benchmark with confidence.

    ``(1 - skewness s + (kurtosis - 1) / 4 s^2) (Z^-1(confidence) / (sharpe - benchmark))^2`` with s
    the benchmark (2025), a number of periods, not rounded. With ``variance_at="estimate"`` s is the
    estimate and the result one more (2012, equation 13). ``Missing`` when the ratio does not exceed
    the benchmark: no length is enough.

    >>> round(minimum_track_record(  # the fund of 24 months, in months
    ...     0.036 / 0.079, benchmark=0.0, skewness=-2.448, kurtosis=10.164), 2)
    13.03
    >>> round(minimum_track_record(  # annual 2 against 1 from daily returns, in years
    ...     2 / 250**0.5, benchmark=1 / 250**0.5, skewness=0.0, kurtosis=3.0,
    ...     variance_at="estimate") / 250, 2)
    2.73
    """
    finite(sharpe, "sharpe")
    finite(benchmark, "benchmark")
    fraction(confidence, "confidence")
    tested = variance_at == "benchmark"
    spread = _spread(benchmark if tested else sharpe, skewness, kurtosis)
    if isinstance(spread, Missing):
        return spread
    if sharpe <= benchmark:
        return Missing("the Sharpe ratio does not exceed the benchmark")
    length = (spread * NORMAL.inv_cdf(confidence) / (sharpe - benchmark)) ** 2
    return length if tested else 1 + length


def _spread(sharpe: float, skewness: float, kurtosis: float) -> float | Missing:
    """Return the standard deviation of a Sharpe ratio of one return: divide it by a root of n."""
    finite(skewness, "skewness")
    finite(kurtosis, "kurtosis")
    if kurtosis < 1 + skewness**2 - MOMENT_TOLERANCE * kurtosis**2:
        raise ReportError(
            f"kurtosis {kurtosis} with skewness {skewness} is impossible: at least "
            f"{1 + skewness**2:g}; the excess kurtosis needs 3 added"
        )
    variance = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if variance <= MOMENT_TOLERANCE:
        return Missing("the Sharpe ratio of such returns has no spread")
    return math.sqrt(variance)
