"""How sure a Sharpe ratio is: alone, after a search, and how long it must hold.

Sources: Bailey and Lopez de Prado (2012), 'The Sharpe Ratio Efficient Frontier', Journal of Risk
15(2), for the probabilistic ratio and the minimum track record length; the same (2014), 'The
Deflated Sharpe Ratio', Journal of Portfolio Management 40(5).

Every Sharpe ratio here is one of a single period, **not annualized**: divide an annual one by
``sqrt(periods_per_year)``, its variance by ``periods_per_year``. Kurtosis is not the excess: 3 for
the normal distribution. NaN anywhere raises ReportError.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from engine.errors import ReportError
from engine.metrics import sharpe as sharpe_ratio
from engine.statistics.samples import Missing, at_least, finite, fraction, sample

NORMAL = NormalDist()
# Rounding of sample moments may fall short of the bound, kurtosis >= 1 + skewness squared.
MOMENT_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Moments:
    """What the functions here need of a sample: per-period Sharpe ratio, shape and length.

    ``skewness`` and ``kurtosis`` (3 for a normal distribution) are those of the sample, without a
    correction for bias, as in the papers.
    """

    sharpe: float
    skewness: float
    kurtosis: float
    observations: int


def moments(returns: ArrayLike) -> Moments | Missing:
    """Return the moments of a series of returns, shape (periods,), risk-free rate 0.

    The Sharpe ratio is that of ``engine.metrics`` at one period a year. ``Missing`` for fewer than
    two returns or no variance; ReportError on NaN.
    """
    found = sample(returns, "returns")
    ratio = sharpe_ratio(found, 1.0)
    if math.isnan(ratio):
        return Missing("the returns do not vary" if len(found) > 1 else "fewer than two returns")
    scores = (found - found.mean()) / found.std()
    return Moments(ratio, float((scores**3).mean()), float((scores**4).mean()), len(found))


def probabilistic_sharpe(
    sharpe: float, *, benchmark: float, observations: int, skewness: float, kurtosis: float
) -> float | Missing:
    """Return the probability that the true Sharpe ratio exceeds a benchmark, given the sample.

    ``Z((sharpe - benchmark) sqrt(n - 1) / sqrt(1 - skewness sharpe + (kurtosis - 1) / 4
    sharpe^2))`` with Z the normal distribution: equation 11 of the paper of 2012.

    Parameters
    ----------
    sharpe, benchmark : per period, not annualized
    observations : number of returns
    skewness, kurtosis : of the returns; kurtosis 3 for a normal distribution

    Returns
    -------
    A fraction; ``Missing`` for fewer than two returns, and for moments whose ratio has no spread.
    ReportError for moments that no sample can have.

    >>> round(probabilistic_sharpe(  # 24 months, the paper's hedge fund
    ...     0.458, benchmark=0.0, observations=24, skewness=-2.448, kurtosis=10.164), 3)
    0.913
    """
    finite(sharpe, "sharpe")
    finite(benchmark, "benchmark")
    spread = _spread(sharpe, skewness, kurtosis)
    if observations < 2:
        return Missing("fewer than two returns")
    if isinstance(spread, Missing):
        return spread
    return NORMAL.cdf((sharpe - benchmark) * math.sqrt(observations - 1) / spread)


def expected_maximum_sharpe(trials: int, sharpe_variance: float) -> float:
    """Return the Sharpe ratio to expect of the best of some worthless, independent trials.

    ``sqrt(V) ((1 - g) Z^-1(1 - 1/N) + g Z^-1(1 - 1/(N e)))`` with g the constant of
    Euler-Mascheroni (2014, equation 1); 0 for one trial, which is no search.

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
) -> float | Missing:
    """Return the probability that a search's best Sharpe ratio is more than the search's luck.

    The probabilistic ratio against :func:`expected_maximum_sharpe` (2014, equation 2). Parameters
    and results are as there.

    >>> round(deflated_sharpe(2.5 / 250**0.5, trials=100, sharpe_variance=0.5 / 250,
    ...     observations=1250, skewness=-3.0, kurtosis=10.0), 4)  # the paper's example
    0.9004
    """
    return probabilistic_sharpe(
        sharpe,
        benchmark=expected_maximum_sharpe(trials, sharpe_variance),
        observations=observations,
        skewness=skewness,
        kurtosis=kurtosis,
    )


def minimum_track_record(
    sharpe: float,
    *,
    benchmark: float,
    skewness: float,
    kurtosis: float,
    confidence: float = 0.95,
) -> float | Missing:
    """Return how many returns it takes until a Sharpe ratio beats the benchmark with confidence.

    ``1 + (1 - skewness sharpe + (kurtosis - 1) / 4 sharpe^2) (Z^-1(confidence) / (sharpe -
    benchmark))^2`` (2012, equation 13); a number of periods, not rounded. ``Missing`` when the
    ratio does not exceed the benchmark: no length is enough.

    >>> round(minimum_track_record(  # annual 2 against 1 from daily returns, in years
    ...     2 / 250**0.5, benchmark=1 / 250**0.5, skewness=0.0, kurtosis=3.0) / 250, 2)
    2.73
    """
    finite(sharpe, "sharpe")
    finite(benchmark, "benchmark")
    fraction(confidence, "confidence")
    spread = _spread(sharpe, skewness, kurtosis)
    if isinstance(spread, Missing):
        return spread
    if sharpe <= benchmark:
        return Missing("the Sharpe ratio does not exceed the benchmark")
    return 1 + (spread * NORMAL.inv_cdf(confidence) / (sharpe - benchmark)) ** 2


def _spread(sharpe: float, skewness: float, kurtosis: float) -> float | Missing:
    """Return the standard deviation of a Sharpe ratio times ``sqrt(n - 1)``."""
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
