"""Windows over sessions: changes, means, extremes, percentiles, correlations; causal, pure.

A NaN inside a window makes the window's value NaN.
"""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.signals.windows import Floats, previous, rolling_highest, rolling_sum

# A variance below this share of the mean square comes from the rounding of equal values.
NO_VARIANCE_SHARE = 1e-12


def log_returns(price: Floats) -> Floats:
    """Return log returns, NaN in the first row."""
    price = np.asarray(price, dtype=np.float64)
    return np.log(price / previous(price))


def change(values: Floats, rows: int, *, relative: bool) -> Floats:
    """Return the change over some rows: a fraction when ``relative``, else in the values' unit."""
    before = previous(values, rows)
    return values / before - 1 if relative else values - before


def mean(values: Floats, window: int) -> Floats:
    """Return the mean of the last ``window`` values."""
    return rolling_sum(values, window) / window


def highest(values: Floats, window: int) -> Floats:
    """Return the highest of the last ``window`` values, the row's own included."""
    values = np.asarray(values, dtype=np.float64)
    return rolling_highest(np.where(np.isfinite(values), values, np.nan), window)


def slope(values: Floats, window: int) -> Floats:
    """Return the least-squares slope of the last ``window`` values, units a row."""
    steps = np.arange(window) - (window - 1) / 2
    weights = steps / np.square(steps).sum()
    return _over_windows(values, window, lambda view: (view * weights).sum(axis=1))


def rows_since_extreme(values: Floats, window: int, *, top: bool) -> Floats:
    """Return how many rows ago the extreme of the last ``window`` values was set first.

    A value that equals an earlier extreme is not a new one; 0 means a new extreme at the row.
    """
    signed = np.asarray(values, dtype=np.float64) * (1 if top else -1)
    return _over_windows(
        signed, window, lambda view: (window - 1 - view.argmax(axis=1)).astype(np.float64)
    )


def percentile(values: Floats, history: int, least: int) -> Floats:
    """Return the share of the last ``history`` known values that do not exceed the row's own.

    The row's own value counts as half, so that 0.5 is the middle. NaN with fewer than ``least``
    known values, or none at the row.
    """
    values = np.asarray(values, dtype=np.float64)
    padded = np.concatenate((np.full(history - 1, np.nan), values))
    view = sliding_window_view(padded, history)
    known = np.isfinite(view).sum(axis=1)
    own = values[:, None]
    share = ((view < own).sum(axis=1) + 0.5 * (view == own).sum(axis=1)) / np.maximum(known, 1)
    return np.where((known >= least) & np.isfinite(values), share, np.nan)


def usual_change(changes: Floats, history: int, least: int) -> Floats:
    """Return the root mean square of the ``history`` known values before each row.

    It is the usual size of a change: no mean is subtracted, and the row itself is left out. NaN
    with fewer than ``least`` known values.
    """
    before = previous(changes)
    padded = np.concatenate((np.full(history - 1, np.nan), before))
    view = sliding_window_view(padded, history)
    count = np.isfinite(view).sum(axis=1)
    square = np.nansum(np.square(view), axis=1)
    return np.where(count >= least, np.sqrt(square / np.maximum(count, 1)), np.nan)


def ratio(over: Floats, under: Floats) -> Floats:
    """Return one number over another; NaN where the other is zero."""
    found = np.full(len(over), np.nan)
    np.divide(over, under, out=found, where=under != 0)
    return found


def correlation(a: Floats, b: Floats, window: int) -> Floats:
    """Return Pearson's correlation of the last ``window`` pairs; NaN where one does not vary.

    Equal values that differ by rounding count as not varying, at any scale.
    """
    found = np.full(len(a), np.nan)
    if len(a) < window:
        return found
    x, y = sliding_window_view(a, window), sliding_window_view(b, window)
    size = [np.square(view).sum(axis=1) for view in (x, y)]
    x = x - x.mean(axis=1, keepdims=True)
    y = y - y.mean(axis=1, keepdims=True)
    square = [np.square(view).sum(axis=1) for view in (x, y)]
    vary = (square[0] > NO_VARIANCE_SHARE * size[0]) & (square[1] > NO_VARIANCE_SHARE * size[1])
    scale = np.sqrt(square[0]) * np.sqrt(square[1])
    np.divide((x * y).sum(axis=1), scale, out=found[window - 1 :], where=vary)
    return found


def _over_windows(values: Floats, window: int, measure: Callable[[Floats], Floats]) -> Floats:
    values = np.asarray(values, dtype=np.float64)
    found = np.full(len(values), np.nan)
    if len(values) >= window:
        view = sliding_window_view(values, window)
        whole = np.isfinite(view).all(axis=1)
        found[window - 1 :] = np.where(whole, measure(view), np.nan)
    return found
