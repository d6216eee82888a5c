"""The daily excess of sets as a matrix, and the numbers of its columns."""

import numpy as np
import pytest

from engine.config.sweep import SweepMetric
from engine.sweep.axes import Axis, SweepSpace
from engine.sweep.daily_excess import daily_excess, numbers_of
from engine.sweep.set_runs import CellResult, SetResult, SetRunRow

SPACE = SweepSpace((Axis("x", (1, 2), True),))


def cell(window, instrument, first, excess):
    days = np.datetime64(first, "D") + np.arange(len(excess))
    row = SetRunRow("id", window, instrument, 0.0, 0.0, 0, 0, 0.0, 0.0, 0.0)
    return CellResult(row, days, np.array(excess))


def test_a_day_is_the_mean_over_instruments_and_windows_follow_each_other():
    found = SetResult(
        SPACE.at((0,)),
        (
            cell("a", "btc", "2026-01-01", [0.02, 0.04]),
            # It trades from the second day on: on the first it earned nothing.
            cell("a", "qqq", "2026-01-02", [0.02]),
            cell("b", "btc", "2026-02-01", [0.01]),
            cell("b", "qqq", "2026-02-01", [0.03]),
        ),
    )
    excess = daily_excess([found], {"a": "a", "b": "b"}, 365)
    # (0.02 + 0) / 2, (0.04 + 0.02) / 2, (0.01 + 0.03) / 2
    np.testing.assert_allclose(excess.values[:, 0], [0.01, 0.03, 0.02])
    assert excess.windows.tolist() == [0, 0, 1]
    assert [str(day) for day in excess.days] == ["2026-01-01", "2026-01-02", "2026-02-01"]


def test_the_sharpe_ratio_is_mean_over_deviation_times_the_root_of_the_year():
    # Mean 0.02, deviation sqrt((0.01^2 + 0.01^2) / 1).
    values = np.array([[0.01], [0.03]])
    expected = 0.02 / np.sqrt(0.0002) * np.sqrt(252)
    assert numbers_of(values, SweepMetric.SHARPE, 252)[0] == pytest.approx(expected)


def test_the_excess_return_is_the_mean_of_a_year():
    values = np.array([[0.01], [-0.005]])
    assert numbers_of(values, SweepMetric.EXCESS_RETURN, 100)[0] == pytest.approx(0.25)


def test_the_deepest_fall_is_that_of_the_summed_excess_its_start_included():
    # The sum goes 0, -0.02, 0.02, -0.01: it falls by 0.02 and then by 0.03; the mean is -0.01 / 3.
    values = np.array([[-0.02], [0.04], [-0.03]])
    found = numbers_of(values, SweepMetric.EXCESS_OVER_DRAWDOWN, 300)[0]
    assert found == pytest.approx(-1.0 / 0.03)


def test_a_gain_without_a_fall_is_infinite_and_only_that():
    # Sums: 0.01, 0.03 without a fall; 0.01, 0.0 with one; never above its start.
    values = np.array([[0.01, 0.02], [0.01, -0.01], [0.0, -0.01]]).T
    found = numbers_of(values, SweepMetric.EXCESS_OVER_DRAWDOWN, 100)
    assert found.tolist() == [np.inf, 0.0, pytest.approx(-50.0)]


def test_a_rounding_error_is_no_fall():
    values = np.array([[0.01], [-4e-17], [0.02]])
    assert numbers_of(values, SweepMetric.EXCESS_OVER_DRAWDOWN, 100)[0] == np.inf


@pytest.mark.parametrize("metric", list(SweepMetric))
def test_a_set_that_never_moved_has_the_number_zero(metric):
    assert numbers_of(np.zeros((5, 1)), metric, 365)[0] == 0.0


def test_a_constant_loss_has_no_sharpe_ratio():
    assert np.isnan(numbers_of(np.full((5, 1), -0.0001), SweepMetric.SHARPE, 365)[0])
