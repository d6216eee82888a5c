"""Windows that end at or before the row: sums, extremes, multiples of a mean, Wilder's ATR.

A window is given by its length in rows or by ``first``, the number of its first row for each row;
-1 where the window is not full. Starts never move back, except to -1.
"""

import numpy as np
from numpy.typing import NDArray

from engine.compiled_function import compiled

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

# Rows that fit into the first cache with what is computed beside them.
_TILE_ROWS = 2_048


def last_rows(rows: int, window: int) -> Rows:
    """Return the first row of the window of the last ``window`` rows; -1 before it is full.

    Raises
    ------
    ValueError : ``window`` is below 1.

    >>> last_rows(4, 3).tolist()
    [-1, -1, 0, 1]
    """
    return np.maximum(np.arange(rows, dtype=np.int64) - (_whole_window(window) - 1), -1)


def rolling_sum(values: Floats, window: int) -> Floats:
    """Return the sum of the last ``window`` values at each row; see :func:`windowed_sum`.

    Raises
    ------
    ValueError : ``window`` is below 1.

    >>> rolling_sum(np.array([1.0, 2.0, 3.0, 4.0]), 3).tolist()
    [nan, nan, 6.0, 9.0]
    """
    return _rolling_sum(np.asarray(values, dtype=np.float64), _whole_window(window))


def _whole_window(window: int) -> int:
    if window < 1:
        raise ValueError(f"window must be at least 1 row, not {window}")
    return window


def windowed_sum(values: Floats, first: Rows) -> Floats:
    """Return the sum of the values of rows ``first[t]`` to ``t``; NaN where the window is not full.

    The order of the additions depends on the window's length alone (sums over 1, 2, 4, ... rows are
    combined), so a row's value is the same to the last bit however much history lies before it,
    and a NaN reaches only the windows that contain it. Cost: ``len x log2(window)``.
    """
    values = np.asarray(values, dtype=np.float64)
    return _windowed_sum(values, first, window_tiles(first))


