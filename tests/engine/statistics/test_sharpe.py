"""Sharpe statistics against the worked examples of Bailey and Lopez de Prado."""

import math

import numpy as np
import pytest
from scipy import stats

from engine.errors import ReportError
from engine.metrics import sharpe as annual_sharpe
from engine.statistics import (
    Missing,
    Moments,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    moments,
    probabilistic_sharpe,
    sharpe_interval,
)

# 'The Deflated Sharpe Ratio' (2014), the numerical example: the best of N trials has an annual
# Sharpe ratio of 2.5 over 1,250 days, years of 250 days; the trials' annual variance is 1/2.
DAILY = 2.5 / math.sqrt(250)
VARIANCE = 0.5 / 250


def deflated(trials, skewness=-3.0, kurtosis=10.0):
    return deflated_sharpe(
        DAILY,
        trials=trials,
        sharpe_variance=VARIANCE,
        observations=1250,
        skewness=skewness,
        kurtosis=kurtosis,
        variance_at="estimate",
    )


def test_the_best_of_100_worthless_trials_is_expected_at_0_1132_a_day():
    assert expected_maximum_sharpe(100, VARIANCE) == pytest.approx(0.1132, abs=5e-5)


def test_the_paper_deflates_the_best_of_100_trials_to_0_9004():
    assert deflated(100) == pytest.approx(0.9004, abs=5e-5)


def test_the_paper_deflates_the_best_of_46_trials_to_0_9505():
    assert deflated(46) == pytest.approx(0.9505, abs=5e-5)


def test_normal_returns_would_allow_88_trials_for_the_same_ratio():
    assert deflated(88, skewness=0.0, kurtosis=3.0) == pytest.approx(0.9505, abs=5e-5)


@pytest.mark.parametrize(
    ("skewness", "kurtosis", "probability"), [(0.0, 3.0, 0.982), (-2.448, 10.164, 0.913)]
)
def test_the_papers_hedge_fund_of_24_months(skewness, kurtosis, probability):
    # 'The Sharpe Ratio Efficient Frontier' (2012), the numerical example: 0.458 a month
    found = probabilistic_sharpe(
        0.458,
        benchmark=0.0,
        observations=24,
        skewness=skewness,
        kurtosis=kurtosis,
        variance_at="estimate",
    )
    assert found == pytest.approx(probability, abs=5e-4)


def test_a_test_takes_the_variance_at_the_benchmark():
    # 'How to Use the Sharpe Ratio' (2025): the same fund, 0.036 / 0.079 a month over 24 months, is
    # above 0 with 98.7%. At a benchmark of 0 the variance is 1, whatever the shape:
    # Z(0.4557 x sqrt(24)) = Z(2.232)
    fund = {"observations": 24, "skewness": -2.448, "kurtosis": 10.164}
    found = probabilistic_sharpe(0.036 / 0.079, benchmark=0.0, **fund)
    assert found == pytest.approx(0.987, abs=5e-4)
    # At a benchmark of 0.1 it is 1 + 2.448 x 0.1 + 9.164 / 4 x 0.01 = 1.26771:
    # Z(0.3557 x sqrt(24) / 1.12593) = Z(1.5477)
    found = probabilistic_sharpe(0.036 / 0.079, benchmark=0.1, **fund)
    assert found == pytest.approx(0.9391, abs=5e-4)


def test_a_test_needs_13_months_where_the_variance_is_that_at_zero():
    # (1.64485 / 0.455696)^2
    found = minimum_track_record(0.036 / 0.079, benchmark=0.0, skewness=-2.448, kurtosis=10.164)
    assert found == pytest.approx(13.029, abs=1e-3)


