"""Thin bars for a picture: each candle keeps the open, high, low and close of its bars."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS
from data_feeds.schema import Channel

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Candles begin on this grid, so that a longer window only adds candles.
GRID_NS = (
    *(n * MINUTE_NS for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR_NS for n in (1, 2, 4, 6, 8, 12)),
    *(n * DAY_NS for n in (1, 2, 5, 10, 20, 50, 100)),
)
# Single bars before and after a trade, where all bars are too many; the widest that fits.
AROUND_BARS = (150, 80, 40, 15)


@dataclass(frozen=True)
class Candles:
    """Bars, or several bars in one, by time; instants are ns UTC, prices quote.

    ``grid_ns`` is the length on whose grid bars were joined, 0 where each candle is one bar.
    """

    opened_at: Instants
    closed_at: Instants
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    grid_ns: int = 0

    def __len__(self) -> int:
        return len(self.closed_at)


def candles(
    bars: Channel, start: int, end: int, most: int, near: Sequence[tuple[int, int]] = ()
) -> Candles:
    """Return the bars with trades that close inside ``(start, end]``, at most twice ``most``.

    More than ``most`` bars are joined on the shortest grid that leaves ``most`` candles. Such a
    candle opens with its first bar, closes with its last one and has their highest high and lowest
    low. Around the spans of ``near`` (ns UTC), which are trades, bars stay single, where all
    candles together are then at most twice ``most``. The picture alone reads candles; no decision
    does.
    """
    inside = (bars["closed_at"] > start) & (bars["closed_at"] <= end)
    inside &= np.isfinite(bars["close"])
    times = [bars[name][inside] for name in ("opened_at", "closed_at")]
    prices = [bars[name][inside] for name in ("open", "high", "low", "close")]
    whole = Candles(times[0], times[1], prices[0], prices[1], prices[2], prices[3])
    if len(whole) <= most:
        return whole
    grid = next(grid for grid in _grids() if _is_start(whole.opened_at // grid).sum() <= most)
    stretch = whole.opened_at // grid
    first = _is_start(stretch)
    for around in AROUND_BARS:
        # A stretch is joined or single as a whole, so that no joined candle overlaps another one.
        single = first | np.isin(stretch, stretch[_near(whole, near, around)])
        if single.sum() <= 2 * most:
            return _joined(whole, np.flatnonzero(single), grid)
    return _joined(whole, np.flatnonzero(first), grid)


def _grids() -> Iterator[int]:
    """Yield lengths of stretches, each longer than the one before, without end."""
    yield from GRID_NS
    yield from (GRID_NS[-1] * 2**n for n in count(1))


def _near(whole: Candles, near: Sequence[tuple[int, int]], around: int) -> Flags:
    """Return the bars near the spans.

    Of a span that is longer than its surroundings only both ends count.
    """
    found = np.zeros(len(whole), dtype=np.bool_)
    for begin, until in near:
        first, last = np.searchsorted(whole.closed_at, (begin, until)).tolist()
        if last - first <= 2 * around:
            found[max(first - around, 0) : last + around + 1] = True
        for edge in (first, last):
            found[max(edge - around, 0) : edge + around + 1] = True
    return found


def _is_start(stretch: Instants) -> Flags:
    return np.concatenate(([True], stretch[1:] != stretch[:-1]))


def _joined(bars: Candles, first: NDArray[np.intp], grid_ns: int) -> Candles:
    """Return one candle for the bars from each of ``first`` to the next."""
    last = np.append(first[1:], len(bars)) - 1
    return Candles(
        bars.opened_at[first],
        bars.closed_at[last],
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[last],
        grid_ns,
    )
