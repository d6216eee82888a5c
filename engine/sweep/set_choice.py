"""Choose one set: the plateau, or the peak.

The plateau of a set is the lower quartile of the numbers of its neighbourhood: the sets at most
one level away on every ordered axis, itself included, with the same unordered choices. A single
good set between bad ones has a low plateau. A set at the end of an axis has neighbours on one side
only, so that better values may lie outside the sweep: it is flagged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.config.sweep import ChoiceRule
from engine.sweep.axes import ParameterSet, SweepSpace
from engine.sweep.set_runs import Floats

LOWER_QUARTILE = 0.25
# A set alone on its grid step has no plateau.
LEAST_NEIGHBOURS = 2

Neighbours = Sequence[NDArray[np.intp]]


@dataclass(frozen=True, eq=False)
class Choice:
    """The chosen set and the numbers of all sets, in their order.

    Attributes
    ----------
    place : of the chosen set; None where no set has a number
    rule : the rule that decided; ``peak`` also where no set has neighbours
    numbers, plateaus : shape (sets,); NaN where one does not exist, a number may be +inf
    """

    place: int | None
    rule: ChoiceRule
    numbers: Floats
    plateaus: Floats


def neighbours_of(space: SweepSpace, sets: Sequence[ParameterSet]) -> Neighbours:
    """Return for each set the places of the sets of its neighbourhood, its own included."""
    from scipy.spatial import cKDTree  # noqa: PLC0415  scipy costs half a second

    # Two choices of an unordered axis lie two steps apart, whichever they are.
    steps = np.array([1.0 if axis.is_ordered else 2.0 for axis in space.axes])
    points = np.array([item.places for item in sets], dtype=np.float64) * steps
    found = cKDTree(points).query_ball_point(points, r=1.0, p=np.inf, return_sorted=True)
    return [np.array(near, dtype=np.intp) for near in found]


def plateaus_of(numbers: Floats, near: Neighbours) -> Floats:
    """Return the lower quartile of the numbers around each set; NaN for a set without neighbours.

    A number that does not exist counts as the lowest of all, and its own set has no plateau. An
    infinite number counts as the highest finite one.

    >>> around = [np.array([0, 1]), np.array([0, 1, 2]), np.array([1, 2])]
    >>> plateaus_of(np.array([1.0, 5.0, 3.0]), around).tolist()
    [2.0, 2.0, 3.5]
    """
    known, finite = ~np.isnan(numbers), np.isfinite(numbers)
    if not finite.any():
        has_near = [len(places) >= LEAST_NEIGHBOURS for places in near]
        return np.where(known & has_near, np.inf, np.nan)
    low, high = numbers[finite].min(), numbers[finite].max()
    filled = np.where(finite, numbers, np.where(known, high, low))
    found = [
        np.quantile(filled[places], LOWER_QUARTILE) if len(places) >= LEAST_NEIGHBOURS else np.nan
        for places in near
    ]
    return np.where(known, found, np.nan)


def choose(numbers: Floats, near: Neighbours, rule: ChoiceRule) -> Choice:
    """Return the choice among sets with these numbers.

    Of equal plateaus the higher number decides, then the order of the sets. Without a single
    neighbourhood the peak is chosen, and the choice says so.
    """
    plateaus = plateaus_of(numbers, near)
    if rule is ChoiceRule.PLATEAU and not np.isnan(plateaus).all():
        best = plateaus == np.nanmax(plateaus)
        place = int(np.argmax(np.where(best, numbers, -np.inf)))
        return Choice(place, ChoiceRule.PLATEAU, numbers, plateaus)
    if np.isnan(numbers).all():
        return Choice(None, rule, numbers, plateaus)
    return Choice(int(np.nanargmax(numbers)), ChoiceRule.PEAK, numbers, plateaus)


def ranked(choice: Choice) -> list[int]:
    """Return the places of all sets, the best first: by plateau if it decided, else by number."""
    by_plateau = choice.rule is ChoiceRule.PLATEAU
    keys = choice.plateaus if by_plateau else choice.numbers
    # Of equal keys the higher number comes first, then the order of the sets; NaN is last.
    order = np.lexsort((-choice.numbers, -keys))
    return [int(place) for place in order]


def edges_of(item: ParameterSet, space: SweepSpace) -> tuple[str, ...]:
    """Return the paths of the ordered axes at whose first or last level a set lies."""
    return tuple(
        axis.path
        for axis, place in zip(space.axes, item.places, strict=True)
        if axis.is_ordered and axis.size > 1 and place in (0, axis.size - 1)
    )
