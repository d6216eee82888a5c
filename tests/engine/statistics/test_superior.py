"""The test of superior ability: its size at default settings, a slow copy, refused input.

With one standard error for all resamples, 16% to 23% of worthless families are rejected at a
nominal 5%; the tests show that wrong number first.
"""

import math
import os

import numpy as np
import pytest
from arch.bootstrap import SPA
from scipy import stats

from engine.errors import ReportError
from engine.statistics import Missing, superior_ability
from tests.engine.statistics.worthless import KINDS

SOAK = "RISKOFF_SOAK" in os.environ
# The sizes of families and samples; the first of each in the default run.
VARIANTS, DAYS = (15, 50, 4), (250, 1_000, 60)
FAMILIES = 400 if SOAK else 200
RESAMPLES = 400 if SOAK else 300


def noise(seed, days=250, variants=10):
    return np.random.default_rng(seed).normal(0, 0.01, (days, variants))


def rejected(kind, days, variants):
    """Return the shares of worthless families with a low p-value, and with a column found."""
    draw = np.random.default_rng(days + variants)
    low = named = 0
    for seed in range(FAMILIES):
        family = KINDS[kind](draw, days, variants)
        found = superior_ability(family, np.zeros(days), seed=seed, replications=RESAMPLES)
        low += found.consistent <= 0.05
        named += bool(found.superior)
    return low / FAMILIES, named / FAMILIES


def test_one_standard_error_for_all_resamples_rejects_worthless_families_too_often():
    draw, low = np.random.default_rng(1), 0
    for seed in range(60):
        gain = KINDS["iid"](draw, 250, 50)
        test = SPA(np.zeros(250), -gain, block_size=15, reps=200, seed=seed)
        test.compute()
        # arch computes the long-run variance and does not divide by it
        scores = gain / np.sqrt(test._loss_diff_var)
        test = SPA(np.zeros(250), -scores, block_size=15, reps=200, seed=seed)
        test.compute()
        low += test.pvalues["consistent"] <= 0.05
    assert low / 60 > 0.12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variants", VARIANTS if SOAK else VARIANTS[:2])
@pytest.mark.parametrize("days", DAYS if SOAK else DAYS[:1])
def test_worthless_families_are_rejected_no_more_often_than_the_nominal_size(kind, variants, days):
    # Nominal 5%. Measured over many families the sizes are 2% to 6% (docs/statistics.md); the
    # required bounds are 7%, and 9% where each day keeps a fifth of the last.
    low, named = rejected(kind, days, variants)
    most = 0.09 if kind == "AR 0.2" else 0.07
    assert low <= most
    assert named <= most


def test_most_families_with_one_good_variant_are_found():
    # One of 15 gains 0.25 standard deviations a day: four standard errors over 250 days.
    draw, found = np.random.default_rng(3), 0
    for seed in range(40):
        family = KINDS["iid"](draw, 250, 15)
        family[:, 4] += 0.0025
        found += superior_ability(family, np.zeros(250), seed=seed, replications=300).superior == (
            4,
        )
    assert found >= 30


def slow(gain, length, segments, replications, seed):
    """Return scores, the consistent p-value and the detectable means, by plain loops."""
    days = len(gain)
    mean = gain.mean(axis=0)
    blocks = []
    for start in range(days):
        own = [day for day in range(days) if segments[day] == segments[start]]
        at = own.index(start)
        blocks.append(np.mean([gain[own[(at + i) % len(own)]] for i in range(length)], axis=0))
    blocks = np.array(blocks)
    error = np.sqrt(((blocks - mean) ** 2).mean(axis=0) * length / days)
    score = mean / error
    centre = [
        m if s >= -math.sqrt(2 * math.log(math.log(days))) else 0.0
        for m, s in zip(mean, score, strict=True)
    ]
    count = math.ceil(days / length)
    rows = np.random.default_rng(seed).integers(0, days, (replications, count))
    at_least = 0
    for picked in rows:
        drawn = blocks[picked]
        own_error = np.sqrt(((drawn - drawn.mean(axis=0)) ** 2).mean(axis=0) / count)
        largest = max(0.0, *((drawn.mean(axis=0) - centre) / own_error))
        at_least += largest >= max(0.0, *score)
    t = stats.t(count - 1)
    return at_least / replications, (t.ppf(0.975) + t.ppf(0.8)) * error


@pytest.mark.parametrize("lengths", [(90,), (31, 40, 19)])
def test_the_numbers_of_a_slow_loop_with_blocks_inside_their_segment(lengths):
    segments = np.repeat(np.arange(len(lengths)), lengths)
    gain = noise(12, 90, 3) + np.array([0.001, -0.004, 0.0])
    found = superior_ability(gain, np.zeros(90), segments=segments, seed=7, replications=150)
    p_value, smallest = slow(gain, 5, segments, 150, 7)
    assert found.block == 5
    assert found.consistent == pytest.approx(p_value, abs=1e-12)
    assert found.detectable == pytest.approx(smallest.tolist(), rel=1e-9)


def test_no_block_crosses_a_gap():
    # Two segments of opposite sign: a block that crossed would mix them and spread less.
    segments = np.repeat([0, 1], 50)
    gain = noise(2, 100, 1) * 0.01 + np.where(segments == 0, 0.01, -0.01)[:, np.newaxis]
    apart = superior_ability(gain, np.zeros(100), segments=segments).detectable[0]
    # every block mean is +-0.01, but for noise: 0.01 x sqrt(5 / 100) per standard error
    t = stats.t(19)
    assert apart == pytest.approx(0.01 * math.sqrt(0.05) * (t.ppf(0.975) + t.ppf(0.8)), rel=1e-3)
    assert superior_ability(gain, np.zeros(100)).detectable[0] < 0.97 * apart


