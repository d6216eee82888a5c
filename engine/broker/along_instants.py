"""Rows of a channel along the instants of a timeline.

Bars that follow each other without a gap, with no other instant between them, lie along the
instants one by one. Such a run is recognized and copied; everything else is searched.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Instants = NDArray[np.int64]
NO_ROW = -1


def places(at: Instants, instants: Instants) -> Rows:
    """Return the index of each of ascending instants, all of which are among ``at``.

    >>> places(np.array([10, 20, 30, 40]), np.array([20, 40])).tolist()
    [1, 3]
    """
    if len(instants) == 0:
        return np.empty(0, np.int64)
    first = int(np.searchsorted(at, instants[0]))
    if np.array_equal(at[first : first + len(instants)], instants):
        return np.arange(first, first + len(instants))
    return np.searchsorted(at, instants)


def last_rows(ends: Instants, at: Instants) -> Rows:
    """Return the last row that ends at or before each instant, -1 for none; both ascend strictly.

    >>> last_rows(np.array([20, 30, 50]), np.array([10, 20, 40])).tolist()
    [-1, 0, 1]
    """
    if len(at) == 0:
        return np.empty(0, np.int64)
    first = int(np.searchsorted(ends, at[0], side="right")) - 1
    if np.array_equal(ends[first + 1 : first + len(at)], at[1:]):
        return np.arange(first, first + len(at))
    return np.searchsorted(ends, at, side="right") - 1


class Spread:
    """Spreads the values of rows along the instants; ``rows`` holds ``NO_ROW`` for none."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        held = np.flatnonzero(rows != NO_ROW)
        self._first, self._last = (int(held[0]), int(held[-1]) + 1) if len(held) else (0, 0)
        run = rows[self._first : self._last]
        self._is_run = bool((np.diff(run) == 1).all())

    def of(self, values: Floats) -> Floats:
        """Return the value of each instant's row, NaN where there is no row."""
        if not self._is_run:
            found: Floats = np.append(values, np.nan)[self._rows]
            return found
        found = np.full(len(self._rows), np.nan)
        if self._last > self._first:
            row = int(self._rows[self._first])
            found[self._first : self._last] = values[row : row + self._last - self._first]
        return found
