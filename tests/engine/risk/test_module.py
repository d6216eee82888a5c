import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.instrument import Instrument
from engine.errors import PlaybookContractError
from engine.intents import Enter, Exit, MoveStop, Target
from engine.records import OrderKind, OrderRole
from engine.risk import RiskModule

TARGETS = (Target(31_000.04, 0.5), Target(32_000.0, 0.5))


def enter(**changes):
    fields = {"instrument": "BTC", "direction": 1, "stop": 29_000.0, "reason": "reclaim"}
    return Enter(**{**fields, **changes})


def review(make, risk, intent, account=None, at=None):
    effects = risk.handle(intent, at=at or make.now, account=account or make.account())
    return effects.reviews[0]


def holding(make, quantity=1.0, **changes):
    return make.account(positions={"BTC": make.position(quantity, **changes)})


def test_an_approved_entry_gives_entry_stop_and_targets_in_that_order(make):
    result = review(make, make.module(), enter(targets=TARGETS, slippage_multiplier=2.0))
    decision, (entry, stop, first, second) = result.decision, result.orders
    # 1% of 100,000 / 1,000 = 1 BTC
    assert (decision.outcome, decision.quantity, decision.binding_cap) == ("approved", 1.0, "risk")
    assert (entry.role, entry.kind, entry.side, entry.quantity) == ("entry", "market", 1, 1.0)
    assert (stop.role, stop.kind, stop.side, stop.price) == ("stop", "stop", -1, 29_000.0)
    assert math.isnan(stop.quantity)
    assert (first.role, first.kind, first.fraction) == ("target", "limit", 0.5)
    # Targets are rounded away from the entry: 31,000.04 to 31,000.1
    assert (first.price, second.price) == (31_000.1, 32_000.0)
    assert {o.plan_id for o in result.orders} == {1}
    assert {o.decision_id for o in result.orders} == {1}
    assert {o.slippage_multiplier for o in result.orders} == {2.0}


def test_ids_count_decisions_and_approved_entries(make):
    risk = make.module()
    assert review(make, risk, enter(stop=31_000.0)).decision.plan_id == 0
    made = review(make, risk, enter()).decision
    assert (made.decision_id, made.plan_id) == (2, 1)
    later = review(make, risk, enter(), at=make.now + HOUR_NS).decision
    assert (later.decision_id, later.plan_id) == (3, 2)
    assert [d.decision_id for d in risk.decisions] == [1, 2, 3]


def test_limit_and_stop_entries_are_estimated_at_their_price_rounded_against_the_plan(make):
    limit = enter(kind=OrderKind.LIMIT, price=29_500.07)
    decision = review(make, make.module(), limit).decision
    # 29,500.0 - 29,000 = 500 a BTC: 2 BTC
    assert (decision.entry_estimate, decision.quantity) == (29_500.0, 2.0)
    stop = enter(kind=OrderKind.STOP, price=30_500.07)
    assert review(make, make.module(), stop).orders[0].price == 30_500.1


def test_stops_are_rounded_towards_the_entry(make):
    assert review(make, make.module(), enter(stop=28_999.97)).orders[1].price == 29_000.0
    short = enter(direction=-1, stop=31_000.03)
    assert review(make, make.module(), short).orders[1].price == 31_000.0


@pytest.mark.parametrize(
    ("intent", "rule"),
    [
        (enter(stop=30_000.0), "stop side"),
        (enter(stop=31_000.0), "stop side"),
        (enter(direction=-1, stop=29_000.0), "stop side"),
        (enter(stop=math.nan), "bad level"),
        (enter(stop=-5.0), "bad level"),
        (enter(targets=(Target(29_900.0, 1.0),)), "target side"),
        (enter(targets=(Target(math.inf, 1.0),)), "bad level"),
        (enter(kind=OrderKind.LIMIT, price=math.nan), "price unknown"),
    ],
)
def test_levels_that_make_no_sense_are_rejected_by_name(make, intent, rule):
    result = review(make, make.module(), intent)
    assert (result.decision.outcome, result.decision.blocked_by) == ("rejected", rule)
    assert (result.orders, result.decision.quantity) == ((), 0.0)


def test_before_the_first_bar_the_price_is_unknown(make):
    assert review(make, make.module(), enter(), at=-1).decision.blocked_by == "price unknown"