def test_an_interval_takes_the_variance_at_the_estimate():
    # 1 + 2.448 x 0.458 + 9.164 / 4 x 0.458^2 = 2.60175; 1.6449 x sqrt(2.60175 / 23) = 0.5532
    found = sharpe_interval(0.458, observations=24, skewness=-2.448, kurtosis=10.164, level=0.9)
    assert (found.low, found.high) == pytest.approx((0.458 - 0.5532, 0.458 + 0.5532), abs=1e-4)
    # its lower end is the benchmark with a probability of 95% in the form of 2012
    sure = probabilistic_sharpe(
        0.458,
        benchmark=found.low,
        observations=24,
        skewness=-2.448,
        kurtosis=10.164,
        variance_at="estimate",
    )
    assert sure == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("periods", "skewness", "kurtosis", "years"),
    [(250, 0, 3, 2.73), (52, 0, 3, 2.83), (12, 0, 3, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_years_until_an_annual_2_is_above_1_with_95_percent(periods, skewness, kurtosis, years):
    # 'The Sharpe Ratio Efficient Frontier' (2012), minimum track record length: daily, weekly and
    # monthly normal returns, and monthly returns shaped like a hedge fund index
    found = minimum_track_record(
        2 / math.sqrt(periods),
        benchmark=1 / math.sqrt(periods),
        skewness=skewness,
        kurtosis=kurtosis,
        variance_at="estimate",
    )
    assert found / periods == pytest.approx(years, abs=5e-3)


@pytest.mark.parametrize("place", ["benchmark", "estimate"])
def test_a_record_of_the_minimum_length_has_just_the_confidence_asked_for(place):
    shape = {"skewness": -0.5, "kurtosis": 6.0, "variance_at": place}
    length = minimum_track_record(0.1, benchmark=0.02, confidence=0.9, **shape)
    sure = probabilistic_sharpe(0.1, benchmark=0.02, observations=length, **shape)
    assert sure == pytest.approx(0.9)


def test_the_expected_maximum_is_about_that_of_simulated_trials():
    best = np.random.default_rng(1).normal(0, 0.1, (20_000, 50)).max(axis=1).mean()
    assert expected_maximum_sharpe(50, 0.01) == pytest.approx(best, rel=0.02)


def test_one_trial_is_no_search():
    assert expected_maximum_sharpe(1, 0.5) == 0
    assert expected_maximum_sharpe(50, 0.0) == 0


def test_moments_are_those_of_scipy_and_the_ratio_that_of_the_headline():
    returns = np.random.default_rng(2).standard_t(5, 400) * 0.01 + 0.001
    found = moments(returns)
    assert found == Moments(
        pytest.approx(annual_sharpe(returns, 365.0) / math.sqrt(365)),
        pytest.approx(stats.skew(returns)),
        pytest.approx(stats.kurtosis(returns, fisher=False)),
        400,
    )


@pytest.mark.parametrize("returns", [[], [0.01], [0.01] * 50, [0.0] * 50])
def test_returns_without_variance_have_no_moments(returns):
    assert isinstance(moments(returns), Missing)


def test_no_record_is_long_enough_for_a_ratio_at_its_benchmark():
    found = minimum_track_record(0.1, benchmark=0.1, skewness=0.0, kurtosis=3.0)
    assert str(found) == "n/a: the Sharpe ratio does not exceed the benchmark"


def test_one_return_proves_nothing():
    found = probabilistic_sharpe(0.1, benchmark=0, observations=1, skewness=0, kurtosis=3)
    assert found == Missing("fewer than two returns")


def test_a_ratio_that_cannot_vary_has_no_probability():
    # the variance 1 - 2 x 1 + (5 - 1) / 4 is zero at skewness 2, kurtosis 5, ratio 1
    found = probabilistic_sharpe(
        1.0, benchmark=0, observations=50, skewness=2, kurtosis=5, variance_at="estimate"
    )
    assert found == Missing("the Sharpe ratio of such returns has no spread")


def test_an_excess_kurtosis_is_refused():
    with pytest.raises(ReportError, match="needs 3 added"):
        probabilistic_sharpe(0.1, benchmark=0, observations=50, skewness=0.0, kurtosis=0.0)


@pytest.mark.parametrize("name", ["sharpe", "benchmark", "skewness", "kurtosis"])
def test_nan_is_refused_by_name(name):
    numbers = {"sharpe": 0.1, "benchmark": 0.0, "skewness": 0.0, "kurtosis": 3.0, name: math.nan}
    with pytest.raises(ReportError, match=f"{name} is nan"):
        probabilistic_sharpe(observations=50, **numbers)
    with pytest.raises(ReportError, match=f"{name} is nan"):
        minimum_track_record(**numbers)


@pytest.mark.parametrize(("trials", "variance"), [(0, 0.1), (10, -0.1), (10, math.nan)])
def test_an_impossible_search_is_refused(trials, variance):
    with pytest.raises(ReportError, match="needed"):
        expected_maximum_sharpe(trials, variance)
