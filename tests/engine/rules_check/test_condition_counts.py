"""Counts of conditions over a window, by hand."""

import numpy as np
import pytest

from engine.conditions import Condition, condition
from engine.rules_check.condition_counts import count_conditions, spells

HOUR = 3_600 * 10**9
NAN = float("nan")


def told(name: str, truths: str, *, required: bool = True, group: str = "") -> Condition:
    """Return a condition from its truths as text: T, F or ? a row."""
    rows = np.array(list(truths))
    return condition(
        name,
        rows == "T",
        known=rows != "?",
        measured=np.full(len(rows), NAN),
        threshold=NAN,
        unit="",
        description=f"{name} holds",
        required=required,
        group=group,
    )


def counted(*conditions: Condition, first: int = 0, last: int = 99):
    """Return the counts over the rows from ``first`` to ``last``, one row an hour."""
    at = np.arange(len(conditions[0].truth), dtype=np.int64) * HOUR
    return count_conditions(conditions, at, first * HOUR, last * HOUR)


def test_true_false_unknown_spells_and_first_known_row_are_counted():
    (item,) = counted(told("calm", "?TTFT?")).conditions
    assert (item.true, item.false, item.unknown) == (3, 1, 2)
    assert (item.spells, item.longest) == (2, 2)
    assert item.first_known_at == HOUR


def test_rows_outside_the_window_are_not_counted():
    # Both ends count: rows 1, 2 and 3.
    counts = counted(told("calm", "TTFTT"), first=1, last=3)
    assert (counts.rows, counts.first_at, counts.last_at) == (3, HOUR, 3 * HOUR)
    assert (counts.conditions[0].true, counts.conditions[0].spells) == (2, 2)


def test_a_condition_that_is_never_known_has_no_first_row():
    assert counted(told("calm", "???")).conditions[0].first_known_at is None


def test_pairs_count_rows_at_which_both_are_true():
    counts = counted(told("a", "TTF?T"), told("b", "TFTTT"))
    assert counts.together.tolist() == [[3, 2], [2, 4]]


def test_alone_counts_rows_at_which_no_other_required_condition_fails():
    # a fails alone at row 1; at row 2 b fails too; c is not required.
    counts = counted(told("a", "TF?T"), told("b", "TTFF"), told("c", "FFFF", required=False))
    assert [item.alone for item in counts.conditions] == [1, 1, 0]
    assert [(item.rows, item.spells) for item in counts.passing] == [(1, 1)]


def test_groups_are_alternatives_and_share_the_conditions_without_a_group():
    counts = counted(
        told("shared", "TTFT"),
        told("x", "TFTT", group="first"),
        told("y", "FTTT", group="second"),
    )
    assert [(p.group, p.rows, p.spells) for p in counts.passing] == [
        ("first", 2, 2),
        ("second", 2, 2),
    ]
    # The shared one alone keeps both groups from passing at row 2.
    assert [item.alone for item in counts.conditions] == [1, 1, 1]
    assert (counts.passing[1].first_at, counts.passing[1].last_at) == (HOUR, 3 * HOUR)


def test_without_required_conditions_no_group_passes():
    assert counted(told("c", "TT", required=False)).passing == ()


def test_a_window_without_rows_counts_nothing():
    counts = counted(told("a", "TT"), first=50, last=60)
    assert (counts.rows, counts.conditions[0].true) == (0, 0)
    assert counts.passing[0].first_at is None


@pytest.mark.parametrize(
    ("rows", "expected"), [("", (0, 0)), ("FF", (0, 0)), ("T", (1, 1)), ("FTTFTTT", (2, 3))]
)
def test_spells_are_runs_of_true_rows(rows: str, expected: tuple[int, int]):
    assert spells(np.array([letter == "T" for letter in rows], dtype=np.bool_)) == expected
