import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts.linear_perp import liquidation_price
from engine.contracts.maintenance import build_tiers, maintenance_margin

# Binance USD-M BTCUSDT as published in 2024-2025: floor, rate, deduction.
PUBLISHED = [
    (0, 0.0040, 0),
    (300_000, 0.0050, 300),
    (800_000, 0.0065, 1_500),
    (3_000_000, 0.0100, 12_000),
    (12_000_000, 0.0200, 132_000),
    (70_000_000, 0.0250, 482_000),
    (100_000_000, 0.0500, 2_982_000),
    (230_000_000, 0.1000, 14_482_000),
    (480_000_000, 0.1250, 26_482_000),
    (600_000_000, 0.1500, 41_482_000),
    (800_000_000, 0.2500, 121_482_000),
    (1_200_000_000, 0.5000, 421_482_000),
]
TIERS = build_tiers((floor, rate) for floor, rate, _ in PUBLISHED)
FLAT_TIER = build_tiers([(0, 0.004)])

NOTIONALS = st.floats(100.0, 1.9e9)
PRICES = st.floats(10.0, 200_000.0)
LEVERAGES = st.floats(1.5, 150.0)
SIDES = st.sampled_from([1, -1])


def test_deductions_are_the_published_ones():
    assert [tier.deduction for tier in TIERS] == [row[2] for row in PUBLISHED]


@pytest.mark.parametrize("floor", [row[0] for row in PUBLISHED[1:]])
def test_the_requirement_is_continuous_where_the_rate_steps_up(floor):
    below, at = (maintenance_margin(notional, TIERS) for notional in (floor - 1e-6, floor))
    assert at == pytest.approx(below, abs=1e-5)


def test_requirement_in_the_second_tier():
    # 500,000 x 0.5% - 300 = 2,200 (= 300,000 x 0.4% + 200,000 x 0.5%)
    assert maintenance_margin(500_000.0, TIERS) == pytest.approx(2_200.0)


def test_long_liquidation_price_by_hand():
    # 1 BTC at 10,000 with margin 1,000: (10,000 - 1,000) / (1 - 0.004) = 9,036.1446
    assert liquidation_price(1.0, 10_000.0, 1_000.0, TIERS) == pytest.approx(9_000 / 0.996)


def test_short_liquidation_price_by_hand():
    # (10,000 + 1,000) / (1 + 0.004) = 10,956.1753
    assert liquidation_price(-1.0, 10_000.0, 1_000.0, TIERS) == pytest.approx(11_000 / 1.004)


def test_liquidation_in_the_second_tier_uses_its_deduction():
    # 50 BTC at 10,000, margin 50,000: (500,000 - 50,000 - 300) / (50 x 0.995) = 9,039.196
    price = liquidation_price(50.0, 10_000.0, 50_000.0, TIERS)
    assert price == pytest.approx(449_700 / 49.75)
    assert 300_000 <= 50 * price < 800_000


def test_a_long_paid_in_full_is_never_liquidated():
    assert math.isnan(liquidation_price(1.0, 10_000.0, 10_000.0, TIERS))
    assert math.isnan(liquidation_price(0.0, 10_000.0, 1.0, TIERS))


def test_one_thousand_at_ten_times_controls_ten_thousand_and_ten_percent_loses_it():
    # Client's document "Bitcoin suddenly collapsed, hundreds of thousands of people fled".
    principal, leverage, price = 1_000.0, 10, 50_000.0
    quantity = principal * leverage / price
    assert quantity * price == pytest.approx(10_000.0)
    assert quantity * (0.9 * price - price) == pytest.approx(-principal)
    # The venue acts before the principal is gone, because maintenance margin must remain.
    liquidated_at = liquidation_price(quantity, price, principal, TIERS)
    assert 1 - liquidated_at / price < 0.10
    assert 1 - liquidated_at / price == pytest.approx(1 - 0.9 / 0.996)


@pytest.mark.parametrize("leverage", [20, 50, 100])
@pytest.mark.parametrize("side", [1, -1])
def test_at_20_50_and_100_times_a_move_of_five_two_and_one_percent_or_less_liquidates(
    leverage, side
):
    # Client's document: at 20, 50 and 100 times a move of 2-5% or less liquidates. 1 / leverage is
    # the whole margin: 5%, 2%, 1%.
    price = 50_000.0
    quantity = side * 1_000.0 * leverage / price
    liquidated_at = liquidation_price(quantity, price, 1_000.0, TIERS)
    move = side * (1 - liquidated_at / price)
    assert 0 < move < 1 / leverage <= 0.05


