import math

import numpy as np
import pytest

from strategies.rules.functions.function import RowWindow
from strategies.rules.functions.spread import (
    beta,
    correlation,
    lower_band,
    slope,
    std,
    upper_band,
    zscore,
)

NAN = np.nan
X = np.array([2.0, 4.0, 9.0])
THREE = RowWindow.of_rows(3, 3)


def test_std_divides_by_n():
    # Mean 5: (9 + 1 + 16) / 3
    assert std(X, THREE)[-1] == pytest.approx(math.sqrt(26 / 3))


def test_zscore_by_hand():
    assert zscore(X, THREE)[-1] == pytest.approx((9 - 5) / math.sqrt(26 / 3))


def test_bands_lie_some_standard_deviations_around_the_mean():
    assert upper_band(X, THREE, 2.0)[-1] == pytest.approx(5 + 2 * math.sqrt(26 / 3))
    assert lower_band(X, THREE, 1.5)[-1] == pytest.approx(5 - 1.5 * math.sqrt(26 / 3))


def test_equal_values_have_no_spread_to_the_last_bit():
    x = np.full(50, 0.1)
    window = RowWindow.of_rows(50, 23)
    assert std(x, window)[22:].tolist() == [0.0] * 28
    assert np.isnan(zscore(x, window)).all()


def test_slope_by_hand():
    # Rows -1, 0, 1 from their middle: (-1 x 2 + 1 x 9) / 2 = 3.5 a row
    assert slope(X, THREE)[-1] == pytest.approx(3.5)


def test_slope_of_one_row_is_unknown():
    assert np.isnan(slope(X, RowWindow.of_rows(3, 1))).all()


# Returns 10%, -10%, 20% and 20%, -20%, 10%. Means 1/15 and 1/30.
A = np.cumprod([100.0, 1.1, 0.9, 1.2])
B = np.cumprod([50.0, 1.2, 0.8, 1.1])
# Sums of products of distances: 0.06 - 3/450, of squares of b: 0.09 - 3/900, of a: 0.06 - 3/225
PRODUCT, OF_A, OF_B = 0.06 - 3 / 450, 0.06 - 3 / 225, 0.09 - 3 / 900


def test_correlation_and_beta_of_returns_by_hand():
    window = RowWindow.of_rows(4, 3)
    found = correlation(A, B, window)
    np.testing.assert_allclose(found, [NAN, NAN, NAN, PRODUCT / math.sqrt(OF_A * OF_B)])
    np.testing.assert_allclose(beta(A, B, window), [NAN, NAN, NAN, PRODUCT / OF_B])


def test_beta_to_itself_doubled_in_size_is_a_half():
    double = np.cumprod([50.0, 1.2, 0.8, 1.4])
    assert beta(A, double, RowWindow.of_rows(4, 3))[-1] == pytest.approx(0.5)
    assert correlation(A, double, RowWindow.of_rows(4, 3))[-1] == pytest.approx(1.0)


def test_steady_growth_has_no_correlation_though_its_returns_differ_by_rounding():
    steady = 100 * 1.01 ** np.arange(40)
    noise = 100 + np.random.default_rng(1).normal(0, 1, 40)
    window = RowWindow.of_rows(40, 10)
    assert np.isnan(correlation(steady, noise, window)).all()
    assert np.isnan(beta(noise, steady, window)).all()
    assert np.isfinite(beta(steady, noise, window)[10:]).all()
    assert np.isfinite(correlation(noise, noise, window)[10:]).all()


def test_returns_on_a_price_that_is_not_positive_are_unknown():
    x = np.array([1.0, 2.0, -1.0, 3.0, 4.0, 6.0])
    y = np.arange(1.0, 7.0)
    found = correlation(x, y, RowWindow.of_rows(6, 2))
    assert np.isfinite(found).tolist() == [False, False, True, False, False, True]
