"""The sets that no result had suggested, since only they can judge a choice or form a family.

An adaptive sampler is told numbers over all windows before it draws. A choice among its own sets
has seen the window on which it is judged, and tests of a family count such sets as if they had been
drawn blindly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.statistics import Missing
from engine.sweep.daily_excess import DailyExcess
from engine.sweep.held_out import HeldOutFolds
from engine.sweep.set_choice import Neighbours

# A choice needs two sets.
LEAST_SETS = 2
SEEN = Missing("the sampler had seen every window before it drew the sets; raise sampler.explore")


@dataclass(frozen=True, eq=False)
class BlindSets:
    """The sets of a sweep that were drawn without a look at results.

    Attributes
    ----------
    places : in the order of the sweep
    excess : daily excess, a column for each of them
    near : the neighbourhood of each of them among themselves, as places in ``places``
    """

    places: NDArray[np.intp]
    excess: DailyExcess
    near: Neighbours

    def judged(
        self, folds_of: Callable[[DailyExcess, Neighbours], HeldOutFolds | Missing]
    ) -> HeldOutFolds | Missing:
        """Return folds that choose among these sets; a fold's place is that in the whole sweep."""
        if len(self.places) == 0:
            return SEEN
        found = folds_of(self.excess, self.near)
        if isinstance(found, Missing):
            return found
        folds = [replace(fold, place=int(self.places[fold.place])) for fold in found.folds]
        return replace(found, folds=tuple(folds))

    def in_sweep(self, places: Sequence[int]) -> tuple[int, ...]:
        """Return the places in the sweep of some of these sets."""
        return tuple(int(self.places[place]) for place in places)


def blind_sets(excess: DailyExcess, near: Neighbours, adaptive: Sequence[bool]) -> BlindSets:
    """Return the sets that no result had suggested; none where fewer than two are left."""
    is_blind = ~np.array(adaptive, dtype=np.bool_)
    if is_blind.all():
        return BlindSets(np.arange(len(is_blind)), excess, near)
    if is_blind.sum() < LEAST_SETS:
        is_blind[:] = False
    places = np.flatnonzero(is_blind)
    around = [near[place] for place in places.tolist()]
    among = np.cumsum(is_blind) - 1
    return BlindSets(
        places,
        replace(excess, values=excess.values[:, places]),
        [among[held[is_blind[held]]] for held in around],
    )