@given(NOTIONALS, PRICES, LEVERAGES, SIDES)
def test_at_the_liquidation_price_margin_and_pnl_equal_the_requirement(
    notional, entry, leverage, side
):
    quantity, margin = side * notional / entry, notional / leverage
    price = liquidation_price(quantity, entry, margin, TIERS)
    # A margin below the requirement at entry is already liquidated; the price is then beyond entry.
    assert not math.isnan(price)
    left = margin + quantity * (price - entry)
    required = maintenance_margin(abs(quantity) * price, TIERS)
    assert left == pytest.approx(required, rel=1e-9, abs=1e-9 * notional)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("tier", range(len(TIERS)))
def test_every_tier_holds_a_liquidation_price_for_both_sides(tier, side):
    # Aim at a notional inside the tier at the liquidation price, and solve for the margin.
    top = min(TIERS[tier].ceiling, 2 * TIERS[tier].floor + 1.0)
    price, quantity = 100.0, (TIERS[tier].floor + top) / 2 / 100.0
    required = maintenance_margin(quantity * price, TIERS)
    entry = price * (1 + side * 0.6)
    margin = required + side * quantity * (entry - price)
    found = liquidation_price(side * quantity, entry, margin, TIERS)
    assert found == pytest.approx(price, rel=1e-9)


@given(NOTIONALS, PRICES, LEVERAGES, SIDES, st.floats(0.1, 10.0))
def test_price_times_k_and_quantity_over_k_leave_profit_and_liquidation_distance(
    notional, entry, leverage, side, k
):
    quantity, margin = side * notional / entry, notional / leverage
    first = liquidation_price(quantity, entry, margin, TIERS)
    scaled = liquidation_price(quantity / k, entry * k, margin, TIERS)
    assert scaled == pytest.approx(first * k, rel=1e-9)
    profit = quantity * (first - entry)
    assert quantity / k * (scaled - entry * k) == pytest.approx(profit, rel=1e-6, abs=1e-6)


@given(PRICES, st.floats(1.5, 100.0))
def test_long_and_short_mirror_without_a_maintenance_rate(entry, leverage):
    # Both are liquidated after the same move, in opposite directions.
    free = build_tiers([(0, 1e-12)])
    margin = entry / leverage
    down = entry - liquidation_price(1.0, entry, margin, free)
    up = liquidation_price(-1.0, entry, margin, free) - entry
    assert down == pytest.approx(up, rel=1e-6)


@given(NOTIONALS, st.floats(1.0, 1e6))
def test_the_requirement_never_falls_when_the_notional_rises(notional, more):
    before, after = (maintenance_margin(n, TIERS) for n in (notional, notional + more))
    assert after >= before
    assert after - before <= 0.5 * more + 1e-6


def test_more_margin_moves_liquidation_farther_away():
    prices = [liquidation_price(1.0, 100.0, margin, FLAT_TIER) for margin in (5.0, 10.0, 20.0)]
    assert prices == sorted(prices, reverse=True)


def test_a_liquidation_price_on_a_bracket_seam_is_found():
    # q x P is 300,000 up to rounding, where the rate steps from 0.4% to 0.5%.
    tiers = build_tiers([(0, 0.004), (300_000, 0.005), (800_000, 0.0065)])
    margin = 58.8 * 5187.5 / 49
    price = liquidation_price(58.8, 5187.5, margin, tiers)
    assert 58.8 * price == pytest.approx(300_000.0)
    left = margin + 58.8 * (price - 5187.5)
    assert left == pytest.approx(maintenance_margin(58.8 * price, tiers))


def test_a_short_with_collateral_gone_beyond_its_notional_is_reached_by_any_mark():
    tiers = build_tiers([(0, 0.004)])
    # (1 x 100 - 150) / 1.004: the requirement is broken at every positive mark.
    assert liquidation_price(-1.0, 100.0, -150.0, tiers) == pytest.approx(-50.0 / 1.004)
