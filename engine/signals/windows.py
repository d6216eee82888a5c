"""Windows over bars that end at or before the row: lows, multiples of a mean, Wilder's ATR."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.signals.realized_volatility import rolling_sum

Floats = NDArray[np.float64]


def previous(values: Floats, rows: int = 1) -> Floats:
    """Return the value ``rows`` earlier at each row; NaN for the first ``rows``.

    >>> previous(np.array([1.0, 2.0, 3.0])).tolist()
    [nan, 1.0, 2.0]
    """
    shifted = np.full(len(values), np.nan)
    shifted[rows:] = values[: max(len(values) - rows, 0)]
    return shifted


@njit(cache=True)
def previous_low(low: Floats, window: int) -> Floats:
    """Return the lowest of the ``window`` values before each row, the row itself left out.

    NaN until ``window`` values lie before the row. Values must not be NaN. A queue of rising
    candidates needs one pass, whatever the window.
    """
    rows = len(low)
    lowest = np.full(rows, np.nan)
    queue = np.empty(rows, dtype=np.int64)
    head, tail = 0, 0
    for t in range(rows):
        if t >= window:
            while queue[head] < t - window:
                head += 1
            lowest[t] = low[queue[head]]
        while tail > head and low[queue[tail - 1]] >= low[t]:
            tail -= 1
        queue[tail] = t
        tail += 1
    return lowest


@njit(cache=True)
def wilder_atr(high: Floats, low: Floats, close: Floats, bars: int) -> Floats:
    """Return Wilder's average true range at each bar, in the prices' unit.

    True range = max(high, previous close) - min(low, previous close); of the first bar high - low.
    The first average is the mean of ``bars`` true ranges, then ``atr = (atr x (bars - 1) + range) /
    bars``. NaN before that. A bar ``20 x bars`` back has a weight below 1e-8.
    """
    rows = len(close)
    atr = np.full(rows, np.nan)
    total = 0.0
    for t in range(rows):
        top, bottom = high[t], low[t]
        if t > 0:
            top, bottom = max(top, close[t - 1]), min(bottom, close[t - 1])
        if t < bars:
            total += top - bottom
            if t == bars - 1:
                atr[t] = total / bars
        else:
            atr[t] = (atr[t - 1] * (bars - 1) + top - bottom) / bars
    return atr


def multiple_of_previous_mean(values: Floats, window: int) -> Floats:
    """Return each value over the mean of the ``window`` values before it, a multiple.

    NaN until the window is full, and where that mean is zero.

    >>> multiple_of_previous_mean(np.array([1.0, 3.0, 6.0]), 2).tolist()
    [nan, nan, 3.0]
    """
    mean = previous(rolling_sum(values, window)) / window
    multiple = np.full(len(values), np.nan)
    np.divide(values, mean, out=multiple, where=mean > 0)
    return multiple


@njit(cache=True)
def multiple_of_mean_before(event_at: NDArray[np.int64], values: Floats, window_ns: int) -> Floats:
    """Return each point's value over the mean of the points in ``[event - window, event)``.

    It serves channels whose spacing may change. NaN while the points do not reach back over the
    whole window, where none lies inside it, and where their mean is zero.
    """
    rows = len(values)
    multiple = np.full(rows, np.nan)
    first = 0
    for t in range(rows):
        while event_at[first] < event_at[t] - window_ns:
            first += 1
        total = 0.0
        for i in range(first, t):
            total += values[i]
        reaches_back = event_at[0] <= event_at[t] - window_ns
        if reaches_back and total > 0:
            multiple[t] = values[t] * (t - first) / total
    return multiple
