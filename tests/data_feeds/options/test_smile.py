"""The smile reproduces the index, tenors revert, strikes allow no arbitrage."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from data_feeds.options.model import OptionModel
from data_feeds.options.pricing import put_price
from data_feeds.options.smile import (
    INDEX_YEARS,
    implied_volatility,
    index_level,
    level_at,
    smile,
    strip_volatility,
)

MODEL = OptionModel()
FLAT = OptionModel(skew=0.0, convexity=0.0)


@pytest.mark.parametrize("index", [0.09, 0.16, 0.22, 0.40, 0.827, 1.5])
def test_the_strip_of_the_solved_level_is_the_index(index: float) -> None:
    # 0.05 index points at most.
    assert strip_volatility(MODEL, index_level(MODEL, index)) == pytest.approx(index, abs=5e-4)


@pytest.mark.parametrize("index", [0.12, 0.4])
def test_without_a_smile_the_level_is_the_index(index: float) -> None:
    assert index_level(FLAT, index) == pytest.approx(index, rel=1e-3)
    assert smile(FLAT, index, -2.0) == index


def test_the_index_contains_the_skew_so_the_level_lies_below_it() -> None:
    assert 0.85 < index_level(MODEL, 0.20) / 0.20 < 0.95


def test_puts_below_the_forward_carry_more_volatility() -> None:
    # z = 3 tanh(-1 / 3) = -0.9646: 1 + 0.18 x 0.9646 + 0.03 x 0.9305 = 1.2015.
    assert smile(MODEL, 0.2, -1.0) == pytest.approx(0.2 * 1.20154, abs=1e-5)
    deviations = np.linspace(-8, 1, 40)
    assert np.all(np.diff([smile(MODEL, 0.2, float(z)) for z in deviations]) < 0)


def test_longer_tenors_revert_to_the_long_run_level() -> None:
    model = OptionModel(skew=0.0, convexity=0.0, long_run_level=0.2, mean_reversion=4.0)
    near = index_level(model, 0.6)

    def decay(years: float) -> float:
        return (1 - math.exp(-4 * years)) / (4 * years)

    # Variance 0.04 + (near^2 - 0.04) x decay(half a year) / decay(30 days).
    expected = 0.04 + (near**2 - 0.04) * decay(0.5) / decay(INDEX_YEARS)
    assert level_at(model, 0.6, 0.5) == pytest.approx(math.sqrt(expected))
    assert level_at(model, 0.6, INDEX_YEARS) == near
    assert level_at(model, 0.6, 5 / 365) == near
    assert 0.2 < level_at(model, 0.6, 2.0) < level_at(model, 0.6, 0.25) < near
    assert level_at(model, 0.1, 2.0) > index_level(model, 0.1)


CORNERS = [
    OptionModel(skew=skew, convexity=convexity, wing=wing)
    for skew in (0.0, 0.3)
    for convexity in (0.0, 0.06)
    for wing in (1.0, 2.0, 3.0)
    if 1 - skew * wing + convexity * wing * wing > 0.2
]


@pytest.mark.parametrize("model", CORNERS)
def test_every_smile_that_is_allowed_has_a_level_and_no_spread_below_nothing(model) -> None:
    for index, days in ((0.09, 30), (0.3, 7), (0.3, 120), (1.0, 30)):
        assert strip_volatility(model, index_level(model, index)) == pytest.approx(index, rel=5e-3)
        assert np.diff(_puts(model, index, days)).min() >= -1e-12


def _puts(model: OptionModel, index: float, days: int) -> list[float]:
    years = days / 365
    return [
        put_price(
            300.0,
            strike,
            years,
            volatility=implied_volatility(model, index, strike, 300.0, years),
            rate=0.0,
            dividend_yield=0.0,
        )
        for strike in np.arange(150.0, 400.0, 2.0).tolist()
    ]


@pytest.mark.parametrize("index", [0.1, 0.25, 0.8])
@pytest.mark.parametrize("days", [3, 30, 90])
def test_neither_a_spread_nor_a_butterfly_costs_less_than_nothing(index: float, days: int) -> None:
    strikes, years = np.arange(150.0, 400.0), days / 365
    forward = 300.0 * math.exp((0.02 - 0.014) * years)
    prices = [
        put_price(
            300.0,
            strike,
            years,
            volatility=implied_volatility(MODEL, index, strike, forward, years),
            rate=0.02,
            dividend_yield=0.014,
        )
        for strike in strikes.tolist()
    ]
    steps = np.diff(prices)
    assert steps.min() >= 0
    assert steps.max() <= 1
    assert np.diff(steps).min() >= -1e-9


def test_a_smile_that_would_turn_negative_is_refused() -> None:
    with pytest.raises(ValidationError, match="keep it above"):
        OptionModel(skew=0.3, convexity=0.0)
