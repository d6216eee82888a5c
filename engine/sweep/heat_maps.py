"""Heat maps of a sweep: the median number over all other axes, for each pair of ordered axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from engine.sweep.axes import Axis
from engine.sweep.number_text import number_text
from engine.sweep.set_runs import Floats
from engine.sweep.sweep_run import SweepResult

# Pairs beyond these would fill a page that nobody reads.
MAX_MAPS, MAX_SIDE = 10, 30
# Shades on each side of zero.
SHADES = 4


@dataclass(frozen=True)
class HeatCell:
    """One cell: text, shade (``good-1`` to ``bad-4``, "" for none), and whether it is chosen."""

    text: str
    shade: str
    is_chosen: bool


@dataclass(frozen=True)
class HeatMap:
    """The medians over two axes; ``rows`` holds the label of a level and its cells."""

    down: str
    across: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[HeatCell, ...]], ...]


def heat_maps(result: SweepResult) -> list[HeatMap]:
    """Return a map for each pair of ordered axes, one row where only one axis is ordered."""
    space = result.job.space
    wide = [n for n, axis in enumerate(space.axes) if axis.is_ordered and 1 < axis.size <= MAX_SIDE]
    names = space.names()
    labels = [names[axis.path] for axis in space.axes]
    if len(wide) == 1:
        return [_map(result, None, wide[0], labels)]
    return [_map(result, one, other, labels) for one, other in [*combinations(wide, 2)][:MAX_MAPS]]


def medians(numbers: Floats, places: Sequence[Sequence[int]], shape: tuple[int, int]) -> Floats:
    """Return the median number of the sets of each pair of levels, NaN without any.

    >>> medians(np.array([1.0, 3.0, 8.0]), [(0, 0), (0, 0), (0, 1)], (1, 2)).tolist()
    [[2.0, 8.0]]
    """
    held: dict[tuple[int, ...], list[float]] = {}
    for value, place in zip(numbers.tolist(), places, strict=True):
        if not np.isnan(value):
            held.setdefault(tuple(place), []).append(value)
    found = np.full(shape, np.nan)
    for place, values in held.items():
        found[place] = np.median(values)
    return found


def _map(result: SweepResult, down: int | None, across: int, labels: Sequence[str]) -> HeatMap:
    axes = result.job.space.axes
    rows = _levels(None if down is None else axes[down])
    columns = _levels(axes[across])
    places = [
        (0 if down is None else found.item.places[down], found.item.places[across])
        for found in result.results
    ]
    found = medians(result.choice.numbers, places, (len(rows), len(columns)))
    chosen = None if result.choice.place is None else places[result.choice.place]
    largest = np.abs(found[np.isfinite(found)]).max(initial=0.0)
    cells = [
        tuple(
            HeatCell(number_text(value), shade(value, largest), (row, column) == chosen)
            for column, value in enumerate(line)
        )
        for row, line in enumerate(found.tolist())
    ]
    name = "" if down is None else labels[down]
    return HeatMap(name, labels[across], columns, tuple(zip(rows, cells, strict=True)))


def shade(value: float, largest: float) -> str:
    """Return the shade of a number, given the largest of the map by size.

    >>> shade(2.0, 2.0), shade(-0.1, 2.0), shade(0.0, 2.0)
    ('good-4', 'bad-1', '')
    """
    if np.isnan(value) or value == 0:
        return ""
    step = SHADES if np.isinf(value) else int(np.ceil(abs(value) / largest * SHADES))
    return f"{'good' if value > 0 else 'bad'}-{step}"


def _levels(axis: Axis | None) -> tuple[str, ...]:
    return ("",) if axis is None else tuple(str(level) for level in axis.levels)
