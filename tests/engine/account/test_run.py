"""Several playbooks in one account: own books, joint caps and guards, worked by hand."""

import numpy as np
import pytest

from data_feeds.clock import HOUR_NS
from engine.account.simulate_together import simulate_together
from engine.bt import simulate
from engine.config.account import AccountRiskConfig
from engine.config.models import RunMode
from engine.intents import Enter, Exit, Rebalance
from engine.records import OrderKind
from engine.testing import ETF, PERP, SPOT, candles, hour, table
from tests.engine.joint import (
    PARTS,
    assert_same,
    case_inputs,
    one_window,
    play_together,
    random_account,
    script_inputs,
)
from tests.engine.random_cases import make_case

FLAT = (100.0, 100.0, 100.0, 100.0)
OTHER = SPOT.model_copy(update={"id": "ETHUSDT-SPOT"})
BIG = {"account": {"venue_cash": 100_000.0}, "risk": {"risk_fraction": 0.2, "notional_cap": None}}


def flat(rows=8):
    return table(candles([FLAT] * rows))


def buy(stop=90.0, name=PERP.id, **more):
    return [Enter(name, 1, stop, "test", **more)]


def sell(stop=110.0):
    return [Enter(PERP.id, -1, stop, "test")]


def approved(outcome, sleeve):
    return [d for d in outcome.sleeves[sleeve].decisions if d.quantity > 0]


# --- own books ---


def test_sleeves_of_one_market_hold_their_own_positions_and_cash():
    # 20% of 100,000 at risk of 10 a unit: 2,000 units, 200,000 notional; long here, short there.
    outcome = play_together(flat(), {0: buy()}, {0: sell()}, sections=(BIG, BIG))
    long, short = (sleeve.fills[0] for sleeve in outcome.sleeves)
    assert (long.quantity, short.quantity) == (2_000.0, -2_000.0)
    assert [curve.equity[-1] for curve in outcome.curves] == [100_000.0, 100_000.0]


@pytest.mark.parametrize("mode", list(RunMode))
def test_without_joint_rules_every_sleeve_is_the_run_it_would_be_alone(mode):
    cases = one_window([make_case(seed) for seed in (3, 4, 8, 21, 22)])
    together = simulate_together([case_inputs(case, mode) for case in cases], AccountRiskConfig())
    assert sum(len(sleeve.fills) for sleeve in together.sleeves) > 20
    for case, sleeve, curve in zip(cases, together.sleeves, together.curves, strict=True):
        alone = simulate(case_inputs(case))
        for name in PARTS:
            assert repr(getattr(alone, name)) == repr(getattr(sleeve, name)), name
        np.testing.assert_array_equal(alone.curve.equity, sleeve.curve.equity)
        # At its own closes both curves are equal.
        own = np.searchsorted(curve.at, sleeve.curve.at)
        np.testing.assert_array_equal(curve.equity[own], sleeve.curve.equity)


@pytest.mark.parametrize("first", range(0, 60, 3))
def test_sparse_equals_dense_under_joint_rules(first):
    seeds = (first, first + 1, first + 2)
    sparse, dense = (random_account(seeds, mode=mode).joint for mode in RunMode)
    assert_same(sparse, dense)


# --- caps ---


def test_an_entry_that_still_works_makes_no_room_in_the_net_cap_for_the_other_side():
    # The short rests at 105, where nothing trades; a long may use 0.5 x 200,000 and no more.
    resting = [Enter(PERP.id, -1, 120.0, "test", kind=OrderKind.LIMIT, price=105.0)]
    outcome = play_together(
        flat(), {0: resting}, {2: buy()}, risk={"net_cap": 0.5}, sections=(BIG, BIG)
    )
    assert outcome.sleeves[0].fills == ()
    (decision,) = approved(outcome, 1)
    assert dict(decision.caps)["account_net"] == pytest.approx(1_000.0)
    assert decision.quantity == 1_000.0


ROTATION = {0: [Rebalance({SPOT.id: 1.0, OTHER.id: 0.0}, "in")]} | {
    3: [Rebalance({SPOT.id: 0.0, OTHER.id: 1.0}, "over")]
}


