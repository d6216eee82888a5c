"""Keep what is unknown NaN: overflow, and quotients without a divisor."""

import numpy as np

from engine.api import compiled, compiled_without_checks
from strategies.rules.functions.function import Flags, Floats

_LARGEST = np.finfo(np.float64).max
# Rows that are searched together; the compiler uses vector instructions for them.
_STRETCH = 4_096


@compiled
def _has_infinite(values: Floats) -> bool:
    for begin in range(0, len(values), _STRETCH):
        infinite = 0
        for value in values[begin : begin + _STRETCH]:
            infinite += abs(value) > _LARGEST
        if infinite:
            return True
    return False


def known_numbers(values: Floats) -> Floats:
    """Return numbers with every infinite one unknown.

    >>> known_numbers(np.array([1.0, np.inf])).tolist()
    [1.0, nan]
    """
    return np.where(np.isinf(values), np.nan, values) if _has_infinite(values) else values


@compiled_without_checks
def growth(x: Floats, before: Floats) -> Floats:
    """Return ``x / before - 1``; NaN where ``before`` is not positive."""
    found = np.empty(len(x))
    for t in range(len(x)):
        found[t] = x[t] / before[t] - 1 if before[t] > 0 else np.nan
    return found


@compiled_without_checks
def quotient(over: Floats, under: Floats, where: Flags) -> Floats:
    """Return ``over / under`` where a flag is set, else NaN."""
    found = np.empty(len(over))
    for t in range(len(over)):
        found[t] = over[t] / under[t] if where[t] else np.nan
    return found