def test_segments_in_pieces_or_of_another_length_are_refused():
    with pytest.raises(ReportError, match="contiguous"):
        superior_ability(noise(1), np.zeros(250), segments=np.repeat([0, 1, 0], [100, 100, 50]))
    with pytest.raises(ReportError, match="segment codes"):
        superior_ability(noise(1), np.zeros(250), segments=np.zeros(249))


def test_a_quiet_superior_variant_is_found_beside_a_wild_worthless_one():
    returns = np.random.default_rng(2).normal(0, [0.001, 0.1], (250, 2))
    returns += [0.0004, 0.0] - returns.mean(axis=0)  # six standard errors, and zero
    zero = np.zeros(250)
    announced = SPA(zero, -returns, reps=500, studentize=True, seed=3)
    announced.compute()
    # arch announces studentized differences; the wild variant's noise hides the quiet one
    assert announced.pvalues["consistent"] > 0.2
    found = superior_ability(returns, zero, seed=3, replications=500)
    assert found.consistent < 0.01
    assert found.superior == (0,)


def test_a_variant_found_first_makes_it_no_harder_for_the_others():
    # Stepwise: once the strong variant 0 is found, the other nine are judged as if alone. Around
    # 0.0015 a day variant 2 passes the critical value of nine and not yet that of ten.
    zero, judged = np.zeros(250), set()
    for gain in np.arange(0.0012, 0.0020, 0.00005):
        returns = noise(5) - noise(5).mean(axis=0)
        returns[:, [0, 2]] += [0.01, gain]
        found = superior_ability(returns, zero, seed=1)
        alone = superior_ability(returns[:, 1:], zero, seed=1)
        assert found.superior == (0, *(column + 1 for column in alone.superior))
        judged.add(found.superior)
    assert judged == {(0,), (0, 2)}


def test_the_benchmark_is_subtracted_day_by_day():
    market = np.random.default_rng(7).normal(0, 0.05, 250)
    returns = noise(8) * 0.1 + market[:, np.newaxis]
    returns[:, 3] += 0.001
    found = superior_ability(returns, market)
    assert found.superior == (3,)
    assert found.lower <= found.consistent <= found.upper < 0.01


def test_a_family_below_the_benchmark_has_a_p_value_of_one():
    assert superior_ability(noise(3) - 0.005, np.zeros(250)).consistent == 1.0


def test_a_variant_equal_to_the_benchmark_changes_nothing():
    returns = noise(9)
    returns[:, 5] += 0.004
    with_copy = np.insert(returns, 2, 0.0, axis=1)
    found = superior_ability(with_copy, np.zeros(250))
    alone = superior_ability(returns, np.zeros(250))
    assert found.consistent == alone.consistent
    assert (alone.superior, found.superior) == ((5,), (6,))
    assert found.variants == 11
    assert math.isnan(found.detectable[2])


def test_the_order_of_variants_changes_no_p_value():
    returns = noise(4)
    forth, back = (superior_ability(r, np.zeros(250), seed=2) for r in (returns, returns[:, ::-1]))
    assert forth.consistent == back.consistent
    assert forth.detectable == pytest.approx(back.detectable[::-1])


def idle(seed, share, days=750):
    """Return returns of a rule that trades on some days and earns interest on the others."""
    draw = np.random.default_rng(seed)
    waits = -0.0001 * draw.choice([1, 3], days)  # the bill's yield, three days at weekends
    return np.where(draw.random(days) < share, draw.normal(0.005, 0.01, days), waits)


def test_a_variant_active_on_a_few_percent_of_days_has_no_power():
    returns = np.column_stack([idle(1, 0.03), noise(6, 750, 1)[:, 0], idle(2, 0.2)])
    found = superior_ability(returns, np.zeros(750))
    assert found.powerless == (0,)
    assert [math.isnan(value) for value in found.detectable] == [True, False, False]
    market = np.random.default_rng(9).normal(0, 0.01, 750)
    # against a benchmark that moves daily the difference moves daily, but the variant does not
    assert superior_ability(returns, market).powerless == (0,)
    assert superior_ability(returns[:, :1], market) == Missing(
        "no power: every variant is active on fewer than 10 days or 5% of 750"
    )


def test_a_handful_of_active_days_has_no_power_however_short_the_sample():
    # 6 of 60 days are 10%, and still no more than 6 days
    returns = np.where(np.arange(60) % 10 == 0, noise(3, 60, 1)[:, 0], 0.0)[:, np.newaxis]
    assert isinstance(superior_ability(returns, np.zeros(60)), Missing)


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


@pytest.mark.parametrize("shift", [0.01, 1e-6])
def test_a_constant_advantage_has_no_spread_to_be_judged_by(shift):
    market = noise(3)[:, 0]
    returns = noise(1)
    returns[:, 2] = market + shift
    found = superior_ability(returns, market)
    assert str(found).startswith("n/a: variant 2 differs from the benchmark by the same amount")


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e3])
def test_a_difference_that_is_rounding_is_none_at_any_scale(scale):
    market = noise(3)[:, 0] * scale
    compounded = (np.cumprod(1 + market) / np.append(1, np.cumprod(1 + market)[:-1])) - 1
    assert 0 < np.abs(compounded - market).max() < 1e-12  # rounding left by joining days
    found = superior_ability(compounded[:, np.newaxis], market)
    assert found == Missing("no variant differs from the benchmark")


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
