"""A trade that both runs have: each cause alone changes the answer.

Run A buys 20 at 100 with a stop at 97 and leaves at 103 by a target.
"""

import pytest

from engine.answers.run_diff import TradeVerdict
from engine.decision_terms import Cap, RiskTier
from engine.trailing_stop import StopMoves
from tests.engine.answers.run_diff.hand_runs import (
    HandRun,
    HandTrade,
    moved_window,
    rule_of_touch,
)

HALF = {"size": 10.0}
CAPS = {"caps": ((Cap.RISK, 20.0), (Cap.PARTICIPATION, 10.0)), "binding_cap": Cap.PARTICIPATION}
PART = {"quantity": 20.0, "filled": 10.0}
# A budget of the same fraction of 9,998 that 20 units are of 10,057.97.
IN_STEP = {"caps": ((Cap.RISK, 20 * 9_998 / 10_057.97),)}
CHANGED = {
    "stop": HandTrade(stop=96.0),
    "price price at the decision": HandTrade(entry=101.0),
    "tier account": HandTrade(
        **HALF, decision={"multiplier": 0.5, "tier": RiskTier.CAUTIOUS, "caps": ((Cap.RISK, 20.0),)}
    ),
    "tier factor": HandTrade(**HALF, decision={"multiplier": 0.5, "caps": ((Cap.RISK, 20.0),)}),
    # 15 x 4 is the same budget as 20 x 3.
    "cost in sizing": HandTrade(size=15.0, decision={"risk_per_unit": 4.0}),
    "cap participation": HandTrade(**HALF, decision=CAPS),
    "cap risk": HandTrade(**HALF),
    "cash entry": HandTrade(
        **HALF,
        decision={"quantity": 20.0},
        entry_order={**PART, "end_reason": "free cash does not carry the rest"},
    ),
    "order entry": HandTrade(fill_hour=42),
    "exit stop": HandTrade(out="stop", exit=97.0, out_hour=45),
    "exit target": HandTrade(exit=104.0),
    "cost fee": HandTrade(fee_rate=0.001),
    "cost slippage": HandTrade(slip=0.1),
    "income funding": HandTrade(funding_rate=0.001),
}


@pytest.mark.parametrize("label", CHANGED)
def test_the_first_cause_of_a_change_is_found_in_either_direction(compared, label: str) -> None:
    before, after = HandRun(), HandRun((CHANGED[label],))
    for diff in (compared(before, after), compared(after, before)):
        (trade,) = diff.trades
        assert trade.verdict is TradeVerdict.CHANGED
        assert trade.cause.label == label
        assert sum(trade.parts.values()) == pytest.approx(trade.net, abs=1e-9)


def test_a_trade_that_nothing_changed_is_the_same(compared) -> None:
    (trade,) = compared(HandRun(), HandRun()).trades
    assert trade.verdict is TradeVerdict.SAME
    assert trade.causes == trade.changes == ()


def test_a_size_that_only_follows_equity_names_the_first_trade_that_differed(compared) -> None:
    # Trade 1 earns 60 less in B; trade 2 risks the same fraction of equity, in whole lots.
    first, second = HandTrade(hour=20, out_hour=30), HandTrade(hour=60, out_hour=70)
    worse = HandTrade(hour=20, out_hour=30, exit=100.0)
    after = HandTrade(hour=60, out_hour=70, size=19.88, decision=IN_STEP)
    one, two = compared(HandRun((first, second)), HandRun((worse, after))).trades
    assert one.cause.label == "exit target"
    assert two.cause.label == "equity"
    assert two.cause.text.startswith("only equity 10,")
    assert two.cause.text.endswith(
        "since trade 1 of 2026-02-02 22:40Z, the first trade that differed"
    )


def test_another_setting_beside_another_equity_is_named_before_it(compared) -> None:
    first, second = HandTrade(hour=20, out_hour=30), HandTrade(hour=60, out_hour=70)
    worse = HandTrade(hour=20, out_hour=30, exit=100.0)
    after = HandTrade(hour=60, out_hour=70, size=10.0)
    _, two = compared(HandRun((first, second)), HandRun((worse, after))).trades
    assert [cause.kind for cause in two.causes[:2]] == ["cap", "equity"]
    assert two.causes[1].text.startswith("also equity")


