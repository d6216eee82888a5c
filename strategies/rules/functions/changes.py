"""Changes between rows, and arithmetic on the present row."""

from functools import reduce

import numpy as np

from engine.api import Truth, compiled, signals
from strategies.rules.functions.function import (
    Floats,
    Function,
    Parameter,
    Rows,
    RowWindow,
    Truths,
    fixed_unit,
    no_memory,
    same_unit,
    window_memory,
)
from strategies.rules.functions.known import growth


def _before(x: Floats, window: RowWindow) -> Floats:
    """Return the value of the row just before each window; NaN where there is none."""
    return signals.previous(x, window.length) if window.length else _taken(x, window.before)


@compiled
def _taken(x: Floats, places: Rows) -> Floats:
    found = np.full(len(x), np.nan)
    for t in range(len(x)):
        if places[t] >= 0:
            found[t] = x[places[t]]
    return found


def change(x: Floats, window: RowWindow) -> Floats:
    """Return the change since the row just before each window.

    >>> change(np.array([1.0, 2.0, 6.0]), RowWindow.of_rows(3, 1)).tolist()
    [nan, 1.0, 4.0]
    """
    return x - _before(x, window)


def pct_change(x: Floats, window: RowWindow) -> Floats:
    """Return the change since the row just before each window, as a fraction of that row's value.

    >>> pct_change(np.array([1.0, 2.0, 6.0]), RowWindow.of_rows(3, 1)).tolist()
    [nan, 1.0, 2.0]
    """
    return growth(x, _before(x, window))


def realized_vol(x: Floats, window: RowWindow, periods: float) -> Floats:
    """Return realized volatility, a fraction per year.

    >>> prices = np.exp(np.array([0.0, 0.01, 0.0, 0.01]))
    >>> realized_vol(prices, RowWindow.of_rows(4, 2), 365.0).round(6).tolist()
    [nan, nan, 0.19105, 0.19105]
    """
    positive = x if _is_positive(x) else np.where(x > 0, x, np.nan)
    if window.length:
        return signals.realized_volatility(positive, window.length, periods)
    return signals.windowed_volatility(positive, window.starts, periods)


@compiled
def _is_positive(x: Floats) -> bool:
    other = 0
    for value in x:
        other += not value > 0
    return other == 0


def largest(*x: Floats) -> Floats:
    """Return the largest of the values of each row.

    >>> largest(np.array([1.0, np.nan]), np.array([2.0, 2.0])).tolist()
    [2.0, nan]
    """
    found: Floats = reduce(np.maximum, x)
    return found


def smallest(*x: Floats) -> Floats:
    """Return the smallest of the values of each row.

    >>> smallest(np.array([1.0, np.nan]), np.array([2.0, 2.0])).tolist()
    [1.0, nan]
    """
    found: Floats = reduce(np.minimum, x)
    return found


def absolute(x: Floats) -> Floats:
    """Return each value without its sign.

    >>> absolute(np.array([-2.0, 3.0])).tolist()
    [2.0, 3.0]
    """
    return np.abs(x)


def logarithm(x: Floats) -> Floats:
    """Return the natural logarithm; NaN for zero and below.

    >>> logarithm(np.array([1.0, 0.0])).tolist()
    [0.0, nan]
    """
    found = np.full(len(x), np.nan)
    np.log(x, out=found, where=x > 0)
    return found


def where(condition: Truths, a: Floats, b: Floats) -> Floats:
    """Return ``a`` where the condition is true, ``b`` where it is false, NaN where it is unknown.

    >>> condition = np.array([1, 0, -1], dtype=np.int8)
    >>> where(condition, np.array([1.0, 1.0, 1.0]), np.array([2.0, 2.0, 2.0])).tolist()
    [1.0, 2.0, nan]
    """
    return np.where(condition == Truth.TRUE, a, np.where(condition == Truth.FALSE, b, np.nan))


_X = Parameter("x", "number", "the values")
_A = Parameter("a", "number", "a value")
_MORE = Parameter("b", "number", "a value to compare it with", repeats=True)
_LENGTH = Parameter("length", "window", "how far back, n rows")
_RETURNS = Parameter("length", "window", "the window, n returns")
_PERIODS = Parameter("periods", "periods", "rows in a year; left out, those of x")
_CONDITION = Parameter("condition", "truth", "decides which value counts")
_TWO_ROWS = "n + 1 rows; only the first and the last are read"

CHANGES = (
    Function(
        name="change",
        parameters=(_X, _LENGTH),
        summary="change since the row before the window, n rows ago",
        formula=(
            "x - x[n]; of a time window, x[n] is the row just before the window, unknown if too old"
        ),
        unit_words="that of x",
        memory_words=_TWO_ROWS,
        source="difference; momentum",
        compute=change,
        unit=same_unit,
        memory=window_memory(1),
    ),
    Function(
        name="pct_change",
        parameters=(_X, _LENGTH),
        summary="change since the row before the window, as a fraction",
        formula=(
            "x / x[n] - 1; of a time window, x[n] is the row just before the window, unknown if "
            "too old; unknown where x[n] is not positive"
        ),
        unit_words="fraction",
        memory_words=_TWO_ROWS,
        source="simple return; rate of change",
        compute=pct_change,
        unit=fixed_unit("fraction"),
        memory=window_memory(1),
    ),
    Function(
        name="realized_vol",
        parameters=(_X, _RETURNS, _PERIODS),
        summary="realized volatility, the mean not subtracted",
        formula=(
            "sqrt(sum of log(x / x[1])^2 over the n rows of the window * periods / n); unknown "
            "where an x is not positive"
        ),
        unit_words="fraction per year",
        memory_words="n + 1 rows",
        source="realized volatility, zero mean",
        compute=realized_vol,
        unit=fixed_unit("fraction"),
        memory=window_memory(1),
    ),
    Function(
        name="min",
        parameters=(_A, _MORE),
        summary="smallest of two or more values",
        formula="min(a, b, ...); unknown where one is unknown",
        unit_words="that of the values",
        memory_words="none",
        source="minimum",
        compute=smallest,
        unit=same_unit,
        memory=no_memory,
        one_unit=True,
    ),
    Function(
        name="max",
        parameters=(_A, _MORE),
        summary="largest of two or more values",
        formula="max(a, b, ...); unknown where one is unknown",
        unit_words="that of the values",
        memory_words="none",
        source="maximum",
        compute=largest,
        unit=same_unit,
        memory=no_memory,
        one_unit=True,
    ),
    Function(
        name="abs",
        parameters=(_X,),
        summary="size of a value without its sign",
        formula="x where x >= 0, else -x",
        unit_words="that of x",
        memory_words="none",
        source="absolute value",
        compute=absolute,
        unit=same_unit,
        memory=no_memory,
    ),
    Function(
        name="log",
        parameters=(_X,),
        summary="natural logarithm",
        formula="ln(x); unknown where x <= 0",
        unit_words="not declared",
        memory_words="none",
        source="natural logarithm",
        compute=logarithm,
        unit=fixed_unit("undeclared"),
        memory=no_memory,
    ),
    Function(
        name="where",
        parameters=(_CONDITION, _A, Parameter("b", "number", "the value where it is false")),
        summary="one of two values, by a condition",
        formula="a where the condition is true, b where false; unknown where it is unknown",
        unit_words="that of the values",
        memory_words="none",
        source="conditional value",
        compute=where,
        unit=same_unit,
        memory=no_memory,
        one_unit=True,
    ),
)
