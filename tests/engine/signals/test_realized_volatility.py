import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.signals.realized_volatility import realized_volatility, rolling_sum

SERIES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60).map(np.array)


def test_realized_volatility_is_the_root_of_the_mean_squared_log_return_per_year():
    # Log returns 1%, -2%, 3%: sqrt((0.0001 + 0.0004 + 0.0009) x 365 / 3) = 0.41272
    close = 100 * np.exp(np.cumsum([0.0, 0.01, -0.02, 0.03]))
    assert realized_volatility(close, 3, 365.0)[-1] == pytest.approx(math.sqrt(0.0014 * 365 / 3))


def test_the_mean_is_not_subtracted():
    # A steady climb has no variance, but it has moved: sqrt(0.01^2 x 365)
    close = 100 * np.exp(0.01 * np.arange(6))
    assert realized_volatility(close, 4, 365.0)[-1] == pytest.approx(0.01 * math.sqrt(365))


def test_it_is_unknown_until_the_window_is_full():
    volatility = realized_volatility(np.array([1.0, 2.0, 3.0, 4.0]), 3, 365.0)
    assert np.isnan(volatility).tolist() == [True, True, True, False]
    assert np.isnan(realized_volatility(np.array([1.0, 2.0]), 3, 365.0)).all()
    assert len(realized_volatility(np.array([]), 3, 365.0)) == 0


def test_an_unknown_close_spoils_only_the_windows_that_contain_it():
    close = np.array([1.0, 1.1, np.nan, 1.2, 1.1, 1.3, 1.2])
    known = ~np.isnan(realized_volatility(close, 2, 365.0))
    assert known.tolist() == [False, False, False, False, False, True, True]


@given(SERIES, st.integers(1, 70))
def test_rolling_sum_equals_the_slow_obvious_loop(values, window):
    slow = [
        math.fsum(values[t - window + 1 : t + 1]) if t + 1 >= window else math.nan
        for t in range(len(values))
    ]
    np.testing.assert_allclose(rolling_sum(values, window), slow, rtol=1e-12, atol=1e-9)


@given(SERIES, SERIES, st.integers(1, 20))
def test_a_row_is_the_same_to_the_last_bit_whatever_lies_before_or_after_the_window(
    values, others, window
):
    alone = rolling_sum(values, window)
    between = rolling_sum(np.concatenate((others, values, others)), window)
    rows = slice(len(others) + window - 1, len(others) + len(values))
    assert between[rows].tobytes() == alone[window - 1 :].tobytes()


def test_a_window_below_one_row_is_refused():
    with pytest.raises(ValueError, match="at least 1 row, not 0"):
        rolling_sum(np.array([1.0]), 0)
