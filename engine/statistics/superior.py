"""A test of whether any variant of a family beats a benchmark, corrected for the search.

Every resample divides its mean by its own standard error (bootstrap-t). A standard error that is
small by chance then occurs as often in the resamples as in the data. With one standard error for
all resamples, a test at 5% rejects 16% to 23% of worthless families of 15 to 50 variants over 250
days; ``docs/statistics.md`` has the sizes measured with this test.

Sources: Hansen (2005), 'A Test for Superior Predictive Ability', Journal of Business & Economic
Statistics 23(4), for the recentring; Goetze and Kuensch (1996), 'Second-Order Correctness of the
Blockwise Bootstrap', Annals of Statistics 24(5), for the standard error from the means of the drawn
blocks; Politis and Romano (1992), 'A Circular Block-Resampling Procedure for Stationary Data', for
the blocks; Hsu, Hsu and Kuan (2010), 'Testing the Predictive Ability of Technical Analysis Using a
New Stepwise Test', Journal of Empirical Finance 17(3), for the stepwise test.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import ReportError
from engine.metrics import NO_VARIANCE_SHARE
from engine.statistics.bootstrap import BATCH_CELLS, MIN_REPLICATIONS, MIN_SAMPLE_DAYS
from engine.statistics.power import detectable
from engine.statistics.samples import Floats, Missing, at_least, fraction, sample

# Shorter blocks cut off the dependence of neighbouring days that daily returns usually have.
MIN_BLOCK = 5
# Chosen: below either, most resamples hold a handful of the days on which anything happened.
MIN_ACTIVE_SHARE = 0.05
MIN_ACTIVE_DAYS = 10
# Chosen, in standard deviations of the returns: more than the daily change of interest on cash,
# less than the move on 60% of the days of a book that is always invested.
ACTIVE_MOVE = 0.5
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Superiority:
    """Hansen's test of a family against a benchmark.

    The hypothesis is: no variant has a higher mean return than the benchmark. ``consistent`` is its
    p-value; ``lower`` and ``upper`` bound it. 0 means below 1 / ``replications``.

    Attributes
    ----------
    superior : columns that beat the benchmark; ``size`` is the accepted chance of one false one
    powerless : columns left out, because they differ from their usual value on too few days
    detectable : per column, the smallest mean daily difference that a two-sided 5% test of this
        column alone finds in four of five samples; NaN where the column was left out
    block : length of the resampled blocks, days
    """

    lower: float
    consistent: float
    upper: float
    superior: tuple[int, ...]
    powerless: tuple[int, ...]
    detectable: tuple[float, ...]
    size: float
    replications: int
    block: int
    variants: int
    days: int


def superior_ability(
    returns: ArrayLike,
    benchmark: ArrayLike,
    *,
    segments: ArrayLike | None = None,
    seed: int = 0,
    size: float = 0.05,
    replications: int = 1_000,
    block: int | None = None,
) -> Superiority | Missing:
    """Return whether some variant's mean daily return exceeds the benchmark's.

    Parameters
    ----------
    returns : simple returns, shape (days, variants), all variants tried
    benchmark : simple returns of the same days, shape (days,)
    segments : a code a day, shape (days,); the days of one code are contiguous, and no block
        reaches from one code into the next. None: all days follow each other
    seed : seed of the resamples
    size : of the stepwise test, a fraction
    replications : resamples
    block : block length, days; None: :func:`block_length`

    Returns
    -------
    ``Missing`` for fewer than 20 days, without variants, where no difference varies, where a
    difference is the same every day, and where every variant differs on too few days to be judged.
    A variant that equals the benchmark is left out of the test.

    Raises
    ------
    ReportError : NaN, wrong shapes, an impossible setting
    """
    found, base = sample(returns, "returns", dimensions=2), sample(benchmark, "benchmark")
    fraction(size, "size")
    at_least(replications, MIN_REPLICATIONS, "replications")
    at_least(1 if block is None else block, 1, "block")
    if len(found) != len(base):
        raise ReportError(f"{len(found)} days of variants beside {len(base)} of the benchmark")
    codes = _segment_codes(segments, len(found))
    if len(found) < MIN_SAMPLE_DAYS:
        return Missing(f"{len(found)} daily returns, {MIN_SAMPLE_DAYS} needed")
    gain = found - base[:, np.newaxis]
    varying, shifted = _varying(gain, found, base)
    if len(shifted):
        return Missing(
            f"variant {shifted[0]} differs from the benchmark by the same amount every day: it has "
            "no spread to be judged by"
        )
    if len(varying) == 0:
        return Missing("no variant differs from the benchmark")
    powerless = _powerless(found, gain, varying)
    if powerless.all():
        return Missing(
            f"no power: every variant is active on fewer than {MIN_ACTIVE_DAYS} days or "
            f"{MIN_ACTIVE_SHARE:.0%} of {len(found)}"
        )
    held = varying[~powerless]
    length = block_length(len(found)) if block is None else block
    drawn = _Resamples(_block_means(gain[:, held], codes, length), length, replications, seed)
    return _verdict(drawn, held, varying[powerless], found.shape[1], size)


def _verdict(
    drawn: "_Resamples", held: Rows, powerless: Rows, variants: int, size: float
) -> Superiority:
    lower, consistent, upper = drawn.p_values()
    smallest = np.full(variants, np.nan)
    smallest[held] = drawn.detectable()
    return Superiority(
        lower=lower,
        consistent=consistent,
        upper=upper,
        superior=tuple(held[drawn.stepwise(size)].tolist()),
        powerless=tuple(powerless.tolist()),
        detectable=tuple(smallest.tolist()),
        size=size,
        replications=len(drawn.means),
        block=drawn.length,
        variants=variants,
        days=drawn.days,
    )


def block_length(days: int) -> int:
    """Return the block length for so many days: the cube root, rounded up, at least 5.

    >>> block_length(250), block_length(1000), block_length(60)
    (7, 10, 5)
    """
    return max(MIN_BLOCK, math.ceil(round(float(np.cbrt(days)), 9)))


def _segment_codes(segments: ArrayLike | None, days: int) -> NDArray[np.int64]:
    """Return the number of each day's segment, from 0."""
    if segments is None:
        return np.zeros(days, dtype=np.int64)
    codes = np.asarray(segments)
    if codes.shape != (days,):
        raise ReportError(f"{days} days of returns have {codes.shape} segment codes")
    number = np.cumsum(np.append(False, codes[1:] != codes[:-1])[:days])
    if days and len(np.unique(codes)) != number[-1] + 1:
        raise ReportError("the days of a segment must be contiguous; sort the rows by segment")
    return number.astype(np.int64)


