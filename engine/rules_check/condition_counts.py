"""Count how often each condition was true in a window, alone, together, and in spells.

The counts are a report over the whole window; nothing decides by them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.conditions import Condition, Truth, all_of, alternatives, failed_alone
from engine.rules_check.measured_ranges import (
    MeasuredRange,
    PartRange,
    measured_range,
    part_ranges,
)

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class ConditionCount:
    """One condition over the decision rows of a window.

    Attributes
    ----------
    true, false, unknown : rows
    alone : rows at which it is the only required condition of its group that is not true; 0 where
        it is not required
    spells : runs of rows at which it is true
    longest : rows of the longest spell
    first_known_at : the first row at which it is true or false, ns UTC; None: never known
    measured : range of the numbers that it compared, None where it compares none
    parts : ranges of the parts that it is made of and that compare numbers
    """

    name: str
    description: str
    group: str
    required: bool
    left_out: bool
    true: int
    false: int
    unknown: int
    alone: int
    spells: int
    longest: int
    first_known_at: int | None
    measured: MeasuredRange | None
    parts: tuple[PartRange, ...]


@dataclass(frozen=True)
class PassingRows:
    """The rows at which all required conditions of a group are true, and their spells.

    ``group`` is "" where the playbook has one set of required conditions.
    """

    group: str
    rows: int
    spells: int
    first_at: int | None
    last_at: int | None


@dataclass(frozen=True)
class WindowCounts:
    """All conditions over the decision rows of a window.

    Attributes
    ----------
    rows, first_at, last_at : the decision rows, ns UTC; 0 rows: both 0
    together : rows at which both of two conditions are true, by their places in ``conditions``
    passing : of each group in order; empty without required conditions
    """

    rows: int
    first_at: int
    last_at: int
    conditions: tuple[ConditionCount, ...]
    together: NDArray[np.int64]
    passing: tuple[PassingRows, ...]


def count_conditions(
    conditions: Sequence[Condition], decided_at: NDArray[np.int64], start: int, end: int
) -> WindowCounts:
    """Return the counts of conditions over the decision rows of ``[start, end]``, ns UTC."""
    rows = np.flatnonzero((decided_at >= start) & (decided_at <= end))
    at = decided_at[rows]
    inside = [item.take(rows) for item in conditions]
    true = np.array([item.truth == Truth.TRUE for item in inside]).reshape(len(inside), len(rows))
    required = {item.name: item for item in inside if item.required}
    groups = alternatives((item.name, item.group) for item in required.values())
    alone = failed_alone(
        {name: item.truth != Truth.TRUE for name, item in required.items()}, groups
    )
    shown = true.astype(np.int64)
    return WindowCounts(
        rows=len(rows),
        first_at=int(at[0]) if len(at) else 0,
        last_at=int(at[-1]) if len(at) else 0,
        conditions=tuple(
            _count(item, at, int(alone[item.name].sum()) if item.required else 0) for item in inside
        ),
        together=shown @ shown.T,
        passing=tuple(
            _passing(group, [required[name] for name in names], at)
            for group, names in groups.items()
            if names
        ),
    )


def spells(holds: Flags) -> tuple[int, int]:
    """Return the number of runs of true rows, and the rows of the longest one.

    >>> spells(np.array([True, True, False, True]))
    (2, 2)
    """
    edges = np.diff(np.concatenate(([0], holds.astype(np.int8), [0])))
    lengths = np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)
    return len(lengths), int(lengths.max(initial=0))


def _count(item: Condition, at: NDArray[np.int64], alone: int) -> ConditionCount:
    known = item.truth != Truth.UNKNOWN
    holds = item.truth == Truth.TRUE
    runs, longest = spells(holds)
    return ConditionCount(
        name=item.name,
        description=item.description,
        group=item.group,
        required=item.required,
        left_out=item.left_out,
        true=int(holds.sum()),
        false=int((item.truth == Truth.FALSE).sum()),
        unknown=int((~known).sum()),
        alone=alone,
        spells=runs,
        longest=longest,
        first_known_at=int(at[np.argmax(known)]) if known.any() else None,
        measured=measured_range(item),
        parts=part_ranges(item),
    )


def _passing(group: str, required: Sequence[Condition], at: NDArray[np.int64]) -> PassingRows:
    holds = all_of([item.truth for item in required]) == Truth.TRUE
    rows = np.flatnonzero(holds)
    return PassingRows(
        group=group,
        rows=len(rows),
        spells=spells(holds)[0],
        first_at=int(at[rows[0]]) if len(rows) else None,
        last_at=int(at[rows[-1]]) if len(rows) else None,
    )
