"""Against the example in arch's documentation, and two traps of arch, its answer first."""

import math

import numpy as np
import pytest
from arch.bootstrap import SPA, StepM
from scipy.signal import lfilter

from engine.errors import ReportError
from engine.statistics import Missing, intervals, superior_ability
from engine.statistics.superior import _long_run_variance


@pytest.fixture(scope="module")
def documented():
    """Losses of arch's 'Multiple Comparisons' notebook: 500 forecasts no better than another."""
    legacy = np.random.RandomState(23456)
    seed = legacy.randint(0, 2**31 - 1)
    factors = legacy.randn(1000, 3)
    legacy.randn(1000)
    target = factors @ np.array([1, 0.5, 0.1])

    def losses():
        seen = factors + legacy.randn(1000, 3)
        fit = np.linalg.lstsq(seen[:500], target[:500], rcond=None)[0]
        return (target[500:] - seen[500:] @ fit) ** 2

    benchmark = losses()
    return benchmark, np.column_stack([losses() for _ in range(500)]), seed


def noise(seed, days=250, variants=10):
    return np.random.default_rng(seed).normal(0, 0.01, (days, variants))


def test_the_p_values_of_archs_documentation(documented):
    benchmark, models, seed = documented
    # The notebook prints lower 0.520, consistent 0.723, upper 0.733.
    found = superior_ability(
        -models, -benchmark, seed=np.random.RandomState(seed), studentize=False
    )
    assert (found.lower, found.consistent, found.upper) == (0.520, 0.723, 0.733)
    assert found.superior == ()
    assert (found.variants, found.days, found.replications) == (500, 500, 1000)


def test_standard_errors_are_those_that_arch_computes():
    returns = noise(1, days=120, variants=4)
    test = SPA(np.zeros(120), -returns, block_size=7, reps=100, seed=1)
    test.compute()
    assert _long_run_variance(returns, 7).tolist() == pytest.approx(test._loss_diff_var.tolist())


def test_resampled_means_spread_as_politis_and_romano_derive():
    values = lfilter([1.0], [1.0, -0.5], np.random.default_rng(5).normal(0, 0.01, 300))
    measures = {"mean": lambda returns: returns.mean(axis=-1)}
    # one standard deviation each way holds 68.27% of a normal distribution
    found = intervals(values, measures, level=0.6827, block=10, replications=5_000)["mean"]
    expected = math.sqrt(_long_run_variance(values[:, np.newaxis], 10)[0] / 300)
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.05)


def test_a_quiet_superior_variant_is_found_beside_a_wild_worthless_one():
    returns = np.random.default_rng(2).normal(0, [0.001, 0.1], (250, 2))
    returns += [0.0004, 0.0] - returns.mean(axis=0)  # six standard errors, and none
    zero = np.zeros(250)
    plain, announced = (
        SPA(zero, -returns, reps=500, studentize=studentize, seed=3) for studentize in (False, True)
    )
    plain.compute()
    announced.compute()
    # arch: whatever is announced, the wild variant's noise hides the quiet one
    assert announced.pvalues.tolist() == plain.pvalues.tolist()
    assert announced.pvalues["consistent"] > 0.2
    found = superior_ability(returns, zero, seed=3, replications=500)
    assert found.consistent < 0.01
    assert found.superior == (0,)


def test_the_last_variant_of_the_stepwise_test_is_found_too():
    returns = np.random.default_rng(5).normal(0, [0.05, 0.001], (250, 2))
    returns += [0.03, 0.0005]
    zero = np.zeros(250)
    with pytest.raises(ValueError, match="zero-size array"):
        StepM(zero, -returns, reps=200, seed=1).compute()
    found = superior_ability(returns, zero, seed=1, replications=200, studentize=False)
    assert found.superior == (0, 1)


def test_worthless_families_are_rejected_at_about_the_size_of_the_test():
    found = [
        superior_ability(noise(i, 150, 8), np.zeros(150), replications=200, block=2)
        for i in range(200)
    ]
    # 10% nominal; two standard errors of 200 trials are 4 points
    assert np.mean([one.consistent <= 0.10 for one in found]) == pytest.approx(0.10, abs=0.06)


def test_the_benchmark_is_subtracted_day_by_day():
    market = np.random.default_rng(7).normal(0, 0.05, 250)
    returns = noise(8) * 0.1 + market[:, np.newaxis]
    returns[:, 3] += 0.001
    found = superior_ability(returns, market)
    assert found.superior == (3,)
    assert found.lower <= found.consistent <= found.upper < 0.01


def test_a_variant_equal_to_the_benchmark_changes_nothing():
    returns = noise(9)
    returns[:, 5] += 0.004
    with_copy = np.insert(returns, 2, 0.0, axis=1)
    found = superior_ability(with_copy, np.zeros(250))
    alone = superior_ability(returns, np.zeros(250))
    assert found.consistent == alone.consistent
    assert (alone.superior, found.superior) == ((5,), (6,))
    assert found.variants == 11


def test_the_same_seed_gives_the_same_answer():
    returns, zero = noise(10), np.zeros(250)
    assert superior_ability(returns, zero, seed=1) == superior_ability(returns, zero, seed=1)
    assert superior_ability(returns, zero, seed=1) != superior_ability(returns, zero, seed=2)


@pytest.mark.parametrize(
    ("returns", "reason"),
    [
        (noise(1, 19), "19 daily returns, 20 needed"),
        (np.zeros((50, 3)), "no variant differs from the benchmark"),
        (np.zeros((50, 0)), "no variant differs from the benchmark"),
    ],
)
def test_a_family_that_says_nothing_has_no_p_value(returns, reason):
    assert superior_ability(returns, np.zeros(len(returns))) == Missing(reason)


def test_a_constant_advantage_is_refused():
    returns = noise(1)
    returns[:, 2] = 0.01
    with pytest.raises(ReportError, match="variant 2 differs"):
        superior_ability(returns, np.zeros(250))


def test_a_return_that_is_no_number_and_other_days_are_refused():
    returns = noise(1)
    with pytest.raises(ReportError, match="249 of the benchmark"):
        superior_ability(returns, np.zeros(249))
    returns[0, 0] = math.nan
    with pytest.raises(ReportError, match="not finite"):
        superior_ability(returns, np.zeros(250))


@pytest.mark.parametrize("setting", [{"size": 5}, {"replications": 10}, {"block": 0}])
def test_settings_that_make_no_sense_are_refused(setting):
    with pytest.raises(ReportError, match="needed"):
        superior_ability(noise(1), np.zeros(250), **setting)
