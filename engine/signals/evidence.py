"""Three-valued logic over rows, and counts of conditions since a sequence began."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.compiled_function import compiled
from engine.conditions import Condition, Truth

Flags = NDArray[np.bool_]
Truths = NDArray[np.int8]
Rows = NDArray[np.int64]

# The compiled loops take plain integers only.
_UNKNOWN, _TRUE = int(Truth.UNKNOWN), int(Truth.TRUE)


def not_both(first: Truths, second: Truths) -> Truths:
    """Return the truth of "not both": true if either is false, else unknown if either is unknown.

    >>> not_both(np.array([1, 1, 0], np.int8), np.array([1, -1, -1], np.int8)).tolist()
    [0, -1, 1]
    """
    either_false = (first == Truth.FALSE) | (second == Truth.FALSE)
    both_true = (first == Truth.TRUE) & (second == Truth.TRUE)
    return np.where(
        either_false, Truth.TRUE, np.where(both_true, Truth.FALSE, Truth.UNKNOWN)
    ).astype(np.int8)


def resolve(truth: Truths, *, unknown_passes: bool) -> Flags:
    """Return the rows that pass a gate: true ones, and unknown ones if ``unknown_passes``."""
    passes: Flags = truth == Truth.TRUE
    return passes | (truth == Truth.UNKNOWN) if unknown_passes else passes


def seen_since(flags: Flags, origin: Rows) -> Flags:
    """Return whether a flag was set on any row from ``origin`` to the row itself, both included.

    ``origin`` holds one row number a row, never later than the row itself.
    """
    return _seen_since(flags, origin)


@compiled
def _seen_since(flags: Flags, origin: Rows) -> Flags:
    seen, last = np.empty(len(flags), dtype=np.bool_), -1
    for t in range(len(flags)):
        if flags[t]:
            last = t
        seen[t] = last >= origin[t]
    return seen


def last_seen(flags: Flags, origin: Rows, at: Rows) -> Rows:
    """Return the instant of the last row from ``origin`` on whose flag was set, -1 without one.

    ``origin`` is as in :func:`seen_since`; ``at`` holds the rows' instants.

    >>> last_seen(np.array([1, 0, 0], bool), np.array([0, 0, 2]), np.array([10, 20, 30])).tolist()
    [10, 10, -1]
    """
    if not flags.any():
        return np.broadcast_to(np.int64(-1), len(flags))
    return _last_seen(flags, origin, at)


@compiled
def _last_seen(flags: Flags, origin: Rows, at: Rows) -> Rows:
    seen, last = np.empty(len(flags), dtype=np.int64), -1
    for t in range(len(flags)):
        if flags[t]:
            last = t
        seen[t] = at[last] if last >= origin[t] else -1
    return seen


@dataclass(frozen=True)
class Evidence:
    """Counts of conditions that were true, and that were known, since each row's origin."""

    held: Rows
    known: Rows


def count_evidence(conditions: Sequence[Condition], origin: Rows) -> Evidence:
    """Return the number of conditions that were true, and known, on any row since ``origin``."""
    held = np.zeros(len(origin), dtype=np.int64)
    known = np.zeros(len(origin), dtype=np.int64)
    for item in conditions:
        if (item.truth != Truth.UNKNOWN).any():
            _add_seen(held, known, item.truth, origin)
    return Evidence(held, known)


@compiled
def _add_seen(held: Rows, known: Rows, truth: Truths, origin: Rows) -> None:
    """Count one condition at the rows since whose origin it was true, and was known."""
    last_true, last_known = -1, -1
    for t in range(len(truth)):
        if truth[t] != _UNKNOWN:
            last_known = t
        if truth[t] == _TRUE:
            last_true = t
        held[t] += last_true >= origin[t]
        known[t] += last_known >= origin[t]
