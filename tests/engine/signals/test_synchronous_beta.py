"""Rolling beta: synchronous closes only, the current close left out, no row from later ones."""

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS
from data_feeds.schema import Channel
from engine.signals import lagged_beta
from engine.testing import START, candles


def daily(closes, *, name="MKT", closed_at=None, timeframe="1d"):
    rows = [(price, price, price, price) for price in closes]
    ends = [START + (i + 1) * DAY_NS for i in range(len(rows))] if closed_at is None else closed_at
    begins = [at - HOUR_NS for at in ends]
    return candles(rows, instrument=name, timeframe=timeframe, opened_at=begins, closed_at=ends)


def prices(returns, first=100.0):
    return first * np.exp(np.concatenate(([0.0], np.cumsum(returns))))


def test_beta_is_covariance_over_variance_of_the_returns_before_the_bar():
    # Market +1%, -1%; asset +2%, -2%: the slope of three closes is 2. It is known one bar later.
    market, asset = prices([0.01, -0.01, 0.05]), prices([0.02, -0.02, 0.0])
    betas = lagged_beta(daily(asset, name="A"), daily(market), 3)
    assert np.isnan(betas[:3]).all()
    assert betas[3] == pytest.approx(2.0)


def test_means_are_subtracted():
    # Market 0%, 2%; asset 3%, 4%: (0.02 - 0) x (0.04 - 0.03) / 0.02^2 = 0.5.
    market, asset = prices([0.0, 0.02, 0.0]), prices([0.03, 0.04, 0.0])
    assert lagged_beta(daily(asset, name="A"), daily(market), 3)[3] == pytest.approx(0.5)


def test_the_close_of_the_bar_itself_changes_nothing():
    rng = np.random.default_rng(3)
    market, asset = prices(rng.normal(0, 0.01, 20)), prices(rng.normal(0, 0.02, 20))
    before = lagged_beta(daily(asset, name="A"), daily(market), 6)
    market[-1] *= 1.5
    asset[-1] *= 0.5
    after = lagged_beta(daily(asset, name="A"), daily(market), 6)
    assert np.array_equal(before, after, equal_nan=True)


def test_every_row_is_the_same_with_less_history_and_without_later_bars():
    rng = np.random.default_rng(5)
    market, asset = prices(rng.normal(0, 0.01, 90)), prices(rng.normal(0, 0.02, 90))
    ends = [START + (i + 1) * DAY_NS for i in range(91)]
    whole = lagged_beta(daily(asset, name="A"), daily(market), 60)
    for first, last in ((0, 70), (20, 91), (20, 85)):
        part = lagged_beta(
            daily(asset[first:last], name="A", closed_at=ends[first:last]),
            daily(market[first:last], closed_at=ends[first:last]),
            60,
        )
        full = slice(60, None)
        assert np.array_equal(part[full], whole[first:last][full])


def test_it_equals_a_slow_loop_over_closes_at_the_same_instants():
    rng = np.random.default_rng(7)
    market, asset = prices(rng.normal(0, 0.01, 60)), prices(rng.normal(0, 0.02, 60))
    ends = np.array([START + (i + 1) * DAY_NS for i in range(61)])
    held = np.sort(rng.choice(61, 40, replace=False))
    found = lagged_beta(
        daily(asset[held], name="A", closed_at=ends[held]), daily(market, closed_at=ends), 10
    )
    for row in range(61):
        common = held[held < row][-10:]
        if len(common) < 10:
            assert np.isnan(found[row])
            continue
        x, y = np.diff(np.log(market[common])), np.diff(np.log(asset[common]))
        assert found[row] == pytest.approx(np.polyfit(x, y, 1)[0])


@pytest.mark.parametrize(("early", "counts"), [(0, True), (15, True), (16, False)])
def test_a_close_counts_up_to_fifteen_minutes_before_that_of_the_market(early, counts):
    market, asset = prices([0.01, -0.01, 0.0]), prices([0.02, -0.02, 0.0])
    ends = [START + (i + 1) * DAY_NS - early * MINUTE_NS for i in range(4)]
    found = lagged_beta(daily(asset, name="A", closed_at=ends), daily(market), 3)
    assert np.isfinite(found[3]) == counts


def test_a_close_published_later_does_not_count():
    market, asset = prices([0.01, -0.01, 0.0]), daily(prices([0.02, -0.02, 0.0]), name="A")
    late = {**asset.columns, "available_at": asset["available_at"] + 1}
    found = lagged_beta(Channel(asset.key, late), daily(market), 3)
    assert np.isnan(found).all()


def test_a_market_that_does_not_move_gives_no_beta():
    found = lagged_beta(daily(prices([0.01, 0.02, 0.0]), name="A"), daily([5.0] * 4), 3)
    assert np.isnan(found).all()


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_short_histories_give_nan(rows):
    found = lagged_beta(daily([1.0] * rows, name="A"), daily([1.0] * rows), 3)
    assert len(found) == rows
    assert np.isnan(found).all()


def test_two_closes_give_no_slope():
    with pytest.raises(ValueError, match="at least 3"):
        lagged_beta(daily([1.0], name="A"), daily([1.0]), 2)
