"""Measure how far a window's values spread, how they rise, and how two series move together."""

from collections.abc import Callable

import numpy as np

from engine.api import signals
from strategies.rules.functions.averages import sma
from strategies.rules.functions.function import (
    Flags,
    Floats,
    Function,
    Parameter,
    RowWindow,
    fixed_unit,
    same_unit,
    window_memory,
)
from strategies.rules.functions.known import growth, quotient
from strategies.rules.functions.moments import products, row_products, squares

# Returns that are equal but for rounding do not vary; the checklist's correlations use this share.
_NO_VARIANCE_SHARE = 1e-12


def std(x: Floats, window: RowWindow) -> Floats:
    """Return the standard deviation of each window, its squares divided by n.

    >>> std(np.array([1.0, 3.0, 3.0]), RowWindow.of_rows(3, 2)).tolist()
    [nan, 1.0, 0.0]
    """
    found: Floats = window.shared("std", x, _deviation)
    return found


def _deviation(x: Floats, window: RowWindow) -> Floats:
    square: Floats = window.shared("squares", x, squares)[1]
    found: Floats = np.sqrt(square / window.full_size)
    return found


def zscore(x: Floats, window: RowWindow) -> Floats:
    """Return how many standard deviations each value lies above its window's mean.

    >>> zscore(np.array([1.0, 3.0, 3.0]), RowWindow.of_rows(3, 2)).tolist()
    [nan, 1.0, nan]
    """
    distance, square = window.shared("squares", x, squares)
    return quotient(distance, std(x, window), square > 0)


def upper_band(x: Floats, window: RowWindow, width: float) -> Floats:
    """Return the mean plus some standard deviations.

    >>> upper_band(np.array([1.0, 3.0]), RowWindow.of_rows(2, 2), 2.0).tolist()
    [nan, 4.0]
    """
    return sma(x, window) + width * std(x, window)


def lower_band(x: Floats, window: RowWindow, width: float) -> Floats:
    """Return the mean less some standard deviations.

    >>> lower_band(np.array([1.0, 3.0]), RowWindow.of_rows(2, 2), 2.0).tolist()
    [nan, 0.0]
    """
    return upper_band(x, window, -width)


def slope(x: Floats, window: RowWindow) -> Floats:
    """Return the least-squares slope of each window, per row; NaN for a window of one row.

    >>> slope(np.array([1.0, 3.0, 5.0]), RowWindow.of_rows(3, 3)).tolist()
    [nan, nan, 2.0]
    """
    rows = window.sizes.astype(np.float64)
    spread = rows * (rows * rows - 1) / 12
    return quotient(row_products(x, window.starts), spread, spread > 0)


def correlation(x: Floats, y: Floats, window: RowWindow) -> Floats:
    """Return Pearson's correlation of the simple returns that end in each window.

    >>> x, y = np.array([1.0, 2.0, 2.0, 4.0]), np.array([1.0, 3.0, 3.0, 3.0])
    >>> correlation(x, y, RowWindow.of_rows(4, 3)).round(6).tolist()
    [nan, nan, nan, 0.5]
    """
    a, b = _returns(x), _returns(y)
    of_a, of_b = squares(a, window)[1], squares(b, window)[1]
    vary = _varies(a, of_a, window) & _varies(b, of_b, window)
    found = quotient(products(a, b, window.starts), np.sqrt(of_a) * np.sqrt(of_b), vary)
    clipped: Floats = np.clip(found, -1.0, 1.0)
    return clipped


def beta(x: Floats, y: Floats, window: RowWindow) -> Floats:
    """Return the slope of the returns of ``x`` on those of ``y`` that end in each window.

    >>> x, y = np.array([1.0, 2.0, 2.0, 4.0]), np.array([1.0, 3.0, 3.0, 3.0])
    >>> beta(x, y, RowWindow.of_rows(4, 3)).round(6).tolist()
    [nan, nan, nan, 0.25]
    """
    a, b = _returns(x), _returns(y)
    of_b = squares(b, window)[1]
    return quotient(products(a, b, window.starts), of_b, _varies(b, of_b, window))


