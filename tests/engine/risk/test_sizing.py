import math
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data_feeds.instrument import Instrument
from engine.config.models import MarginMode
from engine.contracts import MarginTerms
from engine.contracts.linear_perp import liquidation_price
from engine.contracts.maintenance import build_tiers
from engine.costs import FillConditions
from engine.costs.slippage_models.bar_range import LinearCurve
from engine.costs.slippage_models.square_root import RootCurve
from engine.records import OrderKind
from engine.risk.sizing import CAPS, final_quantity, size_entry
from engine.risk.sizing_request import (
    EarlierTranches,
    PlanCosts,
    SizingRequest,
    SizingRules,
    plan_costs,
)

FREE = PlanCosts(0, 0, LinearCurve(0, 0))
TAKER = PlanCosts(0.0005, 0.0005, LinearCurve(0.0001, 1e-7))
# 2% a day at 100,000 units a day: 0.02 / sqrt(100,000) for the root of a unit.
ROOT = PlanCosts(0.0005, 0.0005, RootCurve(0.0002, 0.02 / 100_000**0.5))
RESTS = replace(ROOT, entry_fee=0.0002, rests=True)
PERP = Instrument(id="BTC", kind="perp", tick_size=0.1, lot_size=0.001, min_notional=100)
SPOT = Instrument(id="BTCSPOT", kind="spot", tick_size=0.1, lot_size=0.001, min_notional=100)


def rules(make, **changes):
    account = {k: changes.pop(k) for k in ("margin_mode", "leverage_setting") if k in changes}
    run = make.config(changes, account)
    brackets = ((row.floor, row.rate) for row in run.venue.maintenance)
    return SizingRules(run.risk, run.account, MarginTerms(build_tiers(brackets)))


def request(**changes):
    fields = {
        "instrument": PERP,
        "direction": 1,
        "entry": 30_000.0,
        "stop": 29_000.0,
        "costs": FREE,
        "equity": 100_000.0,
        "gross_notional": 0.0,
        "free_cash": 100_000.0,
        "collateral": 100_000.0,
        "realized_volatility": 0.8,
        "mean_volume": 1_000.0,
    }
    return SizingRequest(**{**fields, **changes})


def cap(sizing, name):
    return dict(sizing.caps)[name]


def test_caps_are_recorded_in_one_order_whether_on_or_off(make):
    assert tuple(name for name, _ in size_entry(request(), rules(make)).caps) == CAPS


def test_risk_cap_without_costs_is_the_budget_over_the_stop_distance(make):
    # 1% of 100,000 / (30,000 - 29,000) = 1 BTC
    sizing = size_entry(request(), rules(make))
    assert (sizing.quantity, sizing.binding_cap) == (pytest.approx(1.0), "risk")
    assert sizing.risk_per_unit == pytest.approx(1_000.0)


def test_fees_and_slippage_both_ways_are_part_of_the_risk_per_unit(make):
    # 1,000 + 30,000 x (0.0005 + 0.0001) + 29,000 x (0.0005 + 0.0001) = 1,035.4
    costs = replace(TAKER, slippage=LinearCurve(0.0001, 0.0))
    sizing = size_entry(request(costs=costs), rules(make))
    assert sizing.risk_per_unit == pytest.approx(1_035.4)
    assert sizing.quantity == pytest.approx(1_000 / 1_035.4)


def test_impact_that_grows_with_size_is_solved_for(make):
    # 1,000 q + (30,000 + 29,000) x 0.001 x q^2 = 1,000, so q = 0.94736...
    costs = replace(FREE, slippage=LinearCurve(0.0, 0.001))
    quantity = size_entry(request(costs=costs), rules(make)).quantity
    assert 1_000 * quantity + 59 * quantity**2 == pytest.approx(1_000.0)


def test_volatility_cap_holds_the_target(make):
    # 0.4 / 0.8 x 100,000 / 30,000 = 1.6667
    sizing = size_entry(request(), rules(make, target_volatility=0.4))
    assert cap(sizing, "volatility") == pytest.approx(5 / 3)


def test_a_market_that_does_not_move_has_no_volatility_cap(make):
    sizing = size_entry(request(realized_volatility=0.0), rules(make, target_volatility=0.4))
    assert cap(sizing, "volatility") == math.inf


def test_leverage_cap_counts_what_is_already_held(make):
    # (3 x 100,000 - 240,000) / 30,000 = 2
    sizing = size_entry(request(gross_notional=240_000.0), rules(make, leverage_cap=3))
    assert cap(sizing, "leverage") == pytest.approx(2.0)
    full = size_entry(request(gross_notional=400_000.0), rules(make, leverage_cap=3))
    assert (full.quantity, full.binding_cap) == (0.0, "leverage")


