"""Check the test of a few clusters: worked flips, a slow copy, its size and its coverage."""

import math
import os
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from engine.errors import ReportError
from engine.statistics import ClusterEffect, Missing, cluster_effect
from engine.statistics.sign_flips import EXACT_CLUSTERS
from tests.engine.statistics.cluster_sums import KINDS, cluster_sums

SAMPLES = 2_000 if "RISKOFF_SOAK" in os.environ else 400


def slow_p_value(values):
    """Return the share of studentized flips that are at least as large, one flip at a time."""

    def statistic(flipped):
        error = flipped.std(ddof=1) / math.sqrt(len(flipped))
        return abs(flipped.mean()) / error if error > 0 else math.inf

    own = statistic(values)
    flips = [statistic(values * signs) for signs in product((1, -1), repeat=len(values))]
    return np.mean([one >= own * (1 - 1e-9) for one in flips])


def test_of_six_positive_clusters_only_two_flips_in_sixty_four_are_as_large():
    found = cluster_effect([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert found.p_value == 2 / 64
    assert found.exact


@pytest.mark.parametrize("count", [6, 7, 9])
def test_the_p_value_equals_that_of_studentized_flips_one_by_one(count):
    for seed in range(20):
        values = np.random.default_rng(seed).normal(0.3, 1, count)
        assert cluster_effect(values).p_value == pytest.approx(slow_p_value(values))


def test_ties_count_as_extreme():
    # Five of 1 and one of -1 sum to 4. |sum| >= 4: one odd sign (6 ways), none, and the opposites.
    values = [0.1, 0.1, 0.1, 0.1, 0.1, -0.1]
    assert cluster_effect(values).p_value == 14 / 64


@pytest.mark.parametrize("seed", range(10))
def test_the_interval_holds_the_means_that_are_not_rejected(seed):
    values = np.random.default_rng(seed).standard_t(3, 8) + 0.4
    found = cluster_effect(values)
    step = 1e-6
    for end, inward in ((found.low, step), (found.high, -step)):
        assert slow_p_value(values - (end + inward)) > 0.05
        assert slow_p_value(values - (end - inward)) <= 0.05


def test_t_and_the_smallest_effect_are_the_formulas():
    values = [0.01, 0.03, -0.02, 0.05, 0.00, 0.02, 0.04]
    found, error = cluster_effect(values), stats.sem(values)
    expected = stats.ttest_1samp(values, 0)
    assert (found.t_p_value, found.standard_error) == pytest.approx((expected.pvalue, error))
    assert (found.t_low, found.t_high) == pytest.approx(tuple(expected.confidence_interval()))
    # (t_0.975 + t_0.8) s / sqrt(q), six degrees of freedom
    assert found.detectable == pytest.approx((2.446912 + 0.905703) * error, rel=1e-5)


def test_fewer_than_six_clusters_and_equal_ones_have_no_number():
    assert str(cluster_effect([1.0] * 5)) == "n/a: 5 clusters, 6 needed"
    assert isinstance(cluster_effect([0.0] * 8), Missing)
    assert isinstance(cluster_effect([0.3] * 8), Missing)


def test_values_that_are_no_sample_are_refused():
    with pytest.raises(ReportError, match="not finite"):
        cluster_effect([1.0, 2.0, math.nan, 1.0, 1.0, 3.0])
    with pytest.raises(ReportError, match="level"):
        cluster_effect([1.0, 2.0, 3.0, 1.0, 1.0, 3.0], level=95)


def test_random_flips_above_the_limit_agree_with_t_and_repeat_by_their_seed():
    values = np.random.default_rng(5).normal(0.3, 1, EXACT_CLUSTERS + 18)
    found = cluster_effect(values)
    assert not found.exact
    assert found == cluster_effect(values)
    assert found.p_value == pytest.approx(found.t_p_value, abs=0.01)
    assert (found.low, found.high) == pytest.approx((found.t_low, found.t_high), abs=0.05)


def test_all_flips_and_random_flips_agree_at_the_limit(monkeypatch):
    values = np.random.default_rng(7).normal(0.2, 1, 14)
    exact = cluster_effect(values)
    monkeypatch.setattr("engine.statistics.sign_flips.EXACT_CLUSTERS", 10)
    drawn = cluster_effect(values)
    assert (exact.exact, drawn.exact) == (True, False)
    assert drawn.p_value == pytest.approx(exact.p_value, abs=0.005)
    assert (drawn.low, drawn.high) == pytest.approx((exact.low, exact.high), abs=0.02)


@given(
    st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=6, max_size=10),
    st.sampled_from([2.0, -1.0, 0.5]),
    st.floats(-3, 3),
)
def test_the_interval_moves_and_stretches_with_the_values(values, factor, shift):
    found = cluster_effect(values)
    moved = cluster_effect(factor * np.array(values) + shift)
    if not isinstance(found, ClusterEffect) or not isinstance(moved, ClusterEffect):
        return
    assert found.low <= found.mean + 1e-12
    assert found.high >= found.mean - 1e-12
    ends = sorted(factor * np.array([found.low, found.high]) + shift)
    assert (moved.low, moved.high) == pytest.approx(tuple(ends), abs=1e-9)
    # Zero lies inside the interval exactly where the test does not reject it.
    if min(abs(found.low), abs(found.high)) > 1e-9:
        assert (found.low <= 0 <= found.high) == (found.p_value > 0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_is_at_most_the_nominal_one_where_days_are_symmetric(kind):
    draw = np.random.default_rng(1)
    found = [cluster_effect(cluster_sums(draw, KINDS[kind], 14)).p_value for _ in range(SAMPLES)]
    # Two standard errors of a share of 5% in 400 samples are 2.2 points; skewed days get 4 more.
    room = 3 * math.sqrt(0.05 * 0.95 / SAMPLES) + (0.04 if "skewed" in kind else 0.0)
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + room
