"""Realized volatility; causal, pure."""

from collections.abc import Sequence

import numpy as np

from engine.signals.windows import Floats, Rows, rolling_sum, windowed_sum


def realized_volatility(close: Floats, window_bars: int, periods_per_year: float) -> Floats:
    """Return realized volatility at each bar, a fraction per year.

    ``sqrt(sum of squared log returns x periods_per_year / n)`` over the last ``n = window_bars``
    returns, the mean not subtracted.

    Parameters
    ----------
    close : closing prices, quote per base unit, positive
    window_bars : number of returns in the window
    periods_per_year : bars in a year, e.g. 8760 for hourly bars traded around the clock

    Returns
    -------
    Same length as ``close``; NaN for the first ``window_bars`` rows.

    >>> prices = np.exp(np.array([0.0, 0.01, 0.0, 0.01]))
    >>> realized_volatility(prices, 2, 365.0).round(6).tolist()
    [nan, nan, 0.19105, 0.19105]
    """
    (found,) = realized_volatilities(close, (window_bars,), periods_per_year)
    return found


def realized_volatilities(
    close: Floats, windows: Sequence[int], periods_per_year: float
) -> tuple[Floats, ...]:
    """Return :func:`realized_volatility` for several windows of the same closes."""
    squared = _squared_returns(close)
    found = []
    for window_bars in windows:
        total = rolling_sum(squared, window_bars)
        total *= periods_per_year
        total /= window_bars
        found.append(np.sqrt(total, out=total))
    return tuple(found)


def windowed_volatility(close: Floats, first: Rows, periods_per_year: float) -> Floats:
    """Return realized volatility of the returns that end at rows ``first[t]`` to ``t``.

    NaN where ``first`` is -1 or the return of ``first`` has no price before it.
    """
    returns = np.arange(1, len(close) + 1) - first
    total = windowed_sum(_squared_returns(close), first)
    return np.sqrt(total * periods_per_year / returns)


def _squared_returns(close: Floats) -> Floats:
    logs = np.log(np.asarray(close, dtype=np.float64))
    squared = np.empty_like(logs)
    squared[:1] = np.nan
    np.subtract(logs[1:], logs[:-1], out=squared[1:])
    return np.square(squared, out=squared)