def test_unknown_volatility_or_volume_is_rejected_where_it_is_needed(make):
    no_volatility, no_volume = make.inputs(volatility=math.nan), make.inputs(volume=math.nan)
    needs = make.config({"target_volatility": 0.8})
    blocked = review(make, make.module(needs, market=no_volatility), enter()).decision.blocked_by
    assert blocked == "volatility unknown"
    assert review(make, make.module(market=no_volatility), enter()).orders
    needs = make.config({"participation_cap": 0.1})
    blocked = review(make, make.module(needs, market=no_volume), enter()).decision.blocked_by
    assert blocked == "volume unknown"
    assert review(make, make.module(market=no_volume), enter()).orders


def test_the_multiplier_is_the_setups_times_the_ladders(make):
    rungs = [{"drawdown": 0.05, "multiplier": 0.5}]
    run = make.config({"drawdown": {"ladder": rungs, "halt_at": 0.6, "halt_days": 1}})
    risk = make.module(run, start_equity=200_000.0)
    decision = review(make, risk, enter(size_multiplier=0.5)).decision
    # Half of half of 1 BTC
    assert (decision.multiplier, decision.quantity) == (0.25, 0.25)
    assert (decision.tier, decision.drawdown) == ("cautious", pytest.approx(-0.5))


def test_the_size_is_floored_to_the_lot(make):
    # 1,000 / 1,234.5 = 0.81004 BTC
    decision = review(make, make.module(), enter(stop=28_765.5)).decision
    assert decision.quantity == 0.810


def test_a_size_below_lot_or_minimum_is_rejected_naming_the_cap(make):
    # 1% of 100 / 1,000 = 0.001 BTC = 30, below the minimum of 100
    poor = review(make, make.module(), enter(), account=make.account(100.0)).decision
    assert (poor.outcome, poor.blocked_by, poor.binding_cap) == ("rejected", "minimum size", "risk")
    assert "the risk cap bound" in poor.reason
    broke = review(make, make.module(), enter(), account=make.account(0.0)).decision
    assert broke.blocked_by == "no equity"


def test_spot_cannot_be_sold_short(make):
    spot = Instrument(id="BTC", kind="spot", lot_size=0.001)
    risk = make.module(instrument=spot)
    assert review(make, risk, enter(direction=-1, stop=31_000.0)).decision.blocked_by == "no short"
    assert review(make, risk, enter()).decision.leverage_setting == 0


def test_etfs_are_paid_from_the_brokerage(make):
    etf = Instrument(id="BTC", kind="etf", calendar="XNYS", lot_size=1)
    account = make.account(brokerage_cash=65_000.0, free_venue_cash=1e9)
    run = make.config({"risk_fraction": 0.2})
    decision = review(make, make.module(run, instrument=etf), enter(), account=account).decision
    # 65,000 / 30,000 = 2.17, whole shares
    assert (decision.binding_cap, decision.quantity) == ("cash", 2.0)


def test_one_plan_at_a_time_in_an_instrument(make):
    risk = make.module()
    pending = make.account(pending=frozenset({"BTC"}))
    assert review(make, risk, enter(), account=pending).decision.blocked_by == "plan exists"
    held = review(make, risk, enter(), account=holding(make)).decision
    assert held.blocked_by == "plan exists"
    assert review(make, risk, enter()).orders
    # The same account view, the same instant: the first entry does not show in it yet.
    assert review(make, risk, enter()).decision.blocked_by == "plan exists"


def test_entries_that_still_work_count_against_leverage_and_cash(make):
    second = make.perp(id="ETH")
    run = make.config({"leverage_cap": 1, "risk_fraction": 0.02})
    traded = {"BTC": make.perp(), "ETH": second}
    market = {name: make.inputs() for name in traded}
    risk = RiskModule(run, traded, market, start_equity=1e5, ny_days=False)
    assert review(make, risk, enter()).decision.quantity == 2.0
    # 100,000 - 2 x 30,000 = 40,000 left: 1.333 BTC
    other = review(make, risk, enter(instrument="ETH")).decision
    assert (other.binding_cap, other.quantity) == ("leverage", 1.333)
    # Setting 20: 100,000 - 60,000 / 20 = 97,000 free, x 20 / 30,000 = 64.667
    assert dict(other.caps)["margin"] == pytest.approx(97_000 * 20 / 30_000)