@pytest.mark.parametrize("cap", ["leverage_cap", "net_cap", "crypto_cap", "asset_cap"])
def test_what_a_rebalancing_sells_makes_room_for_what_it_buys(cap):
    market = table(
        candles([FLAT] * 8, instrument=SPOT.id),
        candles([FLAT] * 8, instrument=OTHER.id),
        candles([FLAT] * 8),
        instruments=(PERP, SPOT, ETF, OTHER),
    )
    section = {
        "traded": (SPOT.id, OTHER.id),
        "account": {"venue_cash": 100_000.0},
        "risk": {"notional_cap": None},
    }
    outcome = play_together(market, ROTATION, risk={cap: 1.0}, sections=(section,))
    moved = [(fill.instrument, fill.quantity) for fill in outcome.sleeves[0].fills]
    assert moved == [(SPOT.id, 1_000.0), (SPOT.id, -1_000.0), (OTHER.id, 1_000.0)]


def test_what_one_sleeve_holds_is_not_left_for_another():
    # The account: 200,000. Its cap of 1.25 leaves 250,000 - 200,000 for the second sleeve.
    rules = {"leverage_cap": 1.25}
    outcome = play_together(flat(), {0: buy()}, {2: buy()}, risk=rules, sections=(BIG, BIG))
    (decision,) = approved(outcome, 1)
    assert decision.binding_cap == "account_leverage"
    assert dict(decision.caps)["account_leverage"] == pytest.approx(500.0)
    assert outcome.sleeves[1].fills[0].quantity == 500.0


def test_what_is_approved_at_the_same_instant_counts():
    rules = {"leverage_cap": 1.25}
    outcome = play_together(flat(), {0: buy()}, {0: buy()}, risk=rules, sections=(BIG, BIG))
    assert [sleeve.fills[0].quantity for sleeve in outcome.sleeves] == [2_000.0, 500.0]


@pytest.mark.parametrize(
    ("rules", "second", "quantity"),
    [
        # A short takes nothing off the gross and makes room in the net.
        ({"leverage_cap": 1.25}, sell(), -500.0),
        ({"net_cap": 1.25}, sell(), -2_000.0),
        ({"net_cap": 1.25}, buy(), 500.0),
        ({"asset_cap": 1.25}, sell(), -500.0),
        ({"crypto_cap": 1.25}, buy(), 500.0),
    ],
)
def test_each_cap_counts_its_own_sum(rules, second, quantity):
    outcome = play_together(flat(), {0: buy()}, {2: second}, risk=rules, sections=(BIG, BIG))
    assert outcome.sleeves[1].fills[0].quantity == quantity


def test_a_cap_grows_with_the_account_not_with_the_sleeve():
    # The first sleeve gains 20,000 on 2,000 units: the account is worth 220,000 and 1.25 of it
    # carries 275,000, of which 2,000 x 110 are used.
    rows = [FLAT, FLAT, (100.0, 110.0, 100.0, 110.0), *[(110.0, 110.0, 110.0, 110.0)] * 4]
    rules = {"leverage_cap": 1.25}
    scripts = ({0: buy()}, {3: buy(100.0)})
    outcome = play_together(table(candles(rows)), *scripts, risk=rules, sections=(BIG, BIG))
    (decision,) = approved(outcome, 1)
    room = 1.25 * 220_000 - 2_000 * 110
    assert dict(decision.caps)["account_leverage"] == pytest.approx(room / 110)


def test_a_cap_that_is_used_up_refuses_and_says_so():
    outcome = play_together(
        flat(), {0: buy()}, {2: buy()}, risk={"crypto_cap": 1.0}, sections=(BIG, BIG)
    )
    (decision,) = outcome.sleeves[1].decisions
    assert (decision.outcome, decision.binding_cap) == ("rejected", "account_crypto")


