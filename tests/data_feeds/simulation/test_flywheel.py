"""One shock against the client's figures: 2-3% becomes 8-12% where leverage is high and depth thin.

(SimianX AI, "Why US Stocks and Cryptocurrencies Plummeted This Week", 2026-02.)
"""

from dataclasses import fields, replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data_feeds.simulation.cohort_book import book_at_rest
from data_feeds.simulation.flywheel import FlywheelInputs, FlywheelPath, Setting, cascade, simulate
from data_feeds.simulation.flywheel_parameters import FlywheelParams

Floats = NDArray[np.float64]

FRAGILE = Setting()
STURDY = replace(FRAGILE, leverages=(1.0, 2.0, 3.0), weights=(0.4, 0.4, 0.2), depth_quote=600e6)
SHOCKS = (-0.02, -0.025, -0.03)
# The shock comes in bars 4 and 5.
SHOCK_BAR = 4


def fall(path: FlywheelPath) -> float:
    """Return the deepest fall from the open, fraction, positive."""
    return float(1 - path.low.min() / path.open[0])


def cash_missing(path: FlywheelPath, fund_at_start: float) -> Floats:
    """Return cash in less cash out, what went into the fund and what positions are owed."""
    return path.cash_in - path.cash_out - (path.fund - fund_at_start) - path.book_cash


def mixes(count: int) -> list[tuple[float, ...]]:
    """Return shares of ``FRAGILE.leverages``, from nearly all at 2 times to the fragile mix."""
    low, high = np.array([0.95, 0.05, 0.0, 0.0, 0.0]), np.array(FRAGILE.weights)
    return [tuple(low + (high - low) * share) for share in np.linspace(0, 1, count)]


@pytest.mark.parametrize("shock", SHOCKS)
def test_small_shock_becomes_8_to_12_percent_when_leverage_is_high_and_depth_thin(
    shock: float,
) -> None:
    assert 0.08 <= fall(cascade(shock, FRAGILE)) <= 0.12


@pytest.mark.parametrize("shock", SHOCKS)
def test_small_shock_stays_small_when_leverage_is_low_and_depth_deep(shock: float) -> None:
    path = cascade(shock, STURDY)
    # No position is liquidated, so the market falls only by the shock.
    assert path.long_quote.sum() == 0.0
    assert fall(path) == pytest.approx(1 - np.exp(shock), abs=1e-4)


def test_fall_grows_with_leverage_thinness_and_shock() -> None:
    depths, shocks = (500e6, 350e6, 250e6, 200e6, 160e6), (-0.01, -0.015, -0.02, -0.025, -0.03)
    falls = [
        fall(cascade(shock, replace(FRAGILE, weights=mix, depth_quote=depth, bars=64)))
        for mix, depth, shock in product(mixes(5), depths, shocks)
    ]
    grid = np.array(falls).reshape(5, 5, 5)
    # Cohorts fill whole rows, so that mixes are met to 1%: 0.05% of price is within that.
    for axis in range(3):
        assert np.diff(grid, axis=axis).min() > -0.0005
    # Each change has an effect of more than 3 points.
    assert grid[4, 4, 3] - grid[0, 4, 3] > 0.03
    assert grid[4, 4, 3] - grid[4, 0, 3] > 0.03
    assert grid[4, 4, 4] - grid[4, 4, 0] > 0.03


@pytest.mark.parametrize("shock", SHOCKS)
def test_volume_of_the_flush_is_3_to_5_times_normal(shock: float) -> None:
    path = cascade(shock, FRAGILE)
    flush = path.long_quote > 0.1 * path.long_quote.max()
    times = path.volume[flush] / FRAGILE.volume_base
    assert 2 <= flush.sum() <= 8
    assert 3.0 <= times.mean() <= 5.0
    assert times.max() <= 5.0