def test_other_cross_positions_take_from_the_collateral(make):
    traded = {"BTC": make.perp(), "ETH": make.perp(id="ETH")}
    market = {name: make.inputs() for name in traded}
    run = make.config({"liquidation_distance": 2}, {"margin_mode": "cross"})
    risk = RiskModule(run, traded, market, start_equity=1e5, ny_days=False)
    other = make.position(1.0, instrument="ETH", unrealized=-4_880.0)
    account = make.account(venue_cash=10_000.0, positions={"ETH": other})
    decision = review(make, risk, enter(), account=account).decision
    # 10,000 - 4,880 - 0.4% of 30,000 = 5,000 left, / (2,000 + 28,000 x 0.4%) = 2.367
    assert dict(decision.caps)["liquidation"] == pytest.approx(5_000 / 2_112)


def test_an_entry_in_an_instrument_that_is_not_traded_is_a_contract_error(make):
    with pytest.raises(PlaybookContractError, match=r"Enter names 'ETH'.*traded: BTC"):
        review(make, make.module(), enter(instrument="ETH"))


def test_guards_block_and_say_so(make):
    run = make.config({"cool_down": "12h", "max_trades_per_day": 1})
    risk = make.module(run)
    risk.on_plan_closed(make.now - HOUR_NS, 3, -10.0)
    blocked = review(make, risk, enter()).decision
    assert (blocked.outcome, blocked.blocked_by) == ("blocked", "cool-down")
    later = make.now + 12 * HOUR_NS
    assert review(make, risk, enter(), at=later).orders
    again = review(make, risk, enter(), at=later + HOUR_NS).decision
    assert (again.outcome, again.blocked_by) == ("blocked", "max trades a day")


def test_exit_closes_all_or_a_whole_number_of_lots(make):
    whole = review(make, make.module(), Exit("BTC", "time"), account=holding(make, -0.5))
    (order,) = whole.orders
    assert (order.role, order.kind, order.side, order.plan_id) == ("exit", "market", 1, 7)
    assert math.isnan(order.quantity)
    assert whole.decision.quantity == 0.5
    # 0.3 x 0.5555 = 0.16665
    part = review(make, make.module(), Exit("BTC", "time", 0.3), account=holding(make, 0.5555))
    assert (part.orders[0].quantity, part.orders[0].side) == (0.166, -1)


@pytest.mark.parametrize(
    ("fraction", "rule"), [(0.0, "bad fraction"), (1.1, "bad fraction"), (0.0001, "minimum size")]
)
def test_exits_of_nothing_are_rejected(make, fraction, rule):
    result = review(make, make.module(), Exit("BTC", "x", fraction), account=holding(make))
    assert (result.decision.blocked_by, result.orders) == (rule, ())


@pytest.mark.parametrize("intent", [Exit("BTC", "x"), MoveStop("BTC", 29_500.0, "x")])
def test_without_a_position_there_is_nothing_to_change(make, intent):
    result = review(make, make.module(), intent)
    assert (result.decision.blocked_by, result.orders) == ("no position", ())


@pytest.mark.parametrize(
    ("quantity", "stop", "outcome"),
    [
        (1.0, 29_500.0, "approved"),
        (1.0, 29_000.0, "rejected"),
        (1.0, 28_000.0, "rejected"),
        (-1.0, 30_500.0, "approved"),
        (-1.0, 31_000.0, "rejected"),
        (-1.0, 32_000.0, "rejected"),
        (1.0, math.nan, "rejected"),
    ],
)
def test_a_stop_moves_only_towards_less_risk(make, quantity, stop, outcome):
    intent = MoveStop("BTC", stop, "trail")
    result = review(make, make.module(), intent, account=holding(make, quantity))
    assert result.decision.outcome == outcome
    assert bool(result.orders) == (outcome == "approved")


def test_a_moved_stop_is_a_new_stop_order_for_what_the_plan_holds(make):
    intent = MoveStop("BTC", 29_500.03, "breakeven")
    result = review(make, make.module(), intent, account=holding(make))
    (order,) = result.orders
    assert (order.role, order.kind, order.side, order.price) == ("stop", "stop", -1, 29_500.1)
    assert math.isnan(order.quantity)
    assert result.decision.stop == 29_500.1


