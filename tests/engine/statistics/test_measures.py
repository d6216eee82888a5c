"""The vectorized measures against ``engine.metrics`` and against arithmetic by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data_feeds.clock import DAY_NS
from engine import metrics
from engine.equity_curve import EquityCurve
from engine.errors import ReportError
from engine.statistics import block_days, daily_measures, intervals, moments

DAY_ONE = 20_000 * DAY_NS


def value_of(name, returns, periods_per_year=365.0, years=None):
    measure = daily_measures(periods_per_year, years)[name]
    return measure(np.asarray(returns, dtype=np.float64)[np.newaxis, :])[0]


def headline(returns, periods_per_year, window=None):
    at = DAY_ONE + (1 + np.arange(len(returns))) * DAY_NS
    equity = 1_000.0 * np.cumprod(1 + returns)
    zeros = np.zeros(len(at))
    curve = EquityCurve(at, equity, equity, zeros, zeros, zeros, zeros, zeros)
    inputs = metrics.headline_inputs(
        curve, (), periods_per_year=periods_per_year, start_equity=1_000.0, window=window
    )
    return metrics.headline(inputs)


def test_total_return_compounds():
    # 1.10 x 0.90 - 1
    assert value_of("total_return", [0.10, -0.10]) == pytest.approx(-0.01)


def test_maximum_drawdown_counts_the_start_as_a_peak():
    # wealth 0.8, 1.2, 0.9: 0.8 / 1 - 1 and 0.9 / 1.2 - 1
    assert value_of("max_drawdown_days", [-0.2, 0.5, -0.25]) == pytest.approx(-0.25)
    assert value_of("max_drawdown_days", [-0.3, 0.5]) == pytest.approx(-0.3)
    assert value_of("max_drawdown_days", [0.1, 0.2]) == 0


def test_volatility_divides_by_one_less_than_the_number_of_returns():
    # deviations 0.02, -0.02: sqrt(0.0008 / 1) a day
    assert value_of("volatility", [0.03, -0.01], 100.0) == pytest.approx(math.sqrt(0.0008) * 10)


def test_sharpe_is_mean_over_deviation_times_root_of_the_year():
    # mean 0.01, deviation sqrt(0.0008)
    expected = 0.01 / math.sqrt(0.0008) * 10
    assert value_of("sharpe", [0.03, -0.01], 100.0) == pytest.approx(expected)


def test_sortino_divides_squared_losses_by_all_days():
    # mean 0.01; downside sqrt(0.02^2 / 4) = 0.01; 1 x sqrt(100)
    assert value_of("sortino", [0.03, -0.02, 0.03, 0.0], 100.0) == pytest.approx(10.0)


def test_calmar_is_annual_growth_over_the_drawdown():
    # two days of a year of two: growth 1.2 x 0.9 - 1 = 0.08, drawdown -0.1
    assert value_of("calmar", [0.2, -0.1], 2.0) == pytest.approx(0.8)
    # over half a year: 1.08^2 - 1 = 0.1664
    assert value_of("calmar", [0.2, -0.1], 2.0, years=0.5) == pytest.approx(1.664)


@pytest.mark.parametrize("periods_per_year", [365.0, 252.0])
def test_measures_equal_the_headline_numbers_of_a_run(periods_per_year):
    returns = np.random.default_rng(7).normal(0.0005, 0.02, 300)
    window = (DAY_ONE, DAY_ONE + 310 * DAY_NS)
    expected = headline(returns, periods_per_year, window)
    years = metrics.window_years(*window)
    for name, measure in daily_measures(periods_per_year, years).items():
        assert measure(returns[np.newaxis, :])[0] == pytest.approx(expected[name], rel=1e-11), name


def test_many_samples_at_once_equal_one_after_the_other():
    samples = np.random.default_rng(3).normal(0, 0.02, (5, 40))
    for measure in daily_measures(365.0).values():
        singly = [measure(row[np.newaxis, :])[0] for row in samples]
        assert measure(samples).tolist() == pytest.approx(singly, rel=1e-12)


odd_returns = hnp.arrays(
    np.float64,
    st.integers(2, 30),
    elements=st.one_of(st.sampled_from([0.0, -1.0, 0.01]), st.floats(-0.5, 0.5)),
)


@given(odd_returns)
def test_a_measure_has_no_value_exactly_where_the_headline_has_none(returns):
    wealth = np.concatenate(([1.0], np.cumprod(1 + returns)))
    drawdown = metrics.max_drawdown(wealth)
    growth = metrics.cagr(returns, len(returns) / 365.0)
    expected = {
        "total_return": wealth[-1] - 1,
        "volatility": metrics.volatility(returns, 365.0),
        "sharpe": metrics.sharpe(returns, 365.0),
        "sortino": metrics.sortino(returns, 365.0),
        "max_drawdown_days": drawdown,
        "calmar": growth / -drawdown if drawdown < 0 else math.nan,
    }
    for name, wanted in expected.items():
        assert value_of(name, returns) == pytest.approx(wanted, rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(("periods_per_year", "years"), [(0.0, None), (365.0, 0.0)])
def test_a_year_without_days_is_refused(periods_per_year, years):
    with pytest.raises(ReportError, match="needed"):
        daily_measures(periods_per_year, years)


@pytest.mark.parametrize("size", [1e-9, 1e-6, 1e-4, 0.01])
def test_ratios_of_a_constant_return_do_not_exist_at_any_scale(size):
    # An equity that grows evenly: its returns differ by the rounding of equity.
    equity = 1_000.0 * (1 + size) ** np.arange(300)
    grown = (equity[1:] / equity[:-1] - 1)[np.newaxis, :]
    for name in ("sharpe", "sortino", "calmar"):
        measure = daily_measures(365.0, 1.0)[name]
        for returns in (grown, np.full((1, 300), size), np.full((1, 300), -size)):
            # A steady loss has a drawdown, so that its Calmar ratio exists.
            if name != "calmar" or returns[0, 0] > 0:
                assert np.isnan(measure(returns)).all(), name
    found = intervals(grown[0], daily_measures(365.0, 1.0))
    assert {item.reason for item in found.values()} == {"the returns do not vary"}


@pytest.mark.parametrize("scale", [1e-250, 1e-200, 1e-9, 1e-4, 1e200])
def test_small_returns_that_vary_have_ratios(scale):
    returns = np.random.default_rng(7).normal(0.1, 1.0, (1, 300))
    for name in ("sharpe", "sortino"):
        measure = daily_measures(365.0)[name]
        assert measure(returns * scale) == pytest.approx(measure(returns * 1e-2), rel=1e-9)
        # Samples side by side keep a scale each.
        both = np.concatenate((returns * scale, returns))
        assert measure(both) == pytest.approx(np.repeat(measure(returns), 2), rel=1e-9)
    if scale < 1:
        found, usual = (moments(returns[0] * size) for size in (scale, 1.0))
        assert found.sharpe == pytest.approx(usual.sharpe, rel=1e-9)
        assert found.kurtosis == pytest.approx(usual.kurtosis, rel=1e-9)
        assert block_days(returns[0] * scale) == block_days(returns[0])
