"""Implied volatility from a volatility index by level, term structure and smile.

The index already contains the skew: it is the square root of a strip of out-of-the-money options
(Cboe VIX methodology: variance = 2 / T x sum of dK / K^2 x forward option price). The at-the-money
level is therefore solved from it, not set equal to it.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data_feeds.options.model import OptionModel
from data_feeds.options.pricing import root, undiscounted

INDEX_YEARS = 30 / 365
# The strip reaches this many deviations to both sides, in steps of a sixteenth of one.
_STRIP_REACH = 8.0
_STRIP_POINTS = 257
# The level is solved at these index values; its share of the index is interpolated between them.
_NODES = np.geomspace(0.03, 3.0, 32)


def smile(model: OptionModel, level: float, deviations: float) -> float:
    """Return the implied volatility, fraction a year, at a distance from the forward.

    ``deviations`` is ln(strike / forward) / (level x sqrt(years)), below zero for puts.

    >>> round(smile(OptionModel(), 0.20, -1.0), 3)
    0.24
    """
    z = model.wing * math.tanh(deviations / model.wing)
    return level * (1 - model.skew * z + model.convexity * z * z)


def implied_volatility(
    model: OptionModel, index: float, strike: float, forward: float, years: float
) -> float:
    """Return the volatility of a strike, given the index (fraction a year)."""
    level = level_at(model, index, years)
    return smile(model, level, math.log(strike / forward) / (level * math.sqrt(years)))


def level_at(model: OptionModel, index: float, years: float) -> float:
    """Return the at-the-money level of a tenor, fraction a year.

    Variance reverts to the long-run level at ``mean_reversion``; its mean over 30 days equals the
    variance of the index's level. Below 30 days the level is constant, because the reversion would
    overstate what a 30-day index implies for the next week.
    """
    near = index_level(model, index)
    if years <= INDEX_YEARS:
        return near
    long_run = model.long_run_level**2
    share = _mean_decay(model.mean_reversion * years)
    share /= _mean_decay(model.mean_reversion * INDEX_YEARS)
    return math.sqrt(long_run + (near**2 - long_run) * share)


def _mean_decay(speed_years: float) -> float:
    """Return the mean of exp(-k t) over a tenor: (1 - exp(-k T)) / (k T)."""
    return -math.expm1(-speed_years) / speed_years


def index_level(model: OptionModel, index: float) -> float:
    """Return the 30-day at-the-money level of an index value, fractions a year."""
    shares = _level_shares(model.skew, model.convexity, model.wing)
    return float(index * np.interp(math.log(index), np.log(_NODES), shares))


def strip_volatility(model: OptionModel, level: float, years: float = INDEX_YEARS) -> float:
    """Return the volatility of a smile's option strip: its index value, fraction a year."""
    root_years = math.sqrt(years)
    z = np.linspace(-_STRIP_REACH, _STRIP_REACH, _STRIP_POINTS)
    log_strikes = z * level * root_years
    prices = np.array(
        [
            undiscounted(math.exp(k), 1.0, smile(model, level, at) * root_years)
            for k, at in zip(log_strikes.tolist(), z.tolist(), strict=True)
        ]
    )
    # dK / K^2 = d(ln K) / K
    variance = 2 / years * np.trapezoid(prices / np.exp(log_strikes), log_strikes)
    return math.sqrt(variance)


@lru_cache(maxsize=8)
def _level_shares(skew: float, convexity: float, wing: float) -> NDArray[np.float64]:
    model = OptionModel(skew=skew, convexity=convexity, wing=wing)

    def share(index: float) -> float:
        level = root(
            lambda x: strip_volatility(model, x) - index, index * 0.95, index * 0.4, index * 1.5
        )
        return level / index

    return np.array([share(float(node)) for node in _NODES])
