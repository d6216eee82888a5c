"""Realized volatility and the windowed sum that it needs; causal, pure."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rolling_sum(values: Floats, window: int) -> Floats:
    """Return the sum of the last ``window`` values at each row; NaN before the window is full.

    The order of the additions depends on the window alone (sums over 1, 2, 4, ... rows are
    combined), so a row's value is the same to the last bit however much history lies before it,
    and a NaN reaches only the windows that contain it. Cost: ``len x log2(window)``.

    Raises
    ------
    ValueError : ``window`` is below 1.

    >>> rolling_sum(np.array([1.0, 2.0, 3.0, 4.0]), 3).tolist()
    [nan, nan, 6.0, 9.0]
    """
    if window < 1:
        raise ValueError(f"window must be at least 1 row, not {window}")
    values = np.asarray(values, dtype=np.float64)
    total = np.full(len(values), np.nan)
    if len(values) < window:
        return total
    covered, span = 0, 1
    part = values
    running: Floats | None = None
    while True:
        # part[i] is the sum of values[i : i + span]; running[i] that of values[i : i + covered].
        if window & span:
            head = part if running is None else running[: len(part) - covered] + part[covered:]
            running, covered = head, covered + span
        if 2 * span > window:
            break
        part = part[:-span] + part[span:]
        span *= 2
    assert running is not None
    total[window - 1 :] = running[: len(values) - window + 1]
    return total


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
    close = np.asarray(close, dtype=np.float64)
    squared = np.square(np.diff(np.log(close)))
    volatility = np.full(len(close), np.nan)
    volatility[1:] = np.sqrt(rolling_sum(squared, window_bars) * periods_per_year / window_bars)
    return volatility
