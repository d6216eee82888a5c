import math

import numpy as np
import pytest

from engine.signals import realized_volatility
from strategies.rules.functions.changes import change, pct_change, realized_vol, where
from strategies.rules.functions.function import RowWindow
from strategies.rules.functions.registry import FUNCTIONS

NAN = np.nan


def test_a_change_over_n_rows_reads_the_row_n_before():
    x = np.array([4.0, 5.0, 2.0, 10.0])
    np.testing.assert_array_equal(change(x, RowWindow.of_rows(4, 2)), [NAN, NAN, -2.0, 5.0])
    # 2 / 4 - 1 and 10 / 5 - 1
    np.testing.assert_array_equal(pct_change(x, RowWindow.of_rows(4, 2)), [NAN, NAN, -0.5, 1.0])


def test_a_change_over_time_reads_the_row_just_before_the_window():
    # The last window begins at row 3: 10 - 2. The first row has no row before its window.
    window = RowWindow(np.array([0, 0, 1, 3]), np.array([True, True, True, True]))
    found = change(np.array([4.0, 5.0, 2.0, 10.0]), window)
    np.testing.assert_array_equal(found, [NAN, NAN, -2.0, 8.0])


def test_an_unknown_value_between_the_two_rows_does_not_matter():
    found = change(np.array([4.0, NAN, 2.0, 10.0]), RowWindow.of_rows(4, 2))
    np.testing.assert_array_equal(found, [NAN, NAN, -2.0, NAN])


def test_a_relative_change_from_zero_or_below_is_unknown():
    found = pct_change(np.array([0.0, 1.0, -2.0, 1.0]), RowWindow.of_rows(4, 1))
    np.testing.assert_array_equal(found, [NAN, NAN, -3.0, NAN])


def test_realized_volatility_by_hand_and_that_of_the_engine_to_the_bit():
    # Log returns 1%, -2%, 3%: sqrt(0.0014 x 365 / 3)
    x = 100 * np.exp(np.cumsum([0.0, 0.01, -0.02, 0.03]))
    found = realized_vol(x, RowWindow.of_rows(4, 3), 365.0)
    assert found[-1] == pytest.approx(math.sqrt(0.0014 * 365 / 3))
    assert found.tobytes() == realized_volatility(x, 3, 365.0).tobytes()


def test_a_price_that_is_not_positive_has_no_volatility():
    x = np.array([1.0, 2.0, 0.0, 1.0, 2.0, 4.0])
    found = realized_vol(x, RowWindow.of_rows(6, 2), 365.0)
    assert np.isfinite(found).tolist() == [False, False, False, False, False, True]


def test_where_takes_no_side_while_the_condition_is_unknown():
    condition = np.array([1, 0, -1, 1], dtype=np.int8)
    a, b = np.array([1.0, NAN, 1.0, NAN]), np.array([NAN, 2.0, 2.0, 2.0])
    np.testing.assert_array_equal(where(condition, a, b), [1.0, 2.0, NAN, NAN])


def test_min_max_abs_and_log_by_hand():
    values = np.array([4.0, NAN]), np.array([1.0, 1.0]), np.array([2.0, 2.0])
    np.testing.assert_array_equal(FUNCTIONS["max"].compute(*values), [4.0, NAN])
    np.testing.assert_array_equal(FUNCTIONS["min"].compute(*values), [1.0, NAN])
    np.testing.assert_array_equal(FUNCTIONS["abs"].compute(np.array([-1.5, NAN])), [1.5, NAN])
    logs = FUNCTIONS["log"].compute(np.array([math.e, 0.0, -1.0, NAN]))
    np.testing.assert_array_equal(logs, [1.0, NAN, NAN, NAN])
