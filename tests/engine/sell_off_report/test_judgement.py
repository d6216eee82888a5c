"""Check the judgement over sell-offs: days, rival, cycles, common risk, timers without skill."""

import os
from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest

from engine.sell_off_report.common_risk import (
    ScalableFill,
    ScaledCosts,
    ScaledRow,
    scaled_row,
    trailing_k,
    whole_run_k,
)
from engine.sell_off_report.rival import BenchmarkDays, beta
from engine.sell_off_report.row_judgement import adjusted, judge
from engine.sell_off_report.run_days import RunDays, compounded, deepest, sell_off_days
from engine.sell_offs import SellOff
from engine.statistics import Missing
from tests.engine.sell_off_report.simulated_timers import timer_test

SAMPLES = 400 if "RISKOFF_SOAK" in os.environ else 60


def sell_off(number, cluster, high, confirmed, last):
    days = [date(2026, 1, day) for day in (high, confirmed, confirmed, last)]
    return SellOff(number, cluster, *days, 0, 0, 0, 0, -0.1, False, ())


def found(*items):
    # The market closes on every day but the weekend of the 3rd.
    closes = [date(2026, 1, day) for day in range(1, 32) if day not in (3, 4)]
    return SimpleNamespace(sell_offs=items, closes=SimpleNamespace(days=closes))


def days(first, count):
    return np.datetime64(f"2026-01-{first:02d}") + np.arange(count)


def run(total, *, financed=None, bill=0.0, first=1):
    total = np.array(total)
    bills = np.full(len(total), bill)
    return RunDays(
        SimpleNamespace(), days(first, len(total)), total,
        total - bills if financed is None else np.array(financed),
        total - bills, bills, np.full(len(total), 100.0),
    )  # fmt: skip


def test_the_day_of_the_high_is_calm_and_the_last_day_is_inside():
    held = sell_off_days(found(sell_off(1, 1, high=2, confirmed=4, last=5)), days(1, 7))
    #                             1      2      3     4     5     6      7
    assert held.inside.tolist() == [False, False, True, True, True, False, False]
    # The 3rd and the 4th belong to the run-up: the fall was known at the close of the 4th.
    assert held.known.tolist() == [True, True, False, False, True, True, True]
    assert held.partly == ()


def test_a_sell_off_across_an_end_of_the_run_counts_with_its_days():
    early, late = sell_off(1, 1, 1, 3, 5), sell_off(2, 2, 8, 9, 12)
    held = sell_off_days(found(early, late), days(4, 7))
    assert held.inside.tolist() == [True, True, False, False, False, True, True]
    assert (held.partly, held.clusters) == ((1, 2), [1, 2])
    # A run from Monday the 5th has every close since a high on Friday the 2nd.
    assert sell_off_days(found(sell_off(1, 1, 2, 6, 7)), days(5, 7)).partly == ()
    assert sell_off_days(found(sell_off(1, 1, 2, 6, 7)), days(6, 7)).partly == (1,)


def test_calm_and_sell_offs_compound_to_the_total():
    held = sell_off_days(found(sell_off(1, 1, 2, 3, 4)), days(1, 5))
    returns = np.array([0.10, 0.00, -0.20, 0.05, 0.10])
    # calm: 1.1 x 1 x 1.1 = 1.21; sell-off: 0.8 x 1.05 = 0.84; together 1.0164
    assert compounded(returns[~held.inside]) == pytest.approx(0.21)
    assert compounded(returns[held.inside]) == pytest.approx(-0.16)
    assert compounded(returns) == pytest.approx(1.21 * 0.84 - 1)
    assert deepest(returns) == pytest.approx(-0.20)


def test_legs_of_one_cluster_are_one_sum_and_cycles_count_every_day_once():
    legs = (sell_off(1, 1, 2, 3, 3), sell_off(2, 1, 4, 5, 5), sell_off(3, 2, 6, 7, 7))
    held = sell_off_days(found(*legs), days(1, 8))
    values = np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
    assert held.sums(values).tolist() == [3 + 5, 7]
    # The second cluster begins on the 7th.
    assert held.cycles(values).tolist() == [1 + 2 + 3 + 4 + 5 + 6, 7 + 8]


def test_a_static_share_of_the_benchmark_equals_its_rival():
    draw = np.random.default_rng(2)
    benchmark, bill = draw.normal(0, 0.01, 40), 0.0001
    total = 0.3 * benchmark + 0.7 * bill
    legs = tuple(sell_off(n, n, 4 * n - 2, 4 * n - 1, 4 * n) for n in range(1, 8))
    own = run(total, bill=bill)
    judged = judge(
        own,
        BenchmarkDays("b", benchmark, benchmark - bill),
        sell_off_days(found(*legs), own.days),
        ScaledCosts((), np.zeros(40), 0.0),
    )
    assert judged.beta == pytest.approx(0.3)
    assert [against for _, against, _ in judged.sums] == pytest.approx([0] * 7, abs=1e-15)
    # The plain difference is the benchmark's fall that the cash did not have.
    inside = sell_off_days(found(*legs), own.days).sums(total - benchmark)
    assert judged.exposure == pytest.approx(inside.mean())


def test_fewer_than_six_clusters_have_no_test():
    own = run([0.01, -0.02, 0.01, 0.03])
    held = sell_off_days(found(sell_off(1, 1, 1, 2, 3)), own.days)
    other = BenchmarkDays(
        "b", np.array([0.0, -0.05, 0.02, 0.01]), np.array([0.0, -0.05, 0.02, 0.01])
    )
    judged = judge(own, other, held, ScaledCosts((), np.zeros(4), 0.0))
    assert str(judged.inside) == str(judged.cycle) == "n/a: 1 clusters, 6 needed"
    assert judged.exposure == pytest.approx((-0.02 + 0.05) + (0.01 - 0.02))


