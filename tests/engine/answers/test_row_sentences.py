"""Compared numbers in words."""

import math

import pandas as pd
import pytest

from engine.answers.row_sentences import against, trail_line


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


def trailing(**changes):
    """Return the row of a long's trailing stop at 3% below a close of 107."""
    row = {
        "side": -1, "price": 90.0, "last_level": 103.8, "best_price": 107.0,
        "best_at": pd.Timestamp("2026-02-02 07:00", tz="UTC"), "trail_moved": "at_closes",
        "trail_distance": math.nan, "trail_fraction": 0.03, "trail_signal": "",
        "trail_beyond": math.nan,
    }  # fmt: skip
    return row | changes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {},
            "trailing stop at 103.8 (from 90): 3.00% below the highest close 107 of "
            "2026-02-02 07:00Z",
        ),
        (
            {"side": 1, "trail_fraction": math.nan, "trail_signal": "atr", "trail_beyond": 95.0},
            "trailing stop at 103.8 (from 90): the distance of signal atr above the lowest close "
            "107 of 2026-02-02 07:00Z, once that has reached 95",
        ),
        (
            {"last_level": 90.0, "best_price": math.nan, "trail_moved": "inside_bars"},
            "trailing stop, not moved from 90: 3.00% below the highest price since the entry",
        ),
    ],
)
def test_a_trailing_stop_is_told_with_the_price_behind_its_level(changes, words):
    assert trail_line(trailing(**changes)).strip() == words
