import numpy as np

from engine.statistics import Missing, enough, too_still


def test_29_trades_are_not_enough():
    assert enough(29, 250) == Missing("29 trades, 30 needed")


def test_249_days_are_not_enough():
    assert enough(30, 249) == Missing("249 daily returns, 250 needed")


def test_30_trades_over_250_days_are_enough():
    assert enough(30, 250) is None


def test_both_reasons_are_given():
    assert enough(0, 0) == Missing("0 trades, 30 needed; 0 daily returns, 250 needed")


def test_an_excess_that_hardly_moves_is_no_ground_for_a_ratio():
    # +-1 bp a day is 0.19% a year, +-0.5 bp 0.10% and a little less over 365 days.
    days = np.tile([1e-4, -1e-4], 50)
    assert too_still(days, 365) is None
    assert "0.02% a year, 0.10% needed" in str(too_still(days / 10, 365))
    assert "0.00% a year" in str(too_still(days * 0, 252))
