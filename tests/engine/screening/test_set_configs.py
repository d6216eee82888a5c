"""Every setting of a set counts: its data, its market and its refusals follow its own config."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_feeds.load import open_source
from engine.bracket_plan import BracketPlan
from engine.bt import simulate
from engine.config.load import load_run_config
from engine.costs.slippage_models.fixed import FixedSlippage
from engine.run import PreparedRun, prepare_run
from engine.screening import Screening, UnscreenedError, agreement, supports
from engine.screening.screened_market import ScreenedMarket
from engine.screening.set_values import config_of
from engine.screening.simulation import fills_of, simulate_sets
from engine.screening.support import (
    config_reasons,
    plan_reasons,
    refused_paths,
    slippage_number,
)
from strategies.liquidation_reclaim import LiquidationReclaim
from tests.engine.screening.random_plans import plan_case
from tests.strategies.rules.test_rules_runs import config_of as config_of_rules
from tests.strategies.rules.test_rules_runs import hourly_market

RUNS = Path(__file__).resolve().parents[3] / "configs" / "runs"
MONTH = (
    "data.start=2026-01-20",
    "data.end=2026-02-20",
    "venue.slippage={model: range, base_bps: 2}",
    "account.interest_series=DGS3MO",
)
# Each asks for data that the run did not load: volumes of whole days, or a year of closes.
OTHER_DATA = (
    {"venue.slippage": {"model": "square_root", "base_bps": 2}},
    {"risk.volatility_window": "300d"},
)


@pytest.fixture(scope="module")
def prepared() -> PreparedRun:
    config = load_run_config(RUNS / "demo.yaml", MONTH)
    return prepare_run(config, open_source(config.data.source))


@pytest.fixture(scope="module")
def screening(prepared: PreparedRun) -> Screening:
    return Screening.of(prepared, open_source(prepared.inputs.config.data.source))


@pytest.mark.parametrize("values", OTHER_DATA, ids=" ".join)
def test_a_set_reads_the_data_that_its_own_config_asks_for(
    screening: Screening, values: Mapping[str, Any]
) -> None:
    config = screening.config(values)
    outcome = simulate(prepare_run(config, open_source(config.data.source)).inputs)
    assert len(outcome.fills) > 2
    assert agreement(screening, values, outcome) is None


@pytest.mark.parametrize("values", OTHER_DATA, ids=" ".join)
def test_other_data_without_a_source_are_refused(
    prepared: PreparedRun, values: Mapping[str, Any]
) -> None:
    with pytest.raises(UnscreenedError, match="needs other data than the run"):
        Screening.of(prepared).screen([values])


def test_a_set_with_cash_that_earns_interest_is_refused(screening: Screening) -> None:
    # the base has no cash at the brokerage, so its interest series pays nothing
    with pytest.raises(UnscreenedError, match="pays interest on brokerage cash"):
        screening.screen([{"account.brokerage_cash": 50_000.0}])


def test_a_set_of_another_instrument_is_refused(screening: Screening) -> None:
    values = {"playbook.params.instrument": "BTCUSDT-SPOT"}
    with pytest.raises(UnscreenedError, match="trades BTCUSDT-SPOT, and the run BTCUSDT-PERP"):
        screening.screen([values])


def test_a_set_whose_days_close_elsewhere_is_refused(screening: Screening) -> None:
    # bars of 4h close at 20:00 on the last day, which ends at 22:00 for bars of 15 minutes
    config = load_run_config(RUNS / "demo.yaml", [*MONTH, "data.end=2026-02-20T22:00Z"])
    source = open_source(config.data.source)
    own = Screening.of(prepare_run(config, source), source)
    with pytest.raises(UnscreenedError, match="days close at other instants"):
        own.screen([{"playbook.params.timeframe": "4h"}])


def test_a_set_that_changes_the_defaults_of_risk_is_refused(
    screening: Screening, monkeypatch: pytest.MonkeyPatch
) -> None:
    def own(params: Any) -> Mapping[str, Any]:
        return {"risk_fraction": 0.02 if params.stop_atr > 2 else 0.01}

    monkeypatch.setattr(LiquidationReclaim, "default_risk", own)
    assert screening.screen([{"playbook.params.stop_atr": 1.9}]).trades[0] > 0
    with pytest.raises(UnscreenedError, match="defaults of risk"):
        screening.screen([{"playbook.params.stop_atr": 2.1}])


@pytest.mark.parametrize("path", ["risk", "account", "venue", "playbook.params", "playbook"])
def test_a_whole_section_is_refused(screening: Screening, path: str) -> None:
    (told,) = refused_paths([path])
    assert told.startswith(f"{path} is a whole section")
    with pytest.raises(UnscreenedError, match="whole section"):
        screening.screen([{path: {}}])


def test_a_written_slippage_section_holds_for_every_instrument() -> None:
    written = {"model": "fixed", "base_bps": 3.0}
    base = load_run_config(RUNS / "demo.yaml")
    in_file = load_run_config(RUNS / "demo.yaml", ["venue.slippage={model: fixed, base_bps: 3}"])
    assert base.venue.is_general("slippage.base_bps")
    screened = config_of(base, {"venue.slippage": written})
    assert screened.venue == in_file.venue
    assert not screened.venue.is_general("slippage.base_bps")
    one_key = config_of(base, {"venue.slippage.base_bps": 3.0})
    assert not one_key.venue.is_general("slippage.base_bps")
    assert one_key.venue.is_general("slippage.coefficient")


class DoubledSlippage(FixedSlippage):
    """A model with a formula of its own that the kernel does not know."""


def test_a_derived_slippage_model_is_refused_by_name(prepared: PreparedRun) -> None:
    config = prepared.inputs.config
    model = DoubledSlippage(base_bps=2)
    venue = config.venue.model_copy(update={"slippage": model})
    (told,) = config_reasons(config.model_copy(update={"venue": venue}))
    assert told == "the slippage model fixed is not compiled"
    with pytest.raises(UnscreenedError, match="not compiled"):
        slippage_number(model)


def test_a_rule_without_targets_is_supported() -> None:
    rule = """
