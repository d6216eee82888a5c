import numpy as np
import pytest

from strategies.rules.functions.averages import (
    atr,
    ema,
    macd,
    macd_histogram,
    macd_signal,
    rsi,
    sma,
    wilder,
)
from strategies.rules.functions.function import PriceBars, RowWindow

NAN = np.nan


def test_sma_by_hand():
    # (2 + 4 + 9) / 3 = 5, (4 + 9 + 2) / 3 = 5, (9 + 2 + 1) / 3 = 4
    found = sma(np.array([2.0, 4.0, 9.0, 2.0, 1.0]), RowWindow.of_rows(5, 3))
    np.testing.assert_allclose(found, [NAN, NAN, 5.0, 5.0, 4.0])


def test_an_unknown_value_spoils_only_the_windows_that_contain_it():
    found = sma(np.array([2.0, NAN, 4.0, 6.0]), RowWindow.of_rows(4, 2))
    np.testing.assert_allclose(found, [NAN, NAN, NAN, 5.0])


def test_a_window_of_time_takes_the_rows_inside_it():
    # Rows 1 to 2, then row 3 alone, then rows 3 to 4, not full.
    window = RowWindow(np.array([0, 0, 1, 3, 3]), np.array([False, True, True, True, False]))
    found = sma(np.array([2.0, 4.0, 9.0, 2.0, 1.0]), window)
    np.testing.assert_allclose(found, [NAN, 3.0, 6.5, 2.0, NAN])


def test_ema_is_seeded_by_a_mean_and_moves_two_over_n_plus_one():
    # Mean of 2, 4, 6 = 4; share 2 / 4: 4 + (8 - 4) / 2 = 6; 6 + (0 - 6) / 2 = 3
    found = ema(np.array([2.0, 4.0, 6.0, 8.0, 0.0]), 3)
    np.testing.assert_allclose(found, [NAN, NAN, 4.0, 6.0, 3.0])


def test_wilder_moves_one_over_n():
    # Mean of 2, 4 = 3; 3 + (8 - 3) / 2 = 5.5; 5.5 + (0 - 5.5) / 2 = 2.75
    found = wilder(np.array([2.0, 4.0, 8.0, 0.0]), 2)
    np.testing.assert_allclose(found, [NAN, 3.0, 5.5, 2.75])


def test_an_unknown_value_starts_a_recursion_anew():
    # After the NaN the mean of 10 and 20 seeds again.
    found = ema(np.array([2.0, 4.0, NAN, 10.0, 20.0, 30.0]), 2)
    np.testing.assert_allclose(found, [NAN, 3.0, NAN, NAN, 15.0, 25.0])


def test_rsi_by_hand():
    # Changes 2, -1, 3. Means of the first two: up 1, down 0.5: 100 x 1 / 1.5 = 66.67.
    # Then up (1 + 3) / 2 = 2, down (0.5 + 0) / 2 = 0.25: 100 x 2 / 2.25 = 88.89.
    found = rsi(np.array([10.0, 12.0, 11.0, 14.0]), 2)
    np.testing.assert_allclose(found, [NAN, NAN, 100 / 1.5, 200 / 2.25])


def test_rsi_is_100_without_a_fall_and_unknown_without_a_move():
    assert rsi(np.array([1.0, 2.0, 3.0]), 2)[-1] == 100.0
    assert np.isnan(rsi(np.array([1.0, 1.0, 1.0]), 2)).all()


def test_atr_by_hand():
    # Ranges 11 - 10 = 1, 12 - 10 = 2 (from the close before), 12 - 8 = 4: 1.5, (1.5 + 4) / 2.
    bars = PriceBars(
        np.array([11.0, 12.0, 12.0]), np.array([10.0, 11.0, 8.0]), np.array([10.0, 12.0, 9.0])
    )
    np.testing.assert_allclose(atr(bars, 2), [NAN, 1.5, 2.75])


def test_a_bar_with_an_unknown_price_starts_the_range_anew():
    high = np.array([11.0, 12.0, 12.0, 20.0, 22.0])
    low = np.array([10.0, 11.0, NAN, 18.0, 21.0])
    close = np.array([10.0, 12.0, 9.0, 19.0, 21.0])
    # After the hole: 20 - 18 = 2, then 22 - 19 = 3.
    np.testing.assert_allclose(atr(PriceBars(high, low, close), 2), [NAN, 1.5, NAN, NAN, 2.5])


def test_macd_its_signal_and_histogram_by_hand():
    x = np.array([2.0, 4.0, 6.0, 2.0, 2.0])
    # ema 1 is x. ema 3 (share 1/2): 4, 3, 2.5. macd: 6 - 4 = 2, 2 - 3 = -1, 2 - 2.5 = -0.5.
    np.testing.assert_allclose(macd(x, 1, 3), [NAN, NAN, 2.0, -1.0, -0.5])
    # Mean of 2 and -1 = 0.5; share 2/3: 0.5 + (-0.5 - 0.5) x 2/3 = -1/6.
    np.testing.assert_allclose(macd_signal(x, 1, 3, 2), [NAN, NAN, NAN, 0.5, -1 / 6])
    np.testing.assert_allclose(macd_histogram(x, 1, 3, 2), [NAN, NAN, NAN, -1.5, -1 / 3])


@pytest.mark.parametrize("rows", [1, 2, 14])
def test_a_recursion_over_too_few_rows_is_unknown(rows):
    assert np.isnan(ema(np.ones(rows - 1), rows)).all()
    assert np.isfinite(ema(np.ones(rows), rows)).tolist() == [False] * (rows - 1) + [True]
