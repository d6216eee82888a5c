"""Sums of squares and products over windows, to the last digits whatever the level of the values.

The moments of 1, 2, 4, ... rows are joined (Chan, Golub and LeVeque 1983), in an order that depends
on the window's length alone: a row has the same bits however much history lies before it. Means are
kept as distances from a value of the block itself, so that 1e9 + noise loses nothing to 1e9. A NaN
reaches only the windows that contain it. Cost: ``len x log2(window)``; no matrix of windows.
"""

import numpy as np

from engine.api import compiled, signals
from strategies.rules.functions.function import Floats, Rows, RowWindow


@compiled
def _longest(first: Rows) -> int:
    longest = 0
    for t in range(len(first)):
        if first[t] >= 0:
            longest = max(longest, t + 1 - first[t])
    return longest


def squares(x: Floats, window: RowWindow) -> tuple[Floats, Floats]:
    """Return each value's distance from its window's mean, and the sum of squared distances.

    NaN where the window is not full.
    """
    if window.length:
        return _rolling_squares(x, window.length, signals.rolling_tiles(len(x), window.length))
    return _windowed_squares(x, window.starts, signals.window_tiles(window.starts))


@compiled
def _rolling_squares(x: Floats, window: int, tiles: Rows) -> tuple[Floats, Floats]:
    distance, total = np.empty(len(x)), np.empty(len(x))
    distance[: window - 1], total[: window - 1] = np.nan, np.nan
    for begin, end, low, _ in tiles:
        # Until the end ``apart`` holds the mean of the covered rows less the window's first value.
        apart, inside = distance[begin:end], total[begin:end]
        part, span = x[low:end], 1
        block, after = _blocks(part), _blocks(part)
        while span <= window:
            if window & span:
                _join_same(apart, inside, (part, *block), window & (span - 1), span)
            _double(after, part, block, span)
            block, after = after, block
            span *= 2
        newest = part[window - 1 :]
        for i in range(len(apart)):
            apart[i] = (newest[i] - part[i]) - apart[i]
    return distance, total


@compiled
def _windowed_squares(x: Floats, first: Rows, tiles: Rows) -> tuple[Floats, Floats]:
    distance, total = np.full(len(x), np.nan), np.full(len(x), np.nan)
    for begin, end, low, longest in tiles:
        apart, inside = distance[begin:end], total[begin:end]
        part, starts, span = x[low:end], first[begin:end] - low, 1
        block, after = _blocks(part), _blocks(part)
        while span <= longest:
            _join_each(apart, inside, (part, *block), (starts, begin - low), span)
            _double(after, part, block, span)
            block, after = after, block
            span *= 2
        for i in range(len(apart)):
            if starts[i] >= 0:
                apart[i] = (part[begin - low + i] - part[starts[i]]) - apart[i]
    return distance, total


@compiled
def _blocks(part: Floats) -> tuple[Floats, Floats]:
    """Return of each block of one row its mean less its first value, and its sum of squares."""
    return np.zeros(len(part)), 0.0 * part


@compiled
def _double(
    after: tuple[Floats, Floats], part: Floats, block: tuple[Floats, Floats], span: int
) -> None:
    """Put blocks of twice as many rows beside those of ``span`` rows that begin at each row."""
    mean, square = block
    next_mean, next_square = after
    # Shifted views let the compiler use vector instructions; ``i + span`` does not.
    later, later_mean, later_square = part[span:], mean[span:], square[span:]
    for i in range(len(part) - 2 * span + 1):
        step = (later[i] - part[i]) + (later_mean[i] - mean[i])
        next_mean[i] = mean[i] + step * 0.5
        next_square[i] = square[i] + (later_square[i] + step * step * (span * 0.5))


@compiled
def _join_same(
    apart: Floats, inside: Floats, block: tuple[Floats, Floats, Floats], covered: int, span: int
) -> None:
    """Join blocks to windows of one length, of which ``covered`` rows are joined already."""
    part, mean, square = block
    if covered == 0:
        apart[:] = mean[: len(apart)]
        inside[:] = square[: len(inside)]
        return
    share = span / (covered + span)
    later, later_mean, later_square = part[covered:], mean[covered:], square[covered:]
    for i in range(len(apart)):
        step = (later[i] - part[i]) + (later_mean[i] - apart[i])
        apart[i] += step * share
        inside[i] += later_square[i] + step * step * (covered * share)


@compiled
def _join_each(
    apart: Floats,
    inside: Floats,
    block: tuple[Floats, Floats, Floats],
    windows: tuple[Rows, int],
    span: int,
) -> None:
    """Join blocks to the windows whose length has the bit ``span``; see ``_join_same``.

    ``windows`` are their first places in the block's arrays, negative where a window is not full,
    and the place at which the first window ends.
    """
    part, mean, square = block
    starts, last = windows
    for i in range(len(apart)):
        start, length = starts[i], last + i + 1 - starts[i]
        if start < 0 or not length & span:
            continue
        covered = length & (span - 1)
        place = start + covered
        if covered == 0:
            apart[i], inside[i] = mean[place], square[place]
            continue
        share = span / (covered + span)
        step = (part[place] - part[start]) + (mean[place] - apart[i])
        apart[i] += step * share
        inside[i] += square[place] + step * step * (covered * share)


@compiled
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


@compiled
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
