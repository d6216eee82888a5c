"""Confidence intervals: a stationary bootstrap for daily returns, simpler ones for trades.

Sources: Politis and Romano (1994), 'The Stationary Bootstrap', JASA 89; the block length after
Politis and White (2004) with the correction of Patton, Politis and White (2009), as in ``arch``;
Wilson (1927), 'Probable Inference', JASA 22, for a proportion; Thompson (1936), 'On Confidence
Ranges for the Median', Annals of Mathematical Statistics 7, for a quantile.

Intervals are percentile intervals. BCa intervals are not offered: their acceleration is a jackknife
of independent observations, and days are dependent; for a maximum drawdown it is not smooth.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import ReportError
from engine.metrics import scaled, standard_deviation, varies
from engine.statistics.measures import Measure
from engine.statistics.power import detectable
from engine.statistics.samples import Floats, Missing, at_least, fraction, sample

# Below this, neither a block length nor a spread of blocks can be estimated.
MIN_SAMPLE_DAYS = 20
MIN_REPLICATIONS = 100
# More resamples without a value (no loss, no variance) than this share would shift the quantiles.
MAX_UNDEFINED = 0.01
# Resampled returns held at once: 32 MB.
BATCH_CELLS = 2**22


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval.

    ``level`` is the nominal coverage, a fraction; ``observations`` counts the days or trades in the
    sample; ``replications`` counts the resamples, 0 for a formula. ``detectable`` is the smallest
    true value (of a difference: the smallest true difference) that a test of such a sample tells
    from 0, in the unit of the estimate; None for shares and quantiles, which are not tested
    against 0.
    """

    estimate: float
    low: float
    high: float
    level: float
    replications: int
    observations: int
    detectable: float | None = None


def intervals(
    returns: ArrayLike,
    measures: Mapping[str, Measure],
    *,
    seed: int = 0,
    level: float = 0.95,
    replications: int = 2_000,
    block: int | None = None,
) -> dict[str, Interval | Missing]:
    """Return an interval of each measure of one series of daily returns, by the measure's name.

    Parameters
    ----------
    returns : simple returns of days in order, shape (days,)
    measures : functions from (replications, days) to (replications,), NaN for no value;
        :func:`~engine.statistics.measures.daily_measures` has the usual ones
    seed : seed of the resamples; the same seed gives the same interval
    level : nominal coverage, a fraction
    replications : resamples
    block : expected block length, days; None: :func:`block_days`

    Returns
    -------
    ``Missing`` for a series that is too short, does not vary or cannot be compounded, for a measure
    without a value, and for a measure that lacks a value in more than 1% of the resamples. Up to
    1%, the resamples without a value are left out.

    Raises
    ------
    ReportError : NaN, a wrong shape, or an impossible level, number of replications or block length
    """
    draw = _Draw(seed, level, replications, block)
    return _intervals((sample(returns, "returns"),), measures, draw)


def difference_intervals(
    first: ArrayLike,
    second: ArrayLike,
    measures: Mapping[str, Measure],
    *,
    seed: int = 0,
    level: float = 0.95,
    replications: int = 2_000,
    block: int | None = None,
) -> dict[str, Interval | Missing]:
    """Return an interval of measure(first) - measure(second), paired by day.

    Both series are resampled with the same days, so that common moves cancel. Both must hold
    returns of the same days (ReportError if their numbers differ). Parameters and results are those
    of :func:`intervals`.
    """
    pair = sample(first, "first"), sample(second, "second")
    if len(pair[0]) != len(pair[1]):
        raise ReportError(
            f"paired series need the same days, not {len(pair[0])} and {len(pair[1])} of them"
        )
    return _intervals(pair, measures, _Draw(seed, level, replications, block))


