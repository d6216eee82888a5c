import numpy as np
import pytest

from strategies.rules.functions import extremes
from strategies.rules.functions.extremes import drawdown, highest, lowest, percentile
from strategies.rules.functions.function import RowWindow

NAN = np.nan


def test_highest_and_lowest_include_the_present_row():
    x = np.array([3.0, 1.0, 2.0, 5.0])
    np.testing.assert_array_equal(highest(x, RowWindow.of_rows(4, 3)), [NAN, NAN, 3.0, 5.0])
    np.testing.assert_array_equal(lowest(x, RowWindow.of_rows(4, 3)), [NAN, NAN, 1.0, 1.0])


def test_an_unknown_value_is_no_extreme():
    x = np.array([9.0, NAN, 2.0, 5.0])
    np.testing.assert_array_equal(highest(x, RowWindow.of_rows(4, 2)), [NAN, NAN, NAN, 5.0])


def test_drawdown_is_zero_at_the_high_and_negative_below():
    # 80 / 100 - 1 = -20%, 90 / 90 - 1 = 0
    found = drawdown(np.array([100.0, 80.0, 90.0]), RowWindow.of_rows(3, 2))
    np.testing.assert_allclose(found, [NAN, -0.2, 0.0])


def test_drawdown_from_a_high_that_is_not_positive_is_unknown():
    assert np.isnan(drawdown(np.array([-1.0, -2.0]), RowWindow.of_rows(2, 2))).all()


def test_percentile_counts_equal_values_half():
    # Of 1, 3, 2, 2 one is below 2, two are equal to it: (1 + 2 / 2) / 4 = 0.5
    found = percentile(np.array([1.0, 3.0, 2.0, 2.0]), RowWindow.of_rows(4, 4))
    np.testing.assert_allclose(found, [NAN, NAN, NAN, 0.5])


def test_the_highest_of_n_values_is_half_a_row_below_one():
    # Nine below, itself half: 9.5 / 10
    assert percentile(np.arange(10.0), RowWindow.of_rows(10, 10))[-1] == 0.95


@pytest.mark.parametrize("window", [2, 30, 250])
def test_counting_and_the_tree_give_the_same_shares(window, monkeypatch):
    rng = np.random.default_rng(6)
    x = rng.integers(0, 40, 2_000) / 8
    x[rng.random(2_000) < 0.003] = NAN
    windows = RowWindow.of_rows(2_000, window)
    monkeypatch.setattr(extremes, "_LONGEST_TO_COUNT", 2_000)
    counted = percentile(x, windows)
    monkeypatch.setattr(extremes, "_LONGEST_TO_COUNT", 0)
    assert percentile(x, windows).tobytes() == counted.tobytes()
    assert np.isfinite(counted).sum() > 300
