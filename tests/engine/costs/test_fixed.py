import pytest

from engine.costs import FillConditions, SizedOrder
from engine.costs.slippage_models.fixed import FixedSlippage
from engine.intents import Enter
from engine.testing import PERP, candles, play, table


def test_every_size_loses_the_same_fraction_in_every_market():
    # 5 bps x 1.5
    model, wild = FixedSlippage(base_bps=5), FillConditions(bar_range=0.3, volume=1.0)
    assert model.fraction(1e9, wild, earlier=1e9, multiplier=1.5) == pytest.approx(0.00075)


def test_a_budget_buys_its_quotient():
    # 1,000 / 40 = 25
    curve = FixedSlippage().curve(FillConditions(), 1.0)
    assert curve.largest(1_000.0, 40.0, [SizedOrder(100.0, 5.0, 5.0)]) == 25.0
    assert curve.unit_cost(25.0, 40.0, []) == 40.0


def test_a_run_fills_at_the_fixed_slippage():
    market = table(candles([(100.0, 130.0, 90.0, 100.0)] * 3))
    enter = Enter(PERP.id, 1, stop=50.0, reason="test")
    outcome = play(market, {0: [enter]}, venue={"slippage": FixedSlippage(base_bps=30)})
    # 100 x 1.003
    assert outcome.fills[0].price == pytest.approx(100.3)
