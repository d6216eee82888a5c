"""The size of an inverse perp: contracts, from limits in the currency of the account."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.config.models import MarginMode
from engine.contracts import MarginTerms
from engine.contracts.inverse_perp import InversePerp
from engine.contracts.maintenance import build_tiers
from engine.costs.slippage_models.bar_range import LinearCurve
from engine.risk.sizing import size_entry
from engine.risk.sizing_request import EarlierTranches, PlanCosts, SizingRequest, SizingRules
from tests.engine.inverse_market import XBT

FREE = PlanCosts(0, 0, LinearCurve(0, 0))
ON_ENTRY = MarginTerms(build_tiers([(0, 0.005)]), on_entry=True, to_bankruptcy=True)
ON_MARK = MarginTerms(build_tiers([(0, 0.005), (20, 0.02)]))


def rules(make, *, margin=ON_ENTRY, **changes):
    account = {k: changes.pop(k) for k in ("margin_mode", "leverage_setting") if k in changes}
    run = make.config(changes, account)
    return SizingRules(run.risk, run.account, margin)


def request(**changes):
    """Ask for a long at 8,000 with 100 BTC, worth 8,000 USD each, in an account of USD."""
    fields = {
        "instrument": XBT,
        "direction": 1,
        "entry": 8_000.0,
        "stop": 7_500.0,
        "costs": FREE,
        "equity": 800_000.0,
        "gross_notional": 0.0,
        "free_cash": 100.0,
        "collateral": 100.0,
        "realized_volatility": 0.8,
        "mean_volume": 1e9,
        "account_rate": 8_000.0,
        "close": 8_000.0,
    }
    return SizingRequest(**{**fields, **changes})


def cap(sizing, name):
    return dict(sizing.caps)[name]


def test_a_long_is_sized_by_its_loss_at_the_rate_now(make):
    # 1% of 800,000 USD is 1 BTC. q x (1 / 7,500 - 1 / 8,000) = 1: 120,000 contracts.
    sizing = size_entry(request(), rules(make))
    assert (sizing.quantity, sizing.binding_cap) == (pytest.approx(120_000.0), "risk")
    # The loss of a contract at the rate now: 8,000 x (1 / 7,500 - 1 / 8,000)
    assert sizing.risk_per_unit == pytest.approx(8_000 / 7_500 - 1)


def test_a_short_is_sized_by_its_loss_at_the_rate_of_its_stop(make):
    # At 8,500 a bitcoin costs 8,500: 8,000 / 8,500 BTC of budget for q x (1 / 8,000 - 1 / 8,500).
    sizing = size_entry(request(direction=-1, stop=8_500.0), rules(make))
    assert sizing.quantity == pytest.approx(128_000.0)
    assert sizing.loss_rate == pytest.approx(8_500.0)


def test_caps_on_notional_are_counted_in_contracts(make):
    # 2 x 800,000 USD: a contract is a dollar as long as the rate is the price.
    sizing = size_entry(request(), rules(make, leverage_cap=2.0, risk_fraction=0.2))
    assert cap(sizing, "leverage") == pytest.approx(1_600_000.0)
    active = rules(make, leverage_cap=2.0, target_volatility=0.4, notional_cap=101_000.0)
    dearer = size_entry(request(account_rate=8_080.0), active)
    assert cap(dearer, "leverage") == pytest.approx(1_600_000.0 / 1.01)
    # Half the equity at a volatility of twice the target
    assert cap(dearer, "volatility") == pytest.approx(400_000.0 / 1.01)
    assert cap(dearer, "notional") == pytest.approx(100_000.0)


def test_margin_is_paid_in_bitcoin(make):
    # 100 BTC at setting 10 pay for 1,000 BTC: 8,000,000 contracts.
    sizing = size_entry(request(), rules(make, leverage_setting=10, liquidation_distance=None))
    assert cap(sizing, "margin") == pytest.approx(8_000_000.0)


def test_the_instrument_bounds_the_leverage_setting(make):
    bounded = MarginTerms(ON_ENTRY.tiers, on_entry=True, highest_setting=5)
    active = rules(make, margin=bounded, max_leverage_setting=20, liquidation_distance=None)
    assert size_entry(request(), active).leverage_setting == 5


def test_a_step_of_the_risk_limit_bounds_the_setting_too(make):
    # Tiers of 0.5% below 200 BTC and 1% from there on; initial margin 1% and then 1.5%: 66x.
    tiers = build_tiers([(0, 0.005), (200, 0.01)], whole=True)
    terms = MarginTerms(tiers, on_entry=True, highest_setting=100)
    wide = {"risk_fraction": 0.2, "leverage_cap": None, "liquidation_distance": None}
    active = rules(make, margin=terms, leverage_setting=100, **wide)
    # One BTC of cash carries less than 100 BTC of value.
    assert size_entry(request(free_cash=1.0), active).leverage_setting == 100
    assert size_entry(request(), active).leverage_setting == 66


@given(
    side=st.sampled_from([1, -1]),
    stop=st.floats(0.01, 0.2),
    terms=st.sampled_from([ON_ENTRY, ON_MARK]),
    earlier=st.one_of(st.just(0.0), st.floats(1.0, 200_000.0)),
)
@example(side=1, stop=0.05, terms=ON_ENTRY, earlier=0.0)
@example(side=-1, stop=0.05, terms=ON_MARK, earlier=0.0)
def test_a_cross_position_of_the_capped_size_lives_at_the_allowed_distance(
    make, side, stop, terms, earlier
):
    contract, level = InversePerp("BTC", 1.0), 8_000.0 * (1 - side * stop)
    held = EarlierTranches(quantity=earlier, average_entry=7_800.0, planned=1e9)
    asked = request(direction=side, stop=level, collateral=5.0, held=held)
    active = rules(make, margin=terms, margin_mode=MarginMode.CROSS, liquidation_distance=2.0)
    size = cap(size_entry(asked, active), "liquidation")
    if earlier == 0:
        assert size > 0, "an empty plan has room for some contracts"
    if size == 0:
        return
    total = side * (earlier + size)
    average = contract.average_entry(side * earlier, 7_800.0, side * size, 8_000.0)
    nearest = 8_000.0 * (1 - side * 2 * stop)
    found = contract.liquidation_price(total, average, 5.0, terms)
    assert side * (nearest - found) >= -1e-6 * nearest


@pytest.mark.parametrize("side", [1, -1])
def test_a_first_cross_entry_is_sized_without_an_average_entry(make, side):
    asked = request(direction=side, stop=8_000.0 * (1 - side * 0.02), collateral=5.0)
    active = rules(make, margin_mode=MarginMode.CROSS, liquidation_distance=2.0)
    assert 0 < cap(size_entry(asked, active), "liquidation") < 1e9


@pytest.mark.parametrize("side", [1, -1])
def test_the_isolated_setting_keeps_the_liquidation_price_away(make, side):
    asked = request(direction=side, stop=8_000.0 * (1 - side * 0.02))
    active = rules(make, liquidation_distance=2.0)
    sizing = size_entry(asked, active)
    assert (sizing.refused, sizing.quantity > 0) == (None, True)
    contract = InversePerp("BTC", 1.0)
    margin = contract.initial_margin(sizing.quantity, 8_000.0, sizing.leverage_setting)
    level = contract.liquidation_price(side * sizing.quantity, 8_000.0, margin, ON_ENTRY)
    assert side * (8_000.0 * (1 - side * 0.04) - level) >= 0
    # One setting more would bring it too near: the highest allowed one is taken.
    nearer = contract.initial_margin(sizing.quantity, 8_000.0, sizing.leverage_setting + 1)
    level = contract.liquidation_price(side * sizing.quantity, 8_000.0, nearer, ON_ENTRY)
    assert (
        sizing.leverage_setting == active.risk.max_leverage_setting
        or side * (8_000.0 * (1 - side * 0.04) - level) < 0
    )
