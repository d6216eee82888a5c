"""Formulas of the headline numbers, with their conventions.

Returns are simple returns of calendar days, not logarithms; a bar that closes at midnight belongs
to the day it ends. Annualization takes ``periods_per_year`` (365 for an account that trades around
the clock, 252 for one of exchange sessions), which the caller passes. Ratios use daily returns in
excess of the bill (``engine.excess``). A number that is not defined, for lack of trades or of
variance, is NaN and never 0.
"""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS

Floats = NDArray[np.float64]

NAN = float("nan")
# A standard deviation below this share of the root mean square is rounding of equal returns, not
# variance, at any scale.
NO_VARIANCE_SHARE = 1e-6
# Ratios of excess returns with less volatility a year than this measure noise.
LEAST_VOLATILITY = 0.001
# Growth over fewer days is not annualized.
LEAST_DAYS = 30
ROUNDING_DAYS = 1e-6
DAYS_PER_YEAR = 365
# A larger logarithm of growth a year overflows: a few hours extrapolated to a year.
MAX_LOG_GROWTH = 700.0


def ratios(excess: Floats, *, years: float, periods_per_year: float) -> dict[str, float]:
    """Return volatility and ratios of daily excess returns, by name.

    The ratios are NaN where the volatility is below ``LEAST_VOLATILITY``. ``calmar`` is compound
    growth a year / deepest drawdown of the excess returns.
    """
    moved = volatility(excess, periods_per_year)
    enough = moved >= LEAST_VOLATILITY
    return {
        "excess_volatility": moved,
        "sharpe": sharpe(excess, periods_per_year) if enough else NAN,
        "sortino": sortino(excess, periods_per_year) if enough else NAN,
        "calmar": calmar(excess, years) if enough else NAN,
    }


def window_years(start: int, end: int) -> float:
    """Return the elapsed time between two instants (ns UTC) in years of 365 days.

    >>> window_years(0, 73 * DAY_NS)
    0.2
    """
    return (end - start) / DAY_NS / DAYS_PER_YEAR


def cagr(returns: Floats, years: float) -> float:
    """Return compound growth per year, ``(end / start) ** (1 / years) - 1``.

    NaN without returns, over less than ``LEAST_DAYS`` days, when the end is not positive, or when
    the growth is too large for a float.
    """
    end = float(np.prod(1 + returns)) if len(returns) else NAN
    if not end > 0 or too_short(years):
        return NAN
    growth = math.log(end) / years
    return end ** (1 / years) - 1 if growth < MAX_LOG_GROWTH else NAN


def too_short(years: float) -> bool:
    """Return whether a time is shorter than ``LEAST_DAYS``, too short to annualize growth.

    >>> too_short(30 / 365), too_short(29.9 / 365)
    (False, True)
    """
    return years * DAYS_PER_YEAR < LEAST_DAYS - ROUNDING_DAYS


def scaled(values: Floats, axis: int | None = None) -> tuple[Floats, Floats]:
    """Return the values divided by the power of two next below the largest, and that power.

    Squares of the scaled values neither vanish nor overflow, and a division by a power of two is
    exact. With an ``axis``, each sample along it has its own power; zeros stay zeros.

    >>> units, power = scaled(np.array([0.03, -0.06]))
    >>> units.tolist(), float(power)
    ([0.96, -1.92], 0.03125)
    """
    largest = np.max(np.abs(values), axis=axis, keepdims=True, initial=0.0)
    usual = (largest > 0) & np.isfinite(largest)
    power: Floats = np.ldexp(1.0, np.frexp(np.where(usual, largest, 1.0))[1] - 1)
    return values / power, power if axis is not None else power.reshape(())


def standard_deviation(returns: Floats) -> float:
    """Return the standard deviation (n - 1), of returns of any size; NaN for fewer than two.

    >>> standard_deviation(np.array([1e-200, 3e-200, 5e-200]))
    2e-200
    """
    if len(returns) < 2:
        return NAN
    units, power = scaled(returns)
    return float(np.std(units, ddof=1) * power)


def varies(deviation: float, returns: Floats) -> bool:
    """Return whether a deviation of returns is more than the rounding of equal ones.

    >>> varies(1e-20, np.array([1e-4, 1e-4])), varies(1e-12, np.array([1e-12, -1e-12]))
    (False, True)
    """
    if len(returns) == 0:
        return deviation > 0
    units, power = scaled(returns)
    size = math.sqrt(float(np.square(units).mean())) * float(power)
    return deviation > NO_VARIANCE_SHARE * size


def volatility(returns: Floats, periods_per_year: float) -> float:
    """Return the standard deviation (n - 1) per year; NaN for fewer than two returns."""
    return standard_deviation(returns) * math.sqrt(periods_per_year)