def book(make, **caps):
    return rules(make, portfolio=caps)


def test_a_net_cap_counts_longs_less_shorts_and_an_entry_may_reduce_them(make):
    # 100,000 equity, entry 30,000, net long 90,000 of 120,000 allowed: 1 BTC more.
    long = size_entry(request(net_notional=90_000.0), book(make, net_cap=1.2))
    assert cap(long, "net") == pytest.approx(1.0)
    # Short 90,000: a long may go through it, 210,000 / 30,000.
    through = size_entry(request(net_notional=-90_000.0), book(make, net_cap=1.2))
    assert cap(through, "net") == pytest.approx(7.0)
    short = size_entry(
        request(direction=-1, stop=31_000.0, net_notional=-90_000.0), book(make, net_cap=1.2)
    )
    assert cap(short, "net") == pytest.approx(1.0)
    assert cap(size_entry(request(net_notional=9e9), rules(make)), "net") == math.inf


def test_an_asset_cap_bounds_the_whole_position_and_a_crypto_cap_all_of_them(make):
    capped = book(make, asset_cap=0.6, crypto_cap=0.9)
    sizing = size_entry(request(crypto_notional=60_000.0), capped)
    assert cap(sizing, "asset") == pytest.approx(2.0)
    assert cap(sizing, "crypto") == pytest.approx(1.0)


def test_notional_and_participation_caps_in_base_units(make):
    sizing = size_entry(request(), rules(make, notional_cap=15_000, participation_cap=0.02))
    assert cap(sizing, "notional") == pytest.approx(0.5)
    assert cap(sizing, "participation") == pytest.approx(20.0)
    assert sizing.binding_cap == "notional"


def test_margin_cap_is_the_free_wallet_over_margin_and_fees(make):
    # 10,000 / (30,000 x (1/5 + 2 x 0.0005)) = 1.6584
    costs = replace(FREE, entry_fee=0.0005, exit_fee=0.0005)
    small = request(free_cash=10_000.0, costs=costs)
    sizing = size_entry(small, rules(make, leverage_setting=5, risk_fraction=0.2))
    assert sizing.binding_cap == "margin"
    assert sizing.quantity == pytest.approx(10_000 / (30_000 * 0.201))


def test_spot_is_paid_in_full_and_has_no_leverage_setting(make):
    # 15,000 / 30,000 = 0.5
    sizing = size_entry(request(instrument=SPOT, free_cash=15_000.0), rules(make))
    assert (sizing.binding_cap, sizing.quantity) == ("cash", pytest.approx(0.5))
    assert sizing.leverage_setting == 0
    assert cap(sizing, "margin") == math.inf


def test_cross_size_keeps_liquidation_k_stop_distances_away(make):
    # k = 2: nearest price 28,000. (W + d) / (2,000 + 28,000 x r); 5,000 / (2,000 + 112) = 2.3674
    cross = rules(make, liquidation_distance=2, margin_mode=MarginMode.CROSS, risk_fraction=0.2)
    sizing = size_entry(request(collateral=5_000.0), cross)
    assert cap(sizing, "liquidation") == pytest.approx(5_000 / 2_112)
    assert sizing.binding_cap == "liquidation"
    price = liquidation_price(sizing.quantity, 30_000.0, 5_000.0, cross.margin.tiers)
    assert price == pytest.approx(28_000.0)


def test_cross_size_in_a_higher_tier_uses_its_deduction(make):
    # From 12 million on 2% less 132,000: (1,000,000 + 132,000) / (2,000 + 28,000 x 2%) = 442.19
    cross = rules(make, liquidation_distance=2, margin_mode=MarginMode.CROSS)
    sizing = size_entry(request(collateral=1_000_000.0), cross)
    quantity = cap(sizing, "liquidation")
    assert quantity == pytest.approx(1_132_000 / 2_560)
    price = liquidation_price(quantity, 30_000.0, 1_000_000.0, cross.margin.tiers)
    assert price == pytest.approx(28_000.0)


def test_a_cross_long_whose_distance_passes_zero_is_paid_in_full(make):
    # 2 x 16,000 is more than the price, so no price may liquidate: 60,000 / 30,000 = 2
    cross = rules(make, liquidation_distance=2, margin_mode=MarginMode.CROSS)
    sizing = size_entry(request(stop=14_000.0, collateral=60_000.0), cross)
    assert cap(sizing, "liquidation") == pytest.approx(2.0)


