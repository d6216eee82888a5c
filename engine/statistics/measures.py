"""Headline numbers of many samples of daily returns at once.

Every function takes simple returns of shape (..., days) and returns one value a sample, shape
(...), by the conventions of the function of the same name in ``engine.metrics``, NaN included. The
tests compare the two value by value.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from engine.metrics import DAYS_PER_YEAR, MAX_LOG_GROWTH, NO_VARIANCE_SHARE, scaled, too_short
from engine.statistics.samples import Floats, at_least

Measure = Callable[[Floats], Floats]


def daily_measures(periods_per_year: float, years: float | None = None) -> dict[str, Measure]:
    """Return the measures of daily returns by their names in ``metrics.json``.

    Parameters
    ----------
    periods_per_year : daily returns in a year, 365 around the clock, 252 of sessions
    years : elapsed years for the growth in ``calmar``, from ``engine.metrics.window_years``; None:
        number of returns / ``periods_per_year``

    Raises
    ------
    ReportError : ``periods_per_year`` or ``years`` is not positive
    """
    at_least(periods_per_year, 1.0, "periods_per_year")
    if years is not None:
        at_least(years, 1 / DAYS_PER_YEAR, "years")
    return {
        "total_return": total_return,
        "volatility": partial(volatility, periods_per_year=periods_per_year),
        "sharpe": partial(sharpe, periods_per_year=periods_per_year),
        "sortino": partial(sortino, periods_per_year=periods_per_year),
        "max_drawdown_days": max_drawdown,
        "calmar": partial(calmar, periods_per_year=periods_per_year, years=years),
    }


def total_return(returns: Floats) -> Floats:
    """Return the compounded return, a fraction."""
    return _end(returns) - 1


def volatility(returns: Floats, periods_per_year: float) -> Floats:
    """Return the standard deviation (n - 1) per year; NaN for fewer than two returns."""
    units, power = scaled(returns, axis=-1)
    deviation: Floats = _deviation(units) * power[..., 0] * math.sqrt(periods_per_year)
    return deviation


def sharpe(returns: Floats, periods_per_year: float) -> Floats:
    """Return mean / standard deviation (n - 1), annualized; NaN for no variance."""
    units, _ = scaled(returns, axis=-1)
    deviation = _deviation(units)
    mean = units.mean(axis=-1) * math.sqrt(periods_per_year)
    return _quotient(mean, deviation, _varies(deviation, units))


def sortino(returns: Floats, periods_per_year: float) -> Floats:
    """Return mean / downside deviation, annualized; NaN without a loss or without variance."""
    units, _ = scaled(returns, axis=-1)
    downside = np.sqrt(np.square(np.minimum(units, 0.0)).mean(axis=-1))
    defined = _varies(downside, units) & _varies(_deviation(units), units)
    return _quotient(units.mean(axis=-1) * math.sqrt(periods_per_year), downside, defined)


def max_drawdown(returns: Floats) -> Floats:
    """Return the lowest wealth / running peak - 1, zero or negative; the start is a peak."""
    wealth = np.cumprod(1 + returns, axis=-1)
    peak = np.maximum(np.maximum.accumulate(wealth, axis=-1), 1.0)
    lowest: Floats = np.minimum((wealth / peak).min(axis=-1) - 1, 0.0)
    return lowest


def calmar(returns: Floats, periods_per_year: float, years: float | None = None) -> Floats:
    """Return compound growth per year / -maximum drawdown; NaN where either has no value."""
    elapsed = returns.shape[-1] / periods_per_year if years is None else years
    growth, worst = _growth(_end(returns), elapsed), max_drawdown(returns)
    units, power = scaled(returns, axis=-1)
    return _quotient(growth, -worst, _varies(-worst / power[..., 0], units))


def _growth(end: Floats, years: float) -> Floats:
    """Return ``end ** (1 / years) - 1``; NaN by the rules of ``engine.metrics.cagr``."""
    alive = (end > 0) & (not too_short(years))
    log_growth = np.log(end, out=np.full_like(end, np.nan), where=alive) / years
    log_growth[~(log_growth < MAX_LOG_GROWTH)] = np.nan
    return np.expm1(log_growth)


def _end(returns: Floats) -> Floats:
    end: Floats = np.prod(1 + returns, axis=-1)
    return end


def _deviation(units: Floats) -> Floats:
    if units.shape[-1] < 2:
        return np.full(units.shape[:-1], np.nan)
    deviation: Floats = np.std(units, axis=-1, ddof=1)
    return deviation


def _varies(deviation: Floats, units: Floats) -> NDArray[np.bool_]:
    """Return whether each deviation is more than rounding, by ``engine.metrics.varies``.

    ``units`` are returns scaled by ``engine.metrics.scaled``, and so is the deviation.
    """
    size = np.sqrt(np.square(units).mean(axis=-1)) if units.shape[-1] else 0.0
    return np.asarray(deviation > NO_VARIANCE_SHARE * size)


def _quotient(numerator: Floats, denominator: Floats, where: NDArray[np.bool_]) -> Floats:
    quotient = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=quotient, where=where)
    return quotient
