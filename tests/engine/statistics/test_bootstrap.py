"""Intervals against published examples, and their coverage in simulated samples."""

import math
import re

import numpy as np
import pytest
from scipy import stats

from engine.errors import ReportError
from engine.statistics import (
    Interval,
    Missing,
    block_days,
    daily_measures,
    difference_intervals,
    intervals,
    mean_interval,
    proportion_interval,
    quantile_interval,
    share_interval,
)
from engine.statistics.measures import sharpe

MEASURES = daily_measures(365.0)
MEAN = {"mean": lambda returns: returns.mean(axis=-1)}


def autoregressive(days, coefficient, rng, burn_in=50):
    noise = rng.normal(0, 0.01, days + burn_in)
    values = np.zeros(days + burn_in)
    for i in range(1, days + burn_in):
        values[i] = coefficient * values[i - 1] + noise[i]
    return values[burn_in:]


def covered(found, truth):
    return found.low <= truth <= found.high


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_score_intervals_of_newcombes_table(successes, trials, low, high):
    # Newcombe (1998), 'Two-sided Confidence Intervals for the Single Proportion', Statistics in
    # Medicine 17, table I, method 3
    found = proportion_interval(successes, trials)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.estimate == successes / trials
    assert found.observations == trials


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_of_whole_successes_the_closed_form_is_scipys(level):
    for trials in (1, 7, 30):
        for successes in range(trials + 1):
            exact = stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
            found = share_interval(successes / trials, trials, level=level)
            assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-12)
            assert 0 <= found.low <= found.estimate <= found.high <= 1


def test_a_share_that_is_none_or_rests_on_nothing_is_refused():
    for share in (-0.1, 1.1, math.nan):
        with pytest.raises(ReportError, match="share = "):
            share_interval(share, 9)
    with pytest.raises(ReportError, match="trials is 0"):
        share_interval(0.5, 0)


def test_the_median_of_ten_lies_between_the_second_and_the_ninth():
    # Of ten values, at most one lies below the median with probability (1 + 10) / 1024 = 1.07%, at
    # most two with 56 / 1024 = 5.5%: the ends are the second and, by symmetry, the ninth value.
    found = quantile_interval([31, 7, 2, 11, 23, 3, 19, 5, 17, 13], 0.5)
    assert (found.estimate, found.low, found.high) == (12.0, 3.0, 23.0)
    assert (found.level, found.replications, found.observations) == (0.95, 0, 10)


def test_the_upper_quartile_of_conovers_sixteen_transistors():
    # Conover (1999), 'Practical Nonparametric Statistics', section 3.2: of 16 lifetimes
    # P(Y <= 8) = 0.0271 and P(Y <= 14) = 0.9365 make [X9, X15] an interval of 90.9%, whose upper
    # side misses 6.35%. With at most 5% on either side the upper end is the next, X16.
    hours = [46.9, 47.2, 49.1, 56.5, 56.8, 59.2, 59.9, 63.2, 63.3, 63.4, 63.7, 64.1, 67.1, 67.7,
             73.3, 78.5]  # fmt: skip
    found = quantile_interval(hours, 0.75, level=0.9)
    assert (found.low, found.high) == (63.3, 78.5)


