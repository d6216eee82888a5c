import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.costs import Activity, FillConditions, SizedOrder, SquareRootSlippage
from engine.costs.slippage_models.square_root import RootCurve

# 10,000 units a day, 3% a day now, 2% in the 20 days.
BUSY = FillConditions(activity=Activity(10_000.0, 0.03, 0.02, True))
MODEL = SquareRootSlippage(base_bps=1.0, coefficient=1.0)
SIZES = st.floats(1e-3, 1e5)


def test_a_fill_pays_the_scaled_half_spread_and_the_root_of_its_share_of_the_day():
    # 0.0001 x 0.03 / 0.02 + 1 x 0.03 x sqrt(100 / 10,000) = 0.00015 + 0.003
    assert MODEL.fraction(100.0, BUSY) == pytest.approx(0.00315)
    # The plan's multiplier applies to both parts.
    assert MODEL.fraction(100.0, BUSY, multiplier=1.5) == pytest.approx(0.004725)
    assert MODEL.fraction(0.0, BUSY) == pytest.approx(0.00015)


def test_four_times_the_size_costs_twice_the_fraction():
    small, large = MODEL.curve(BUSY, 1.0).impact(25.0), MODEL.curve(BUSY, 1.0).impact(100.0)
    assert large == pytest.approx(2 * small)


def test_the_second_half_of_an_order_pays_the_increment():
    # 0.03 / sqrt(10,000) x (100^1.5 - 50^1.5) / 50
    second = 0.0003 * (100**1.5 - 50**1.5) / 50
    assert MODEL.curve(BUSY, 1.0).impact(50.0, earlier=50.0) == pytest.approx(second)


@given(parts=st.lists(SIZES, min_size=1, max_size=8))
def test_splitting_an_order_is_not_cheaper(parts):
    curve, filled, paid = MODEL.curve(BUSY, 1.0), 0.0, 0.0
    for part in parts:
        paid += part * curve.impact(part, earlier=filled)
        filled += part
    whole = filled * curve.impact(filled)
    assert paid == pytest.approx(whole, rel=1e-12)


def test_a_small_fill_after_a_large_order_loses_no_digits():
    # The derivative of 1e-3 x q^1.5 at a million is 1.5e-3 x 1,000.
    assert RootCurve(0.0, 1e-3).impact(1e-6, earlier=1e6) == pytest.approx(1.5, rel=1e-9)


def test_without_a_known_day_the_half_spread_stands_alone_and_entries_have_a_reason():
    unknown = FillConditions()
    assert MODEL.fraction(100.0, unknown, multiplier=2.0) == pytest.approx(0.0002)
    assert "10 complete days" in str(MODEL.unpriced(unknown))
    assert MODEL.unpriced(BUSY) is None


def test_a_market_that_has_not_moved_pays_its_usual_half_spread():
    flat = FillConditions(activity=Activity(10_000.0, 0.0, 0.0, True))
    assert MODEL.fraction(100.0, flat) == pytest.approx(0.0001)
    assert MODEL.unpriced(flat) is None


def test_the_last_known_days_price_a_closing_fill_but_no_entry():
    stale = FillConditions(activity=Activity(10_000.0, 0.03, 0.02, False))
    assert MODEL.fraction(100.0, stale) == pytest.approx(0.00315)
    assert MODEL.unpriced(stale) is not None


def test_the_largest_size_by_hand():
    # 10 q + 2 x 0.5 x q^1.5 = 1,100 at q = 64: 640 + 512 = 1,152; at q = 100: 1,000 + 1,000.
    orders = [SizedOrder(2.0)]
    assert RootCurve(0.0, 0.5).largest(1_152.0, 10.0, orders) == pytest.approx(64.0)
    assert RootCurve(0.0, 0.5).largest(2_000.0, 10.0, orders) == pytest.approx(100.0)
    # From 36 filled before to 100: 10 x 64 + (1,000 - 216).
    held = [SizedOrder(2.0, earlier=36.0)]
    assert RootCurve(0.0, 0.5).largest(640.0 + 784.0, 10.0, held) == pytest.approx(64.0)


@given(
    budget=st.floats(0.0, 1e8),
    per_unit=st.floats(1e-3, 1e5),
    slope=st.one_of(st.just(0.0), st.floats(1e-9, 1.0)),
    values=st.tuples(st.floats(1e-2, 1e5), st.floats(1e-2, 1e5)),
    earlier=st.floats(0.0, 1e4),
    held=st.floats(0.0, 1e4),
)
def test_the_largest_size_never_costs_more_than_the_budget(
    budget, per_unit, slope, values, earlier, held
):
    curve = RootCurve(0.0, slope)
    entry, leaving = SizedOrder(values[0], earlier), SizedOrder(values[1], together=held)
    size = curve.largest(budget, per_unit, [entry, leaving])
    assert size >= 0.0
    assert math.isfinite(size)
    paid = per_unit * size + values[0] * size * curve.impact(size, earlier=earlier)
    before = held * curve.impact(held) if held else 0.0
    paid += values[1] * ((held + size) * curve.impact(held + size) - before)
    # A size far below the units filled before is the difference of two large roots.
    rounding = 1e-12 * (per_unit + sum(values) * slope * (earlier + held) ** 0.5) * (earlier + held)
    assert paid <= budget * (1 + 1e-9) + rounding
    counted = curve.unit_cost(size, per_unit, [entry, leaving]) * size
    assert counted == pytest.approx(budget, rel=1e-9, abs=rounding + 1e-9)


@given(st.floats(0.0, 1e6), st.floats(1e-3, 1e3), st.floats(1e-9, 1.0))
def test_a_larger_budget_never_buys_less(budget, per_unit, slope):
    curve, orders = RootCurve(0.0, slope), [SizedOrder(3.0, earlier=5.0)]
    small = curve.largest(budget, per_unit, orders)
    assert curve.largest(budget * 1.5 + 1.0, per_unit, orders) >= small
