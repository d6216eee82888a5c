"""Required conditions that failed at a row, by group, and the group that came nearest."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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


def nearest_groups(conditions: Sequence[Condition], rows: NDArray[np.int64]) -> list[Failing]:
    """Return for each row the group that came nearest to an entry, and its failed conditions.

    The group with the fewest failed conditions is nearest; then the smallest distance decides, as
    in ``engine.results.journal.nearness``; then the order of the groups.
    """
    names = [item.name for item in conditions]
    truth = _table([item.truth[rows] for item in conditions], len(rows), np.int8)
    distances = _table(
        [relative_distance(item.measured[rows], item.threshold[rows]) for item in conditions],
        len(rows),
        np.float64,
    )
    groups = alternatives((item.name, item.group) for item in conditions if item.required)
    by_group = [
        _failing_at(group, required, names, truth, distances) for group, required in groups.items()
    ]
    return [min(found, key=_nearness_of_group) for found in zip(*by_group, strict=True)]


def required_groups(described: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the names of each group's required conditions, from rows of ``conditions.json``."""
    return alternatives(
        (item["name"], item.get("group", "")) for item in described if item["required"]
    )


def failing_of_row(row: Mapping[str, Any], group: str, required: Sequence[str]) -> Failing:
    """Return the failed conditions of one group at one row of ``journal_conditions``."""
    truth = [_TRUTH_OF_WORD[row[name]] for name in required]
    numbers = [[_float(row[f"{name}.{kind}"]) for name in required] for kind in _COMPARED]
    measured, threshold = np.array(numbers, dtype=np.float64)
    distances = relative_distance(measured, threshold)[np.newaxis]
    (found,) = _failing_at(group, required, required, np.array([truth], np.int8), distances)
    return found


def _failing_at(
    group: str,
    required: Sequence[str],
    names: Sequence[str],
    truth: NDArray[np.int8],
    distances: NDArray[np.float64],
) -> list[Failing]:
    """Return one group's failed conditions at each row; the tables have a column a name."""
    if not required:
        return [Failing(group, 0, "", "", math.nan)] * len(truth)
    place = {name: column for column, name in enumerate(names)}
    own = [place[name] for name in required]
    truth, distances = truth[:, own], distances[:, own]
    counts = (truth != Truth.TRUE).sum(axis=1)
    false = truth == Truth.FALSE
    considered = np.where(false & np.isfinite(distances), distances, np.inf)
    nearest = np.argmin(considered, axis=1)
    # A false condition comes before an unknown one, then the playbook's order decides.
    first = np.argmin(np.where(false, 0, np.where(truth == Truth.UNKNOWN, 1, 2)), axis=1)
    distance = np.take_along_axis(considered, nearest[:, np.newaxis], axis=1)[:, 0]
    columns = (counts, first, nearest, distance)
    return [
        Failing(
            group,
            count,
            required[blocking] if count else "",
            required[close] if away < math.inf else "",
            away if away < math.inf else math.nan,
        )
        for count, blocking, close, away in zip(*(c.tolist() for c in columns), strict=True)
    ]


def _nearness_of_group(found: Failing) -> tuple[int, float]:
    return found.count, gap(found.count, found.distance)


def _table(columns: Sequence[Any], rows: int, kind: Any) -> Any:
    return np.column_stack(columns) if columns else np.zeros((rows, 0), dtype=kind)


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)
