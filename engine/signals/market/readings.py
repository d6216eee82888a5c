"""One number a day with its age and its sources, and conditions made of other conditions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS
from engine.conditions import Condition
from engine.signals.market.grid import Floats, Instants
from engine.signals.market.rolling import change

Flags = NDArray[np.bool_]

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Reading:
    """One number a day.

    ``value`` is NaN where it is not known, ``age_ns`` the age of its oldest input (-1: none),
    ``inputs`` what was read.
    """

    value: Floats
    age_ns: Instants
    inputs: tuple[str, ...]

    @property
    def known(self) -> Flags:
        """Return the rows that have a value."""
        return np.isfinite(self.value)

    def of(self, value: Floats) -> "Reading":
        """Return a reading of another number from the same inputs."""
        return Reading(value, self.age_ns, self.inputs)

    def changed(self, rows: int) -> "Reading":
        """Return the fraction by which the number changed over some days."""
        return self.of(change(self.value, rows, relative=True))


@dataclass(frozen=True)
class PreferredSources:
    """One quantity from several sources, the preferred one first.

    A measure is computed from each source alone, since two sources differ in level and time. Each
    row takes the first source that has a value there and is not a day behind another
    (:func:`first_known`). So later values of a source change no row at which it has none.
    """

    readings: tuple[Reading, ...]

    @property
    def reading(self) -> Reading:
        """Return the quantity itself."""
        return first_known(self.readings)

    def measured(self, measure: Callable[[Floats], Floats]) -> Reading:
        """Return a measure of the quantity's history."""
        return first_known([item.of(measure(item.value)) for item in self.readings])

    def changed(self, rows: int) -> Reading:
        """Return the fraction by which the quantity changed over some days."""
        return first_known([item.changed(rows) for item in self.readings])


def first_known(readings: Sequence[Reading]) -> Reading:
    """Return at each row the first number that is known there and not behind another, with its age.

    A source is behind where its newest value is a day or more older than another's. So a preferred
    source that has ended does not hide one that continues.
    """
    known = np.stack([item.known for item in readings])
    ages = np.stack([item.age_ns for item in readings])
    newest = np.where(known, ages, _NEVER).min(axis=0)
    # Sources stamp a day at its start or its close, so a difference below one day means nothing.
    fit = known & (ages - newest < DAY_NS)
    told = fit.argmax(axis=0)
    rows = np.arange(len(told))
    return Reading(
        np.stack([item.value for item in readings])[told, rows],
        ages[told, rows],
        tuple(dict.fromkeys(name for item in readings for name in item.inputs)),
    )


def missing(rows: int, *inputs: str) -> Reading:
    """Return a number that is known on no day."""
    return Reading(np.full(rows, np.nan), np.full(rows, -1, dtype=np.int64), inputs)


def oldest(*ages: Instants) -> Instants:
    """Return the largest of some ages at each row; -1 where one is missing."""
    table = np.stack(ages)
    return np.where((table < 0).any(axis=0), -1, table.max(axis=0))


def combined(name: str, truth: NDArray[np.int8], description: str, *parts: Condition) -> Condition:
    """Return a condition made of others: no measure, and the age of the oldest known part."""
    rows = len(truth)
    ages = [part.age_ns for part in parts if part.age_ns is not None]
    return Condition(
        name,
        truth,
        np.full(rows, np.nan),
        np.full(rows, np.nan),
        "",
        description,
        inputs=tuple(dict.fromkeys(text for part in parts for text in part.inputs)),
        age_ns=np.stack(ages).max(axis=0),
        parts=parts,
    )
