"""The audit's own formulas against arithmetic by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_feeds.trading_terms import MaintenanceBracket
from engine.audit.venue_formulas import (
    against_trader,
    brackets,
    liquidation_mark,
    on_grid,
    requirement,
    whole_steps,
)

TABLE = brackets(
    (
        MaintenanceBracket(floor=0, rate=0.004),
        MaintenanceBracket(floor=300_000, rate=0.005),
        MaintenanceBracket(floor=800_000, rate=0.0065),
    )
)


def test_deductions_make_the_requirement_continuous():
    # 300,000 x (0.005 - 0.004) = 300; 300 + 800,000 x (0.0065 - 0.005) = 1,500.
    assert [row.deduction for row in TABLE] == pytest.approx([0, 300, 1_500])
    assert requirement(300_000, TABLE) == pytest.approx(1_200)


def test_liquidation_price_of_a_long_and_of_a_short():
    # 10 BTC at 10,000 with 10,000 of margin: (100,000 - 10,000) / (10 x 0.996), and mirrored.
    assert liquidation_mark(10, 10_000, 10_000, TABLE) == pytest.approx(90_000 / 9.96)
    assert liquidation_mark(-10, 10_000, 10_000, TABLE) == pytest.approx(110_000 / 10.04)


def test_a_long_paid_in_full_is_never_liquidated():
    assert math.isnan(liquidation_mark(1, 10_000, 10_000, TABLE))


@given(
    quantity=st.floats(0.01, 500) | st.floats(-500, -0.01),
    entry=st.floats(100, 100_000),
    leverage=st.integers(2, 100),
)
def test_at_the_liquidation_price_equity_is_the_requirement(quantity, entry, leverage):
    margin = abs(quantity) * entry / leverage
    price = liquidation_mark(quantity, entry, margin, TABLE)
    equity = margin + quantity * (price - entry)
    needed = requirement(abs(quantity) * price, TABLE)
    assert equity == pytest.approx(needed, rel=1e-6, abs=1e-6 * abs(quantity) * entry)


def test_prices_are_rounded_against_the_trader_unless_they_stand_on_the_grid():
    assert against_trader(100.01, 1, 0.1) == pytest.approx(100.1)
    assert against_trader(100.09, -1, 0.1) == pytest.approx(100.0)
    assert against_trader(100.1, 1, 0.1) == pytest.approx(100.1)
    assert against_trader(100.1, -1, 0.1) == pytest.approx(100.1)


def test_a_price_a_hair_beyond_a_tick_pays_the_next_one():
    # 105.19000000961911 x 1.0701587603: a hundred-millionth beyond 112.57.
    assert against_trader(112.57000001, 1, 0.01) == pytest.approx(112.58)
    assert against_trader(112.57 * (1 + 1e-15), 1, 0.01) == pytest.approx(112.57)


def test_steps():
    assert whole_steps(0.3, 0.1) == 3
    assert whole_steps(0.2999, 0.1) == 2
    assert on_grid(64_123.7, 0.1)
    assert not on_grid(64_123.75, 0.1)
    assert not on_grid(10.0005, 0.001)