def test_equity_that_differs_from_the_start_says_so(compared) -> None:
    after = HandRun((HandTrade(size=40.0),), cash=20_000.0)
    (trade,) = compared(HandRun(), after).trades
    assert trade.cause.text == "only equity 10,000.00 -> 20,000.00 before any trade"


def test_an_exit_of_a_guard_is_named_by_its_guard(compared) -> None:
    sold = HandTrade(out="guard", out_hour=45, exit=99.0)
    (trade,) = compared(HandRun(), HandRun((sold,))).trades
    assert trade.cause.label == "guard guard reason"
    assert "B left by guard (guard reason) at 99 on 2026-02-03 23:40Z" in trade.cause.text


def test_a_stop_that_trails_in_one_run_only_is_named(compared) -> None:
    terms = {"trail_moved": StopMoves.AT_CLOSES, "trail_distance": 3.0}
    fixed, trailing = (
        HandTrade(out="stop", exit=price, exit_order=order)
        for price, order in ((97.0, {}), (101.0, terms))
    )
    (trade,) = compared(HandRun((fixed,)), HandRun((trailing,))).trades
    assert trade.cause.label == "stop trailing"
    told = f"the stop does not trail -> trails {StopMoves.AT_CLOSES}, distance 3.0"
    assert trade.cause.text == told


def test_a_target_that_only_a_touch_fills_names_the_rule(compared) -> None:
    touched = HandTrade(exit_stage="range", exit_order={"kind": "limit", "price": 103.0})
    stopped = HandTrade(out="stop", exit=97.0, out_hour=60)
    after = HandRun((touched,), settings=rule_of_touch)
    (trade,) = compared(HandRun((stopped,)), after).trades
    assert trade.cause.label == "fill rule limit_fill"
    assert trade.cause.text.endswith("(limit_fill through -> touch)")
    # With one rule for both runs, the same exits have another cause.
    (trade,) = compared(HandRun((stopped,)), HandRun((touched,))).trades
    assert trade.cause.label == "exit target"


def test_a_run_that_ends_before_the_exit_says_so(compared) -> None:
    held = HandRun((HandTrade(out_hour=200),), settings=moved_window(end_hour=45))
    (trade,) = compared(HandRun(), held).trades
    assert trade.changes[-1].name in ("exit", "fees", "price result")
    assert trade.cause.label == "window"


def test_the_nearest_trade_of_a_setup_is_compared_and_its_delay_explained(compared) -> None:
    late = HandRun((HandTrade(hour=43),), truths={40: (9.0, 6.0)})
    (trade,) = compared(HandRun(), late).trades
    assert trade.verdict is TradeVerdict.CHANGED
    assert trade.changes[0].text() == "decided 2026-02-03 18:40Z -> 2026-02-03 21:40Z"
    assert trade.cause.label == "condition calm"


def test_two_trades_of_one_setup_are_one_trade_that_moved(compared) -> None:
    early, late = HandTrade(hour=20, out_hour=30, setup="s"), HandTrade(hour=40, setup="s")
    (trade,) = compared(HandRun((early,)), HandRun((late,))).trades
    assert trade.verdict is TradeVerdict.CHANGED
    other = HandRun((HandTrade(hour=40, setup="t"),))
    verdicts = [trade.verdict for trade in compared(HandRun((early,)), other).trades]
    assert verdicts == [TradeVerdict.VANISHED, TradeVerdict.APPEARED]


def test_a_breakeven_stop_that_the_entrys_slippage_moved_is_its_slippage(compared) -> None:
    # The stop moved to the average entry: 0.1 higher because the entry slipped by 0.1.
    before = HandTrade(out="stop", exit=100.0)
    after = HandTrade(out="stop", exit=100.1, slip=0.1)
    (trade,) = compared(HandRun((before,)), HandRun((after,))).trades
    assert [cause.label for cause in trade.causes] == ["cost slippage", "exit stop"]