def _returns(x: Floats) -> Floats:
    return growth(x, signals.previous(x))


def _varies(returns: Floats, square: Floats, window: RowWindow) -> Flags:
    """Return whether the returns of each window differ by more than rounding."""
    size = signals.windowed_sum(np.square(returns), window.starts)
    return square > _NO_VARIANCE_SHARE * size


_X = Parameter("x", "number", "the values")
_Y = Parameter("y", "number", "the values to compare with")
_WINDOW = Parameter("length", "window", "the window, n rows", least=2)
_RETURNS = Parameter("length", "window", "the window, n returns", least=3)
_WIDTH = Parameter("width", "constant", "standard deviations", default=2.0, least=0)
_ROWS = "n rows"
_POPULATION = "std divides by n"


def _band(name: str, summary: str, sign: str, compute: Callable[..., Floats]) -> Function:
    return Function(
        name=name,
        parameters=(_X, _WINDOW, _WIDTH),
        summary=summary,
        formula=f"sma(x, n) {sign} width * std(x, n); {_POPULATION}",
        unit_words="that of x",
        memory_words=_ROWS,
        source="Bollinger 1983",
        compute=compute,
        unit=same_unit,
        memory=window_memory(),
    )


SPREAD = (
    Function(
        name="std",
        parameters=(_X, _WINDOW),
        summary="standard deviation of the window",
        formula="sqrt(sum of (x - sma(x, n))^2 over the window / n)",
        unit_words="that of x",
        memory_words=_ROWS,
        source="standard deviation of a population",
        compute=std,
        unit=same_unit,
        memory=window_memory(),
    ),
    Function(
        name="zscore",
        parameters=(_X, _WINDOW),
        summary="standard deviations above the window's mean",
        formula=f"(x - sma(x, n)) / std(x, n); {_POPULATION}; unknown where it is 0",
        unit_words="standard deviations, not checked",
        memory_words=_ROWS,
        source="standard score",
        compute=zscore,
        unit=fixed_unit("undeclared"),
        memory=window_memory(),
    ),
    _band("upper_band", "upper Bollinger band", "+", upper_band),
    _band("lower_band", "lower Bollinger band", "-", lower_band),
    Function(
        name="slope",
        parameters=(_X, _WINDOW),
        summary="slope of the least-squares line through the window",
        formula=(
            "sum of (x - mean of x) (i - mean of i) / sum of (i - mean of i)^2 over the window; i "
            "is the row's number"
        ),
        unit_words="that of x, per row",
        memory_words=_ROWS,
        source="linear regression on the row number",
        compute=slope,
        unit=same_unit,
        memory=window_memory(),
    ),
    Function(
        name="correlation",
        parameters=(_X, _Y, _RETURNS),
        summary="correlation of the returns of two series at their common instants",
        formula=(
            "Pearson's correlation of x / x[1] - 1 and y / y[1] - 1 over the n rows of the window; "
            "unknown where an x[1] or y[1] is not positive or a variance is at most 1e-12 of the "
            "mean square"
        ),
        unit_words="-1 to 1, not checked",
        memory_words="n + 1 rows",
        source="Pearson 1895",
        compute=correlation,
        unit=fixed_unit("undeclared"),
        memory=window_memory(1),
    ),
    Function(
        name="beta",
        parameters=(_X, _Y, _RETURNS),
        summary="return of x for a return of y, by least squares, at their common instants",
        formula=(
            "covariance of x / x[1] - 1 and y / y[1] - 1 over variance of y / y[1] - 1, over the n "
            "rows of the window; unknown where an x[1] or y[1] is not positive or the variance is "
            "at most 1e-12 of the mean square"
        ),
        unit_words="multiple, not checked",
        memory_words="n + 1 rows",
        source="Sharpe 1964",
        compute=beta,
        unit=fixed_unit("undeclared"),
        memory=window_memory(1),
    ),
)
