"""Draw the sets of a sweep: every combination, at random, by Sobol's sequence, or by Optuna.

Every sampler draws from the levels of the file, so that sets have neighbours and a set drawn twice
is one set. A drawn set that breaks a constraint is dropped and another one is drawn.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

import numpy as np

from engine.config.sweep import MAX_SETS, SamplerConfig, SamplerKind
from engine.errors import ConfigError
from engine.sweep.axes import ParameterSet, SweepSpace
from engine.sweep.constraints import Constraint

# Draws for each set that is wanted before the constraints count as too strict.
DRAWS_PER_SET = 200
# Points of one request to Sobol's sequence, a power of two, as its balance asks.
SOBOL_POINTS = 1_024


class Draw(Protocol):
    """A sampler: it draws batches of sets and is told the number of each.

    ``listens`` says whether it wants the numbers, ``wanted`` how many sets it draws at most.
    """

    listens: bool

    @property
    def is_adaptive(self) -> bool:
        """Return whether results decided about the sets that were asked last."""

    @property
    def wanted(self) -> int:
        """Return the number of sets that are drawn at most."""

    def ask(self) -> Sequence[ParameterSet]:
        """Return the next sets to run, none at the end."""

    def tell(self, numbers: Sequence[float]) -> None:
        """Take the number of each set of the last batch, NaN for none."""


def allowed(found: Iterable[ParameterSet], rules: Sequence[Constraint]) -> Iterator[ParameterSet]:
    """Yield the sets that fulfil every constraint."""
    return (item for item in found if all(rule.holds(item.values) for rule in rules))


class ListedSets:
    """Sets that are known before the first run: those of grid, random and sobol."""

    listens = False
    is_adaptive = False

    def __init__(self, sets: Sequence[ParameterSet]) -> None:
        self.sets = tuple(sets)
        self._is_asked = False

    @property
    def wanted(self) -> int:
        """Return the number of sets."""
        return len(self.sets)

    def ask(self) -> Sequence[ParameterSet]:
        """Return all sets once, then none."""
        if self._is_asked:
            return ()
        self._is_asked = True
        return self.sets

    def tell(self, numbers: Sequence[float]) -> None:
        """Take the numbers; they decide nothing here."""


def listed_sets(
    config: SamplerConfig, space: SweepSpace, rules: Sequence[Constraint]
) -> ListedSets:
    """Return the sets of grid, random or sobol, each once, in the order drawn.

    Raises
    ------
    ConfigError : no set fulfils the constraints, or the grid is too large.
    """
    if config.kind is SamplerKind.GRID:
        if space.size > MAX_SETS:
            raise ConfigError(
                f"over: the grid has {space.size:,} sets, at most {MAX_SETS:,} are run; use fewer "
                "levels, or sampler.kind: sobol with sampler.sets"
            )
        found = list(allowed(space.grid(), rules))
    else:
        wanted = min(config.sets or 0, space.size)
        points = random_points if config.kind is SamplerKind.RANDOM else sobol_points
        found = distinct(points(space, config.seed), space, rules, wanted)
    if not found:
        raise ConfigError(f"constraints: no set fulfils them: {'; '.join(r.text for r in rules)}")
    return ListedSets(found)


def distinct(
    points: Iterator[Sequence[int]], space: SweepSpace, rules: Sequence[Constraint], wanted: int
) -> list[ParameterSet]:
    """Return the first different allowed sets; fewer where the draws run out."""
    found: dict[tuple[int, ...], ParameterSet] = {}
    for places in islice(points, wanted * DRAWS_PER_SET):
        drawn = space.at(places)
        if drawn.places not in found and all(rule.holds(drawn.values) for rule in rules):
            found[drawn.places] = drawn
            if len(found) == wanted:
                break
    return list(found.values())


def random_points(space: SweepSpace, seed: int) -> Iterator[Sequence[int]]:
    """Yield places drawn independently and uniformly."""
    draw = np.random.default_rng(seed)
    sizes = [axis.size for axis in space.axes]
    while True:
        yield draw.integers(0, sizes).tolist()


def sobol_points(space: SweepSpace, seed: int) -> Iterator[Sequence[int]]:
    """Yield places of Sobol's scrambled sequence, which covers the axes evenly."""
    from scipy.stats import qmc  # noqa: PLC0415  scipy costs half a second

    sizes = np.array([axis.size for axis in space.axes])
    sequence = qmc.Sobol(len(sizes), rng=np.random.default_rng(seed))
    while True:
        with warnings.catch_warnings():
            # The balance of a power of two is kept by the size of the request.
            warnings.simplefilter("ignore", UserWarning)
            points = sequence.random(SOBOL_POINTS)
        yield from np.minimum((points * sizes).astype(int), sizes - 1).tolist()