def block_days(*series: ArrayLike) -> int:
    """Return the expected block length for the series, whole days, at least 1.

    ``arch.bootstrap.optimal_block_length`` gives one length for the returns, one for their squares
    (volatility clusters where returns do not) and, of a pair, one for the difference; the longest
    is returned. Series without variance are left out. ReportError on NaN or a wrong shape.
    """
    samples = [sample(values, "returns") for values in series]
    if len(samples) == 2:
        samples.append(samples[0] - samples[1])
    samples = [scaled(values)[0] for values in samples]
    columns = [column for values in samples for column in (values, values**2) if _varies(column)]
    if not columns or len(columns[0]) < MIN_SAMPLE_DAYS:
        return 1
    # A tail of equal values divides 0 by 0 there; the lag counts as correlated, which is safe.
    with np.errstate(divide="ignore", invalid="ignore"):
        found = import_module("arch.bootstrap").optimal_block_length(np.column_stack(columns))
    lengths = found["stationary"].to_numpy()
    lengths = lengths[np.isfinite(lengths)]
    return max(1, math.ceil(lengths.max())) if len(lengths) else 1


def proportion_interval(successes: int, trials: int, *, level: float = 0.95) -> Interval | Missing:
    """Return the Wilson score interval of a share, such as the hit rate.

    ``Missing`` without trials; ReportError for impossible counts.

    >>> found = proportion_interval(8, 10)
    >>> round(found.low, 4), round(found.high, 4)
    (0.4902, 0.9433)
    """
    fraction(level, "level")
    if not 0 <= successes <= trials:
        raise ReportError(f"{successes} successes in {trials} trials are impossible")
    if trials == 0:
        return Missing("no trades")
    return share_interval(successes / trials, trials, level=level)


def share_interval(share: float, trials: int, *, level: float = 0.95) -> Interval:
    """Return the Wilson score interval of a share for a number of independent trials.

    The share may come from more events than trials: overlapping events are not independent.

    Parameters
    ----------
    share : a fraction, 0 and 1 included
    trials : number of independent trials, at least 1

    Raises
    ------
    ReportError : a share or level outside 0 to 1, or no trials

    >>> found = share_interval(0.5, 9)
    >>> round(found.low, 3), round(found.high, 3)
    (0.227, 0.773)
    """
    if not 0 <= share <= 1:
        raise ReportError(f"share = {share}: a fraction from 0 to 1 is needed")
    at_least(trials, 1, "trials")
    score = NormalDist().inv_cdf((1 + fraction(level, "level")) / 2)
    per_trial = score**2 / trials
    centre = (share + per_trial / 2) / (1 + per_trial)
    half = math.sqrt(per_trial * (share * (1 - share) + per_trial / 4)) / (1 + per_trial)
    # Exact at the ends, where the two terms cancel but for their last digit.
    low = 0.0 if share == 0 else centre - half
    high = 1.0 if share == 1 else centre + half
    return Interval(share, low, high, level, 0, trials)


def quantile_interval(
    values: ArrayLike, probability: float, *, level: float = 0.95
) -> Interval | Missing:
    """Return an interval of a quantile of independent values, for any distribution.

    The number of values below the true quantile is binomial. The ends of the interval are therefore
    two of the values, chosen by rank: the closest two that miss the true quantile with a
    probability of at most ``(1 - level) / 2`` on either side. The estimate is interpolated (numpy's
    ``linear``).

    Parameters
    ----------
    values : shape (n,)
    probability : of the quantile, 0.05 for the value that 5% lie below

    Returns
    -------
    ``Missing`` where even the lowest and the highest value miss it more often than that.

    Raises
    ------
    ReportError : NaN, a wrong shape, or a probability or level outside 0 to 1

    >>> found = quantile_interval(range(1, 11), 0.5)
    >>> found.estimate, found.low, found.high
    (5.5, 2.0, 9.0)
    """
    found = np.sort(sample(values, "values"))
    fraction(probability, "probability")
    tail = (1 - fraction(level, "level")) / 2
    # The rarer side alone must miss all values with a probability of at most the tail.
    needed = math.ceil(math.log(tail) / math.log(max(probability, 1 - probability)))
    if len(found) < needed:
        return Missing(f"{len(found)} value(s), {needed} needed")
    below = import_module("scipy.stats").binom(len(found), probability)
    # With B values below the quantile, P(B < low) and P(B >= high) are at most a tail each.
    low = int(below.ppf(tail))
    low += bool(below.cdf(low) <= tail)
    high = int(below.ppf(1 - tail)) + 1
    estimate = float(np.quantile(found, probability))
    return Interval(estimate, float(found[low - 1]), float(found[high - 1]), level, 0, len(found))


