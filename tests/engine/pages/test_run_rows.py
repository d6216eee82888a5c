"""Check the rows that summary and tearsheet share."""

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import SimulationError
from engine.formatting import adding_up
from engine.metrics import METRICS
from engine.pages.run_rows import cost_rows, headline_note, metric_rows, near_misses
from engine.records import Fact
from engine.results.finished import RunRecord


def with_fact(run, kind, amount):
    """Return the run with cash that belongs to no plan, in ledger and curve."""
    curve = run.outcome.curve
    fact = Fact(999, int(curve.at[-1]), kind, "brokerage", amount)
    equity = np.append(curve.equity[:-1], curve.equity[-1] + amount)
    outcome = replace(
        run.outcome, facts=(*run.outcome.facts, fact), curve=replace(curve, equity=equity)
    )
    return RunRecord(replace(run, outcome=outcome))


def test_interest_is_what_the_ledger_calls_interest(make_run):
    run = make_run(hours=300)
    plain = dict(cost_rows(RunRecord(run)))
    assert "interest" not in plain
    assert "not assigned to a trade" not in plain
    assert dict(cost_rows(with_fact(run, "interest", 12.5)))["interest"] == "+12.50"


def test_another_difference_to_the_trades_is_not_called_interest(make_run):
    rows = dict(cost_rows(with_fact(make_run(hours=300), "dividend", 7.25)))
    assert rows["not assigned to a trade"] == "+7.25"
    assert "interest" not in rows


def test_the_note_says_what_holding_earns_and_what_ratios_are_in_excess_of(make_run):
    note = headline_note(RunRecord(make_run(hours=60)))
    assert "Holding BTCUSDT-PERP reinvests dividends, pays funding" in note
    assert "in excess of 0: the data hold no DGS3MO" in note


def with_excess(fractions):
    names = ("excess_return", "trading_return", "interest_less_bill")
    ones = {metric.name: 1.0 for metric in METRICS} | {"revaluation_return": 0.0}
    return ones | dict(zip(names, fractions, strict=True))


@pytest.mark.parametrize(
    ("fractions", "shown"),
    [
        # 0.508 rounds to 0.51 and its halves of 0.254 to 0.25 each.
        ((0.00508, 0.00254, 0.00254), ["+0.51%", "+0.26%", "+0.25%"]),
        ((-0.00508, -0.00254, -0.00254), ["-0.51%", "-0.26%", "-0.25%"]),
        ((0.0, 0.012346, -0.012346), ["0.00%", "+1.23%", "-1.23%"]),
        ((-0.0098, 0.0026, -0.0124), ["-0.98%", "+0.26%", "-1.24%"]),
    ],
)
def test_the_parts_of_the_excess_add_up_as_they_are_shown(fractions, shown):
    rows = {row[0]: row[1:] for row in metric_rows(with_excess(fractions), {"excess_return": 0.01})}
    titles = ("excess return", "excess from trading", "excess from interest")
    assert [rows[title][0] for title in titles] == shown
    assert [rows[title][1] for title in titles] == ["+1.00%", "", ""]


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_rounded_parts_add_up_whatever_they_are(parts):
    random = np.random.default_rng(parts)
    for _ in range(300):
        held = random.normal(0, 0.01, parts).tolist()
        whole, *shown = adding_up(math.fsum(held), *held)
        assert round(whole * 10_000) == sum(round(part * 10_000) for part in shown)
        assert whole == pytest.approx(math.fsum(held), abs=0.000051)
        # By one unit at most: the difference between rounding down and rounding up.
        assert all(abs(x - y) < 0.0001 for x, y in zip(held, shown, strict=True))


@pytest.mark.parametrize(
    "numbers", [(1.0, 0.2, 0.2), (0.0051, 0.0025, 0.0025), (0.0, 0.3, -0.30001), (-2.0, 1.0, 1.0)]
)
def test_parts_of_another_sum_are_our_mistake_and_never_shown(numbers):
    with pytest.raises(SimulationError, match="add up to"):
        adding_up(*numbers)
    with pytest.raises(SimulationError, match="mistake of riskoff itself"):
        metric_rows(with_excess(numbers), {"excess_return": 0.01})


def test_a_sum_in_another_order_is_the_same_sum_and_a_missing_number_stays_missing():
    # 0.1 + 0.2 is 0.30000000000000004.
    assert adding_up(0.3, 0.1, 0.2) == (0.3, 0.1, 0.2)
    whole, first, second = adding_up(math.nan, 0.1, math.nan)
    assert (math.isnan(whole), first, math.isnan(second)) == (True, 0.1, True)


@pytest.fixture
def refused(make_run):
    """Return a run whose only decision was refused while every required condition held."""
    run = make_run(plans=1)
    signals = run.signals
    truths = np.stack([item.truth for item in signals.conditions if item.required])
    row = int(np.flatnonzero((truths == 1).all(axis=0))[0])
    decision = replace(
        run.outcome.decisions[0],
        decided_at=int(signals.decided_at[row]),
        outcome="rejected",
        blocked_by="lot_floor",
        plan_id=0,
    )
    outcome = replace(run.outcome, decisions=(decision,), fills=(), orders=())
    return RunRecord(replace(run, outcome=outcome, signals=replace(signals, setup=None)))


def test_an_entry_that_risk_refused_is_nearer_than_any_failing_condition(refused):
    heading, first, *others = near_misses(refused)
    assert heading[1] == "blocked by"
    assert first[1:] == ("risk: lot_floor", "0", "-", "-")
    failing = [int(row[2]) for row in others]
    assert failing == sorted(failing)
