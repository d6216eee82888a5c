"""Scaling in: tranches of one plan under one stop, worked by hand."""

import pytest

from engine.config.models import DailyLossConfig
from engine.errors import PlaybookContractError
from engine.intents import Add, Enter, Exit, MoveStop, Target
from engine.testing import ETF, PERP, amounts, candles, fill_lines, play, table
from engine.trades import build_trades

# At each close from 0 on: 100, 104, 110, 110; then a bar that falls through 90.
RISING = candles(
    [
        (100, 101, 99, 100),
        (100, 105, 100, 104),
        (104, 111, 103, 110),
        (110, 111, 109, 110),
        (110, 110, 85, 88),
    ]
)
ONE_PERCENT = {"risk_fraction": 0.01}


def enter(fraction=0.5, stop=90.0, **more):
    return Enter(PERP.id, 1, stop, "first", fraction=fraction, **more)


def add(fraction=0.25, reason="next"):
    return Add(PERP.id, fraction, reason)


def scaled(script, bars=RISING, **sections):
    options = {"notional": None, "risk": ONE_PERCENT, **sections}
    return play(table(bars), script, **options)


def refusal(outcome):
    (row,) = [d for d in outcome.decisions if d.outcome != "approved"]
    return row.outcome, row.blocked_by


def test_three_tranches_lose_the_risk_budget_at_their_common_stop():
    # The plan: 1% of 100,000 / (100 - 90) = 100. First half of it.
    # Second: a quarter. What is held loses 500 at 90, equity is 100,200: 502 / (104 - 90) is more.
    # Third: what is held loses 500 + 350, equity is 100,650: 156.5 / (110 - 90) = 7.825 binds.
    low = {"leverage_setting": 5}
    outcome = scaled({0: [enter()], 1: [add()], 2: [add()]}, account=low)
    assert fill_lines(outcome) == [
        (1.0, "entry", 50.0, 100.0),
        (2.0, "entry", 25.0, 104.0),
        (3.0, "entry", 7.825, 110.0),
        (5.0, "stop", -82.825, 90.0),
    ]
    assert [d.binding_cap for d in outcome.decisions] == ["tranche", "tranche", "risk"]
    assert outcome.curve.equity[-1] == pytest.approx(100_000.0 - 1_006.5)
    (trade,) = build_trades(outcome)
    assert (trade.tranches, trade.quantity, trade.decision_id) == (3, 82.825, 1)
    # 50 x 100 + 25 x 104 + 7.825 x 110 = 8,460.75; R = 8,460.75 - 82.825 x 90
    assert trade.average_entry == pytest.approx(8_460.75 / 82.825)
    assert trade.initial_risk == pytest.approx(1_006.5)
    assert trade.r_multiple == pytest.approx(-1.0)


def test_a_plan_of_one_tranche_is_what_it_always_was():
    whole = scaled({0: [enter(fraction=1.0)]})
    (decision,) = whole.decisions
    assert (decision.quantity, decision.binding_cap) == (100.0, "risk")
    assert dict(decision.caps)["tranche"] == float("inf")


def test_each_tranche_of_an_isolated_perp_brings_its_own_margin():
    outcome = scaled({0: [enter()], 1: [add()]})
    # 50 x 100 / 10, then 25 x 104 / 10 more.
    assert [f.isolated_margin_after for f in outcome.fills[:2]] == [500.0, 760.0]


def test_liquidation_counts_all_tranches():
    # 50 at 100 and 25 at 104 with margin 760: (7,600 - 760) / (75 x 0.996) = 91.57.
    # A low of 91.6 spares them, one of 91.5 does not; the stop at 70 is never met.
    def after(low):
        rows = [(100, 101, 99, 100), (100, 105, 100, 104), (104, 105, 103, 104)]
        bars = candles([*rows, (104, 104, low, 100)])
        script = {0: [enter(stop=70.0)], 1: [add()]}
        return scaled(script, bars, notional=10_000.0, risk={})

    assert [f.quantity for f in after(91.6).fills] == [50.0, 25.0]
    last = after(91.5).fills[-1]
    assert (last.role, last.quantity) == ("liquidation", -75.0)
    assert last.raw_price == pytest.approx(6_840 / (75 * 0.996))


def test_shares_are_bought_whole_with_brokerage_cash():
    bars = candles(
        [(100, 101, 99, 100), (100, 105, 100, 104), (104, 111, 103, 110), (110, 111, 80, 85)],
        instrument=ETF.id,
    )
    script = {0: [Enter(ETF.id, 1, 90.0, "first", fraction=0.333)], 1: [Add(ETF.id, 0.333, "b")]}
    outcome = scaled(script, bars, account={"venue_cash": 0.0, "brokerage_cash": 100_000.0})
    # A third of 100 shares, in whole ones: 33, then 33.
    assert fill_lines(outcome) == [
        (1.0, "entry", 33.0, 100.0),
        (2.0, "entry", 33.0, 104.0),
        (4.0, "stop", -66.0, 90.0),
    ]
    assert amounts(outcome, "trade") == [-3_300.0, -3_432.0, 5_940.0]


