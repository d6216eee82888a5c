"""Conditions: statements about the market that are true, false or unknown at each decision row."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


class Truth(IntEnum):
    """Three-valued truth; *unknown* is never counted as true or as false."""

    UNKNOWN = -1
    FALSE = 0
    TRUE = 1


# Columns of the journal that belong to no condition, and the endings of those that do.
JOURNAL_COLUMNS = {
    *("at", "setup", "state", "plan_id", "decisions", "blocked_kind", "blocked_by"),
    *("nearest_miss", "nearest_miss_distance", "required_failing", "nearest_group"),
}
COLUMN_ENDINGS = {"measured", "threshold", "because", "age_hours"}
_NAME = re.compile(r"[\w-]+(\.[\w-]+)*")


@dataclass(frozen=True)
class Reason:
    """A reason that decided a condition where the compared numbers did not.

    Attributes
    ----------
    text : in plain words, or the name of another condition
    at : int64, one a row: the instant of the deciding fact, ns UTC; :data:`THIS_ROW` for the row
        itself, :data:`NOT_SO` where the reason did not decide
    """

    text: str
    at: NDArray[np.int64]


THIS_ROW, NOT_SO = 0, -1


@dataclass(frozen=True)
class Condition:
    """One named condition over all decision rows.

    Attributes
    ----------
    name : identifier used in configs and tables
    truth : int8, one :class:`Truth` a row
    measured : float64, the number that was compared (NaN where unknown or not a comparison)
    threshold : float64, the number it is compared with, one a row; NaN where there is none
    unit : of ``measured`` and ``threshold``, for readers: "x", "fraction", "quote", "bars"
    description : its meaning when true, in plain words
    required : whether the rules demand it; the journal's "blocked by" is the first required
        condition that fails, in the order of ``Signals.conditions``
    inputs : names of the data it was made from, for readers
    age_ns : age of the oldest input at each row, ns, -1 where one was missing; None: not measured
    core : true where the rules without it are those of another playbook; attribution marks it
    left_out : true when the run treats it as true at every row; see :func:`leave_out`
    parts : conditions that it is made of, for readers
    reasons : other grounds for its truth, for readers; where they decide, ``measured`` is NaN
    group : required conditions of one group are and-ed; groups are alternatives, for example the
        trades of one rule file; a condition of group "" belongs to every group
    """

    name: str
    truth: NDArray[np.int8]
    measured: NDArray[np.float64]
    threshold: NDArray[np.float64]
    unit: str
    description: str
    required: bool = True
    inputs: tuple[str, ...] = ()
    age_ns: NDArray[np.int64] | None = None
    core: bool = False
    left_out: bool = False
    parts: tuple["Condition", ...] = ()
    reasons: tuple[Reason, ...] = ()
    group: str = ""

    def take(self, rows: NDArray[np.int64]) -> "Condition":
        """Return the condition over some of the rows, in their order."""
        return replace(
            self,
            truth=self.truth[rows],
            measured=self.measured[rows],
            threshold=self.threshold[rows],
            age_ns=None if self.age_ns is None else self.age_ns[rows],
            parts=tuple(part.take(rows) for part in self.parts),
            reasons=tuple(Reason(item.text, item.at[rows]) for item in self.reasons),
        )


def condition(
    name: str,
    holds: NDArray[np.bool_],
    *,
    known: NDArray[np.bool_],
    measured: NDArray[np.float64],
    threshold: NDArray[np.float64] | float,
    unit: str,
    description: str,
    required: bool = True,
    inputs: tuple[str, ...] = (),
    age_ns: NDArray[np.int64] | None = None,
    core: bool = False,
    parts: tuple[Condition, ...] = (),
    reasons: tuple[Reason, ...] = (),
    group: str = "",
) -> Condition:
    """Return a condition that is unknown wherever ``known`` is false, whatever ``holds`` says."""
    flags = holds.view(np.int8) if holds.dtype == np.bool_ else holds.astype(np.int8)
    truth = np.where(known, flags, np.int8(Truth.UNKNOWN))
    return Condition(
        name,
        truth,
        _where_known(measured, known, len(truth)),
        _repeated(threshold, len(truth)),
        unit,
        description,
        required,
        inputs,
        age_ns,
        core,
        parts=parts,
        reasons=reasons,
        group=group,
    )


def is_one_value(values: Any) -> bool:
    """Return whether an array has rows and repeats one stored value, as broadcasting makes it.

    >>> is_one_value(np.broadcast_to(np.nan, 3)), is_one_value(np.full(3, np.nan))
    (True, False)
    """
    return isinstance(values, np.ndarray) and values.size > 0 and not any(values.strides)


def read_only(values: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return an array after its memory was made read-only; conditions then share it uncopied."""
    owner: Any = values
    while isinstance(owner, np.ndarray):
        owner.flags.writeable = False
        owner = owner.base
    return values


def _where_known(
    measured: NDArray[np.float64], known: NDArray[np.bool_], rows: int
) -> NDArray[np.float64]:
    """Return the numbers of the known rows, NaN at the others."""
    nowhere = is_one_value(known) and not known.flat[0]
    if nowhere or (is_one_value(measured) and np.isnan(measured.flat[0])):
        return np.broadcast_to(np.nan, rows)
    if _is_fixed(measured) and len(measured) == rows and not (~np.isnan(measured) & ~known).any():
        return measured
    return np.where(known, measured, np.nan)


