"""Families of worthless variants: daily differences with a true mean of 0, by dependence."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

BURN_IN = 200


def iid(draw: np.random.Generator, days: int, variants: int) -> NDArray[np.float64]:
    """Return independent normal days."""
    return draw.normal(0, 0.01, (days, variants))


def t4(draw: np.random.Generator, days: int, variants: int) -> NDArray[np.float64]:
    """Return independent days with the fat tails of Student's t with 4 degrees of freedom."""
    return 0.007 * draw.standard_t(4, (days, variants))


def autoregressive(draw: np.random.Generator, days: int, variants: int) -> NDArray[np.float64]:
    """Return days of which each keeps a fifth of the day before."""
    noise = draw.normal(0, 0.01, (days + BURN_IN, variants))
    return np.asarray(lfilter([1.0], [1.0, -0.2], noise, axis=0))[BURN_IN:]


def clustered(draw: np.random.Generator, days: int, variants: int) -> NDArray[np.float64]:
    """Return days whose volatility clusters (GARCH 0.10, 0.89)."""
    shock = draw.normal(0, 1, (days + BURN_IN, variants))
    variance, last = np.full(variants, 1e-4), np.zeros(variants)
    out = np.empty_like(shock)
    for day, noise in enumerate(shock):
        variance = 1e-6 + 0.10 * last**2 + 0.89 * variance
        out[day] = last = np.sqrt(variance) * noise
    return out[BURN_IN:]


def correlated(draw: np.random.Generator, days: int, variants: int) -> NDArray[np.float64]:
    """Return variants of one rule: any two have a correlation of 0.8."""
    common, own = draw.normal(0, 0.01, (days, 1)), draw.normal(0, 0.01, (days, variants))
    return np.asarray(np.sqrt(0.8) * common + np.sqrt(0.2) * own)


KINDS = {
    "iid": iid,
    "t4": t4,
    "AR 0.2": autoregressive,
    "volatility clusters": clustered,
    "correlated 0.8": correlated,
}
