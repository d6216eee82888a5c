import pytest

from engine.audit.slippage_formulas import FillMarket, SlippageRule, slippage
from engine.costs import MODELS
from engine.errors import ReportError


def fill(**changes):
    return FillMarket(
        **{"quantity": 5.0, "multiplier": 2.0, "bar_range": 0.01, "volume": 100.0} | changes
    )


RANGE = SlippageRule("range", {"base_bps": 1.0, "range_share": 0.02, "impact": 0.1})


def test_the_range_model_adds_spread_range_and_impact():
    # (0.0001 + 0.02 x 0.01 + 0.1 x 5 / 100) x 2 = 0.0106
    assert slippage(RANGE, fill()) == pytest.approx(0.0106)
    assert slippage(RANGE, fill(volume=0.0)) == pytest.approx(0.0006)


def test_every_model_has_a_formula_in_the_audit():
    for model in MODELS:
        rule = SlippageRule(model.model_name(), model().model_dump())
        assert slippage(rule, fill()) > 0


def test_a_model_without_a_formula_is_named():
    with pytest.raises(ReportError, match="knows no slippage model 'cubic'"):
        slippage(SlippageRule("cubic", {}), fill())
