"""A trade that only one run has: each cause alone changes the answer."""

import pytest

from engine.answers.run_diff import TradeVerdict, diff_text, trade_text
from engine.decision_terms import Cap, DecisionOutcome, GuardName, RefusalRule
from tests.engine.answers.run_diff.hand_runs import (
    HandRun,
    HandTrade,
    moved_window,
    rule_of_touch,
)
from tests.engine.conftest import HOUR, START

NAN = float("nan")
AT = 40


BLOCKED = {"outcome": DecisionOutcome.BLOCKED, "blocked_by": GuardName.COOL_DOWN}
PENNILESS = {"blocked_by": RefusalRule.NO_CASH, "binding_cap": ""}
TOO_SMALL = {
    "blocked_by": RefusalRule.MINIMUM_SIZE,
    "binding_cap": Cap.PARTICIPATION,
    "caps": ((Cap.RISK, 20.0), (Cap.PARTICIPATION, 0.0004)),
    "quantity": 0.0,
}
EARLIER = HandTrade(hour=30, out_hour=60)
LACKING = {
    "condition calm": HandRun((), truths={AT: (9.0, 6.0)}),
    "condition deep": HandRun((), truths={AT: (12.0, 4.0)}),
    "guard cool-down": HandRun((), refused={AT: BLOCKED}, guards=((35, GuardName.COOL_DOWN),)),
    "guard drawdown halt": HandRun((), guards=((35, GuardName.DRAWDOWN_HALT),)),
    "rule stop side": HandRun((), refused={AT: {"blocked_by": RefusalRule.STOP_SIDE}}),
    "cap participation": HandRun((), refused={AT: TOO_SMALL}),
    "cash no cash": HandRun((), refused={AT: PENNILESS}),
    "cash free cash": HandRun(
        (), unfilled={AT: {"status": "rejected", "end_reason": "free cash does not carry the rest"}}
    ),
    "order limit": HandRun((), unfilled={AT: {"kind": "limit", "price": 99.0}}),
    "decision row": HandRun((), absent_rows=(AT,)),
    "unmarked bar": HandRun((), unmarked=(AT,)),
    "playbook no intent": HandRun(()),
    "window": HandRun((), settings=moved_window(start_hour=72)),
}  # fmt: skip


@pytest.mark.parametrize("label", LACKING)
def test_the_first_cause_is_found_in_either_direction(compared, label: str) -> None:
    has, lacks = HandRun(), LACKING[label]
    (vanished,) = compared(has, lacks).trades
    (appeared,) = compared(lacks, has).trades
    assert vanished.verdict is TradeVerdict.VANISHED
    assert appeared.verdict is TradeVerdict.APPEARED
    assert vanished.cause.label == appeared.cause.label == label
    # 20 x (103 - 100) less fees of 20 x 100 x 0.0005 and 20 x 103 x 0.0005.
    assert appeared.net == pytest.approx(60.0 - 1.0 - 1.03)
    assert vanished.net == pytest.approx(-appeared.net)


def test_a_plan_that_is_still_open_is_named(compared) -> None:
    early, late = HandTrade(hour=20, out_hour=30), HandTrade(hour=AT)
    diff = compared(HandRun((early, late)), HandRun((HandTrade(hour=20, out_hour=70),)))
    changed, vanished = diff.trades
    assert changed.verdict is TradeVerdict.CHANGED
    assert vanished.cause.label == "still in trade 1"
    assert vanished.cause.text.startswith("trade 1 of B was open since 2026-02-02")


def test_an_order_that_added_to_an_open_plan_is_no_unfilled_entry(compared) -> None:
    early, late = HandTrade(hour=20, out_hour=30), HandTrade(hour=AT)
    held = HandRun((HandTrade(hour=20, out_hour=70),), added={AT: 5.0})
    _, vanished = compared(HandRun((early, late)), held).trades
    assert vanished.cause.label == "still in trade 1"
    assert vanished.cause.text == "trade 1 of B was open, and the order of this row added to it"


def test_a_working_entry_is_named(compared) -> None:
    # The order of hour 30 rests until hour 60.
    resting = {"kind": "limit", "price": 90.0, "ended_at": START + 60 * HOUR}
    (trade,) = compared(HandRun(), HandRun((), unfilled={30: resting})).trades
    assert trade.cause.label == "still in plan 1"
    assert "plan 1 of B had an entry order that worked since" in trade.cause.text