def _repeated(numbers: NDArray[np.float64] | float, rows: int) -> NDArray[np.float64]:
    """Return a number a row that its caller cannot change later; one number takes no memory."""
    if _is_fixed(numbers) and len(numbers) == rows:
        return numbers
    if np.ndim(numbers) == 0 or is_one_value(numbers):
        return np.broadcast_to(np.float64(np.asarray(numbers).flat[0]), rows)
    return np.broadcast_to(np.asarray(numbers, dtype=np.float64), rows).copy()


def _is_fixed(values: Any) -> TypeGuard[NDArray[np.float64]]:
    """Return whether numbers, and all that they are a view of, are read-only."""
    owner: Any = values
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    return isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype == np.float64


def reason(text: str, holds: NDArray[np.bool_]) -> Reason:
    """Return a reason that decided at the rows of ``holds`` and is dated at the row itself."""
    return Reason(text, np.where(holds, np.int8(THIS_ROW), np.int8(NOT_SO)))


def comparison_hides(item: Condition) -> NDArray[np.bool_]:
    """Return the rows whose numbers contradict the truth shown beside them.

    A condition is one comparison: ``>``, ``>=``, ``<`` or ``<=``. The one that explains most rows
    is taken, and the other rows are returned.
    """
    shown = (item.truth != Truth.UNKNOWN) & np.isfinite(item.measured) & np.isfinite(item.threshold)
    gap = np.where(shown, item.measured, 0.0) - np.where(shown, item.threshold, 0.0)
    holds = item.truth == Truth.TRUE
    wrong = [shown & (told != holds) for told in (gap > 0, gap >= 0, gap < 0, gap <= 0)]
    return min(wrong, key=lambda rows: int(rows.sum()))


def leave_out(conditions: Iterable[Condition], names: frozenset[str]) -> tuple[Condition, ...]:
    """Return the conditions with the named ones set to true at every row and marked ``left_out``.

    A playbook calls this with ``self.ignored`` before it uses any condition, so that a run without
    one condition shows what the condition earns. ``measured`` is unchanged.
    """
    return tuple(
        replace(item, truth=np.full_like(item.truth, Truth.TRUE), left_out=True)
        if item.name in names
        else item
        for item in conditions
    )


def all_of(truths: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
    """Return the logical "and": false if any truth is false, else unknown if any is unknown.

    >>> all_of([np.array([1, 1, 0], np.int8), np.array([1, -1, -1], np.int8)]).tolist()
    [1, -1, 0]
    """
    table = np.stack(truths)
    unknown = (table == Truth.UNKNOWN).any(axis=0)
    held = np.where(unknown, Truth.UNKNOWN, Truth.TRUE)
    return np.where((table == Truth.FALSE).any(axis=0), Truth.FALSE, held).astype(np.int8)


def any_of(truths: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
    """Return the logical "or": true if any truth is true, else unknown if any is unknown.

    >>> any_of([np.array([0, 0, 1], np.int8), np.array([0, -1, -1], np.int8)]).tolist()
    [0, -1, 1]
    """
    table = np.stack(truths)
    unknown = (table == Truth.UNKNOWN).any(axis=0)
    failed = np.where(unknown, Truth.UNKNOWN, Truth.FALSE)
    return np.where((table == Truth.TRUE).any(axis=0), Truth.TRUE, failed).astype(np.int8)


def alternatives(required: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return the names of the required conditions of each group, in the given order.

    ``required`` are pairs of name and group. A condition of group "" is in every group; without
    any other group, "" is the only one.

    >>> alternatives([("a", ""), ("b", "x"), ("c", "y")])
    {'x': ('a', 'b'), 'y': ('a', 'c')}
    >>> alternatives([("a", "")])
    {'': ('a',)}
    """
    pairs = tuple(required)
    groups = dict.fromkeys(group for _, group in pairs if group) or {"": None}
    return {
        wanted: tuple(name for name, group in pairs if group in ("", wanted)) for wanted in groups
    }


def failed_alone(
    failed: Mapping[str, NDArray[np.bool_]], groups: Mapping[str, Sequence[str]]
) -> dict[str, NDArray[np.bool_]]:
    """Return for each required condition the rows at which no other one of its group failed.

    A condition of several groups failed alone where it did so in one of them.

    Parameters
    ----------
    failed : for each name, the rows at which it was not true
    groups : names by group, see :func:`alternatives`
    """
    alone = {name: np.zeros(len(rows), dtype=np.bool_) for name, rows in failed.items()}
    for names in groups.values():
        count = np.sum([failed[name] for name in names], axis=0)
        for name in names:
            alone[name] |= failed[name] & (count == 1)
    return alone


def entry_truth(conditions: Iterable[Condition]) -> NDArray[np.int8]:
    """Return whether all required conditions of one group hold; at least one must be required."""
    required = {item.name: item for item in conditions if item.required}
    groups = alternatives((item.name, item.group) for item in required.values())
    return any_of([all_of([required[name].truth for name in names]) for names in groups.values()])


def name_problem(name: str) -> str:
    """Return the reason why a condition cannot have this name, "" if it can.

    Names are columns of the journal: ``calm`` has the columns ``calm`` and ``calm.measured``.

    >>> name_problem("quiet_breakout.calm")
    ''
    >>> name_problem("calm.measured")
    'measured after a dot is a column of the journal'
    """
    if not _NAME.fullmatch(name):
        return "a name has letters, digits, _ and -, in parts joined by dots"
    if name in JOURNAL_COLUMNS:
        return f"{name} is a column of the journal"
    *before, last = name.split(".")
    if before and last in COLUMN_ENDINGS:
        return f"{last} after a dot is a column of the journal"
    return ""
