"""A declared bracket plan is compared with what the playbook decides."""

from dataclasses import replace
from pathlib import Path

import pytest

from data_feeds.load import open_source
from engine.config.load import load_run_config
from engine.playbook_checks import Simulated, simulated
from engine.playbook_checks.plan_check import plan_difference
from engine.run import prepare_run
from strategies.rules import Rules
from tests.strategies.rules.rule_runs import params_of
from tests.strategies.rules.test_rules_runs import config_of, hourly_market

RUNS = Path(__file__).resolve().parents[2] / "configs" / "runs"
ONE_TRADE = """
instruments: {btc: BTCUSDT-PERP@1h}
clock: btc@1h
trades:
  dip:
    instrument: btc
    enter:
      low: btc.close < sma(btc.close, 12 bars)
    stop: 0.985 * btc.close
    targets:
      - {r: 1, fraction: 0.5}
      - {price: 1.03 * btc.close, fraction: 0.5}
    exit:
      back: btc.close > 1.01 * sma(btc.close, 12 bars)
"""


@pytest.fixture(scope="module")
def reclaim() -> Simulated:
    config = load_run_config(RUNS / "demo.yaml")
    prepared = prepare_run(config, open_source(config.data.source))
    return simulated(prepared.inputs.playbook, prepared.dataset, prepared.inputs.config)


def test_the_plan_of_playbook_a_is_what_it_decides(reclaim: Simulated) -> None:
    roles = {fill.role for fill in reclaim.outcome.fills}
    assert {"entry", "stop", "target", "exit"} <= roles
    assert any(order.end_reason == "moved" for order in reclaim.outcome.orders)
    assert plan_difference(reclaim) is None


def test_another_stop_in_the_plan_is_told(reclaim: Simulated) -> None:
    plan = reclaim.signals.plan
    assert plan is not None
    # A tick is 0.1: every stop lies ten ticks lower.
    wrong = replace(reclaim.signals, plan=replace(plan, stop=plan.stop - 1.0))
    told = plan_difference(replace(reclaim, signals=wrong))
    assert told is not None
    assert told.startswith(("decisions at", "orders at"))


def test_an_exit_left_out_of_the_plan_is_told(reclaim: Simulated) -> None:
    plan = reclaim.signals.plan
    assert plan is not None
    wrong = replace(reclaim.signals, plan=replace(plan, leave_after_ns=None))
    assert plan_difference(replace(reclaim, signals=wrong)) is not None


def test_a_playbook_without_a_plan_has_nothing_to_compare(reclaim: Simulated) -> None:
    none = replace(reclaim, signals=replace(reclaim.signals, plan=None))
    assert plan_difference(none) is None


def test_the_plan_of_a_rules_file_is_what_it_decides() -> None:
    data = hourly_market()
    params = params_of(ONE_TRADE)
    config = config_of(ONE_TRADE, data)
    found = simulated(Rules(params), data, config)
    assert found.signals.plan is not None
    assert {"entry", "stop", "target", "exit"} <= {fill.role for fill in found.outcome.fills}
    assert plan_difference(found) is None