def _varying(gain: Floats, found: Floats, base: Floats) -> tuple[Rows, Rows]:
    """Return the columns whose difference from the benchmark varies, and the shifted columns.

    A difference within the rounding of the returns does not vary. A shifted column differs by the
    same amount every day, more than rounding, so that no spread exists to judge it by.
    """
    rounding = NO_VARIANCE_SHARE * np.sqrt(np.square(found).mean(axis=0) + np.square(base).mean())
    constant = gain.std(axis=0) <= rounding
    shifted = constant & (np.abs(gain.mean(axis=0)) > rounding)
    return np.flatnonzero(~constant), np.flatnonzero(shifted)


def _powerless(found: Floats, gain: Floats, columns: Rows) -> NDArray[np.bool_]:
    """Return a mask of the columns whose returns or differences move on too few days."""
    needed = max(MIN_ACTIVE_DAYS, MIN_ACTIVE_SHARE * len(found))
    active = np.minimum(_active_days(found[:, columns]), _active_days(gain[:, columns]))
    few: NDArray[np.bool_] = active < needed
    return few


def _active_days(values: Floats) -> NDArray[np.int64]:
    """Return the number of days on which each column moves by more than interest on idle cash."""
    distance = np.abs(values - np.median(values, axis=0))
    days: NDArray[np.int64] = (distance > ACTIVE_MOVE * values.std(axis=0)).sum(axis=0)
    return days


def _block_means(gain: Floats, codes: NDArray[np.int64], length: int) -> Floats:
    """Return the mean of the block that begins at each day, shape (days, columns).

    Blocks wrap around to the start of their segment. Every day is then in equally many blocks, and
    the mean of the blocks is the mean of the days.
    """
    first = np.searchsorted(codes, codes, side="left")
    size = np.searchsorted(codes, codes, side="right") - first
    total: Floats = np.zeros_like(gain)
    for step in range(length):
        total += gain[first + (np.arange(len(gain)) - first + step) % size]
    return np.asarray(total / length, dtype=np.float64)


class _Resamples:
    """Means of resampled blocks and their standard errors, shape (replications, columns)."""

    def __init__(self, blocks: Floats, length: int, replications: int, seed: int) -> None:
        self.days, self.length = len(blocks), length
        self.degrees = math.ceil(self.days / length) - 1
        self.mean = blocks.mean(axis=0)
        self.error = blocks.std(axis=0) * math.sqrt(length / self.days)
        self.score = self.mean / self.error
        draw = np.random.default_rng(seed)
        count = self.degrees + 1
        batch = max(1, BATCH_CELLS // (count * blocks.shape[1]))
        means, errors = [], []
        for start in range(0, replications, batch):
            rows = draw.integers(0, self.days, (min(batch, replications - start), count))
            means.append(blocks[rows].mean(axis=1))
            errors.append(blocks[rows].std(axis=1) / math.sqrt(count))
        self.means, self.errors = np.concatenate(means), np.concatenate(errors)

    def detectable(self) -> Floats:
        """Return the minimum detectable mean difference of each column's own test."""
        smallest: Floats = self.error * detectable(1.0, self.degrees)
        return smallest

    def p_values(self) -> tuple[float, float, float]:
        """Return the p-values with Hansen's lower, consistent and upper recentring."""
        lower, consistent, upper = (
            self._p_value(centre)
            for centre in (np.maximum(self.mean, 0.0), self._consistent(), self.mean)
        )
        return lower, consistent, upper

    def stepwise(self, size: float) -> Rows:
        """Return the columns that beat the benchmark; each step leaves out those already found."""
        scores = self._scores(self._consistent())
        left = np.ones(len(self.score), dtype=np.bool_)
        while left.any():
            largest = np.maximum(scores[:, left].max(axis=1), 0.0)
            found = left & (self.score > np.quantile(largest, 1 - size, method="higher"))
            if not found.any():
                break
            left &= ~found
        return np.flatnonzero(~left)

    def _p_value(self, centre: Floats) -> float:
        best = max(float(self.score.max()), 0.0)
        largest = np.maximum(self._scores(centre).max(axis=1), 0.0)
        return float((largest >= best).mean())

    def _consistent(self) -> Floats:
        """Return each mean, or 0 for a column too far below the benchmark to be the best."""
        limit = -math.sqrt(2 * math.log(math.log(self.days)))
        centre: Floats = np.where(self.score >= limit, self.mean, 0.0)
        return centre

    def _scores(self, centre: Floats) -> Floats:
        """Return each resample's t-value; a resample without spread counts against the variants."""
        distance = self.means - centre
        scores = np.where(distance > 0, np.inf, 0.0)
        np.divide(distance, self.errors, out=scores, where=self.errors > 0)
        return scores