def test_a_gain_that_the_stop_has_locked_in_is_not_spent():
    bars = candles([(100, 101, 99, 100), (100, 131, 100, 130), (130, 131, 129, 130), (130,) * 4])
    # At stop 101 what is held gains 50; the budget stays 1% of 101,500: 1,015 / (130 - 101) = 35.
    script = {0: [enter()], 1: [MoveStop(PERP.id, 101.0, "up")], 2: [add(fraction=0.5)]}
    outcome = scaled(script, bars)
    assert outcome.decisions[-1].binding_cap == "risk"
    assert outcome.fills[-1].quantity == pytest.approx(35.0)


def test_targets_are_shares_of_everything_bought():
    bars = candles(
        [
            (100, 101, 99, 100),
            (100, 101, 99, 100),
            (100, 101, 99, 100),
            (100, 111, 100, 110),
            (110, 121, 110, 120),
        ]
    )
    goals = (Target(110.0, 0.5), Target(120.0, 0.5))
    outcome = scaled({0: [enter(targets=goals)], 1: [add(fraction=0.5)]}, bars)
    assert fill_lines(outcome) == [
        (1.0, "entry", 50.0, 100.0),
        (2.0, "entry", 50.0, 100.0),
        (4.0, "target", -50.0, 110.0),
        (5.0, "target", -50.0, 120.0),
    ]


def test_a_moved_stop_closes_all_tranches():
    bars = candles(
        [(100, 101, 99, 100), (100, 105, 100, 104), (104, 105, 103, 104), (104, 104, 90, 92)]
    )
    script = {0: [enter()], 1: [add(), MoveStop(PERP.id, 95.0, "up")]}
    assert fill_lines(scaled(script, bars))[-1] == (4.0, "stop", -75.0, 95.0)


def test_nothing_is_added_to_nothing():
    assert refusal(scaled({0: [add()]})) == ("rejected", "no position")


def test_one_tranche_at_a_time():
    assert refusal(scaled({0: [enter()], 1: [add(), add()]})) == ("rejected", "tranche works")


def test_a_tranche_that_volume_holds_back_still_works():
    thin = candles([(100, 101, 99, 100, 200)] * 4)
    outcome = scaled({0: [enter()], 1: [add()]}, thin, venue={"participation_cap": 0.1})
    # 10% of 200 a bar: 20, 20, 10 of the first tranche.
    assert refusal(outcome) == ("rejected", "tranche works")
    assert [f.quantity for f in outcome.fills] == [20.0, 20.0, 10.0]


def test_nothing_is_added_while_an_exit_works():
    outcome = scaled({0: [enter()], 1: [Exit(PERP.id, "out"), add()]})
    assert refusal(outcome) == ("rejected", "plan is leaving")


def test_nothing_is_added_beyond_the_stop():
    # The close of 89.9 lies below a stop that no price of the bars after the entry has met.
    bars = candles([(100, 101, 99, 100), (100, 100, 95, 96), (96, 97, 95.5, 96)])
    script = {0: [enter()], 1: [MoveStop(PERP.id, 96.0, "tight"), add()]}
    assert refusal(scaled(script, bars))[1] in ("stop side", "minimum size")


def test_a_daily_loss_blocks_a_tranche():
    falling = candles([(100, 101, 99, 100), (100, 100, 91, 92), (92, 93, 91, 92)])
    risk = {**ONE_PERCENT, "daily_loss": DailyLossConfig(limit=0.003, scope="block_entries")}
    # 50 x -8 = -400, 0.4% of the equity.
    outcome = scaled({0: [enter()], 1: [add()]}, falling, risk=risk)
    assert refusal(outcome) == ("blocked", "daily loss")


def test_a_tranche_is_no_new_trade_of_the_day():
    risk = {**ONE_PERCENT, "max_trades_per_day": 1}
    assert len(scaled({0: [enter()], 1: [add()]}, risk=risk).fills) == 3


def test_tranches_of_more_than_the_plan_break_the_contract():
    with pytest.raises(PlaybookContractError, match=r"would sum to 1\.25; they sum to 1 at most"):
        scaled({0: [enter(fraction=0.75)], 1: [add(fraction=0.5)]})


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1, float("nan")])
def test_a_fraction_that_is_none_is_refused(fraction):
    with pytest.raises(ValueError, match="fraction must lie in"):
        add(fraction=fraction)
    with pytest.raises(ValueError, match="fraction must lie in"):
        enter(fraction=fraction)
