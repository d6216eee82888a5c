"""Counts of held states, by hand."""

import numpy as np

from engine.rules_check.state_counts import StateCount, count_states

HOUR = 3_600 * 10**9


def counted(*held: int):
    at = np.arange(len(held), dtype=np.int64) * HOUR
    return count_states(["storm", "usual"], np.array(held, dtype=np.float64), at)


def test_rows_spells_and_ends_of_each_state_are_counted() -> None:
    counts = counted(-1, 1, 1, 0, 1)
    assert (counts.rows, counts.none) == (5, 1)
    assert counts.states == (
        StateCount("storm", 1, 1, 1, 3 * HOUR, 3 * HOUR),
        StateCount("usual", 3, 2, 2, HOUR, 4 * HOUR),
    )


def test_the_first_state_is_no_switch() -> None:
    counts = counted(-1, 1, 1, 0, 1)
    assert (counts.switches, counts.first_switch_at, counts.last_switch_at) == (
        2,
        3 * HOUR,
        4 * HOUR,
    )


def test_a_state_that_is_never_held_has_no_ends() -> None:
    counts = counted(1, 1)
    assert counts.states[0] == StateCount("storm", 0, 0, 0, None, None)
    assert (counts.switches, counts.first_switch_at, counts.last_switch_at) == (0, None, None)


def test_a_window_without_rows_counts_nothing() -> None:
    assert (counted().rows, counted().none, counted().switches) == (0, 0, 0)
