"""Draw a channel's coverage of a span of time in one line of text."""

from collections.abc import Sequence

import numpy as np

from data_feeds.catalog import CatalogEntry
from data_feeds.clock import midnights_ns

# The first level means no coverage, the last full coverage.
BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII = " .:#"

_ROUNDING = 1e-12
_YEAR_WIDTH = len("2020")

Stretch = tuple[int, int]


def coverage_bar(
    stretches: Sequence[Stretch], first_at: int, last_at: int, cells: int, levels: str = BLOCKS
) -> str:
    """Return ``cells`` characters, each showing how much of its share of time is covered.

    Parameters
    ----------
    stretches : ``[start, end)`` in ns UTC, which do not overlap
    first_at, last_at : the ends of the axis, ns UTC
    levels : from nothing to everything; a cell is blank or full only if just that is true, and a
        stretch without length, a single point, is not nothing

    >>> coverage_bar([(0, 10), (15, 20)], 0, 40, 4)
    '█▄  '
    """
    span = max(last_at - first_at, 1)
    edges = np.linspace(0, span, cells + 1)
    covered, touched = np.zeros(cells), np.zeros(cells, dtype=np.bool_)
    for start, end in stretches:
        begins, ends = start - first_at, end - first_at
        covered += np.clip(np.minimum(ends, edges[1:]) - np.maximum(begins, edges[:-1]), 0, None)
        if 0 <= begins <= span:
            touched[min(begins * cells // span, cells - 1)] = True
    share = covered * cells / span
    # Rounding error of an empty or a full cell; a row of one second in a century is 1e-8.
    nothing, everything = share < _ROUNDING, share > 1 - _ROUNDING
    top = len(levels) - 1
    level = np.clip(np.rint(share * top), 1, top - 1).astype(np.int64)
    level = np.where(everything, top, np.where(nothing & ~touched, 0, level))
    return "".join(levels[i] for i in level)


def year_marks(first_at: int, last_at: int, cells: int) -> str:
    """Return the axis above coverage bars: each year's number where it begins, if there is room.

    A year that begins left of the axis is named at its edge, if the next one leaves room.
    """
    span = max(last_at - first_at, 1)
    first, last = (np.datetime64(at, "ns").astype("datetime64[Y]") for at in (first_at, last_at))
    years = np.arange(first, last + 1)
    begins = midnights_ns(years)
    at = [max(0, (int(instant) - first_at) * cells // span) for instant in begins]
    if begins[0] < first_at and len(at) > 1 and at[1] <= _YEAR_WIDTH:
        years, at = years[1:], at[1:]
    line = ""
    for year, cell in zip(years, at, strict=True):
        if cell + _YEAR_WIDTH <= cells and (not line or cell > len(line)):
            line = line.ljust(cell) + str(year)
    return line.ljust(cells)


def stretches_of(entry: CatalogEntry) -> list[Stretch]:
    """Return the spans in which a channel has rows, from first to last without gaps."""
    found, start = [], entry.first_at
    for gap in entry.gaps:
        found.append((start, gap.started_at))
        start = gap.ended_at
    return [*found, (start, entry.last_at)]
