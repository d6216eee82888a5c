"""The certain range of a bar after an entry, against both orders of its extremes.

A bar goes from its open to one extreme, to the other, and to its close. A price after the entry is
certain if it follows in both orders. The slow walk below goes through both, tick by tick.
"""

import itertools

import numpy as np
import pytest

from engine.audit.due_fills import Bar, rest_after
from engine.broker import resolve

PRICES = range(1, 7)
BARS = [
    (opened, high, low, close)
    for opened, high, low, close in itertools.product(PRICES, repeat=4)
    if low <= min(opened, close) and max(opened, close) <= high
]


def steps(*corners):
    """Return every price on straight lines from corner to corner, tick by tick."""
    path = [corners[0]]
    for corner in corners[1:]:
        while path[-1] != corner:
            path.append(path[-1] + (1 if corner > path[-1] else -1))
    return path


def met_after(path, level):
    """Return the prices from the first visit of a level on."""
    return set(path[path.index(level) :])


def proved(opened, high, low, close, level):
    """Return the lowest and highest price that follow in both orders."""
    both = met_after(steps(opened, low, high, close), level) & met_after(
        steps(opened, high, low, close), level
    )
    return min(both), max(both)


@pytest.mark.parametrize("opened", PRICES)
def test_broker_and_audit_take_what_follows_in_both_orders(opened):
    tried = 0
    for bar in BARS:
        if bar[0] != opened:
            continue
        _, high, low, close = bar
        for level in range(low, high + 1):
            expected = proved(opened, high, low, close, level)
            assert (
                resolve.range_after_entry(
                    float(level), float(opened), float(close), float(low), float(high)
                )
                == expected
            ), (bar, level)
            rest = rest_after(audited(*bar), float(level))
            assert (rest.low, rest.high) == expected, (bar, level)
            assert (rest.mark_low, rest.mark_high) == expected, (bar, level)
            tried += 1
    assert tried >= 90


def audited(opened, high, low, close):
    """A bar of the audit's whose mark is its last price."""
    prices = np.array([opened, high, low, close], float)
    return Bar(
        row=0,
        opened_at=0,
        closed_at=1,
        **dict(zip(("open", "high", "low", "close"), prices, strict=True)),
        is_traded=True,
        **dict(zip(("mark_open", "mark_high", "mark_low", "mark_close"), prices, strict=True)),
    )
