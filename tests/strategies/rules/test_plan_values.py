"""Values of an open plan: what they measure, and how they mix with prepared values."""

import math

import pytest

from engine.conditions import Truth
from engine.testing import START, hour
from engine.views import PositionView
from strategies.rules.bindings import BoundRules
from strategies.rules.plan_values import PlanTerm, PlanTrack, plan_reading, prepared_parts
from tests.strategies.rules.rule_runs import params_of

NAN = float("nan")
FILE = """
instruments: {btc: BTCUSDT-PERP@1h}
series: {vix: VIX}
clock: btc@1h
let: {limit: 2}
trades:
  dip:
    instrument: btc
    enter: {up: btc.close > 1}
    stop: btc.close - 10
    exit:
      tested: "EXPRESSION"
"""


def plan_term(expression: str) -> PlanTerm:
    rules = BoundRules.of(params_of(FILE.replace("EXPRESSION", expression)))
    return PlanTerm.of(rules.term("trades", "dip", "exit", "tested"), "tested")


def position(mark: float, *, quantity: float = 1.0, entry: float = 100.0) -> PositionView:
    return PositionView("BTCUSDT-PERP", 1, quantity, entry, mark, 0.0, 90.0, 0.0, NAN, START, NAN)


READING = {
    "position.age": 3.0 * 3_600e9,
    "position.age_rows": 3.0,
    "position.r": 1.5,
    "position.best_r": 2.0,
    "position.drawdown": -0.02,
    "entry": 100.0,
    "stop": 90.0,
    "equity.drawdown": -0.01,
}


def truth(expression: str, **prepared: float) -> Truth:
    """Return an expression's truth; ``prepared`` are the values of its parts, in order."""
    term = plan_term(expression)
    values = dict(zip(term.parts.values(), prepared.values(), strict=True))
    return term.truth(values.__getitem__, READING)


# What they measure -------------------------------------------------------------------------------


def test_r_counts_distances_from_the_entry_to_the_first_stop():
    track = PlanTrack(first_stop=90.0)
    assert track.r(position(115.0)) == pytest.approx(1.5)
    # A short from 100 with its first stop at 110: at 85 it is 1.5 R ahead.
    assert PlanTrack(110.0).r(position(85.0, quantity=-1.0)) == pytest.approx(1.5)
    # A stop at the entry gives no scale.
    assert math.isnan(PlanTrack(100.0).r(position(115.0)))


def test_best_values_are_those_of_the_decisions_so_far():
    track = PlanTrack(first_stop=90.0)
    for mark in (105.0, 120.0, 108.0):
        track.see(position(mark))
    assert track.best_r == pytest.approx(2.0)
    # 108 / 120 - 1
    assert track.drawdown(position(108.0)) == pytest.approx(-0.1)


def test_the_drawdown_of_a_short_counts_from_its_lowest_mark():
    track = PlanTrack(first_stop=110.0)
    for mark in (95.0, 80.0, 88.0):
        track.see(position(mark, quantity=-1.0))
    # 1 - 88 / 80
    assert track.drawdown(position(88.0, quantity=-1.0)) == pytest.approx(-0.1)


def test_a_reading_has_every_value_by_its_name():
    track = PlanTrack(first_stop=90.0)
    track.see(position(110.0))
    found = plan_reading(position(110.0), track, now=hour(5), age_rows=6, equity_drawdown=-0.03)
    assert found == {
        "position.age": 5 * 3_600e9,
        "position.age_rows": 6.0,
        "position.r": 1.0,
        "position.best_r": 1.0,
        "position.drawdown": 0.0,
        "entry": 100.0,
        "stop": 90.0,
        "equity.drawdown": -0.03,
    }


# How they mix ------------------------------------------------------------------------------------


def test_the_largest_parts_without_the_plan_are_prepared():
    term = plan_term("btc.close - 2 * atr(btc, 5 bars) > entry and (vix > 20 or vix < 10)")
    assert [part.text for part in prepared_parts(term.term)] == [
        "btc.close - 2 * atr(btc, 5 bars)",
        "vix > 20 or vix < 10",
    ]


def test_a_part_that_stands_twice_is_prepared_once():
    assert len(plan_term("btc.close > entry or btc.close < stop").parts) == 1


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("position.r > 1R", Truth.TRUE),
        ("position.r > limit", Truth.FALSE),
        ("position.age >= 3h", Truth.TRUE),
        ("position.age > 3 bars", Truth.FALSE),
        ("position.drawdown < -1%", Truth.TRUE),
        ("equity.drawdown < -100bp", Truth.FALSE),
        ("not position.r > 1", Truth.FALSE),
        ("min(entry, stop) == 90", Truth.TRUE),
        ("(entry - stop) / entry > 9%", Truth.TRUE),
        ("abs(-position.best_r) == 2", Truth.TRUE),
    ],
)
def test_expressions_of_plan_values_alone(expression: str, expected: Truth):
    assert truth(expression) is expected


@pytest.mark.parametrize(
    ("prepared", "expected"),
    [(120.0, Truth.TRUE), (80.0, Truth.FALSE), (NAN, Truth.UNKNOWN)],
)
def test_a_comparison_with_an_unknown_number_is_unknown(prepared: float, expected: Truth):
    assert truth("btc.close > entry", close=prepared) is expected


def test_three_valued_logic_is_that_of_prepared_values():
    # An unknown truth is stored as NaN.
    assert truth("position.r > 1 or vix > 20", vix=NAN) is Truth.TRUE
    assert truth("position.r > 9 or vix > 20", vix=NAN) is Truth.UNKNOWN
    assert truth("position.r > 9 and vix > 20", vix=NAN) is Truth.FALSE
    assert truth("position.r > 1 and vix > 20", vix=NAN) is Truth.UNKNOWN
    assert truth("position.r > 1 and vix > 20", vix=1.0) is Truth.TRUE


def test_the_reason_tells_what_was_measured_and_only_what_holds():
    term = plan_term("position.r > 9R or position.age >= 3h and btc.close > entry")
    (name,) = term.parts.values()
    assert term.told({name: 101.25}.__getitem__, READING) == (
        "position.age 3 h >= 3h and btc.close 101.25 > entry 100"
    )


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("sma(position.r, 5 bars) > 1", "a window needs rows"),
        ("position.r crosses above 1", "a crossing compares with the row before"),
        ("(position.r > 1) for 3 bars", "a window needs rows"),
        ("position.r[1] > 1", "no rows to look back on"),
    ],
)
def test_windows_over_plan_values_are_refused_with_the_reason(expression: str, message: str):
    rules = BoundRules.of(params_of(FILE.replace("EXPRESSION", expression)))
    (problem,) = rules.problems()
    assert problem.path[:4] == ("trades", "dip", "exit", "tested")
    assert message in problem.message
