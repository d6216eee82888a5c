"""Extremes of a window, and where the present value stands in it."""

import numpy as np

from engine.api import compiled, signals
from strategies.rules.functions.function import (
    Floats,
    Function,
    Parameter,
    Rows,
    RowWindow,
    fixed_unit,
    same_unit,
    window_memory,
)
from strategies.rules.functions.known import growth


def highest(x: Floats, window: RowWindow) -> Floats:
    """Return the highest value of each window, the row's own included.

    >>> highest(np.array([3.0, 1.0, 2.0]), RowWindow.of_rows(3, 2)).tolist()
    [nan, 3.0, 2.0]
    """
    if window.length:
        return signals.rolling_highest(x, window.length)
    return signals.windowed_highest(x, window.starts)


def lowest(x: Floats, window: RowWindow) -> Floats:
    """Return the lowest value of each window, the row's own included.

    >>> lowest(np.array([3.0, 1.0, 2.0]), RowWindow.of_rows(3, 2)).tolist()
    [nan, 1.0, 1.0]
    """
    if window.length:
        return signals.rolling_lowest(x, window.length)
    return signals.windowed_lowest(x, window.starts)


def drawdown(x: Floats, window: RowWindow) -> Floats:
    """Return the fraction below the window's highest value, zero or negative.

    NaN where the highest value is not positive.

    >>> drawdown(np.array([4.0, 3.0, 2.0]), RowWindow.of_rows(3, 2)).round(6).tolist()
    [nan, -0.25, -0.333333]
    """
    return growth(x, highest(x, window))


def percentile(x: Floats, window: RowWindow) -> Floats:
    """Return the share of each window below its last value, values equal to it counted half.

    >>> percentile(np.array([1.0, 2.0, 0.0, 1.0]), RowWindow.of_rows(4, 4)).tolist()
    [nan, nan, nan, 0.5]
    """
    starts = window.starts
    longest = window.length or int(np.where(window.full, window.sizes, 0).max(initial=0))
    if longest <= _LONGEST_TO_COUNT:
        return _shares_by_counting(x, starts)
    # Both ways give the same whole numbers, so the choice by the longest window shows nowhere.
    values, order = np.unique(x, return_inverse=True)
    return _shares_by_tree(x, starts, order, len(values))


@compiled
def _shares_by_counting(x: Floats, starts: Rows) -> Floats:
    share = np.full(len(x), np.nan)
    unknown = -1
    for t in range(len(x)):
        if np.isnan(x[t]):
            unknown = t
        if starts[t] <= unknown:
            continue
        below, equal = 0, 0
        for value in x[starts[t] : t + 1]:
            below += value < x[t]
            equal += value == x[t]
        share[t] = (below + 0.5 * equal) / (t + 1 - starts[t])
    return share


@compiled
def _shares_by_tree(x: Floats, starts: Rows, order: Rows, values: int) -> Floats:
    """Return the shares by a binary indexed tree (Fenwick 1994) over the order of the values."""
    share = np.full(len(x), np.nan)
    tree, equal = np.zeros(values + 1, dtype=np.int64), np.zeros(values, dtype=np.int64)
    unknown, oldest = -1, 0
    for t in range(len(x)):
        _put(tree, equal, order[t], 1)
        if np.isnan(x[t]):
            unknown = t
        if starts[t] <= unknown:
            continue
        while oldest < starts[t]:
            _put(tree, equal, order[oldest], -1)
            oldest += 1
        below, node = 0, order[t]
        while node > 0:
            below += tree[node]
            node -= node & -node
        share[t] = (below + 0.5 * equal[order[t]]) / (t + 1 - starts[t])
    return share


@compiled
def _put(tree: Rows, equal: Rows, place: int, times: int) -> None:
    """Add a value to the tree, or take it out with ``times`` -1."""
    equal[place] += times
    node = place + 1
    while node < len(tree):
        tree[node] += times
        node += node & -node


# Counting the rows of a shorter window costs less than a tree.
_LONGEST_TO_COUNT = 200

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
    Function(
        name="percentile",
        parameters=(_X, _WINDOW),
        summary="share of the window below the present value",
        formula="(rows below x + rows equal to x / 2) / n; the present row is one of the n",
        unit_words="fraction",
        memory_words="n rows",
        source="percentile rank, mean of weak and strict",
        compute=percentile,
        unit=fixed_unit("fraction"),
        memory=window_memory(),
    ),
)
