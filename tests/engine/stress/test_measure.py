"""The distribution over a few paths, worked by hand."""

import math

import numpy as np
import pytest

from engine.statistics import Interval, Missing
from engine.stress import PathRow, summarize
from engine.stress.measure import events, worse_at_most


def row(path, total_return=0.0, max_drawdown=0.0, liquidations=0, trades=1):
    return PathRow(path, 7, total_return, max_drawdown, liquidations, trades, 1.0, -2.0, 100.0)


def rows_of(returns, drawdowns=None):
    drawdowns = [0.0] * len(returns) if drawdowns is None else drawdowns
    return [row(i, r, d) for i, (r, d) in enumerate(zip(returns, drawdowns, strict=True))]


def test_quantiles_of_five_paths_lie_on_the_paths_and_between_them():
    # Sorted -0.4, -0.2, 0, 0.1, 0.3. The 25% quantile is the second; that of 5% lies a fifth of
    # the way from the first to the second: 0.05 x 4 = 0.2, so -0.4 + 0.2 x 0.2 = -0.36.
    found = summarize(rows_of([0.1, -0.4, 0.3, 0.0, -0.2]), tolerance=0.15, seed=0).total_return
    estimates = {at: figure.estimate for at, figure in found.quantiles.items()}
    assert estimates == pytest.approx({0.05: -0.36, 0.25: -0.2, 0.5: 0.0, 0.75: 0.1, 0.95: 0.26})
    assert found.mean.estimate == pytest.approx(-0.04)
    assert found.worst == -0.4


def test_five_paths_have_no_interval_of_the_fifth_percentile_and_say_how_many_would():
    found = summarize(rows_of([0.1, -0.4, 0.3, 0.0, -0.2]), tolerance=0.15, seed=0).total_return
    # 0.95^71 = 0.0262 > 0.025 > 0.95^72
    assert found.quantiles[0.05].interval == Missing("5 value(s), 72 needed")
    assert isinstance(found.mean.interval, Interval)


def test_two_hundred_paths_have_an_interval_of_every_quantile_that_holds_it():
    returns = np.random.default_rng(3).normal(0, 0.1, 200)
    found = summarize(rows_of(returns), tolerance=0.15, seed=0).total_return
    for figure in (*found.quantiles.values(), found.mean):
        assert figure.interval.low <= figure.estimate <= figure.interval.high
        assert figure.interval.observations == 200


def test_a_drawdown_of_the_tolerance_breaches_it_and_a_smaller_one_does_not():
    drawdowns = [0.0, -0.14, -0.1499, -0.15, -0.151, -0.9, -0.2, 0.0]
    found = summarize(rows_of([0.0] * 8, drawdowns), tolerance=0.15, seed=0)
    assert found.probabilities["breach"].estimate == 4 / 8
    # Wilson by hand: z^2 = 3.8415, centre 1/2, half width z sqrt(1/4/8 + z^2/4/64) / (1 + z^2/8).
    z2 = 1.959964**2
    half = math.sqrt(z2 * (1 / 32 + z2 / 256)) / (1 + z2 / 8)
    interval = found.probabilities["breach"].interval
    assert (interval.low, interval.high) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-6)


def test_a_path_with_several_liquidations_counts_once():
    paths = [row(0, liquidations=3), row(1), row(2, liquidations=1), row(3)]
    assert summarize(paths, tolerance=0.15, seed=0).probabilities["liquidation"].estimate == 0.5


def test_a_loss_is_less_than_nothing_and_no_trade_is_counted():
    paths = [row(0, -1e-9), row(1, 0.0, trades=0), row(2, 0.2), row(3, -0.5, trades=0)]
    assert events(paths, 0.15)["loss"] == [True, False, False, True]
    assert events(paths, 0.15)["no_trade"] == [False, True, False, True]


def test_no_liquidation_in_two_hundred_paths_is_not_never():
    found = summarize(rows_of([0.0] * 200), tolerance=0.15, seed=0).probabilities["liquidation"]
    # z^2 / (n + z^2)
    assert found.estimate == 0.0
    assert found.interval.high == pytest.approx(3.8415 / 203.8415, abs=1e-5)


def test_the_worst_of_twenty_paths_may_hide_a_seventh_of_all():
    # 0.86089^20 = 0.05
    assert worse_at_most(20, 0.95) == pytest.approx(0.13911, abs=1e-5)


def test_paths_that_all_end_alike_have_no_interval_of_the_mean():
    found = summarize(rows_of([0.01] * 5), tolerance=0.15, seed=0).total_return
    assert found.mean.interval == Missing("all values are equal")
