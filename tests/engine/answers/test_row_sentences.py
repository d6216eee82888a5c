"""Compared numbers in words."""

import math

import pytest

from engine.answers.row_sentences import against


@pytest.mark.parametrize(
    ("measured", "threshold", "unit", "words"),
    [
        # One row of funding: -0.00000327556 is -0.0327556 bp, and 0.0003 is 3 bp.
        (-3.27556e-06, 0.0003, "fraction", "-0.0327556 against 3 bp"),
        # Both numbers take the unit of the larger one.
        (0.0003, 0.02, "fraction", "0.03% against 2%"),
        (16.75, 25.0, "points", "16.75 against 25 points"),
        (3.0, 4.0, "", "3 against 4"),
        (0.5, math.nan, "fraction", "50% against -"),
    ],
)
def test_fractions_are_in_percent_or_basis_points(measured, threshold, unit, words):
    assert against(measured, threshold, unit) == words
