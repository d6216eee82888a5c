"""Extremes of a window, and where the present value stands in it."""

import numpy as np

from engine.api import signals
from strategies.rules.functions.function import (
    Floats,
    Function,
    Parameter,
    RowWindow,
    fixed_unit,
    same_unit,
    window_memory,
)


def highest(x: Floats, window: RowWindow) -> Floats:
    """Return the highest value of each window, the row's own included.

    >>> highest(np.array([3.0, 1.0, 2.0]), RowWindow.of_rows(3, 2)).tolist()
    [nan, 3.0, 2.0]
    """
    return signals.windowed_highest(x, window.starts)


def lowest(x: Floats, window: RowWindow) -> Floats:
    """Return the lowest value of each window, the row's own included.

    >>> lowest(np.array([3.0, 1.0, 2.0]), RowWindow.of_rows(3, 2)).tolist()
    [nan, 1.0, 1.0]
    """
    return signals.windowed_lowest(x, window.starts)


def drawdown(x: Floats, window: RowWindow) -> Floats:
    """Return the fraction below the window's highest value, zero or negative.

    NaN where the highest value is not positive.

    >>> drawdown(np.array([4.0, 3.0, 2.0]), RowWindow.of_rows(3, 2)).round(6).tolist()
    [nan, -0.25, -0.333333]
    """
    top = highest(x, window)
    found = np.full(len(x), np.nan)
    np.divide(x, top, out=found, where=top > 0)
    return found - 1


_X = Parameter("x", "number", "the values")
_WINDOW = Parameter("length", "window", "the window, n rows, the present one included")

EXTREMES = (
    Function(
        name="highest",
        parameters=(_X, _WINDOW),
        summary="highest value of the window, the present row included",
        formula="max of x over the window",
        unit_words="that of x",
        memory_words="n rows",
        source="Donchian channel, upper line",
        compute=highest,
        unit=same_unit,
        memory=window_memory(),
    ),
    Function(
        name="lowest",
        parameters=(_X, _WINDOW),
        summary="lowest value of the window, the present row included",
        formula="min of x over the window",
        unit_words="that of x",
        memory_words="n rows",
        source="Donchian channel, lower line",
        compute=lowest,
        unit=same_unit,
        memory=window_memory(),
    ),
    Function(
        name="drawdown",
        parameters=(_X, _WINDOW),
        summary="fraction below the window's highest value, zero or negative",
        formula="x / highest(x, n) - 1; unknown where the highest is not positive",
        unit_words="fraction",
        memory_words="n rows",
        source="drawdown from a rolling high",
        compute=drawdown,
        unit=fixed_unit("fraction"),
        memory=window_memory(),
    ),
)
