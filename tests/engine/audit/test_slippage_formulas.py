import pytest

from engine.audit.daily_activity import NOTHING_KNOWN, KnownActivity
from engine.audit.slippage_formulas import FillMarket, SlippageRule, slippage
from engine.costs import MODELS
from engine.errors import ReportError

KNOWN = KnownActivity(10_000.0, 0.02, 0.03)


def fill(earlier=0.0, activity=KNOWN, **changes):
    fields = {"quantity": 5.0, "multiplier": 2.0, "bar_range": 0.01, "volume": 100.0, **changes}
    return FillMarket(**fields, earlier=lambda: earlier, activity=lambda: activity)


RANGE = SlippageRule("range", {"base_bps": 1.0, "range_share": 0.02, "impact": 0.1})


def test_the_range_model_adds_spread_range_and_impact():
    # (0.0001 + 0.02 x 0.01 + 0.1 x 5 / 100) x 2 = 0.0106
    assert slippage(RANGE, fill()) == pytest.approx(0.0106)
    assert slippage(RANGE, fill(volume=0.0)) == pytest.approx(0.0006)


ROOT = SlippageRule("square_root", {"base_bps": 1.0, "coefficient": 1.0})


def test_the_square_root_model_scales_the_spread_and_adds_the_orders_increment():
    # 0.0001 x 0.03 / 0.02 + 0.03 x sqrt(5 / 10,000) = 0.00015 + 0.00067082, twice.
    assert slippage(ROOT, fill()) == pytest.approx(2 * (0.00015 + 0.03 * 0.0005**0.5))
    # 95 filled before: 0.03 x (100^1.5 - 95^1.5) / sqrt(10,000) / 5.
    more = 0.03 * (100**1.5 - 95**1.5) / 100 / 5
    assert slippage(ROOT, fill(earlier=95.0)) == pytest.approx(2 * (0.00015 + more))
    # Without a known day the half spread stands alone.
    assert slippage(ROOT, fill(activity=NOTHING_KNOWN)) == pytest.approx(0.0002)


def test_every_model_has_a_formula_in_the_audit():
    for model in MODELS:
        rule = SlippageRule(model.model_name(), model().model_dump())
        assert slippage(rule, fill()) > 0


def test_a_model_without_a_formula_is_named():
    with pytest.raises(ReportError, match="knows no slippage model 'cubic'"):
        slippage(SlippageRule("cubic", {}), fill())
