import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.costs import FillConditions, RangeSlippage, SizedOrder
from engine.costs.slippage_models.bar_range import LinearCurve


def test_slippage_adds_spread_range_and_impact_then_multiplies():
    # (0.0001 + 0.02 x 0.01 + 0.1 x 5 / 100) x 2 = (0.0001 + 0.0002 + 0.005) x 2 = 0.0106
    model = RangeSlippage(base_bps=1, range_share=0.02, impact=0.1)
    met = FillConditions(bar_range=0.01, volume=100.0)
    assert model.fraction(5.0, met, multiplier=2.0) == pytest.approx(0.0106)


def test_a_bar_without_trades_gives_no_impact():
    model = RangeSlippage(base_bps=1, range_share=0.02, impact=0.1)
    assert model.fraction(5.0, FillConditions(0.01, 0.0)) == pytest.approx(0.0003)


def test_each_fill_is_measured_against_its_own_bar():
    # 0.1 x 5 / 100, whatever the order has filled before.
    model, met = RangeSlippage(base_bps=0, range_share=0), FillConditions(0.0, 100.0)
    assert model.fraction(5.0, met, earlier=50.0) == pytest.approx(0.005)
    assert model.curve(met, 1.0).impact(5.0, earlier=50.0) == pytest.approx(0.005)


@given(
    budget=st.floats(0.0, 1e7),
    per_unit=st.floats(0.01, 1e5),
    slope=st.floats(0.0, 1.0),
    values=st.tuples(st.floats(0.01, 1e5), st.floats(0.01, 1e5)),
    held=st.floats(0.0, 1e4),
)
def test_the_largest_size_costs_the_budget(budget, per_unit, slope, values, held):
    curve = LinearCurve(0.0, slope)
    orders = [SizedOrder(values[0]), SizedOrder(values[1], together=held)]
    size = curve.largest(budget, per_unit, orders)
    # The exit closes what is held in one fill with the size: (held + q)^2 - held^2.
    paid = per_unit * size + values[0] * slope * size**2
    paid += values[1] * slope * (size**2 + 2 * held * size)
    assert paid == pytest.approx(budget, rel=1e-9, abs=1e-9)
    assert curve.unit_cost(size, per_unit, orders) * size == pytest.approx(
        budget, rel=1e-9, abs=1e-9
    )