def test_isolated_setting_is_the_highest_that_keeps_the_distance(make):
    # 1 BTC, k = 2: liquidation at or below 28,000. Setting 14: (30,000 - 2,142.86) / 0.996 =
    # 27,969 is far enough; setting 15: (30,000 - 2,000) / 0.996 = 28,112 is not.
    sizing = size_entry(request(), rules(make, liquidation_distance=2))
    assert sizing.leverage_setting == 14


def test_a_fixed_setting_that_breaks_the_distance_is_refused(make):
    fixed = rules(make, liquidation_distance=2, leverage_setting=15)
    assert size_entry(request(), fixed).refused == "liquidation distance"
    kept = rules(make, liquidation_distance=2, leverage_setting=14)
    assert size_entry(request(), kept).refused is None


def test_without_the_rule_the_highest_setting_is_used(make):
    assert size_entry(request(), rules(make, max_leverage_setting=50)).leverage_setting == 50


def test_an_isolated_position_that_begins_at_its_maintenance_is_refused(make):
    # 20% of 3,750,000 at a stop 1,000 away: 750 BTC, 22.5 million. The requirement is 2% less
    # 132,000: 318,000, 1.413% of the value or 1 / 70.75.
    wide = {"risk_fraction": 0.2, "max_leverage_setting": 125}
    large = request(equity=3_750_000.0, free_cash=3_750_000.0)
    fixed = size_entry(large, rules(make, leverage_setting=71, **wide))
    assert (fixed.quantity, fixed.refused) == (pytest.approx(750.0), "below maintenance")
    assert size_entry(large, rules(make, leverage_setting=70, **wide)).refused is None
    chosen = size_entry(large, rules(make, **wide))
    assert (chosen.leverage_setting, chosen.refused) == (70, None)


@pytest.mark.parametrize("side", [1, -1])
def test_a_cross_position_that_begins_at_its_maintenance_is_refused(make, side):
    # 318,000 as above, at any setting; a cent more in the wallet is enough.
    wide = {"risk_fraction": 0.2, "leverage_setting": 100, "margin_mode": MarginMode.CROSS}
    large = request(
        equity=3_750_000.0, free_cash=3_750_000.0, direction=side, stop=30_000.0 - side * 1_000
    )
    for collateral, refused in [(318_000.0, "below maintenance"), (318_000.01, None)]:
        sizing = size_entry(replace(large, collateral=collateral), rules(make, **wide))
        assert (sizing.quantity, sizing.refused) == (pytest.approx(750.0), refused)


def test_without_cash_it_is_the_minimum_size_that_refuses(make):
    assert size_entry(request(free_cash=0.0), rules(make, leverage_setting=125)).refused is None


def test_a_short_whose_stop_is_too_far_for_any_setting_is_refused(make):
    # Unlevered, a short is liquidated near twice its entry: (2 x 30,000) / 1.004 = 59,761.
    far = request(direction=-1, stop=45_500.0)
    assert size_entry(far, rules(make, liquidation_distance=2)).refused == "liquidation distance"


def test_limit_entries_pay_the_maker_fee_and_no_slippage(make):
    slippage = {"base_bps": 1, "range_share": 0.02}
    run = make.config(venue={"maker_fee_bps": 2, "taker_fee_bps": 5, "slippage": slippage})
    market = {"market": FillConditions(0.01, 1_000.0), "slippage_multiplier": 2.0}
    limit = plan_costs(run.venue.costs_of(PERP), OrderKind.LIMIT, **market)
    assert (limit.entry_fee, limit.entry_slippage, limit.sized_entry(1.0)) == (0.0002, 0.0, ())
    # (0.0001 + 0.02 x 0.01) x 2 = 0.0006 at the stop; impact 0.1 x 2 / 1,000 a BTC
    assert limit.exit_fee == 0.0005
    assert limit.slippage.fixed == pytest.approx(0.0006)
    assert limit.slippage.impact(3.0) == pytest.approx(0.0006)


def test_a_rebate_is_not_counted_on_and_etfs_pay_commission(make):
    run = make.config(venue={"maker_fee_bps": -1, "taker_fee_bps": 5, "commission_bps": 3})
    market = {"market": FillConditions(0.0, 1.0), "slippage_multiplier": 1.0}
    assert plan_costs(run.venue.costs_of(PERP), OrderKind.LIMIT, **market).entry_fee == 0.0
    etf = run.venue.costs_of(Instrument(id="QQQ", kind="etf", calendar="XNYS"))
    assert plan_costs(etf, OrderKind.MARKET, **market).entry_fee == pytest.approx(0.0003)


