"""Compute the operations of the language over arrays: arithmetic, three-valued truth, windows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.api import Truth, compiled
from strategies.rules.functions.function import RowWindow
from strategies.rules.functions.known import known_numbers

Floats = NDArray[np.float64]
Truths = NDArray[np.int8]
Flags = NDArray[np.bool_]
# An array, or the number of a constant.
Values = NDArray[Any] | float

_UNKNOWN = np.int8(Truth.UNKNOWN)
_ARITHMETIC: Mapping[str, Callable[[Values, Values], Values]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}
_RELATIONS: Mapping[str, Callable[[Floats, Floats], Flags]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


@compiled
def _make_unknown(truth: Truths, values: Floats) -> None:
    """Make a truth unknown at the rows of NaN."""
    for t in range(len(truth)):
        truth[t] = -1 if np.isnan(values[t]) else truth[t]


@compiled
def _begun(truth: Truths) -> Truths:
    """Return "true now and false one row before"; unknown before the first row."""
    found = np.empty_like(truth)
    before = -1
    for t in range(len(truth)):
        now = truth[t]
        # Of 0 false, -1 unknown, 1 true: "and" is false if one is, else unknown if one is.
        found[t] = 0 if now == 0 or before == 1 else 1 if now == 1 and before == 0 else -1
        before = now
    return found


@compiled
def _lasted(truth: Truths, first: NDArray[np.int64], full: Flags, deciding: int) -> Truths:
    """Return ``deciding`` where a window has such a row, else unknown or the opposite."""
    found = np.empty(len(truth), dtype=np.int8)
    last_deciding, last_unknown = -1, -1
    for t in range(len(truth)):
        if truth[t] == deciding:
            last_deciding = t
        elif truth[t] == -1:
            last_unknown = t
        if last_deciding >= first[t]:
            found[t] = deciding
        elif last_unknown >= first[t] or not full[t]:
            found[t] = -1
        else:
            found[t] = 1 - deciding
    return found


def arithmetic(sign: str, left: Values, right: Values) -> Floats:
    """Return a sum, difference, product or quotient; a division by zero is unknown.

    >>> arithmetic("/", np.array([1.0, 1.0]), np.array([2.0, 0.0])).tolist()
    [0.5, nan]
    """
    with np.errstate(all="ignore"):
        return known_numbers(np.asarray(_ARITHMETIC[sign](left, right), dtype=np.float64))


def compared(relation: str, left: Values, right: Values) -> Truths:
    """Return a comparison of two numbers, unknown where one of them is.

    >>> compared("<", np.array([1.0, np.nan]), 2.0).tolist()
    [1, -1]
    """
    first, second = (np.atleast_1d(np.asarray(side, dtype=np.float64)) for side in (left, right))
    truth = _RELATIONS[relation](first, second).view(np.int8)
    for side in (first, second):
        if len(side) == len(truth):
            _make_unknown(truth, side)
        elif np.isnan(side[0]):
            truth[:] = _UNKNOWN
    return truth


def labelled(relation: str, codes: Truths, code: int) -> Truths:
    """Return a comparison of labels with one of them; -1 is an unknown label."""
    return compared(relation, np.where(codes < 0, np.nan, codes), float(code))


def negated(truth: Truths) -> Truths:
    """Return "not": unknown stays unknown.

    >>> negated(np.array([1, 0, -1], np.int8)).tolist()
    [0, 1, -1]
    """
    return np.where(truth == _UNKNOWN, _UNKNOWN, 1 - truth).astype(np.int8)


def both(left: Truths, right: Truths) -> Truths:
    """Return "and" of two truths: false if one is false, else unknown if one is unknown.

    >>> both(np.array([1, 1, 0], np.int8), np.array([1, -1, -1], np.int8)).tolist()
    [1, -1, 0]
    """
    # Of 0 false, -1 unknown, 1 true: a false one makes the product 0; else the smaller one counts.
    found: Truths = np.minimum(left, right) * (left * right != 0)
    return found


def either(left: Truths, right: Truths) -> Truths:
    """Return "or" of two truths: true if one is true, else unknown if one is unknown.

    >>> either(np.array([1, 0, 0], np.int8), np.array([-1, -1, 0], np.int8)).tolist()
    [1, -1, 0]
    """
    return negated(both(negated(left), negated(right)))


def earlier(values: NDArray[Any], rows: int) -> NDArray[Any]:
    """Return the value some rows before each row; unknown at the first ones.

    >>> earlier(np.array([1.0, 2.0, 3.0]), 2).tolist()
    [nan, nan, 1.0]
    """
    is_number = values.dtype == np.float64
    found = np.full(len(values), np.nan if is_number else _UNKNOWN, dtype=values.dtype)
    if rows < len(values):
        found[rows:] = values[: len(values) - rows]
    return found


def taken(values: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
    """Return the values at some places, unknown where the place is -1.

    >>> taken(np.array([1.0, 2.0]), np.array([1, -1])).tolist()
    [2.0, nan]
    """
    here = places >= 0
    if here.all():
        return values[places]
    unknown = np.nan if values.dtype == np.float64 else _UNKNOWN
    found = np.full(len(places), unknown, dtype=values.dtype)
    found[here] = values[places[here]]
    return found


def crossed(direction: str, sides: Sequence[Values], rows: int) -> Truths:
    """Return whether the first side is beyond the second at a row and was not on the row before.

    >>> crossed("above", [np.array([1.0, 3.0, 4.0]), 2.0], 3).tolist()
    [0, 1, 0]
    """
    left, right = sides
    beyond = compared(">" if direction == "above" else "<", left, right)
    # Not beyond and known is what "at most" and "at least" mean.
    found: Truths = _begun(np.broadcast_to(beyond, rows))
    return found


def lasted(truth: Truths, window: RowWindow, *, whole: bool) -> Truths:
    """Return whether a truth holds at all (``whole``) or at any rows of each window.

    One false row decides "all", and one true row "any"; otherwise an unknown row, or a window that
    is not full, makes the result unknown.
    """
    found: Truths = _lasted(truth, window.first, window.full, 0 if whole else 1)
    return found


def held(truth: Truths, fact_at: NDArray[np.int64], *, step_ns: int, by_time: bool) -> Floats:
    """Return for how long a truth has held at each row: rows, or ns with ``by_time``.

    Rows are counted from the last row that was not true, this row included; so the truth holds at
    all rows of a full window exactly if the number reaches the window's length.

    >>> held(np.array([0, 1, 1], np.int8), np.arange(3), step_ns=1, by_time=False).tolist()
    [0.0, 1.0, 2.0]
    """
    rows = np.arange(len(truth), dtype=np.int64)
    last = np.maximum.accumulate(np.where(truth == Truth.TRUE, -1, rows))
    if not by_time or len(rows) == 0:
        return (rows - last).astype(np.float64)
    since = np.where(last >= 0, fact_at[np.maximum(last, 0)], fact_at[0] - step_ns)
    return (fact_at - since).astype(np.float64)


def since_true(truth: Truths, fact_at: NDArray[np.int64], *, by_time: bool) -> Floats:
    """Return the rows, or the ns, since the last true row, 0 at it; NaN before the first.

    >>> since_true(np.array([0, 1, 0], np.int8), np.arange(3), by_time=False).tolist()
    [nan, 0.0, 1.0]
    """
    rows = np.arange(len(truth), dtype=np.int64)
    last = np.maximum.accumulate(np.where(truth == Truth.TRUE, rows, -1))
    at = fact_at if by_time else rows
    return np.where(last >= 0, (at - at[np.maximum(last, 0)]).astype(np.float64), np.nan)
