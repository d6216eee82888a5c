import numpy as np

from strategies.rules.functions.events import count, since
from strategies.rules.functions.function import RowWindow

NAN = np.nan


def truths(*values):
    return np.array(values, dtype=np.int8)


def test_count_is_unknown_while_a_row_of_the_window_is():
    found = count(truths(1, 1, 0, -1, 1, 1), RowWindow.of_rows(6, 2))
    np.testing.assert_array_equal(found, [NAN, 2.0, 1.0, NAN, NAN, 2.0])


def test_since_counts_rows_from_the_last_true_one():
    found = since(truths(0, 0, 1, 0, 0, 0), RowWindow.of_rows(6, 3))
    # Not full and nothing true: unknown. At the end no row of the window is true: its 3 rows.
    np.testing.assert_array_equal(found, [NAN, NAN, 0.0, 1.0, 2.0, 3.0])


def test_a_true_row_decides_though_the_window_is_not_full():
    found = since(truths(1, 0, 0), RowWindow.of_rows(3, 10))
    np.testing.assert_array_equal(found, [0.0, 1.0, 2.0])


def test_since_is_unknown_where_a_later_row_is_unknown():
    found = since(truths(1, -1, 0, 1, 0), RowWindow.of_rows(5, 5))
    np.testing.assert_array_equal(found, [0.0, NAN, NAN, 0.0, 1.0])


def test_an_unknown_row_before_the_last_true_one_does_not_matter():
    assert since(truths(-1, 1, 0), RowWindow.of_rows(3, 3))[-1] == 1.0