def test_open_interest_falls_through_the_cascade_and_comes_back() -> None:
    path = cascade(-0.025, replace(FRAGILE, bars=600))
    flush = np.flatnonzero(path.long_quote > 0)
    before, after = path.open_interest[flush[0] - 1], path.open_interest[flush[-1]]
    assert after < 0.92 * before
    assert (np.diff(path.open_interest[flush[0] - 1 : flush[-1] + 1]) <= 0).all()
    # A hundredth of what is missing a bar: after 500 bars less than 1% of it.
    assert path.open_interest[-1] == pytest.approx(before, rel=0.005)


def test_funding_turns_negative_after_the_flush_and_recovers() -> None:
    path = cascade(-0.025, FRAGILE)
    settled = path.funding[~np.isnan(path.funding)]
    assert settled[0] == pytest.approx(0.0001)
    assert -0.003 <= settled[1] < -0.001
    assert settled[-1] == pytest.approx(0.0001)


def test_depth_thins_in_the_flush_and_returns() -> None:
    path = cascade(-0.025, FRAGILE)
    thinnest = path.depth.min()
    assert thinnest < 0.75 * path.depth[0]
    assert path.depth[-1] > path.depth[0]
    assert thinnest >= FlywheelParams().depth_floor * FRAGILE.depth_quote


def test_squeeze_liquidates_shorts_as_a_fall_liquidates_longs() -> None:
    path = cascade(0.025, FRAGILE)
    assert path.long_quote.sum() == 0.0
    assert path.short_quote.sum() > 1e9
    assert path.high.max() / path.open[0] - 1 > 0.08
    assert np.nanmax(path.funding) > 0.001


def test_volatility_targets_make_a_second_wave() -> None:
    alone = cascade(-0.025, FRAGILE)
    path = cascade(-0.025, replace(FRAGILE, sellers_base=40_000.0))
    # The low comes an hour later and more than two points deeper ...
    assert path.low.argmin() >= alone.low.argmin() + 4
    assert fall(path) > fall(alone) + 0.02
    # ... and they still sell after the first wave's liquidations alone would have ended.
    over = int(np.flatnonzero(alone.long_quote)[-1]) + 1
    assert path.seller_base[over : over + 4].min() > 0
    # After volatility has fallen they return to their initial exposure.
    longer = cascade(-0.025, replace(FRAGILE, sellers_base=40_000.0, bars=1_000))
    assert longer.seller_base[-500:].sum() < 0


def test_mark_lags_the_last_price_in_the_fall() -> None:
    path = cascade(-0.025, FRAGILE)
    assert path.mark_close[SHOCK_BAR] > path.close[SHOCK_BAR]
    assert path.mark_low.min() >= path.low.min()
    at_once = cascade(-0.025, FRAGILE, FlywheelParams(mark_speed=1.0))
    # The mark is taken before the step's liquidations trade.
    assert at_once.mark_close[SHOCK_BAR - 1] == pytest.approx(at_once.close[SHOCK_BAR - 1])


def test_fund_that_lasts_spares_the_winners() -> None:
    path = cascade(-0.03, FRAGILE)
    assert path.fund.min() > 0
    assert path.adl.sum() == 0.0


def test_winners_are_deleveraged_when_the_fund_is_empty() -> None:
    path = cascade(-0.03, replace(FRAGILE, fund_quote=1e6))
    first = int(np.flatnonzero(path.adl)[0])
    assert path.adl[:first].sum() == 0.0
    assert path.fund[:first].min() > 0
    assert path.fund.min() >= 0


def test_same_arguments_give_the_same_bytes() -> None:
    setting = replace(FRAGILE, sellers_base=10_000.0)
    first, second = cascade(-0.025, setting), cascade(-0.025, setting)
    for field in fields(FlywheelPath):
        assert getattr(first, field.name).tobytes() == getattr(second, field.name).tobytes()


def test_market_without_news_stays_where_it_is() -> None:
    path = cascade(0.0, FRAGILE)
    assert path.close == pytest.approx(np.full(FRAGILE.bars, FRAGILE.price))
    assert path.long_quote.sum() + path.short_quote.sum() + path.adl.sum() == 0.0
    assert path.open_interest == pytest.approx(
        np.full(FRAGILE.bars, FRAGILE.open_interest_base), rel=1e-9
    )


