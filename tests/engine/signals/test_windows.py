import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.signals.windows import (
    last_rows,
    multiple_of_mean_before,
    multiple_of_previous_mean,
    previous,
    previous_low,
    rolling_highest,
    rolling_lowest,
    rolling_sum,
    wilder_atr,
    windowed_highest,
    windowed_lowest,
    windowed_sum,
)

SERIES = st.lists(st.integers(-5, 5), min_size=1, max_size=60).map(
    lambda values: np.array(values, dtype=np.float64)
)

FLOATS = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60).map(np.array)


@given(SERIES, st.integers(1, 8))
def test_the_previous_low_is_the_minimum_of_the_slice_before(values, window):
    slow = [values[t - window : t].min() if t >= window else np.nan for t in range(len(values))]
    np.testing.assert_array_equal(previous_low(values, window), slow)


def test_the_previous_low_leaves_out_the_bar_itself():
    assert previous_low(np.array([5.0, 4.0, 1.0]), 2)[2] == 4.0


def test_wilder_atr_by_hand():
    high, low = np.array([11.0, 12.0, 12.0, 15.0]), np.array([10.0, 11.0, 8.0, 13.0])
    close = np.array([10.0, 12.0, 9.0, 14.0])
    # True ranges: 11-10 = 1; 12-10 = 2; 12-8 = 4; 15-9 = 6 (from the close before).
    # Length 2: (1+2)/2 = 1.5; (1.5 x 1 + 4)/2 = 2.75; (2.75 + 6)/2 = 4.375
    np.testing.assert_allclose(wilder_atr(high, low, close, 2), [np.nan, 1.5, 2.75, 4.375])


def test_wilder_atr_does_not_depend_on_bars_twenty_lengths_back():
    rng = np.random.default_rng(5)
    close = 100 + np.cumsum(rng.normal(0, 1, 600))
    high, low = close + 1, close - 1
    longer = wilder_atr(high, low, close, 14)[-1]
    shorter = wilder_atr(high[-280:], low[-280:], close[-280:], 14)[-1]
    assert shorter == pytest.approx(longer, rel=1e-7)
    assert wilder_atr(high[-28:], low[-28:], close[-28:], 14)[-1] != pytest.approx(longer, rel=1e-7)


def test_previous_shifts_by_whole_rows():
    assert previous(np.array([1.0, 2.0, 3.0]), 2).tolist()[2] == 1.0
    assert np.isnan(previous(np.array([1.0]), 5)).all()


def test_volume_is_compared_with_the_mean_before_it():
    # 8 over (1 + 3) / 2 = 4; then 0 over (3 + 8) / 2; a mean of zero gives NaN.
    assert multiple_of_previous_mean(np.array([1.0, 3.0, 8.0, 0.0]), 2).tolist()[2:] == [4.0, 0.0]
    assert np.isnan(multiple_of_previous_mean(np.array([0.0, 0.0, 8.0]), 2)).all()


def test_points_are_compared_with_the_time_before_them_whatever_their_spacing():
    at, values = np.array([0, 5, 10, 20, 21]), np.array([2.0, 4.0, 9.0, 6.0, 3.0])
    # At 10: points of [0, 10): (2 + 4) / 2 = 3, 9 / 3. At 20: only 10: 6 / 9. At 21: 20: 3 / 6.
    found = multiple_of_mean_before(at, values, 10)
    np.testing.assert_allclose(found, [np.nan, np.nan, 3.0, 6 / 9, 0.5])


def test_a_mean_over_points_waits_until_they_reach_back_far_enough():
    found = multiple_of_mean_before(np.array([0, 5, 9]), np.ones(3), 10)
    assert np.isnan(found).all()


@given(FLOATS, st.integers(1, 70))
def test_rolling_sum_equals_the_slow_obvious_loop(values, window):
    slow = [
        math.fsum(values[t - window + 1 : t + 1]) if t + 1 >= window else math.nan
        for t in range(len(values))
    ]
    np.testing.assert_allclose(rolling_sum(values, window), slow, rtol=1e-12, atol=1e-9)


@given(FLOATS, FLOATS, st.integers(1, 20))
def test_a_row_is_the_same_to_the_last_bit_whatever_lies_before_or_after_the_window(
    values, others, window
):
    alone = rolling_sum(values, window)
    between = rolling_sum(np.concatenate((others, values, others)), window)
    rows = slice(len(others) + window - 1, len(others) + len(values))
    assert between[rows].tobytes() == alone[window - 1 :].tobytes()


@given(FLOATS, st.lists(st.integers(0, 3), min_size=60, max_size=60), st.integers(0, 9))
def test_windows_of_any_length_equal_the_slow_obvious_loop(values, steps, unknown):
    values[unknown:][:1] = np.nan
    first = np.minimum(np.cumsum(steps), np.arange(60))[: len(values)]
    first[: steps[0]] = -1
    windows = [values[start : t + 1] if start >= 0 else [np.nan] for t, start in enumerate(first)]
    sums = [np.sum(window) for window in windows]
    np.testing.assert_allclose(windowed_sum(values, first), sums, rtol=1e-12, atol=1e-9)
    np.testing.assert_array_equal(windowed_highest(values, first), [np.max(w) for w in windows])
    np.testing.assert_array_equal(windowed_lowest(values, first), [np.min(w) for w in windows])


@pytest.mark.parametrize("window", [1, 2, 7, 480, 2_049, 9_999])
def test_windows_of_one_length_have_the_bits_of_windows_by_their_first_rows(window):
    # More rows than are computed together, with holes, equal values and zeros of both signs.
    rng = np.random.default_rng(11)
    values = rng.choice([-1.5, -0.0, 0.0, 0.1, 0.3], 7_000) * rng.choice([1.0, 1e9], 7_000)
    values[[30, 31, 6_000]] = np.nan
    first = last_rows(len(values), window)
    for rolling, by_first in (
        (rolling_sum, windowed_sum),
        (rolling_highest, windowed_highest),
        (rolling_lowest, windowed_lowest),
    ):
        assert rolling(values, window).tobytes() == by_first(values, first).tobytes()


def test_extremes_by_hand():
    # 1 is followed by an unknown: the windows of two rows that contain it are unknown.
    values = np.array([3.0, 1.0, np.nan, 2.0, 5.0])
    np.testing.assert_array_equal(rolling_highest(values, 2), [np.nan, 3.0, np.nan, np.nan, 5.0])
    np.testing.assert_array_equal(rolling_lowest(values, 2), [np.nan, 1.0, np.nan, np.nan, 2.0])


def test_a_window_below_one_row_is_refused():
    with pytest.raises(ValueError, match="at least 1 row, not 0"):
        rolling_sum(np.array([1.0]), 0)