def sharpe(returns: Floats, periods_per_year: float) -> float:
    """Return mean / standard deviation (n - 1), annualized; NaN for no variance.

    ``returns`` are in excess of the return to beat.

    >>> round(sharpe(np.array([0.01, -0.01, 0.02]), 365.0), 6)
    8.338094
    """
    if len(returns) < 2:
        return NAN
    returns, _ = scaled(returns)
    deviation = standard_deviation(returns)
    if not varies(deviation, returns):
        return NAN
    return float(np.mean(returns)) / deviation * math.sqrt(periods_per_year)


def sortino(returns: Floats, periods_per_year: float) -> float:
    """Return mean / downside deviation, annualized; NaN without a loss or without variance.

    The downside deviation is ``sqrt(sum of squared negative returns / n)`` over all n returns.
    """
    if len(returns) < 2:
        return NAN
    returns, _ = scaled(returns)
    downside = math.sqrt(float(np.square(np.minimum(returns, 0.0)).mean()))
    if not (varies(downside, returns) and varies(standard_deviation(returns), returns)):
        return NAN
    return float(np.mean(returns)) / downside * math.sqrt(periods_per_year)


def calmar(returns: Floats, years: float) -> float:
    """Return compound growth per year / deepest drawdown; NaN where either has no value.

    The drawdown is that of the compounded returns, their start included. A drawdown within the
    rounding of the returns counts as none.
    """
    worst = max_drawdown(wealth(returns))
    if not varies(-worst, returns):
        return NAN
    return cagr(returns, years) / -worst


def drawdowns(equity: Floats) -> Floats:
    """Return equity / running peak - 1 at each point, zero or negative.

    >>> drawdowns(np.array([100.0, 120.0, 90.0])).tolist()
    [0.0, 0.0, -0.25]
    """
    return np.minimum(equity / np.maximum.accumulate(equity) - 1, 0.0)


def relative_numbers(
    returns: Floats, benchmark: Floats, periods_per_year: float, *, years: float | None = None
) -> dict[str, float]:
    """Return the numbers of returns relative to a benchmark on the same days.

    ``beta`` is the slope of the returns on the benchmark's; ``alpha`` is mean return - beta x mean
    of the benchmark, annualized (Jensen, 1968: both in excess of the bill); ``correlation``;
    ``tracking_error`` is the standard deviation (n - 1) of the difference, annualized. All but the
    tracking error are NaN without variance. Alpha is NaN over less than ``LEAST_DAYS`` days:
    ``years`` is the time elapsed, None: the number of returns / ``periods_per_year``.
    """
    enough = len(returns) == len(benchmark) >= 2
    (ours, our_power), (theirs, their_power) = scaled(returns), scaled(benchmark)
    own, other = standard_deviation(ours), standard_deviation(theirs)
    known = enough and varies(other, theirs)
    slope = float(np.cov(ours, theirs, ddof=1)[0, 1]) / other**2 if known else NAN
    beta = slope * float(our_power / their_power)
    return {
        "beta": beta,
        "alpha": (float(np.mean(returns)) - beta * float(np.mean(benchmark))) * periods_per_year
        if known and not too_short(len(returns) / periods_per_year if years is None else years)
        else NAN,
        "correlation": slope * other / own if known and varies(own, ours) else NAN,
        "tracking_error": volatility(returns - benchmark, periods_per_year) if enough else NAN,
    }


def max_drawdown(equity: Floats) -> float:
    """Return the lowest equity / running peak - 1, zero or negative; NaN without values.

    >>> max_drawdown(np.array([100.0, 120.0, 90.0, 130.0]))
    -0.25
    """
    if len(equity) == 0:
        return NAN
    return float(drawdowns(equity).min())


def longest_drawdown_days(returns: pd.Series) -> float:
    """Return the longest time below a peak, days from the peak to its recovery or to the end.

    The start of the first day counts as a peak. NaN without returns.
    """
    if len(returns) == 0:
        return NAN
    dates = returns.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    dates = np.concatenate(([dates[0] - 1], dates))
    path = wealth(returns.to_numpy())
    at_peak = path >= np.maximum.accumulate(path)
    peak_date = np.maximum.accumulate(np.where(at_peak, dates, dates[0]))
    # The day of the recovery still belongs to the drawdown that began at the peak before.
    since = np.concatenate(([0], dates[1:] - peak_date[:-1]))
    below = ~at_peak
    recovering = at_peak & np.concatenate(([False], below[:-1]))
    return float(np.where(below | recovering, since, 0).max())


def wealth(returns: Floats) -> Floats:
    """Return the value of one unit before the first return and after each."""
    return np.concatenate(([1.0], np.cumprod(1 + returns)))


def ratio(numerator: float, denominator: float) -> float:
    """Return the quotient, NaN when the denominator is not positive."""
    return numerator / denominator if denominator > 0 else NAN


def mean(values: NDArray[np.bool_] | Floats) -> float:
    """Return the mean, NaN without values."""
    return float(np.mean(values)) if len(values) else NAN