def test_a_book_of_weights_is_bound_too():
    market = table(candles([FLAT] * 8), candles([FLAT] * 8, instrument=SPOT.id))
    weights = {
        "traded": (SPOT.id,),
        "account": {"venue_cash": 100_000.0},
        "risk": {"notional_cap": None},
    }
    # 2,000 perps of 250,000 leave 50,000 of spot, and half of that in the other instrument's cap.
    hold = {2: [Rebalance({SPOT.id: 0.9}, "test")]}
    outcome = play_together(
        market, {0: buy()}, hold, risk={"leverage_cap": 1.25}, sections=(BIG, weights)
    )
    (decision,) = approved(outcome, 1)
    assert (decision.binding_cap, decision.quantity) == ("account_leverage", 500.0)
    apart = play_together(
        market, {0: buy()}, hold, risk={"asset_cap": 0.3}, sections=(BIG, weights)
    )
    # 30% of 200,000, whatever the other sleeve holds in another instrument.
    assert approved(apart, 1)[0].quantity == 600.0


# --- guards ---

FALL = [FLAT, FLAT, (100.0, 100.0, 94.0, 94.0), *[(94.0, 94.0, 94.0, 94.0)] * 30]


def test_a_loss_of_one_sleeve_sells_what_the_others_hold():
    # 12,000 of 200,000 are lost in the third hour by the first sleeve alone.
    rules = {"daily_loss": {"limit": 0.05}}
    market = table(candles(FALL), candles([FLAT] * len(FALL), instrument=SPOT.id))
    spot = {**BIG, "traded": (SPOT.id,)}
    scripts = ({0: buy()}, {0: buy(50.0, SPOT.id), 5: buy(50.0, SPOT.id), 26: buy(50.0, SPOT.id)})
    outcome = play_together(market, *scripts, risk=rules, sections=(BIG, spot))
    (tripped, released) = outcome.guard_events
    assert (tripped.at, tripped.guard, tripped.event) == (hour(3), "daily loss", "tripped")
    assert tripped.equity == pytest.approx(188_000.0)
    # It ends with the day, at its last close.
    assert (released.event, released.at) == ("released", hour(24))
    first, second = outcome.sleeves
    assert [fill.role for fill in first.fills] == ["entry", "guard"]
    assert [fill.role for fill in second.fills] == ["entry", "guard", "entry"]
    assert second.fills[1].at == hour(3)
    assert [o.reason for o in second.orders if o.role == "guard"] == ["account daily loss"]
    blocked = [d for d in second.decisions if d.outcome == "blocked"]
    assert [(d.decided_at, d.blocked_by) for d in blocked] == [(hour(6), "account daily loss")]
    # Neither sleeve's own guards are on, and none of them says anything.
    assert first.guard_events == second.guard_events == ()


def test_entries_may_be_blocked_without_a_sale():
    rules = {"daily_loss": {"limit": 0.05, "scope": "block_entries"}}
    outcome = play_together(
        table(candles(FALL)), {0: buy()}, {5: buy(80.0)}, risk=rules, sections=(BIG, BIG)
    )
    assert [fill.role for fill in outcome.sleeves[0].fills] == ["entry"]
    assert outcome.sleeves[1].fills == ()


def test_a_drawdown_of_the_account_scales_every_sleeve():
    ladder = {"ladder": [{"drawdown": 0.05, "multiplier": 0.25}], "halt_at": 0.5}
    rules = {"drawdown": ladder}
    outcome = play_together(
        table(candles(FALL)), {0: buy()}, {5: buy(84.0)}, risk=rules, sections=(BIG, BIG)
    )
    (decision,) = approved(outcome, 1)
    # 20,000 at risk of 10 a unit are 2,000 units; the account is 6% down, the sleeve is not.
    assert (decision.multiplier, decision.tier) == (0.25, "cautious")
    assert decision.quantity == 500.0


def test_a_halt_waits_for_the_peak_of_the_sum():
    # The first sleeve gains what the second loses: the sum never falls.
    rules = {"drawdown": {"ladder": [], "halt_at": 0.04}}
    hedged = play_together(
        table(candles(FALL)), {0: buy()}, {0: sell()}, risk=rules, sections=(BIG, BIG)
    )
    assert hedged.guard_events == ()
    alone = play_together(
        table(candles(FALL)), {0: buy()}, {0: [Exit(PERP.id, "none")]}, risk=rules,
        sections=(BIG, BIG),
    )  # fmt: skip
    assert [event.guard for event in alone.guard_events] == ["drawdown halt"]


