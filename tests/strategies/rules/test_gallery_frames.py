"""The tables of the gallery's independent scripts, on numbers worked by hand."""

import numpy as np
import pandas as pd
import pytest

from tests.strategies.rules.gallery_frames import (
    DAY,
    both,
    crosses,
    days_of,
    every_of_last,
    holds,
    joined,
    wilder_range,
)

HOUR = DAY // 24
NAN = float("nan")


def test_kleenes_and_is_false_beside_an_unknown_and_unknown_beside_a_true():
    one = np.array([1.0, 0.0, 1.0, NAN, 0.0])
    other = np.array([1.0, 1.0, NAN, NAN, NAN])
    assert both(one, other).tolist() == pytest.approx([1, 0, NAN, NAN, 0], nan_ok=True)


def test_a_cross_needs_the_row_before_on_the_other_side_or_on_the_level():
    values = np.array([31.0, 30.0, 29.0, 28.0, NAN, 29.0])
    # 30 is not below 30; 29 is, and the row before was not. At the hole the row before was below
    # already: no cross, whatever the hole hides. After the hole nobody can tell.
    found = crosses(False, values, 30)
    assert found.tolist() == pytest.approx([0, 0, 1, 0, 0, NAN], nan_ok=True)


def test_for_is_false_at_a_false_and_unknown_while_the_window_is_not_full():
    truth = np.array([1.0, 1.0, 1.0, NAN, 1.0, 0.0, 1.0])
    assert every_of_last(truth, 2).tolist() == pytest.approx(
        [NAN, 1, 1, NAN, NAN, 0, 0], nan_ok=True
    )


def test_a_value_is_joined_from_its_release_and_unknown_once_it_is_older_than_its_age():
    facts = np.array([0, 10])
    found = joined([1.0, 2.0], facts, facts + 3, np.array([2, 3, 12, 13, 20, 21]), 10)
    # 12 is 12 after the first fact, and the second one is known from 13 on; 21 is 11 after it.
    assert found.tolist() == pytest.approx([NAN, 1, NAN, 2, 2, NAN], nan_ok=True)


def test_a_late_row_of_an_older_fact_hides_no_newer_one():
    found = joined([1.0, 2.0], np.array([5, 0]), np.array([6, 8]), np.array([9]), 100)
    assert found.tolist() == [1.0]


def test_days_are_whole_at_the_front_and_known_when_they_have_ended():
    opens = np.arange(3, 60) * HOUR
    hours = pd.DataFrame(
        {
            "opened_at": opens,
            "closed_at": opens + HOUR,
            "available_at": opens + HOUR,
            "high": np.arange(57.0),
            "low": -np.arange(57.0),
            "close": np.arange(57.0),
        }
    )
    days = days_of(hours)
    # The first day lacks three hours; the third one has not ended.
    assert days["available_at"].tolist() == [2 * DAY]
    assert days[["high", "low", "close"]].to_numpy().tolist() == [[44.0, -44.0, 44.0]]


def test_wilders_range_begins_with_a_mean():
    table = pd.DataFrame(
        {"high": [10.0, 12, 11, 13], "low": [9.0, 10, 10, 9], "close": [9.5, 11, 10, 12]}
    )
    # Ranges 2.5 (12 - 9.5), 1 and 4: mean of the first two 1.75, then 1.75 + (4 - 1.75) / 2.
    assert wilder_range(table, 2).tolist() == pytest.approx([NAN, NAN, 1.75, 2.875], nan_ok=True)


def test_a_comparison_with_an_unknown_is_unknown():
    assert holds([1.0, NAN], np.less, 2).tolist() == pytest.approx([1, NAN], nan_ok=True)
