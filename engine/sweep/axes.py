"""The axes of a sweep: swept values with their levels; a set is one level of each."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from engine.config.sweep import LevelChoices, LevelSpan, SweepConfig
from engine.errors import ConfigError
from engine.run_folder.seals import document_digest

SET_ID_DIGITS = 12
Places = tuple[int, ...]


@dataclass(frozen=True)
class Axis:
    """One swept value: its dotted path, its levels, and whether their order has a meaning."""

    path: str
    levels: tuple[Any, ...]
    is_ordered: bool

    @property
    def size(self) -> int:
        """Number of levels."""
        return len(self.levels)


@dataclass(frozen=True)
class ParameterSet:
    """One set of values: the place of its level on each axis, and the values by path."""

    places: Places
    values: Mapping[str, Any]

    @cached_property
    def set_id(self) -> str:
        """Return the first digits of a hash of the values; equal sets have one id."""
        return document_digest(dict(self.values))[:SET_ID_DIGITS]

    def __str__(self) -> str:
        return ", ".join(f"{path}={value}" for path, value in self.values.items())


@dataclass(frozen=True)
class SweepSpace:
    """All axes of a sweep in the order of its file."""

    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        """Number of combinations of levels, constraints aside."""
        return math.prod(axis.size for axis in self.axes)

    def at(self, places: Sequence[int]) -> ParameterSet:
        """Return the set at a place on each axis."""
        values = {
            axis.path: axis.levels[place] for axis, place in zip(self.axes, places, strict=True)
        }
        return ParameterSet(tuple(map(int, places)), values)

    def grid(self) -> Iterator[ParameterSet]:
        """Yield every combination; the last axis moves first."""
        for places in product(*(range(axis.size) for axis in self.axes)):
            yield self.at(places)

    def names(self) -> dict[str, str]:
        """Return the shortest end of each path that no other path has, by path.

        >>> one, two = Axis("risk.cap", (1,), True), Axis("venue.cap", (1,), True)
        >>> SweepSpace((one, two, Axis("let.vix_max", (1,), True))).names()
        {'risk.cap': 'risk.cap', 'venue.cap': 'venue.cap', 'let.vix_max': 'vix_max'}
        """
        paths = [axis.path for axis in self.axes]
        return {path: next(_unique_ends(path, paths)) for path in paths}


def space_of(config: SweepConfig) -> SweepSpace:
    """Return the axes of a sweep.

    Raises
    ------
    ConfigError : the path that takes an instrument's name is swept beside ``instruments``.
    """
    if config.instruments and config.instrument_path in config.over:
        raise ConfigError(
            f"over: {config.instrument_path}: instruments already gives its values; leave one out"
        )
    axes = []
    for path, levels in config.over.items():
        if isinstance(levels, LevelChoices):
            axes.append(Axis(path, levels.choices, is_ordered=False))
        elif isinstance(levels, LevelSpan):
            axes.append(Axis(path, levels.levels(), is_ordered=True))
        else:
            axes.append(Axis(path, tuple(levels), is_ordered=True))
    return SweepSpace(tuple(axes))


def _unique_ends(path: str, paths: Sequence[str]) -> Iterator[str]:
    steps = path.split(".")
    for start in range(len(steps) - 1, -1, -1):
        end = ".".join(steps[start:])
        if sum(other == end or other.endswith(f".{end}") for other in paths) == 1:
            yield end
    yield path