@compiled
def window_tiles(first: Rows) -> Rows:
    """Return stretches of rows that are computed together, so that they stay in the cache.

    One line a stretch: its first row, the row after its last, the first row of its windows, and the
    longest window. Results do not depend on where a stretch ends.
    """
    rows, longest = len(first), 0
    for t in range(rows):
        if first[t] >= 0:
            longest = max(longest, t + 1 - first[t])
    step = max(_TILE_ROWS, longest)
    tiles = np.empty((-(-rows // step), 4), dtype=np.int64)
    for k in range(len(tiles)):
        begin, end = k * step, min((k + 1) * step, rows)
        low, long = begin, 0
        for t in range(begin, end):
            length = t + 1 - first[t] if first[t] >= 0 else 0
            low, long = min(low, t + 1 - length), max(long, length)
        tiles[k] = begin, end, low, long
    return tiles


@compiled
def rolling_tiles(rows: int, window: int) -> Rows:
    """Return the stretches of :func:`window_tiles` in which the last ``window`` rows are there."""
    step = max(_TILE_ROWS, window)
    tiles = np.empty((max(-((window - 1 - rows) // step), 0), 4), dtype=np.int64)
    for k in range(len(tiles)):
        begin = window - 1 + k * step
        tiles[k] = begin, min(begin + step, rows), begin - (window - 1), window
    return tiles


@compiled
def _rolling_sum(values: Floats, window: int) -> Floats:
    total = np.empty(len(values))
    total[: window - 1] = np.nan
    for begin, end, low, _ in rolling_tiles(len(values), window):
        inside, part, span = total[begin:end], values[low:end], 1
        doubled, spare = np.empty_like(part), np.empty_like(part)
        while span <= window:
            if window & span:
                _add_same(inside, part, window & (span - 1))
            _double(doubled, part, span)
            part, doubled, spare = doubled, spare, doubled
            span *= 2
    return total


@compiled
def _windowed_sum(values: Floats, first: Rows, tiles: Rows) -> Floats:
    total = np.full(len(values), np.nan)
    for begin, end, low, longest in tiles:
        # part[i] is the sum of the ``span`` values from row ``low + i`` on.
        part, span = values[low:end], 1
        doubled, spare = np.empty_like(part), np.empty_like(part)
        while span <= longest:
            _add_each(total[begin:end], part, first[begin:end] - low, begin - low, span)
            _double(doubled, part, span)
            part, doubled, spare = doubled, spare, doubled
            span *= 2
    return total


@compiled
def _double(doubled: Floats, part: Floats, span: int) -> None:
    """Put the sums of twice as many values beside the sums of ``span`` values."""
    # A shifted view lets the compiler use vector instructions; ``part[i + span]`` does not.
    later = part[span:]
    for i in range(len(part) - 2 * span + 1):
        doubled[i] = part[i] + later[i]


@compiled
def _add_same(total: Floats, part: Floats, covered: int) -> None:
    """Add a part to windows of one length, of which ``covered`` rows are added already."""
    if covered == 0:
        total[:] = part[: len(total)]
    else:
        later = part[covered:]
        for i in range(len(total)):
            total[i] += later[i]


@compiled
def _add_each(total: Floats, part: Floats, starts: Rows, last: int, span: int) -> None:
    """Add a part to the windows whose length has the bit ``span``.

    ``starts`` are places in ``part``, negative where the window is not full; the first window ends
    at the place ``last``.
    """
    for i in range(len(total)):
        length = last + i + 1 - starts[i]
        if starts[i] >= 0 and length & span:
            covered = length & (span - 1)
            piece = part[starts[i] + covered]
            total[i] = piece if covered == 0 else total[i] + piece


def rolling_highest(values: Floats, window: int) -> Floats:
    """Return the highest of the last ``window`` values at each row; see :func:`windowed_highest`.

    >>> rolling_highest(np.array([3.0, 1.0, 2.0]), 2).tolist()
    [nan, 3.0, 2.0]
    """
    return _rolling_highest(np.asarray(values, dtype=np.float64), _whole_window(window), 1.0)


def rolling_lowest(values: Floats, window: int) -> Floats:
    """Return the lowest of the last ``window`` values at each row; see :func:`windowed_highest`."""
    return _rolling_highest(np.asarray(values, dtype=np.float64), _whole_window(window), -1.0)


@compiled
def _rolling_highest(values: Floats, window: int, sign: float) -> Floats:
    """Return ``sign`` x the highest of the last ``window`` values x ``sign``.

    A window is the end of one block of ``window`` rows and the beginning of the next one (van Herk
    1992; Gil and Werman 1993), so two comparisons a row are enough.
    """
    rows = len(values)
    highest, ends = np.empty(rows), np.full(min(window, rows + 1), -np.inf)
    unknown = -1
    for begin in range(0, rows, window):
        end, top = min(begin + window, rows), -np.inf
        for t in range(begin, end):
            value = sign * values[t]
            if np.isnan(value):
                unknown = t
            elif value >= top:
                top = value
            older = ends[t - begin + 1] if t - begin + 1 < window else -np.inf
            within = t - window >= unknown and t >= window - 1
            highest[t] = sign * (top if top >= older else older) if within else np.nan
        top = -np.inf
        for t in range(end - 1, begin - 1, -1):
            value = sign * values[t]
            if value > top:  # noqa: PLR1730 - a NaN is left out
                top = value
            ends[t - begin] = top
    return highest


def windowed_lowest(values: Floats, first: Rows) -> Floats:
    """Return the lowest value of rows ``first[t]`` to ``t``; see :func:`windowed_highest`."""
    return _windowed_highest(np.asarray(values, dtype=np.float64), first, -1.0)


def windowed_highest(values: Floats, first: Rows) -> Floats:
    """Return the highest value of rows ``first[t]`` to ``t``.

    NaN where the window is not full or contains a NaN.
    """
    return _windowed_highest(np.asarray(values, dtype=np.float64), first, 1.0)


@compiled
def _windowed_highest(values: Floats, first: Rows, sign: float) -> Floats:
    """Return ``sign`` x the highest value x ``sign``.

    A queue of falling candidates needs one pass, whatever the windows.
    """
    highest, signed = np.full(len(values), np.nan), sign * values
    queue = np.empty(len(values), dtype=np.int64)
    head, tail, unknown = 0, 0, -1
    for t in range(len(values)):
        if np.isnan(signed[t]):
            unknown = t
            head, tail = 0, 0
            continue
        while tail > head and signed[queue[tail - 1]] <= signed[t]:
            tail -= 1
        queue[tail] = t
        tail += 1
        if first[t] > unknown:
            while queue[head] < first[t]:
                head += 1
            highest[t] = values[queue[head]]
    return highest


def previous(values: Floats, rows: int = 1) -> Floats:
    """Return the value ``rows`` earlier at each row; NaN for the first ``rows``.

    >>> previous(np.array([1.0, 2.0, 3.0])).tolist()
    [nan, 1.0, 2.0]
    """
    shifted = np.full(len(values), np.nan)
    shifted[rows:] = values[: max(len(values) - rows, 0)]
    return shifted


def previous_low(low: Floats, window: int) -> Floats:
    """Return the lowest of the ``window`` values before each row, the row itself left out.

    NaN until ``window`` values lie before the row.
    """
    return previous(rolling_lowest(low, window))


@compiled
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


@compiled
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
