"""Inputs of a sweep: the memory of its rules is the longest that its levels give."""

from dataclasses import replace

from engine import run_data
from engine.sweep import sweep_inputs
from engine.sweep.sweep_text import about
from tests.engine.sweep.conftest import SMALL

LOOKBACKS = """\
name: lookbacks
base: run.yaml
over:
  playbook.params.lookback: [LOOKBACK]
  playbook.params.smoothing: [SMOOTHING]
episodes:
- {name: only, start: 2026-01-02, end: 2026-01-30}
"""


def memory_days(toy, lookback, smoothing="0"):
    text = LOOKBACKS.replace("LOOKBACK", lookback).replace("SMOOTHING", smoothing)
    return sweep_inputs(toy.job(text=text)).memory_days


def test_the_memory_of_a_swept_lookback_is_that_of_its_longest_level(toy):
    longest = memory_days(toy, "30")
    assert memory_days(toy, "5, 10, 30") == longest > memory_days(toy, "5")


def test_the_memory_of_lookbacks_that_follow_one_another_is_that_of_the_longest_of_each(toy):
    longest = memory_days(toy, "20", "15")
    # Alone, each is hidden by the window of the volatility that sizes trades.
    assert longest > memory_days(toy, "20") == memory_days(toy, "5", "15")
    assert memory_days(toy, "5, 20", "0, 15") == longest


def swept(over):
    return SMALL.replace("playbook.params.stop: [0.90, 0.93, 0.96]", over)


def test_the_id_follows_a_file_that_a_later_level_names(toy):
    text = swept("playbook.params.table: {choices: [one.csv, two.csv]}")
    for name in ("one.csv", "two.csv"):
        (toy.plugins / name).write_text("1")
    before = sweep_inputs(toy.job(text=text))
    assert before.not_reusable == ()
    assert sweep_inputs(toy.job(text=text)).results_id == before.results_id
    (toy.plugins / "two.csv").write_text("2")
    assert sweep_inputs(toy.job(text=text)).results_id != before.results_id


def test_the_id_follows_the_finest_bars_that_the_costs_of_a_later_level_read(toy, monkeypatch):
    text = swept("venue.slippage.model: {choices: [fixed, square_root]}")
    before = sweep_inputs(toy.job(text=text)).results_id
    whole = run_data.load_activity

    def dearer(*asked):
        return {
            name: replace(item, daily_volume=item.daily_volume / 2)
            for name, item in whole(*asked).items()
        }

    monkeypatch.setattr(run_data, "load_activity", dearer)
    assert sweep_inputs(toy.job(text=text)).results_id != before


def test_results_of_rules_that_read_undeclared_files_are_not_used_again(toy):
    text = swept("playbook.params.fault: {choices: [opens]}")
    settings = ("sensitivity.costs=[]", "sensitivity.lags=[]", "checked_sets=0")
    first, again = (toy.run(*settings, text=text) for _ in range(2))
    assert (first.reused, again.reused) == (0, 0)
    said = " ".join(about(again))
    assert "No result of an earlier sweep is used" in said
    assert "the rules read run.yaml" in said


def test_the_instruments_and_the_year_are_those_of_every_level(toy):
    found = sweep_inputs(toy.job(text=swept("playbook.params.holds: {choices: [QQQ, SPY]}")))
    assert found.traded == ("QQQ", "SPY")
    around_the_clock = swept("playbook.params.holds: {choices: [QQQ, BTCUSDT-PERP]}")
    assert sweep_inputs(toy.job(text=around_the_clock)).periods_per_year == 365
