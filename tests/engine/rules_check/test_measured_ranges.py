"""Ranges of compared numbers, by hand."""

import numpy as np

from engine.conditions import Condition, condition
from engine.rules_check.measured_ranges import NumberRange, measured_range, part_ranges

NAN = float("nan")


def compared(measured: list[float], threshold: float | list[float], *parts: Condition) -> Condition:
    """Return ``measured < threshold``, unknown where measured is NaN."""
    numbers, limit = np.array(measured), np.array(threshold, dtype=np.float64)
    return condition(
        "calm",
        numbers < limit,
        known=~np.isnan(numbers),
        measured=numbers,
        threshold=limit,
        unit="points",
        description="",
        parts=parts,
    )


def test_lowest_median_and_highest_leave_out_unknown_rows() -> None:
    found = measured_range(compared([30.0, NAN, 20.0, 28.0], 25.0))
    assert found is not None
    assert (found.unit, found.rows) == ("points", 3)
    assert found.measured == NumberRange(20.0, 28.0, 30.0)
    assert found.threshold == NumberRange(25.0, 25.0, 25.0)


def test_margin_is_taken_row_by_row() -> None:
    # The two ranges overlap, yet measured is below its threshold at every row: -2, -1, -3.
    found = measured_range(compared([10.0, 21.0, 30.0], [12.0, 22.0, 33.0]))
    assert found is not None
    assert found.margin == NumberRange(-3.0, -2.0, -1.0)


def test_a_condition_without_numbers_has_no_range() -> None:
    assert measured_range(compared([NAN, NAN], 25.0)) is None
    assert measured_range(compared([1.0, 2.0], NAN)) is None
    # "within" that was never true so far is infinitely long ago.
    assert measured_range(compared([float("inf")], 3.0)) is None


def test_parts_without_numbers_are_left_out() -> None:
    whole = compared([NAN, NAN], NAN, compared([1.0, 3.0], 2.0), compared([NAN, NAN], 2.0))
    (part,) = part_ranges(whole)
    assert (part.name, part.measured.measured) == ("calm", NumberRange(1.0, 2.0, 3.0))