instruments: {btc: BTCUSDT-PERP@1h}
clock: btc@1h
trades:
  dip:
    instrument: btc
    enter: {low: "btc.close < sma(btc.close, 12 bars)"}
    stop: 0.985 * btc.close
    exit: {back: "btc.close > 1.01 * sma(btc.close, 12 bars)"}
"""
    data = hourly_market()
    assert supports(prepare_run(config_of_rules(rule, data), data)) == ()


def test_an_etf_without_targets_is_refused_by_name() -> None:
    lines = ["data.source=embedded", "data.start=2022-01-03", "data.end=2022-03-01"]
    config = load_run_config(RUNS.parent / "rules" / "rsi_two.yaml", lines)
    assert "SPY is no linear perp" in supports(prepare_run(config, open_source("embedded")))


def test_a_plan_without_targets_is_supported() -> None:
    plan = _plan(np.zeros((2, 0)))
    assert plan_reasons(plan, "BTCUSDT-PERP") == []


def test_targets_out_of_order_are_refused() -> None:
    # a long with its stop at 90: the target at 120 comes before the one at 110
    assert plan_reasons(_plan(np.array([[110.0, 120.0]] * 2)), "BTCUSDT-PERP") == []
    (told,) = plan_reasons(_plan(np.array([[110.0, 120.0], [120.0, 110.0]])), "BTCUSDT-PERP")
    assert told == "the targets of an entry are not in the order of their distance"


def _plan(targets: np.ndarray) -> BracketPlan:
    count = targets.shape[1]
    return BracketPlan(
        "BTCUSDT-PERP",
        1,
        np.array([3, 7]),
        np.full(2, 90.0),
        targets,
        (1 / count,) * count if count else (),
        size_multiplier=np.ones(2),
        slippage_multiplier=np.ones(2),
    )


def test_all_fills_of_a_set_are_kept() -> None:
    case = plan_case(1)
    market = ScreenedMarket(case.inputs, case.inputs.timeline())
    item = market.prepared(case.plan, case.config)
    states, _, one = simulate_sets([item], market.tape, days=0, kept_fills=1)
    assert len(one) == 1
    assert len(fills_of(item, market.tape)) == states["fills"][0] == len(case.engine().fills) > 10
