"""Sums of squares and products over windows, to the last digits whatever the level of the values.

The moments of 1, 2, 4, ... rows are joined (Chan, Golub and LeVeque 1983), in an order that depends
on the window's length alone: a row has the same bits however much history lies before it. Means are
kept as distances from a value of the block itself, so that 1e9 + noise loses nothing to 1e9. A NaN
reaches only the windows that contain it. Cost: ``len x log2(window)``; no matrix of windows.
"""

import numpy as np
from numba import njit

from strategies.rules.functions.function import Floats, Rows


@njit(cache=True)
def _longest(first: Rows) -> int:
    longest = 0
    for t in range(len(first)):
        if first[t] >= 0:
            longest = max(longest, t + 1 - first[t])
    return longest


@njit(cache=True)
def squares(x: Floats, first: Rows) -> tuple[Floats, Floats]:
    """Return each value's distance from its window's mean, and the sum of squared distances.

    NaN where ``first`` is -1.
    """
    rows = len(x)
    # Of the block of ``span`` rows from i on: its mean less x[i], and its sum of squares.
    mean, square = np.zeros(rows), 0.0 * x
    distance, total = np.full(rows, np.nan), np.full(rows, np.nan)
    longest, span = _longest(first), 1
    while span <= longest:
        for t in range(rows):
            start, length = first[t], t + 1 - first[t]
            if start < 0 or not length & span:
                continue
            covered = length & (span - 1)
            block = start + covered
            if covered == 0:
                # Until the end ``distance`` holds the mean of the covered rows less x[start].
                distance[t], total[t] = mean[block], square[block]
                continue
            step = (x[block] - x[start]) + (mean[block] - distance[t])
            joined = covered + span
            distance[t] += step * span / joined
            total[t] += square[block] + step * step * covered * span / joined
        for i in range(rows - span):
            step = (x[i + span] - x[i]) + (mean[i + span] - mean[i])
            mean[i] += step / 2
            square[i] += square[i + span] + step * step * span / 2
        span *= 2
    for t in range(rows):
        if first[t] >= 0:
            distance[t] = (x[t] - x[first[t]]) - distance[t]
    return distance, total


@njit(cache=True)
def row_products(x: Floats, first: Rows) -> Floats:
    """Return the sum over each window of (x less its mean) x (row less its mean).

    NaN where ``first`` is -1.
    """
    rows = len(x)
    mean, product = np.zeros(rows), 0.0 * x
    covered_mean, total = np.full(rows, np.nan), np.full(rows, np.nan)
    longest, span = _longest(first), 1
    while span <= longest:
        for t in range(rows):
            start, length = first[t], t + 1 - first[t]
            if start < 0 or not length & span:
                continue
            covered = length & (span - 1)
            block = start + covered
            if covered == 0:
                covered_mean[t], total[t] = mean[block], product[block]
                continue
            step = (x[block] - x[start]) + (mean[block] - covered_mean[t])
            covered_mean[t] += step * span / (covered + span)
            # The middles of the two blocks lie (covered + span) / 2 rows apart.
            total[t] += product[block] + step * covered * span / 2
        for i in range(rows - span):
            step = (x[i + span] - x[i]) + (mean[i + span] - mean[i])
            mean[i] += step / 2
            product[i] += product[i + span] + step * span * span / 2
        span *= 2
    return total


@njit(cache=True)
def products(x: Floats, y: Floats, first: Rows) -> Floats:
    """Return the sum over each window of (x less its mean) x (y less its mean).

    NaN where ``first`` is -1.
    """
    rows = len(x)
    mean_x, mean_y, product = np.zeros(rows), np.zeros(rows), 0.0 * x * y
    of_x, of_y, total = np.full(rows, np.nan), np.full(rows, np.nan), np.full(rows, np.nan)
    longest, span = _longest(first), 1
    while span <= longest:
        for t in range(rows):
            start, length = first[t], t + 1 - first[t]
            if start < 0 or not length & span:
                continue
            covered = length & (span - 1)
            block = start + covered
            if covered == 0:
                of_x[t], of_y[t], total[t] = mean_x[block], mean_y[block], product[block]
                continue
            step_x = (x[block] - x[start]) + (mean_x[block] - of_x[t])
            step_y = (y[block] - y[start]) + (mean_y[block] - of_y[t])
            share = span / (covered + span)
            of_x[t] += step_x * share
            of_y[t] += step_y * share
            total[t] += product[block] + step_x * step_y * covered * share
        for i in range(rows - span):
            step_x = (x[i + span] - x[i]) + (mean_x[i + span] - mean_x[i])
            step_y = (y[i + span] - y[i]) + (mean_y[i + span] - mean_y[i])
            mean_x[i] += step_x / 2
            mean_y[i] += step_y / 2
            product[i] += product[i + span] + step_x * step_y * span / 2
        span *= 2
    return total