EQUITIES = st.floats(1_000.0, 1e8)
STOPS = st.floats(0.001, 0.4)
SIDES = st.sampled_from([1, -1])
MODES = st.sampled_from(list(MarginMode))


@st.composite
def requests(draw):
    equity, side = draw(EQUITIES), draw(SIDES)
    entry = draw(st.floats(10.0, 150_000.0))
    return request(
        direction=side,
        entry=entry,
        stop=entry * (1 - side * draw(STOPS)),
        costs=draw(st.sampled_from([FREE, TAKER, ROOT])),
        equity=equity,
        gross_notional=equity * draw(st.floats(0.0, 4.0)),
        free_cash=equity * draw(st.floats(0.0, 1.0)),
        collateral=equity * draw(st.floats(0.0, 1.0)),
        realized_volatility=draw(st.floats(0.0, 5.0)),
        mean_volume=draw(st.floats(0.1, 1e6)),
    )


ALL_ON = {
    "target_volatility": 0.8,
    "leverage_cap": 3,
    "notional_cap": 1e7,
    "participation_cap": 0.02,
    "liquidation_distance": 2,
}


@given(requests(), MODES, st.floats(0.01, 1.0))
def test_the_size_exceeds_no_cap(make, entry, mode, multiplier):
    sizing = size_entry(entry, rules(make, margin_mode=mode, **ALL_ON))
    final = final_quantity(sizing.quantity, multiplier, PERP)
    # A quotient within 1e-9 lots of a whole number counts as that number.
    assert all(final <= limit + 1e-9 * PERP.lot_size + 1e-12 * limit for _, limit in sizing.caps)
    assert dict(sizing.caps)[sizing.binding_cap] == sizing.quantity


@pytest.mark.parametrize(
    ("collateral", "cap_units"),
    [
        # 2 x 1,000 of stop distance + 0.4% of the 28,000 at which liquidation may lie = 2,112 a
        # unit: 2.2 carries 0.00104, more than a lot of 0.001; 2.1 carries 0.00099, none.
        (2.2, 2.2 / 2_112),
        (2.1, 0.0),
        # Denormal numbers keep a digit or two: the price would lie anywhere.
        (1e-320, 0.0),
        (5e-324, 0.0),
    ],
)
def test_collateral_that_cannot_carry_a_lot_carries_nothing(make, collateral, cap_units):
    cross = rules(make, margin_mode=MarginMode.CROSS, liquidation_distance=2)
    sizing = size_entry(request(collateral=collateral), cross)
    assert (sizing.binding_cap, sizing.quantity) == ("liquidation", pytest.approx(cap_units))
    assert cap(sizing, "liquidation") == sizing.quantity


@pytest.mark.parametrize("free_cash", [1e-318, 1e-320, 1.0])
def test_free_cash_that_cannot_margin_a_lot_margins_nothing(make, free_cash):
    # A lot of 0.001 at 30,000 with a setting of 20 needs 1.5 of margin.
    isolated = rules(make, margin_mode=MarginMode.ISOLATED, leverage_setting=20)
    sizing = size_entry(request(free_cash=free_cash, stop=29_900.0), isolated)
    assert (cap(sizing, "margin"), sizing.quantity) == (0.0, 0.0)
    enough = size_entry(request(free_cash=1.6, stop=29_900.0), isolated)
    assert enough.quantity == pytest.approx(1.6 * 20 / 30_000)


@given(requests(), MODES)
@example(request(collateral=1e-320), MarginMode.CROSS)
def test_liquidation_lies_k_stop_distances_away(make, entry, mode):
    active = rules(make, margin_mode=mode, **ALL_ON)
    sizing = size_entry(entry, active)
    if sizing.refused or sizing.quantity == 0:
        return
    cross = mode is MarginMode.CROSS
    isolated_margin = sizing.quantity * entry.entry / sizing.leverage_setting
    margin = entry.collateral if cross else isolated_margin
    quantity = entry.direction * sizing.quantity
    price = liquidation_price(quantity, entry.entry, margin, active.margin.tiers)
    distance = abs(entry.entry - entry.stop)
    away = entry.direction * (entry.entry - price)
    assert math.isnan(price) or away >= 2 * distance * (1 - 1e-9) - 1e-9 * entry.entry


@given(requests())
def test_one_setting_more_would_liquidate_too_near(make, entry):
    active = rules(make, **ALL_ON)
    sizing = size_entry(entry, active)
    if sizing.refused or sizing.leverage_setting == 20:
        return
    higher = rules(make, leverage_setting=sizing.leverage_setting + 1, **ALL_ON)
    assert size_entry(entry, higher).refused == "liquidation distance"