def test_a_trip_flattens_positions_and_entries_that_still_work(make):
    traded = {"BTC": make.perp(), "ETH": make.perp(id="ETH")}
    market = {name: make.inputs() for name in traded}
    run = make.config({"daily_loss": {"limit": 0.03, "scope": "flatten"}})
    risk = RiskModule(run, traded, market, start_equity=1e5, ny_days=False)
    review(make, risk, enter(instrument="ETH", direction=-1, stop=31_000.0))
    assert risk.on_mark(make.now + HOUR_NS, 90_000.0, False)
    account = make.account(
        90_000.0, positions={"BTC": make.position(2.0)}, pending=frozenset({"ETH"})
    )
    held, pending = risk.flatten(make.now + HOUR_NS, account, risk.flatten_reason)
    assert (held.orders[0].role, held.orders[0].side) == (OrderRole.GUARD, -1)
    assert (held.decision.intent, held.decision.reason) == ("guard", "daily loss")
    assert (pending.orders[0].instrument, pending.orders[0].side) == ("ETH", 1)
    assert (held.decision.quantity, pending.decision.quantity) == (2.0, 0.0)


def test_guard_state_is_readable_and_the_peak_settable(make):
    drawdown = {"ladder": [], "halt_at": 0.15, "halt_days": 1}
    run = make.config({"daily_loss": {"limit": 0.03}, "drawdown": drawdown})
    risk = make.module(run)
    assert (risk.loss_floor, risk.halt_drawdown) == (pytest.approx(97_000.0), 0.15)
    risk.peak = 120_000.0
    assert risk.on_mark(HOUR_NS, 102_000.0, False)
    assert (risk.peak, risk.next_release_at) == (120_000.0, HOUR_NS + DAY_NS)
    assert [event.guard for event in risk.guard_events] == ["drawdown halt"]


@given(
    st.floats(1.0, 1e9),
    st.floats(0.0005, 0.5),
    st.floats(0.01, 1.0),
    st.tuples(st.sampled_from(["isolated", "cross"]), st.sampled_from([1, -1])),
)
def test_no_approved_size_is_zero_off_the_lot_below_minimum_or_above_a_cap(
    make, equity, distance, multiplier, mode_and_side
):
    mode, side = mode_and_side
    risk = {
        "target_volatility": 0.8,
        "leverage_cap": 3,
        "participation_cap": 0.02,
        "liquidation_distance": 2,
    }
    run = make.config(risk, {"margin_mode": mode}, {"taker_fee_bps": 5})
    intent = enter(
        direction=side, stop=30_000.0 * (1 - side * distance), size_multiplier=multiplier
    )
    module = make.module(run, start_equity=equity)
    result = review(make, module, intent, account=make.account(equity))
    decision = result.decision
    if not result.orders:
        assert (decision.outcome, decision.quantity) == ("rejected", 0.0)
        return
    assert decision.quantity >= 0.001
    assert decision.quantity * 30_000 >= 100
    lots = decision.quantity / 0.001
    assert lots == pytest.approx(round(lots), rel=1e-9)
    smallest = min(limit for _, limit in decision.caps)
    assert decision.quantity <= smallest * multiplier * (1 + 1e-9) + 1e-12
    assert dict(decision.caps)[decision.binding_cap] == smallest


def test_the_worked_example_of_the_documentation(make):
    # docs/sizing.md, "One worked example": the same inputs, the same figures.
    risk = {
        "target_volatility": 0.8,
        "leverage_cap": 3,
        "participation_cap": 0.02,
        "liquidation_distance": 2,
        "drawdown": {"ladder": [{"drawdown": 0.05, "multiplier": 0.5}], "halt_at": 0.15},
    }
    slippage = {"base_bps": 1, "range_share": 0.02, "impact": 0.1}
    run = make.config(risk, venue={"taker_fee_bps": 5, "slippage": slippage})
    market = make.inputs(close=64_000.0, volatility=0.95, volume=2_000.0, bar_range=0.015)
    module = make.module(run, market=market, start_equity=106_400.0)
    intent = enter(stop=62_400.0, slippage_multiplier=1.5)
    decision = review(make, module, intent).decision
    caps = dict(decision.caps)
    assert decision.risk_per_unit == pytest.approx(1_744.47, abs=0.005)
    assert caps["risk"] == pytest.approx(0.57324, abs=5e-6)
    assert caps["volatility"] == pytest.approx(1.31579, abs=5e-6)
    assert caps["leverage"] == pytest.approx(4.6875)
    assert caps["participation"] == pytest.approx(40.0)
    assert caps["margin"] == pytest.approx(26.42162, abs=5e-6)
    assert (decision.leverage_setting, decision.tier) == (18, "cautious")
    assert decision.quantity == 0.286
