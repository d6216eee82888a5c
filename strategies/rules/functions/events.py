"""Count how often and how long ago a condition was true."""

import numpy as np

from engine.api import Truth, compiled
from strategies.rules.functions.function import (
    Flags,
    Floats,
    Function,
    Parameter,
    Rows,
    RowWindow,
    Truths,
    fixed_unit,
    window_memory,
)


def count(condition: Truths, window: RowWindow) -> Floats:
    """Return the number of true rows of each window; NaN where one is unknown.

    >>> count(np.array([1, 0, 1], dtype=np.int8), RowWindow.of_rows(3, 2)).tolist()
    [nan, 1.0, 1.0]
    """
    if window.length:
        return _rolling_count(condition, window.length)
    return _windowed_count(condition, window.starts)


@compiled
def _rolling_count(condition: Truths, length: int) -> Floats:
    found = np.empty(len(condition))
    true, unknown = 0, 0
    for t in range(len(condition)):
        true += condition[t] == 1
        unknown += condition[t] == -1
        if t >= length:
            true -= condition[t - length] == 1
            unknown -= condition[t - length] == -1
        found[t] = true if unknown == 0 and t >= length - 1 else np.nan
    return found


@compiled
def _windowed_count(condition: Truths, starts: Rows) -> Floats:
    found = np.empty(len(condition))
    true, unknown, oldest = 0, 0, 0
    for t in range(len(condition)):
        true += condition[t] == 1
        unknown += condition[t] == -1
        while oldest < starts[t]:
            true -= condition[oldest] == 1
            unknown -= condition[oldest] == -1
            oldest += 1
        found[t] = true if unknown == 0 and starts[t] >= 0 else np.nan
    return found


def since(condition: Truths, window: RowWindow) -> Floats:
    """Return the rows since the last true one, the window's size where none is inside.

    NaN where an unknown row comes later than the last true one, and where no row is true and the
    window is not full.

    >>> since(np.array([1, 0, 0, 0], dtype=np.int8), RowWindow.of_rows(4, 3)).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    row = np.arange(len(condition), dtype=np.int64)
    true = _last(condition == Truth.TRUE)
    unknown = _last(condition == Truth.UNKNOWN)
    inside = true >= window.first
    rows = np.where(inside, row - true, window.sizes)
    known = np.where(inside, unknown < true, window.full & (unknown < window.first))
    return np.where(known, rows.astype(np.float64), np.nan)


def _last(flags: Flags) -> Rows:
    """Return the last flagged row at or before each row; -1 where there is none."""
    found = np.where(flags, np.arange(len(flags), dtype=np.int64), np.int64(-1))
    return np.maximum.accumulate(found)


_CONDITION = Parameter("condition", "truth", "the condition")
_WINDOW = Parameter("length", "window", "the window, n rows, the present one included")

EVENTS = (
    Function(
        name="count",
        parameters=(_CONDITION, _WINDOW),
        summary="number of rows in the window at which a condition is true",
        formula="count of true rows in the window; unknown where one is unknown",
        unit_words="rows",
        memory_words="n rows",
        source="count",
        compute=count,
        unit=fixed_unit("count"),
        memory=window_memory(),
    ),
    Function(
        name="since",
        parameters=(_CONDITION, _WINDOW),
        summary="rows since a condition was last true, 0 for the present row",
        formula=(
            "rows since the last true row in the window, n where none is; unknown where a later "
            "row is unknown, and without a true row where the window is not full"
        ),
        unit_words="rows",
        memory_words="n rows",
        source="bars since",
        compute=since,
        unit=fixed_unit("count"),
        memory=window_memory(),
    ),
)