@settings(max_examples=60, deadline=None)
@given(
    shock=st.floats(-0.4, 0.4),
    weights=st.lists(st.floats(0.05, 1.0), min_size=5, max_size=5),
    leverages=st.lists(st.sampled_from([1.0, 3.0, 10.0, 25.0, 100.0]), min_size=5, max_size=5),
    depth_quote=st.floats(2e7, 1e9),
    fund_quote=st.sampled_from([0.0, 1e6, 1e9]),
    sellers_base=st.sampled_from([0.0, 20_000.0]),
    account_quote=st.sampled_from([5e4, 1e6]),
)
def test_contracts_and_cash_are_conserved_on_any_book(
    *,
    shock: float,
    weights: list[float],
    leverages: list[float],
    depth_quote: float,
    fund_quote: float,
    sellers_base: float,
    account_quote: float,
) -> None:
    setting = replace(
        FRAGILE,
        weights=tuple(np.array(weights) / sum(weights)),
        leverages=tuple(leverages),
        depth_quote=depth_quote,
        fund_quote=fund_quote,
        sellers_base=sellers_base,
        bars=40,
    )
    path = cascade(shock, setting, FlywheelParams(account_quote=account_quote))
    assert path.longs == pytest.approx(path.shorts, rel=1e-9, abs=1e-6)
    # Sums of some thousand terms of this size, each rounded to 2**-53.
    scale = path.cash_in.max() + path.cash_out.max() + fund_quote
    assert np.abs(cash_missing(path, fund_quote)).max() < 1e-11 * scale
    assert path.fund.min() >= 0
    assert (path.low <= np.minimum(path.open, path.close)).all()
    assert (path.high >= np.maximum(path.open, path.close)).all()
    assert (path.mark_low <= path.mark_close).all()
    assert (path.mark_high >= path.mark_close).all()
    assert path.open[1:].tolist() == path.close[:-1].tolist()
    assert min(path.volume.min(), path.adl.min(), path.long_quote.min()) >= 0


def test_contracts_and_cash_are_conserved_over_months() -> None:
    rng = np.random.default_rng(7)
    bars, steps, price, fund = 6_000, 5, 70_000.0, 50e6
    leverages, weights = np.array([2.0, 5.0, 20.0, 50.0]), np.array([0.6, 0.2, 0.15, 0.05])
    usual = 0.6 / np.sqrt(365 * 96 * steps)
    market = FlywheelInputs(
        returns=rng.standard_t(4, (bars, steps)) / np.sqrt(2) * usual,
        depth_quote=np.full(bars, 250e6),
        volume_base=np.full(bars, 4_000.0),
        open_interest_base=np.linspace(90_000.0, 60_000.0, bars),
        leverage=rng.choice(leverages, bars, p=weights),
        short_leverage=rng.choice(leverages, bars, p=weights),
        crowding=np.full(bars, 0.0002),
        sellers_base=np.full(bars, 5_000.0),
        buyers_base=np.full(bars, 10_000.0),
        is_settlement=np.arange(bars) % 32 == 0,
        steps_per_year=365.0 * 96 * steps,
    )
    params = FlywheelParams()
    book = book_at_rest(price, 90_000.0, leverages, weights, params.account_quote, cohorts=60)
    path = simulate(params, book, market, price, fund)
    assert path.longs == pytest.approx(path.shorts, rel=1e-9)
    assert np.abs(cash_missing(path, fund)).max() < 1e-9 * path.cash_in[-1]
    assert book.cash == pytest.approx(path.book_cash[-1])
    # Both sides were liquidated in the meantime, and the open interest followed its target.
    assert path.long_quote.sum() > 0
    assert path.short_quote.sum() > 0
    assert path.open_interest[-1] == pytest.approx(60_000.0, rel=0.05)
