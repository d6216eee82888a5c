import math

import numpy as np
import pytest

from engine.signals.realized_volatility import realized_volatility


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
