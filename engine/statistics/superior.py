"""Whether any variant of a family beats a benchmark, the search itself accounted for.

Sources: Hansen (2005), 'A Test for Superior Predictive Ability', Journal of Business & Economic
Statistics 23(4); Romano and Wolf (2005), 'Stepwise Multiple Testing as Formalized Data Snooping',
Econometrica 73(4). The resampling is ``arch.bootstrap.SPA``'s.

``arch`` announces studentized differences and does not divide by their standard errors (8.0.0), so
that the most volatile variant decides. The differences are divided here, before ``arch`` sees them.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from engine.errors import ReportError
from engine.statistics.bootstrap import MIN_REPLICATIONS, MIN_SAMPLE_DAYS
from engine.statistics.samples import Floats, Missing, at_least, fraction, sample


@dataclass(frozen=True)
class Superiority:
    """Hansen's test of a family against a benchmark.

    The p-values answer 'no variant has a higher mean return than the benchmark'; ``consistent`` is
    the one to read, ``lower`` and ``upper`` bound it. 0 means below 1 / ``replications``.
    ``superior`` are the columns that beat the benchmark at ``size``, the chance of even one false
    column (step-M, with the consistent critical values).
    """

    lower: float
    consistent: float
    upper: float
    superior: tuple[int, ...]
    size: float
    replications: int
    variants: int
    days: int


def superior_ability(
    returns: ArrayLike,
    benchmark: ArrayLike,
    *,
    seed: int = 0,
    size: float = 0.05,
    replications: int = 1_000,
    block: int | None = None,
    studentize: bool = True,
) -> Superiority | Missing:
    """Return whether some variant's mean daily return exceeds the benchmark's.

    Parameters
    ----------
    returns : simple returns, shape (days, variants), every variant that was tried
    benchmark : simple returns of the same days, shape (days,)
    seed : seed of the resamples
    size : of the stepwise test, a fraction
    replications : resamples
    block : expected block length, days; None: sqrt(days), the default of ``arch``
    studentize : compare differences per standard error; False compares plain means

    Returns
    -------
    ``Missing`` for fewer than 20 days, no variants, and where no difference varies. A variant that
    equals the benchmark cannot beat it and is left out of the test.

    Raises
    ------
    ReportError : NaN, wrong shapes, a variant that differs from the benchmark by a constant, a
        setting that makes no sense
    """
    found, base = sample(returns, "returns", dimensions=2), sample(benchmark, "benchmark")
    fraction(size, "size")
    at_least(replications, MIN_REPLICATIONS, "replications")
    if len(found) != len(base):
        raise ReportError(f"{len(found)} days of variants beside {len(base)} of the benchmark")
    days, variants = found.shape
    if days < MIN_SAMPLE_DAYS:
        return Missing(f"{days} daily returns, {MIN_SAMPLE_DAYS} needed")
    excess = found - base[:, np.newaxis]
    held = _varying(excess)
    if len(held) == 0:
        return Missing("no variant differs from the benchmark")
    block = int(np.sqrt(days)) if block is None else block
    at_least(block, 1, "block")
    gain = excess[:, held]
    if studentize:
        gain = gain / np.sqrt(_long_run_variance(gain, block))
    # Losses are minus returns: the benchmark's are 0 once it is subtracted.
    test = import_module("arch.bootstrap").SPA(
        np.zeros(days), -gain, block_size=block, reps=replications, seed=seed
    )
    test.compute()
    lower, consistent, upper = (float(value) for value in test.pvalues)
    superior = tuple(int(held[column]) for column in _stepwise(test, len(held), size))
    return Superiority(lower, consistent, upper, superior, size, replications, variants, days)


def _varying(excess: Floats) -> np.ndarray:
    """Return the columns whose difference from the benchmark varies."""
    constant = np.ptp(excess, axis=0) == 0
    shifted = np.flatnonzero(constant & (excess[0] != 0))
    if len(shifted):
        raise ReportError(
            f"variant {shifted[0]} differs from the benchmark by the same amount every day; "
            "no test can judge it, leave it out"
        )
    return np.flatnonzero(~constant)


def _stepwise(test: Any, variants: int, size: float) -> list[int]:
    """Return the columns that the stepwise test finds, in order.

    ``arch.bootstrap.StepM`` fails when the last column is found in a later step.
    """
    open_columns = np.ones(variants, dtype=np.bool_)
    while open_columns.any():
        test.subset(open_columns)
        test.compute()
        better = test.better_models(size)
        if len(better) == 0:
            break
        open_columns[better] = False
    return np.flatnonzero(~open_columns).tolist()


def _long_run_variance(values: Floats, block: int) -> Floats:
    """Return the variance of ``sqrt(days) x mean`` under the stationary bootstrap, per column.

    Autocovariances with the weights of Politis and Romano (1994, lemma 1), probability 1 / block
    of a new block.
    """
    days = len(values)
    centred = values - values.mean(axis=0)
    lags = np.arange(1, days)
    stay = 1 - 1 / block
    weights = (1 - lags / days) * stay**lags + lags / days * stay ** (days - lags)
    total = np.square(centred).sum(axis=0)
    for lag, weight in zip(lags, weights, strict=True):
        total = total + 2 * weight * (centred[:-lag] * centred[lag:]).sum(axis=0)
    variance: Floats = total / days
    return variance