@given(requests(), MODES, st.floats(1.0, 100.0))
def test_more_equity_never_gives_a_smaller_size_within_one_tier(make, entry, mode, factor):
    # A higher tier may ask for a lower setting and so for more cash, hence one tier.
    several = rules(make, margin_mode=mode, **ALL_ON)
    active = replace(several, margin=MarginTerms(build_tiers([(0, 0.004)])))
    richer = replace(entry, equity=entry.equity * factor)
    before, after = size_entry(entry, active), size_entry(richer, active)
    assert after.refused == before.refused
    assert after.quantity >= before.quantity * (1 - 1e-9)


@given(requests(), st.floats(0.01, 100.0))
def test_price_times_k_gives_size_over_k(make, entry, k):
    # Budgets and notionals are quote amounts; the participation cap is not, so it is off.
    active = rules(make, **{**ALL_ON, "participation_cap": None})
    curve = entry.costs.slippage
    power = 0.5 if isinstance(curve, RootCurve) else 1.0
    scaled = replace(
        entry,
        # A wallet below one lot carries nothing, so a lot stays the same amount of money.
        instrument=PERP.model_copy(update={"lot_size": PERP.lot_size / k}),
        entry=entry.entry * k,
        stop=entry.stop * k,
        costs=replace(entry.costs, slippage=replace(curve, slope=curve.slope * k**power)),
    )
    first, second = size_entry(entry, active), size_entry(scaled, active)
    if first.leverage_setting == second.leverage_setting:
        assert second.quantity * k == pytest.approx(first.quantity, rel=1e-9)


def test_caps_on_the_position_leave_an_addition_what_is_not_held(make):
    held = EarlierTranches(0.5, 30_000.0, 1_500.0, 10, planned=2.0)
    # Volatility: 0.8 / 0.8 x 100,000 / 30,000 = 3.33; notional: 60,000 / 30,000 = 2; less 0.5 each.
    sizing = size_entry(
        request(held=held, fraction=0.25),
        rules(make, notional_cap=60_000.0, target_volatility=0.8, risk_fraction=0.2),
    )
    assert cap(sizing, "volatility") == pytest.approx(100_000 / 30_000 - 0.5)
    assert cap(sizing, "notional") == pytest.approx(1.5)
    assert (sizing.binding_cap, sizing.quantity) == ("tranche", 0.5)


def test_an_addition_to_more_than_a_cap_allows_is_nothing(make):
    held = EarlierTranches(3.0, 30_000.0, 9_000.0, 10, planned=4.0)
    sizing = size_entry(request(held=held), rules(make, notional_cap=60_000.0))
    assert cap(sizing, "notional") == 0.0


@given(
    held=st.floats(0.01, 5.0),
    closed=st.floats(0.0, 3.0),
    average=st.floats(29_100.0, 31_000.0),
    fraction=st.floats(0.05, 1.0),
    costs=st.sampled_from([TAKER, ROOT, RESTS]),
)
def test_all_tranches_together_lose_the_budget_at_most(
    make, held, closed, average, fraction, costs
):
    position = EarlierTranches(held, average, 0.0, 10, planned=10.0, ordered=held + closed)
    sizing = size_entry(
        request(held=position, fraction=fraction, costs=costs), rules(make, risk_fraction=0.01)
    )
    new, stop, curve = cap(sizing, "risk"), 29_000.0, costs.slippage
    # Slippage grows with the size: the exit of all pays the impact of all, after what was closed.
    exit_costs = costs.exit_fee + curve.fixed + curve.impact(held + new, earlier=closed)
    entry_costs = costs.entry_fee
    if not costs.rests:
        entry_costs += curve.fixed + curve.impact(new, earlier=held + closed)
    lost = held * max(average - stop, 0.0) + new * (30_000.0 - stop + 30_000.0 * entry_costs)
    lost += (held + new) * stop * exit_costs
    if new > 0:
        assert lost == pytest.approx(1_000.0)
    else:
        assert lost >= 1_000.0 - 1e-6


def test_a_cross_addition_is_carried_to_the_nearest_liquidation(make):
    held = EarlierTranches(1.0, 30_000.0, 0.0, 10, planned=5.0)
    sizing = size_entry(
        request(held=held, collateral=10_000.0),
        rules(make, margin_mode=MarginMode.CROSS, liquidation_distance=2.0, leverage_cap=None),
    )
    # At 28,000 what is held has lost 2,000; all of it needs maintenance there.
    total = 1.0 + cap(sizing, "liquidation")
    level = liquidation_price(total, 30_000.0, 10_000.0, rules(make).margin.tiers)
    assert level == pytest.approx(28_000.0)