FUND = {
    "traded": (ETF.id,),
    "account": {"venue_cash": 0.0, "brokerage_cash": 100_000.0},
    "risk": {"notional_cap": None},
}


def sessions(rows):
    """Daily sessions from 14:30 to 21:00 UTC."""
    return candles(
        rows,
        instrument=ETF.id,
        timeframe="1d",
        opened_at=[hour(14.5) + 24 * i * HOUR_NS for i in range(len(rows))],
        closed_at=[hour(21) + 24 * i * HOUR_NS for i in range(len(rows))],
    )


def falling(at, rows=100):
    """Hours at 100 that fall to 94 in the bar closing at an hour."""
    return [FLAT] * (at - 1) + [(100.0, 100.0, 94.0, 94.0)] + [(94.0, 94.0, 94.0, 94.0)] * rows


@pytest.mark.parametrize(("falls_at", "bought"), [(27, False), (51, True)])
def test_a_fall_at_night_sells_the_fund_at_the_next_open(falls_at, bought):
    # The fund is asked for at its close of 21 h and bought at the open of 38.5 h.
    market = table(candles(falling(falls_at)), sessions([FLAT] * 4))
    outcome = play_together(
        market,
        {20: buy()},
        {0: [Rebalance({ETF.id: 0.5}, "test")]},
        risk={"daily_loss": {"limit": 0.05}},
        sections=(BIG, FUND),
    )
    assert [event.at for event in outcome.guard_events][:1] == [hour(falls_at)]
    fund = outcome.sleeves[1]
    if bought:
        fills = [(fill.at, fill.role, fill.quantity) for fill in fund.fills]
        assert fills == [(hour(38.5), "entry", 500.0), (hour(62.5), "guard", -500.0)]
    else:
        assert fund.fills == ()
        assert [order.status for order in fund.orders if order.role == "entry"] == ["cancelled"]


def test_the_last_day_of_a_sleeve_whose_data_end_first_ends_a_day_of_the_account():
    # The perp's last close is that of 72 h, at which it has lost 2,000 since the day before; the
    # fund loses 4,000 the day after: 2% of the account a day, never the 2.5% that would sell.
    perp = candles([FLAT, FLAT, (100.0, 100.0, 98.0, 98.0)], timeframe="1d")
    market = table(perp, sessions([FLAT, FLAT, FLAT, (100.0, 100.0, 96.0, 96.0)]))
    small = {"account": {"venue_cash": 100_000.0}, "risk": {"risk_fraction": 0.2}}
    outcome = play_together(
        market,
        {0: buy(80.0)},
        {0: [Rebalance({ETF.id: 1.0}, "test")]},
        risk={"daily_loss": {"limit": 0.025}},
        sections=({**small, "risk": {**small["risk"], "notional_cap": None}}, FUND),
        quiet=True,
    )
    assert [curve.equity[-1] for curve in outcome.curves] == [98_000.0, 96_000.0]
    assert outcome.guard_events == ()


def test_joint_rules_are_read_at_the_present_instant_of_every_sleeve():
    # The second sleeve decides at an hour at which the first has nothing to do: its position is
    # worth 2,000 x 94 by then.
    rules = {"leverage_cap": 1.25}
    outcome = play_together(
        table(candles(FALL)), {0: buy(80.0)}, {10: buy(84.0)}, risk=rules, sections=(BIG, BIG)
    )
    held = dict(approved(outcome, 0)[0].caps)
    assert held["account_leverage"] == pytest.approx(250_000 / 100)
    quantity = outcome.sleeves[0].fills[0].quantity
    equity = 200_000 - 6 * quantity
    room = dict(approved(outcome, 1)[0].caps)["account_leverage"]
    assert room == pytest.approx((1.25 * equity - quantity * 94) / 94)


def test_inputs_of_a_perp_have_the_starting_cash_and_utc_days():
    inputs = script_inputs(flat(), {0: buy()}, **BIG)
    assert inputs.start_equity == 100_000.0
    assert not inputs.has_ny_days
