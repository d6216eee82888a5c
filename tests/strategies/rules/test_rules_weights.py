"""Weights by state, worked by hand: the state that is held, and when weights are restored."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.dataset import Dataset
from engine.conditions import Truth
from engine.playbook import Signals
from engine.records import SimulationOutcome
from engine.testing import ETF, START, candles, fill_lines, series, table
from strategies.rules import Rules
from strategies.rules.bindings import BoundRules
from strategies.rules.weights import WeightDecisions, held_states
from strategies.target_weights import BOOK_RISK_DEFAULTS, left_band
from tests.strategies.rules.rule_runs import params_of, played, prepared, reasons

BOND = ETF.model_copy(update={"id": "IEF"})
HEAD = """
instruments: {qqq: QQQ@session, ief: IEF@session}
series: {vix: VIX}
clock: qqq@session
"""
TEXT = (
    HEAD
    + """
weights:
  storm:
    when: vix > 30
    hold: {ief: 0.5}
  usual: {otherwise: true, hold: {qqq: 0.6, ief: 0.4}}
rebalance: {min_ticket: 0}
"""
)
# In a storm this file holds nothing.
CASH = TEXT.replace("hold: {ief: 0.5}", "hold: {ief: 0}")
CALM, WILD, UNKNOWN = 20.0, 40.0, None
T, F, U = int(Truth.TRUE), int(Truth.FALSE), int(Truth.UNKNOWN)


def days(count: int) -> list[int]:
    """Return the midnights of weekdays from Monday 2026-02-02 on, ns UTC."""
    every = [START + i * DAY_NS for i in range(2 * count)]
    return [day for i, day in enumerate(every) if i % 7 < 5][:count]


def market(vix: list[float], qqq: list[float] | None = None) -> Dataset:
    """Return sessions of two funds, flat at 100 unless given, and VIX known at each close.

    A VIX of NaN is a day without a value: the file's largest age then makes it unknown.
    """
    dates = days(len(vix))
    opened, closed = ([day + at for day in dates] for at in (29 * HOUR_NS // 2, 21 * HOUR_NS))
    closes = qqq or [100.0] * len(vix)
    opens = [closes[0], *closes[:-1]]
    rows = [(o, max(o, c), min(o, c), c) for o, c in zip(opens, closes, strict=True)]
    flat = [(100.0, 100.0, 100.0, 100.0)] * len(vix)
    places = {"timeframe": "1d", "opened_at": opened, "closed_at": closed}
    known = [(at, value) for at, value in zip(closed, vix, strict=True) if not np.isnan(value)]
    return table(
        candles(rows, instrument="QQQ", **places),
        candles(flat, instrument="IEF", **places),
        series(known, "VIX"),
        instruments=(ETF, BOND),
    )


def run(text: str, data: Dataset) -> SimulationOutcome:
    wallets = {"venue_cash": 0.0, "brokerage_cash": 10_000.0}
    return played(text, data, account=wallets, risk={"notional_cap": None})


def states(signals: Signals) -> list[int]:
    return signals.values["state"].astype(int).tolist()


# The state that is held --------------------------------------------------------------------------


def held(*columns: list[int], patience: list[int] | None = None, judged: list[int] | None = None):
    rows = len(columns[0])
    flags = np.ones(rows, bool) if judged is None else np.isin(np.arange(rows), judged)
    truths = [np.array(column, np.int8) for column in columns]
    return held_states(truths, patience or [1] * len(columns), flags).tolist()


def test_the_first_true_state_of_the_file_is_held():
    assert held([F, T, F], [T, T, F], [T, T, T]) == [1, 0, 2]


def test_an_unknown_state_keeps_the_one_that_was_held_and_hides_those_after_it():
    assert held([F, U, U, T], [T, T, F, T]) == [1, 1, 1, 0]
    # A state before the unknown one is true: the unknown one does not matter.
    assert held([T, T], [U, U], [T, T]) == [0, 0]


def test_nothing_is_held_before_the_first_state_is_known():
    assert held([U, U, F], [T, T, T]) == [-1, -1, 1]


def test_a_state_is_left_after_its_rows_in_a_row():
    assert held([T, F, F, F, F], [T] * 5, patience=[3, 1]) == [0, 0, 0, 1, 1]
    # An unknown row and a true one begin the count again.
    assert held([T, F, U, F, F], [T] * 5, patience=[2, 1]) == [0, 0, 0, 0, 1]


def test_a_state_before_it_takes_over_at_once():
    assert held([F, F, T], [T, F, F], [T] * 3, patience=[1, 5, 1]) == [1, 1, 0]


def test_states_change_at_judged_rows_only():
    assert held([T, F, F, T], [T] * 4, judged=[1, 3]) == [-1, 1, 1, 0]


# A run -------------------------------------------------------------------------------------------


def test_a_change_of_state_rebalances_at_the_next_open_and_names_the_condition():
    outcome = run(TEXT, market([CALM, CALM, WILD, WILD, CALM, CALM]))
    # One decision for each instrument.
    assert list(dict.fromkeys(reasons(outcome, "rebalance"))) == [
        "first purchase in usual: no other state holds",
        "storm: vix > 30",
        "usual: no other state holds",
    ]


def test_instruments_that_a_state_does_not_hold_are_sold():
    outcome = run(TEXT, market([CALM, CALM, WILD, WILD]))
    bought = {fill.instrument: fill.quantity for fill in outcome.fills[:2]}
    # 60% and 40% of 10,000 at 100.
    assert bought == {"QQQ": 60.0, "IEF": 40.0}
    changed = {fill.instrument: fill.quantity for fill in outcome.fills[2:]}
    assert changed == {"QQQ": -60.0, "IEF": 10.0}


def test_an_unknown_state_keeps_the_weights_and_never_falls_to_otherwise():
    text = TEXT.replace("rebalance:", "max_age: {vix: 1d}\nrebalance:")
    nan = float("nan")
    data = market([WILD, WILD, nan, nan, CALM, CALM])
    signals = prepared(text, data)
    assert states(signals) == [0, 0, 0, 0, 1, 1]
    passing = text.replace("when: vix > 30", "when: vix > 30\n    unknown: pass")
    assert states(prepared(passing, market([CALM, CALM, nan, nan, CALM]))) == [1, 1, 0, 0, 1]


def test_a_state_whose_only_condition_is_left_out_is_never_held():
    signals = prepared(TEXT, market([WILD, CALM, WILD]), ignored=("storm",))
    assert states(signals) == [1, 1, 1]


def test_a_condition_left_out_beside_another_counts_as_true():
    text = TEXT.replace("    when: vix > 30", "    when: {high: vix > 30, low: qqq.close < 95}")
    data = market([CALM, WILD, CALM], [100.0, 100.0, 94.0])
    assert states(prepared(text, data, ignored=("storm.high",))) == [1, 1, 0]
    assert states(prepared(text, data, ignored=("storm.low",))) == [1, 0, 1]
    assert states(prepared(text, data, ignored=("storm.high", "storm.low"))) == [1, 1, 1]


def test_leave_after_holds_a_state_for_more_sessions():
    text = TEXT.replace("    hold: {ief: 0.5}", "    hold: {ief: 0.5}\n    leave_after: 2 sessions")
    assert states(prepared(text, market([CALM, WILD, CALM, CALM, CALM]))) == [1, 0, 0, 1, 1]


def test_named_conditions_of_a_state_are_anded_and_grouped():
    text = TEXT.replace("    when: vix > 30", "    when: {high: vix > 30, low: qqq.close < 95}")
    data = market([WILD, WILD, WILD, CALM], [100.0, 94.0, 94.0, 94.0])
    signals = prepared(text, data)
    assert states(signals) == [1, 0, 0, 1]
    assert [(item.name, item.group) for item in signals.conditions] == [
        ("storm.high", "storm"),
        ("storm.low", "storm"),
    ]


EXPRESSION = TEXT.replace("{qqq: 0.6, ief: 0.4}}", "{qqq: vix / 100, ief: 0.5}}")


def test_an_expression_weighs_by_its_value_at_the_row():
    signals = prepared(EXPRESSION, market([10.0, 20.0, 25.0]))
    assert signals.values["weight qqq"].tolist() == pytest.approx([0.1, 0.2, 0.25])
    assert signals.values["weight ief"].tolist() == [0.5, 0.5, 0.5]


def test_weights_above_the_equity_are_scaled_to_it_and_the_reason_says_so():
    text = EXPRESSION.replace("vix / 100", "vix / 20").replace("{min", "{when: weekly, min")
    signals = prepared(text, market([CALM, CALM]))
    # 1.0 and 0.5, divided by 1.5.
    assert signals.values["weight qqq"].tolist() == pytest.approx([2 / 3, 2 / 3])
    outcome = run(text, market([CALM, CALM, CALM]))
    assert outcome.decisions[0].reason.endswith("; weights sum to 1.5, scaled to 1")


def test_a_negative_expression_counts_as_zero():
    text = EXPRESSION.replace("vix / 100", "vix / 100 - 1")
    assert prepared(text, market([CALM, CALM])).values["weight qqq"].tolist() == [0.0, 0.0]


def test_an_unknown_weight_keeps_all_weights_of_the_row_before():
    text = EXPRESSION.replace("vix / 100", "vix / 100 + 0 / (25 - vix)")
    signals = prepared(text, market([10.0, 25.0, 20.0]))
    assert signals.values["weight qqq"].tolist() == pytest.approx([0.1, 0.1, 0.2])


def test_a_switch_into_unknown_weights_keeps_the_state_that_is_held():
    text = TEXT.replace("hold: {ief: 0.5}", "hold: {ief: 0.5 / (vix - 40)}")
    assert states(prepared(text, market([CALM, WILD, 42.0]))) == [1, 1, 0]


def test_the_band_restores_a_weight_that_left_it():
    text = TEXT.replace("{min_ticket: 0}", "{min_ticket: 0, band: 5%}")
    # At 130 the fund's share is 78 / 118 = 66.1%, 6.1 points off, and so is the bond's.
    outcome = run(text, market([CALM] * 5, [100.0, 100.0, 110.0, 130.0, 130.0]))
    assert outcome.decisions[-1].reason.startswith("band left in usual: IEF at 33.9%, target 40.0%")


@pytest.mark.parametrize("names", [("QQQ", "IEF"), ("IEF", "QQQ")])
def test_of_two_weights_equally_off_the_first_by_name_is_told(names):
    positions = {name: SimpleNamespace(exposure=50.0) for name in ("QQQ", "IEF")}
    account: Any = SimpleNamespace(equity=100.0, positions=positions, delisted=set())
    targets = {name: {"QQQ": 0.25, "IEF": 0.75}[name] for name in names}
    told = left_band(account, targets, absolute=0.05, relative=None)
    assert told == "IEF at 50.0%, target 75.0%"


def test_a_switch_that_turned_back_leaves_nothing_put_off():
    decisions = WeightDecisions(BoundRules.of(params_of(TEXT)))

    def told(state: int, *, working: bool = False) -> list[str]:
        values = {"state": state, "rebalance": 0, "weights sum": 1, "weight qqq": 0.6}
        values |= {"weight ief": 0.4, "begun qqq": 1, "begun ief": 1}
        positions = {"QQQ": SimpleNamespace(quantity=0.6, exposure=60.0)}
        account: Any = SimpleNamespace(
            equity=100.0,
            positions=positions,
            working={"QQQ"} if working else set(),
            delisted=set(),
        )
        at: Any = SimpleNamespace(signal=values.__getitem__)
        return [item.reason for item in decisions.on_bar(at, account)]

    assert told(1) == ["usual: no other state holds"]
    # The order of the switch to the first state cannot be sent, and the state turns back.
    assert len(told(0, working=True)) == 1
    assert told(1) == []
    assert told(0) == ["storm: vix > 30"]


def test_month_end_restores_at_the_last_session_of_the_month():
    text = TEXT.replace("{min_ticket: 0}", "{min_ticket: 0, when: month_end}")
    # Twenty weekdays from 2 February; the last session of the month is Friday the 27th, row 19.
    signals = prepared(text, market([CALM] * 22))
    assert np.flatnonzero(signals.values["rebalance"]).tolist() == [19]


def test_states_may_be_judged_at_month_ends_only():
    text = TEXT + "switch: month_end\n"
    signals = prepared(text, market([WILD] * 21 + [CALM]))
    assert states(signals) == [-1] * 19 + [0] * 3


def test_a_state_of_cash_buys_nothing():
    text = TEXT.replace("{qqq: 0.6, ief: 0.4}}", "{}}")
    outcome = run(text, market([CALM, CALM, WILD, CALM, CALM]))
    assert [fill.instrument for fill in outcome.fills] == ["IEF", "IEF"]
    assert fill_lines(outcome)[-1][2] == -50.0


def test_weights_have_the_risk_defaults_of_a_book_and_trades_have_none():
    assert Rules.default_risk(params_of(TEXT)) == BOOK_RISK_DEFAULTS


# Shorts -------------------------------------------------------------------------------------------

SHORT = TEXT.replace("hold: {ief: 0.5}", "hold: {ief: 0.5}\n    short: {qqq: 0.3}")
LENDS = {
    "venue_cash": 0.0,
    "brokerage_cash": 10_000.0,
    "short_sales": {"rebate_series": None, "borrow_fee_bps": {"QQQ": 25.0}},
}


def run_lent(text: str, data: Dataset) -> SimulationOutcome:
    return played(text, data, account=LENDS, risk={"notional_cap": None})


def test_a_state_sells_short_and_the_next_one_covers():
    outcome = run_lent(SHORT, market([WILD, WILD, CALM, CALM, CALM, CALM]))
    # 30% of 10,000 at 100; then 60% of what is left is bought on the row after the cover.
    assert [(f.instrument, f.role, f.quantity) for f in outcome.fills[:4]] == [
        ("IEF", "entry", 50.0),
        ("QQQ", "entry", -30.0),
        ("IEF", "exit", -10.0),
        ("QQQ", "exit", 30.0),
    ]
    last = outcome.fills[-1]
    assert (last.instrument, last.role) == ("QQQ", "entry")
    assert last.position_after == pytest.approx(59, abs=1)
    assert reasons(outcome, "rebalance")[-1] == "QQQ turns"


def test_a_long_turns_short_in_two_steps():
    outcome = run_lent(SHORT, market([CALM, CALM, WILD, WILD, WILD, WILD]))
    held = [f.position_after for f in outcome.fills if f.instrument == "QQQ"]
    assert held == [60.0, 0.0, -30.0]


def test_a_share_sold_short_may_be_an_expression_and_is_cut_at_the_equity():
    text = SHORT.replace("short: {qqq: 0.3}", "short: {qqq: vix / 100}").replace(
        "{min_ticket: 0}", "{min_ticket: 0, when: weekly}"
    )
    signals = prepared(text, market([WILD, 45.0, 200.0, CALM]))
    assert signals.values["weight qqq"].tolist() == [-0.4, -0.45, -1.0, 0.6]
    # The sum that scales weights has no shorts.
    assert signals.values["weights sum"].tolist() == [0.5, 0.5, 0.5, 1.0]


def test_without_an_account_that_lends_the_short_is_refused_and_the_rest_is_held():
    outcome = run(SHORT, market([WILD] * 4))
    assert {f.instrument for f in outcome.fills} == {"IEF"}
    assert {d.blocked_by for d in outcome.decisions if d.instrument == "QQQ"} == {"no short"}


def test_a_trade_can_be_short_of_a_fund():
    text = (
        HEAD
        + """
trades:
  fall:
    instrument: qqq
    side: short
    enter: {afraid: vix > 30}
    stop: qqq.close * 1.1
    exit: {calm: vix < 30}
"""
    )
    outcome = run_lent(text, market([WILD, WILD, CALM, CALM]))
    held = [(f.role, f.position_after < 0) for f in outcome.fills]
    assert held == [("entry", True), ("exit", False)]


def test_the_page_draws_the_states_that_hold_something():
    # A state without holdings is the resting state: no band, whatever its name is.
    for text, stages in ((TEXT, {0: "storm", 1: "usual"}), (CASH, {1: "usual"})):
        (drawn,) = prepared(text, market([CALM, WILD, CALM])).drawn
        assert (drawn.name, drawn.drawn_as, dict(drawn.stages)) == ("state", "stages", stages)
