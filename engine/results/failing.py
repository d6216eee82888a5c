"""Required conditions that failed at a row, by group, and the group that came nearest."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.conditions import Condition, Truth, alternatives

TRUTH_WORDS = {Truth.UNKNOWN: "unknown", Truth.FALSE: "false", Truth.TRUE: "true"}
_COMPARED = ("measured", "threshold")
_TRUTH_OF_WORD = {word: truth for truth, word in TRUTH_WORDS.items()}


@dataclass(frozen=True)
class Failing:
    """The required conditions of one group that did not hold at one row.

    Attributes
    ----------
    group : "" where the conditions have no groups
    count : conditions that are false or unknown
    first : the first false one in the playbook's order, else the first unknown one; "" for none
    nearest : the false one whose number is nearest to its threshold; "" for none
    distance : of ``nearest``, see :func:`relative_distance`; NaN for none
    """

    group: str
    count: int
    first: str
    nearest: str
    distance: float


def gap(count: int, distance: float | None) -> float:
    """Return the distance that decides between rows with equally many failed conditions.

    Zero where nothing failed; infinite where something failed and no number tells by how much.
    """
    if distance is not None and not math.isnan(distance):
        return float(distance)
    return math.inf if count else 0.0


def relative_distance(
    measured: NDArray[np.float64], threshold: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return abs(measured - threshold) / max(abs of both); 0 where equal, NaN where unknown.

    The larger of the two divides, so that a threshold of zero has a distance too (1).
    """
    scale = np.maximum(np.abs(measured), np.abs(threshold))
    away = np.abs(measured - threshold)
    return np.divide(away, scale, out=np.where(np.isnan(away), np.nan, 0.0), where=scale > 0)


@dataclass(frozen=True)
class FailingRows:
    """The fields of :class:`Failing` for many rows, a column each; names as places in ``names``.

    ``first`` and ``nearest`` are -1 for none; ``group`` is a place in ``groups``.
    """

    groups: tuple[str, ...]
    names: tuple[str, ...]
    group: NDArray[np.int64]
    count: NDArray[np.int64]
    first: NDArray[np.int64]
    nearest: NDArray[np.int64]
    distance: NDArray[np.float64]

    def row(self, row: int) -> Failing:
        """Return the fields of one row."""
        first, nearest = int(self.first[row]), int(self.nearest[row])
        return Failing(
            self.groups[self.group[row]],
            int(self.count[row]),
            self.names[first] if first >= 0 else "",
            self.names[nearest] if nearest >= 0 else "",
            float(self.distance[row]),
        )


def nearest_groups(conditions: Sequence[Condition], rows: NDArray[np.int64]) -> FailingRows:
    """Return for each row the group that came nearest to an entry, and its failed conditions.

    The group with the fewest failed conditions is nearest; then the smallest distance decides, as
    in ``engine.results.journal.nearness``; then the order of the groups.
    """
    names = tuple(item.name for item in conditions)
    groups = alternatives((item.name, item.group) for item in conditions if item.required)
    place = {name: index for index, name in enumerate(names)}
    best: FailingRows | None = None
    for index, required in enumerate(groups.values()):
        own = ((place[name], conditions[place[name]]) for name in required)
        judged = (
            (i, c.truth[rows], relative_distance(c.measured[rows], c.threshold[rows]))
            for i, c in own
        )
        count, first, nearest, distance = _failing(judged, len(rows))
        found = FailingRows(
            tuple(groups), names, np.full(len(rows), index), count, first, nearest, distance
        )
        best = found if best is None else _nearer(best, found)
    assert best is not None, "conditions without groups are one group"
    return best


def _nearer(one: FailingRows, other: FailingRows) -> FailingRows:
    """Return the fields of whichever is nearer at each row, of the first where none is."""
    gaps = [
        np.where(np.isnan(found.distance), np.where(found.count, np.inf, 0.0), found.distance)
        for found in (one, other)
    ]
    nearer = (other.count < one.count) | ((other.count == one.count) & (gaps[1] < gaps[0]))
    columns = ("group", "count", "first", "nearest", "distance")
    return replace(
        one, **{c: np.where(nearer, getattr(other, c), getattr(one, c)) for c in columns}
    )


def required_groups(described: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the names of each group's required conditions, from rows of ``conditions.json``."""
    return alternatives(
        (item["name"], item.get("group", "")) for item in described if item["required"]
    )


def failing_of_row(row: Mapping[str, Any], group: str, required: Sequence[str]) -> Failing:
    """Return the failed conditions of one group at one row of ``journal_conditions``."""
    truth = [np.array([_TRUTH_OF_WORD[row[name]]], np.int8) for name in required]
    measured, threshold = (
        [np.array([_float(row[f"{name}.{kind}"])]) for name in required] for kind in _COMPARED
    )
    distances = [relative_distance(m, t) for m, t in zip(measured, threshold, strict=True)]
    judged = zip(range(len(required)), truth, distances, strict=True)
    columns = _failing(judged, 1)
    zero = np.zeros(1, np.int64)
    return FailingRows((group,), tuple(required), zero, *columns).row(0)


def _failing(
    judged: Iterable[tuple[int, NDArray[np.int8], NDArray[np.float64]]], rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return count, first, nearest and distance of the failed ones among required conditions.

    ``judged`` are their places, truths and distances. A false condition is blamed before an unknown
    one, then the playbook's order decides.
    """
    count = np.zeros(rows, dtype=np.int64)
    false, unknown, nearest = (np.full(rows, -1, dtype=np.int64) for _ in range(3))
    distance = np.full(rows, np.inf)
    for place, truth, away in judged:
        is_false, is_unknown = truth == Truth.FALSE, truth == Truth.UNKNOWN
        count += is_false | is_unknown
        false[is_false & (false < 0)] = place
        unknown[is_unknown & (unknown < 0)] = place
        nearer = is_false & (away < distance)
        nearest[nearer] = place
        distance[nearer] = away[nearer]
    first = np.where(false >= 0, false, unknown)
    return count, first, nearest, np.where(nearest < 0, np.nan, distance)


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)