@pytest.mark.parametrize("probability", [0.05, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("count", [59, 73, 200, 369])
def test_a_quantile_interval_is_that_of_scipy(probability, count):
    values = np.random.default_rng(count).standard_t(3, count)
    found = quantile_interval(values, probability)
    test = stats.quantile_test(values, q=0.0, p=probability)
    theirs = test.confidence_interval(0.95)
    if isinstance(found, Missing):
        assert (count, probability) == (59, 0.05)
    else:
        assert (found.low, found.high) == (theirs.low, theirs.high)


def test_quantile_intervals_hold_the_truth_of_a_skewed_distribution_in_95_of_100_samples():
    rng = np.random.default_rng(61)
    truth = stats.lognorm(1.0).ppf(0.05)
    found = [quantile_interval(rng.lognormal(0, 1, 200), 0.05) for _ in range(1_000)]
    share = np.mean([covered(item, truth) for item in found])
    # P(B <= 3) = 0.90% and P(B <= 16) = 97.62%, so ranks 4 and 17, which hold 96.7%; three standard
    # errors of the share are 1.7%.
    assert share == pytest.approx(0.967, abs=0.017)


def test_equal_values_have_an_interval_without_width():
    found = quantile_interval([0.0] * 80, 0.05)
    assert (found.low, found.estimate, found.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("count", "probability", "needed"), [(71, 0.05, 72), (71, 0.95, 72), (5, 0.5, 6), (0, 0.5, 6)]
)
def test_a_quantile_that_too_few_values_reach_beyond_has_no_interval(count, probability, needed):
    # 0.95^71 = 2.6% and 0.95^72 = 2.49%; 0.5^5 = 3.1% and 0.5^6 = 1.6%
    found = quantile_interval(np.arange(count), probability)
    assert found == Missing(f"{count} value(s), {needed} needed")
    assert isinstance(quantile_interval(np.arange(needed), probability), Interval)


@pytest.mark.parametrize("setting", [{"probability": 5}, {"probability": 0.5, "level": 95}])
def test_a_quantile_interval_needs_fractions(setting):
    with pytest.raises(ReportError, match="a number between 0 and 1"):
        quantile_interval(np.arange(100), **setting)
    with pytest.raises(ReportError, match="not finite"):
        quantile_interval([1.0, math.nan], 0.5)


def test_the_mean_of_the_seven_treated_mice():
    # Efron and Tibshirani (1993), 'An Introduction to the Bootstrap', tables 2.1 and 2.2: mean
    # 86.86, ideal bootstrap standard error 23.36; one standard error each way holds 68.27%
    found = mean_interval([94, 197, 16, 38, 99, 141, 23], level=0.6827)
    assert found.estimate == pytest.approx(86.86, abs=5e-3)
    assert (found.high - found.low) / 2 == pytest.approx(23.36, rel=0.03)


def test_the_block_length_of_archs_own_example():
    # arch's test of optimal_block_length: 13.636 days for this autoregression
    values = np.random.RandomState(0).standard_normal(10_100)
    for i in range(1, len(values)):
        values[i] = 0.3 * values[i - 1] + values[i]
    assert block_days(values[100:]) == math.ceil(13.635665)


def test_clustered_volatility_asks_for_longer_blocks_than_the_returns_alone():
    rng = np.random.default_rng(3)
    spread = np.repeat(rng.choice([0.005, 0.04], 40), 15)
    returns = rng.normal(0, spread)
    assert block_days(returns) > 2 * block_days(rng.permutation(returns))


def test_sharpe_intervals_of_independent_returns_cover_the_truth():
    rng = np.random.default_rng(11)
    truth = 0.05 * math.sqrt(365)
    measures = {"sharpe": MEASURES["sharpe"]}
    found = [
        intervals(rng.normal(0.0005, 0.01, 250), measures, seed=i, replications=400)["sharpe"]
        for i in range(300)
    ]
    # 95% nominal; two standard errors of 300 trials are 2.5 points, the blocks cost about one point
    assert 0.90 <= np.mean([covered(one, truth) for one in found]) <= 0.98


def test_blocks_cover_the_mean_of_an_autoregression_where_single_days_do_not():
    rng = np.random.default_rng(13)
    samples = [autoregressive(400, 0.5, rng) for _ in range(200)]
    shares = {}
    for block in (None, 1):
        found = [
            intervals(values, MEAN, seed=i, replications=400, block=block)["mean"]
            for i, values in enumerate(samples)
        ]
        shares[block] = np.mean([covered(one, 0.0) for one in found])
    # the true deviation of the mean is sqrt((1 + 0.5) / (1 - 0.5)) = 1.7 times that of single days
    assert shares[1] < 0.82
    assert shares[None] > 0.87


def test_means_of_few_values_are_covered_somewhat_less_than_promised():
    rng = np.random.default_rng(17)
    found = [mean_interval(rng.normal(0.2, 1.0, 30), seed=i, replications=400) for i in range(300)]
    assert 0.89 <= np.mean([covered(one, 0.2) for one in found]) <= 0.97


def test_a_pair_is_resampled_on_the_same_days():
    rng = np.random.default_rng(19)
    market = rng.normal(0, 0.02, 300)
    first, second = market + rng.normal(0.001, 0.001, 300), market
    paired = difference_intervals(first, second, MEAN, block=3)["mean"]
    alone = intervals(first, MEAN, block=3)["mean"]
    assert paired.estimate == pytest.approx(float(np.mean(first - second)))
    # the market, 20 times as volatile as the difference, cancels
    assert paired.high - paired.low < (alone.high - alone.low) / 10


def test_the_difference_of_means_is_the_mean_of_the_differences():
    rng = np.random.default_rng(23)
    first, second = rng.normal(0, 0.02, (2, 100))
    paired = difference_intervals(first, second, MEAN, block=4, seed=2)["mean"]
    single = intervals(first - second, MEAN, block=4, seed=2)["mean"]
    assert (paired.low, paired.high) == pytest.approx((single.low, single.high))


def test_equal_series_differ_by_nothing():
    returns = np.random.default_rng(29).normal(0, 0.01, 60)
    for found in difference_intervals(returns, returns, MEASURES).values():
        assert (found.estimate, found.low, found.high) == (0, 0, 0)


def test_the_same_seed_gives_the_same_interval_and_another_another():
    returns = np.random.default_rng(31).normal(0, 0.01, 100)
    assert intervals(returns, MEASURES, seed=4) == intervals(returns, MEASURES, seed=4)
    assert intervals(returns, MEASURES, seed=4) != intervals(returns, MEASURES, seed=5)


def test_batches_do_not_change_the_interval(monkeypatch):
    returns = np.random.default_rng(37).normal(0, 0.01, 50)
    whole = intervals(returns, MEASURES, replications=500)
    monkeypatch.setattr("engine.statistics.bootstrap.BATCH_CELLS", 1_234)
    assert intervals(returns, MEASURES, replications=500) == whole


def test_an_interval_says_what_it_rests_on():
    returns = np.random.default_rng(41).normal(0.001, 0.01, 120)
    found = intervals(returns, MEASURES, level=0.9, replications=300)["sharpe"]
    assert isinstance(found, Interval)
    assert found.low < found.estimate < found.high
    assert found.estimate == pytest.approx(sharpe(returns[np.newaxis, :], 365.0)[0])
    assert (found.level, found.replications, found.observations) == (0.9, 300, 120)


def test_two_thousand_resamples_are_measured_in_one_call():
    shapes = []

    def counted(returns):
        shapes.append(returns.shape)
        return returns.mean(axis=-1)

    # 2,000 x 300 cells fit into one batch; the other call measures the sample itself.
    returns = np.random.default_rng(43).normal(0, 0.01, 300)
    intervals(returns, {"mean": counted}, replications=2_000)
    assert sorted(shapes) == [(1, 300), (2_000, 300)]


@pytest.mark.parametrize(
    ("returns", "reason"),
    [
        ([], "0 daily returns, 20 needed"),
        ([0.01] * 19, "19 daily returns, 20 needed"),
        ([0.01] * 60, "the returns do not vary"),
        ([0.01, -1.5] * 30, "a daily loss of more than everything cannot be compounded"),
    ],
)
def test_a_series_that_says_nothing_has_no_interval(returns, reason):
    assert intervals(returns, MEASURES) == dict.fromkeys(MEASURES, Missing(reason))


def test_a_measure_without_a_value_is_missing_and_the_others_are_not():
    gains = np.abs(np.random.default_rng(47).normal(0, 0.01, 60))
    found = intervals(gains, MEASURES)
    assert found["sortino"] == Missing("it has no value on these returns")
    assert found["calmar"] == Missing("it has no value on these returns")
    assert isinstance(found["sharpe"], Interval)


def test_a_measure_that_most_resamples_lack_is_missing():
    # about (1 - 1/60)^60 = 36% of the resamples lack the only day that moves
    returns = np.zeros(60)
    returns[30] = -0.1
    found = intervals(returns, MEASURES, block=1)["sharpe"]
    share = re.fullmatch(r"it has no value in (\d+)% of the resamples", found.reason)
    assert int(share[1]) == pytest.approx(36, abs=3)


def test_flat_tails_do_not_disturb_the_block_length():
    returns = np.zeros(200)
    returns[:4] = [0.1, -0.1, 0.2, -0.2]
    assert block_days(returns) >= 1
    assert block_days(np.zeros(50)) == 1


def test_a_total_loss_is_a_return_like_others():
    returns = np.random.default_rng(53).normal(0, 0.01, 100)
    returns[50] = -1.0
    found = intervals(returns, MEASURES)["total_return"]
    assert found.estimate == -1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_return_that_is_no_number_is_refused_with_its_place(bad):
    returns = np.zeros(50)
    returns[7] = bad
    with pytest.raises(ReportError, match=r"1 of 50 values are not finite, the first at \(7,\)"):
        intervals(returns, MEASURES)
    with pytest.raises(ReportError, match="not finite"):
        mean_interval(returns)
    with pytest.raises(ReportError, match="not finite"):
        block_days(returns)


def test_a_pair_of_unequal_lengths_is_refused():
    with pytest.raises(ReportError, match="not 50 and 49"):
        difference_intervals(np.zeros(50), np.zeros(49), MEASURES)


@pytest.mark.parametrize(
    "setting", [{"level": 95}, {"level": 0.0}, {"replications": 10}, {"block": 0}]
)
def test_settings_that_make_no_sense_are_refused(setting):
    with pytest.raises(ReportError, match="needed"):
        intervals(np.zeros(50), MEASURES, **setting)


def test_a_matrix_is_not_a_series():
    with pytest.raises(ReportError, match=r"shape \(3, 2\)"):
        intervals(np.zeros((3, 2)), MEASURES)


@pytest.mark.parametrize("values", [[], [1.0], [0.5] * 10])
def test_a_mean_needs_values_that_differ(values):
    assert isinstance(mean_interval(values), Missing)


def test_no_trades_have_no_hit_rate():
    assert str(proportion_interval(0, 0)) == "n/a: no trades"
    with pytest.raises(ReportError, match="3 successes in 2 trials"):
        proportion_interval(3, 2)


def test_a_hit_rate_of_ten_in_ten_is_not_certain():
    found = proportion_interval(10, 10)
    # z^2 = 3.8415: 10 / (10 + z^2)
    assert found.low == pytest.approx(10 / (10 + stats.norm.ppf(0.975) ** 2))
    assert found.high == 1