def mean_interval(
    values: ArrayLike, *, seed: int = 0, level: float = 0.95, replications: int = 10_000
) -> Interval | Missing:
    """Return an interval of the mean of independent values, such as the average R.

    A percentile bootstrap of independent values (Efron 1979). For few values the interval is too
    narrow, about ``sqrt((n - 1) / n)`` of the right width without skewness: see ``enough``.
    ``Missing`` for fewer than two values or equal ones; ReportError on NaN.
    """
    found = sample(values, "values")
    fraction(level, "level")
    at_least(replications, MIN_REPLICATIONS, "replications")
    if len(found) < 2:
        return Missing(f"{len(found)} value(s), 2 needed")
    if not _varies(found):
        return Missing("all values are equal")
    draw = np.random.default_rng(seed)
    rows = max(1, BATCH_CELLS // len(found))
    means = [
        found[draw.integers(0, len(found), (count, len(found)))].mean(axis=1)
        for count in _batches(replications, rows)
    ]
    return _percentiles(
        float(found.mean()), np.concatenate(means), level, len(found), len(found) - 1
    )


@dataclass(frozen=True)
class _Draw:
    """The settings of :func:`intervals` for the resamples."""

    seed: int
    level: float
    replications: int
    block: int | None

    def __post_init__(self) -> None:
        fraction(self.level, "level")
        at_least(self.replications, MIN_REPLICATIONS, "replications")
        if self.block is not None:
            at_least(self.block, 1, "block")


def _intervals(
    series: tuple[Floats, ...], measures: Mapping[str, Measure], draw: _Draw
) -> dict[str, Interval | Missing]:
    reason = _unusable(series)
    if reason is not None:
        return {name: Missing(reason) for name in measures}
    days = len(series[0])
    block = block_days(*series) if draw.block is None else draw.block
    drawn: dict[str, list[Floats]] = {name: [] for name in measures}
    for rows in _resampled_days(days, block, draw):
        resamples = tuple(values[rows] for values in series)
        for name, measure in measures.items():
            drawn[name].append(_combined(measure, resamples))
    whole = tuple(values[np.newaxis, :] for values in series)
    estimates = {name: float(_combined(measure, whole)[0]) for name, measure in measures.items()}
    return {
        name: _percentiles(
            estimates[name], np.concatenate(parts), draw.level, days, max(days // block - 1, 1)
        )
        for name, parts in drawn.items()
    }


def _unusable(series: tuple[Floats, ...]) -> str | None:
    days = len(series[0])
    if days < MIN_SAMPLE_DAYS:
        return f"{days} daily returns, {MIN_SAMPLE_DAYS} needed"
    if not any(_varies(values) for values in series):
        return "the returns do not vary"
    if any(float(values.min()) < -1 for values in series):
        return "a daily loss of more than everything cannot be compounded"
    return None


def _varies(values: Floats) -> bool:
    """Return whether values differ by more than the rounding of equal ones, at any scale."""
    return len(values) > 1 and varies(standard_deviation(values), values)


def _combined(measure: Measure, series: tuple[Floats, ...]) -> Floats:
    """Return the measure of one series or the difference of two, one value a row."""
    values = measure(series[0])
    return values if len(series) == 1 else values - measure(series[1])


def _resampled_days(days: int, block: int, draw: _Draw) -> Iterator[NDArray[np.int64]]:
    """Yield row numbers, shape (up to a batch, days), ``replications`` rows in all."""
    stationary = import_module("arch.bootstrap").StationaryBootstrap
    source = stationary(block, np.arange(days), seed=draw.seed)
    for count in _batches(draw.replications, max(1, BATCH_CELLS // days)):
        yield np.array([source.update_indices() for _ in range(count)])


def _batches(replications: int, rows: int) -> Iterator[int]:
    for start in range(0, replications, rows):
        yield min(rows, replications - start)


def _percentiles(
    estimate: float, values: Floats, level: float, observations: int, degrees: int
) -> Interval | Missing:
    if not math.isfinite(estimate):
        return Missing("it has no value on these returns")
    defined = values[np.isfinite(values)]
    undefined = 1 - len(defined) / len(values)
    if undefined > MAX_UNDEFINED:
        return Missing(f"it has no value in {undefined:.0%} of the resamples")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    smallest = detectable(float(defined.std()), degrees)
    return Interval(estimate, float(low), float(high), level, len(values), observations, smallest)