def test_beta_is_the_slope_and_zero_where_the_benchmark_never_moves():
    other = np.array([0.02, -0.01, 0.03, 0.00])
    own = 0.5 * other + np.array([0.001, -0.001, -0.001, 0.001])
    assert beta(own, other) == pytest.approx(np.polyfit(other, own, 1)[0])
    assert beta(own, np.zeros(4)) == 0.0


def test_holms_p_values_rise_with_their_rank():
    # 3 x 0.01; 2 x 0.02; 1 x 0.03 is below 0.04 and takes it.
    assert adjusted([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert adjusted([0.9, 0.8]) == [1.0, 1.0]
    assert adjusted([]) == []


def test_k_of_the_whole_run_makes_trading_move_as_much_as_the_benchmark():
    own, other = np.array([0.01, -0.01, 0.01, -0.01]), np.array([0.03, -0.03, 0.03, -0.03])
    assert whole_run_k(own, other) == pytest.approx(3.0)
    assert whole_run_k(np.zeros(4), other) == np.inf


def test_k_of_a_day_reads_the_sixty_days_before_lagged_one():
    draw = np.random.default_rng(3)
    own, other = draw.normal(0, 0.01, 80), draw.normal(0, 0.02, 80)
    k = trailing_k(own, other)
    assert np.isnan(k[:61]).all()
    # Day 61 reads days 0 to 59; day 60 closes when the size of day 61 is set.
    assert k[61] == pytest.approx(other[:60].std(ddof=1) / own[:60].std(ddof=1))
    assert k[70] == pytest.approx(other[9:69].std(ddof=1) / own[9:69].std(ddof=1))
    later = own.copy()
    later[69:] = 0.5
    assert trailing_k(later, other)[:71].tolist()[61:] == k[:71].tolist()[61:]


def test_a_scaled_row_is_the_bill_plus_k_times_trading_less_added_costs():
    trading, bill = np.array([0.01, -0.02]), np.array([0.001, 0.001])
    # A fill of 50% of equity loses 1% of price, at twice the size 1.5%: 2 x 0.5 x 0.005 more.
    fill = ScalableFill(1, 0.5, lambda k: 0.005 + 0.005 * k)
    row = scaled_row(np.array([2.0, 2.0]), trading, bill, ScaledCosts((fill,), np.zeros(2), 0.0))
    assert isinstance(row, ScaledRow)
    assert row.total == pytest.approx([0.001 + 0.02, 0.001 - 0.04 - 0.005])


def test_a_change_of_k_trades_the_held_notional_at_the_mean_cost():
    costs = ScaledCosts((), np.array([0.8, 0.8, 0.8]), 0.001)
    # k from 1 to 3 on 80% of equity, then back by 1: 2 x 0.8 x 0.1%, 1 x 0.8 x 0.1%.
    assert costs.of(np.array([1.0, 3.0, 2.0])) == pytest.approx([0, 0.0016, 0.0008])


@pytest.mark.parametrize(
    ("k", "trading", "said"),
    [
        (6.0, [0.01, -0.01], "k above 5 on 2 of 2 days with a result"),
        (np.inf, [0.01, 0.0], "k above 5 on 1 of 1 days with a result"),
        (4.0, [0.01, -0.13], "a scaled day loses 52%"),
        (1.0, [0.0, 0.0], "no trading result"),
    ],
)
def test_a_row_that_is_too_small_to_scale_says_why(k, trading, said):
    costs = ScaledCosts((), np.zeros(2), 0.0)
    row = scaled_row(np.full(2, k), np.array(trading), np.zeros(2), costs)
    assert isinstance(row, Missing)
    assert row.reason.startswith("too small to scale: ")
    assert said in row.reason


def test_a_day_without_a_multiple_holds_bills():
    k = np.array([np.nan, 2.0])
    row = scaled_row(
        k, np.array([0.01, 0.01]), np.full(2, 0.001), ScaledCosts((), np.zeros(2), 0.0)
    )
    assert row.total == pytest.approx([0.001, 0.021])


def test_random_timers_beat_the_market_in_falls_and_their_rival_by_chance_alone():
    # The wrong number first: from high to low a timer without skill does better nearly always.
    tests = [timer_test(np.random.default_rng([seed, 11]), "random") for seed in range(SAMPLES)]
    judged = [item for item in tests if item is not None]
    assert len(judged) > 0.9 * SAMPLES
    assert np.mean([item.better_than_market for item in judged]) > 0.8
    for effects in ([t.inside for t in judged], [t.cycle for t in judged]):
        won = np.mean([effect.p_value <= 0.05 and effect.mean > 0 for effect in effects])
        # 2.5% by chance, and three standard errors of a share.
        assert won <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / len(judged))


def test_a_trend_follower_without_skill_loses_inside_and_not_over_cycles():
    tests = [
        timer_test(np.random.default_rng([seed, 12]), "trend follower")
        for seed in range(SAMPLES // 2)
    ]
    judged = [item for item in tests if item is not None]
    inside = np.mean([item.inside.p_value <= 0.05 for item in judged])
    cycle = np.mean([item.cycle.p_value <= 0.05 for item in judged])
    assert inside > 0.5
    assert cycle <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(judged))
