"""Three-valued logic over rows, and counts of conditions since a sequence began."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.conditions import Condition, Truth

Flags = NDArray[np.bool_]
Truths = NDArray[np.int8]


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


def seen_since(flags: Flags, origin: NDArray[np.int64]) -> Flags:
    """Return whether a flag was set on any row from ``origin`` to the row itself, both included.

    ``origin`` holds one row number a row, never later than the row itself.
    """
    count = np.concatenate(([0], np.cumsum(flags)))
    return np.asarray(count[np.arange(1, len(flags) + 1)] > count[origin], dtype=np.bool_)


def last_seen(flags: Flags, origin: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the instant of the last row from ``origin`` on whose flag was set, -1 without one.

    ``origin`` is as in :func:`seen_since`; ``at`` holds the rows' instants.

    >>> last_seen(np.array([1, 0, 0], bool), np.array([0, 0, 2]), np.array([10, 20, 30])).tolist()
    [10, 10, -1]
    """
    rows = np.arange(len(flags), dtype=np.int64)
    last = np.maximum.accumulate(np.where(flags, rows, -1))
    return np.where(last >= origin, at[np.maximum(last, 0)], -1)


@dataclass(frozen=True)
class Evidence:
    """Counts of conditions that were true, and that were known, since each row's origin."""

    held: NDArray[np.int64]
    known: NDArray[np.int64]


def count_evidence(conditions: Sequence[Condition], origin: NDArray[np.int64]) -> Evidence:
    """Return the number of conditions that were true, and known, on any row since ``origin``."""
    held = np.zeros(len(origin), dtype=np.int64)
    known = np.zeros(len(origin), dtype=np.int64)
    for item in conditions:
        held += seen_since(item.truth == Truth.TRUE, origin)
        known += seen_since(item.truth != Truth.UNKNOWN, origin)
    return Evidence(held, known)