def test_the_numbers_of_a_condition_stand_beside_each_other(compared) -> None:
    (trade,) = compared(HandRun(), HandRun((), truths={AT: (9.0, 6.0)})).trades
    assert trade.cause.text == (
        "true in A, false in B (A 12 against 10 x; B 9 against 10 x)"
    )  # fmt: skip


def test_an_unknown_condition_is_a_cause(compared) -> None:
    (trade,) = compared(HandRun(), HandRun((), truths={AT: (NAN, 6.0)})).trades
    assert trade.cause.label == "condition calm"
    assert trade.cause.text.startswith("true in A, unknown in B (A 12 against 10 x")


def test_a_condition_left_out_of_one_run_is_named_so(compared) -> None:
    truths = {AT: (9.0, 6.0)}
    diff = compared(HandRun(left_out=True, truths=truths), HandRun((), truths=truths))
    assert diff.trades[0].cause.label == "condition calm"
    assert diff.trades[0].cause.text.startswith("left out, counted as true in A, false in B")


def test_a_condition_that_one_run_does_not_require_is_named_so(compared) -> None:
    truths = {AT: (9.0, 6.0)}
    diff = compared(HandRun(calm_required=False, truths=truths), HandRun((), truths=truths))
    assert diff.trades[0].cause.text.startswith("not required in A, false in B")


def test_the_condition_that_differs_comes_before_one_that_failed_in_both(compared) -> None:
    # calm fails in both runs, deep in B only: deep is what changed.
    has = HandRun(truths={AT: (9.0, 6.0)})
    lacks = HandRun((), truths={AT: (9.0, 4.0)})
    (trade,) = compared(has, lacks).trades
    assert [cause.label for cause in trade.causes] == ["condition deep", "condition calm"]


def test_a_busy_account_comes_before_a_condition(compared) -> None:
    lacks = HandRun((), guards=((35, GuardName.DRAWDOWN_HALT),), truths={AT: (9.0, 6.0)})
    (trade,) = compared(HandRun(), lacks).trades
    assert [cause.label for cause in trade.causes] == ["guard drawdown halt", "condition calm"]


def test_a_cap_below_one_lot_shows_what_it_allowed_in_both_runs(compared) -> None:
    (trade,) = compared(HandRun(), HandRun((), refused={AT: TOO_SMALL})).trades
    assert "cap participation allows 0.0004, lot 0.001" in trade.cause.text
    assert "A: allows -, bound by risk, size 20" in trade.cause.text


def test_another_direction_is_a_cause(compared) -> None:
    short = HandTrade(size=-20.0, stop=103.0, exit=97.0)
    diff = compared(HandRun(), HandRun((short,)))
    labels = {trade.verdict: trade.cause.label for trade in diff.trades}
    assert labels == {
        TradeVerdict.VANISHED: "direction short",
        TradeVerdict.APPEARED: "direction long",
    }


def test_a_limit_that_one_rule_fills_and_the_other_does_not(compared) -> None:
    at_level = {"kind": "limit", "price": 100.0}
    has = HandRun((HandTrade(entry_order=at_level, entry_stage="range"),), settings=rule_of_touch)
    lacks = HandRun((), unfilled={AT: at_level})
    (trade,) = compared(has, lacks).trades
    assert trade.cause.label == "fill rule limit_fill"
    assert "A touch, B through" in trade.cause.text
    # With one rule in both runs the order is the cause, and no rule.
    (trade,) = compared(
        HandRun((HandTrade(entry_order=at_level, entry_stage="range"),)), lacks
    ).trades
    assert trade.cause.label == "order limit"


def test_a_lower_limit_is_told_with_both_levels(compared) -> None:
    lacks = HandRun((), unfilled={AT: {"kind": "limit", "price": 99.0}})
    has = HandRun((HandTrade(entry_order={"kind": "limit", "price": 100.0}),))
    (trade,) = compared(has, lacks).trades
    assert "limit at 99, filled nothing" in trade.cause.text
    assert "A filled at 100" in trade.cause.text
    assert "its level at 100" in trade.cause.text


def test_a_trade_of_one_run_shows_the_conditions_of_the_other(compared) -> None:
    diff = compared(HandRun(), HandRun((), truths={AT: (9.0, 6.0)}))
    told = trade_text(diff, 1)
    assert "condition calm: true in A, false in B" in told
    assert "Risk decision 1: enter approved" in told.partition("B at ")[0]
    assert "NO   calm" in told.partition("B at ")[2]
    assert "vanished: condition calm (1)" in diff_text(diff, ("a", "b"))
