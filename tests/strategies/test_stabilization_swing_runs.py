"""Playbook B on the reconstructions and on real markets."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_feeds.catalog import Catalog
from data_feeds.embedded import embedded_catalog
from engine.attribution import rows_failed_alone
from engine.audit import audit_run
from engine.conditions import Truth
from engine.config.load import load_run_config
from engine.config.models import RunConfig
from engine.pages.publish import publish
from engine.playbook_checks import playbook_checks
from engine.run import run
from engine.run_data import load_window
from engine.trades import build_trades
from strategies.stabilization_swing import StabilizationSwing, SwingParams
from tests.strategies.conftest import RealRun

RUNS = Path(__file__).resolve().parents[2] / "configs" / "runs"


def config(name: str, *overrides: str) -> RunConfig:
    return load_run_config(RUNS / f"{name}.yaml", overrides)


@pytest.mark.parametrize("unknown", ["block", "pass"])
def test_it_passes_the_checks_for_playbooks(unknown: str) -> None:
    rules = config("swing_2026", "data.end=2026-04-13")
    params = SwingParams(unknown=unknown)
    data = load_window(rules, embedded_catalog(), StabilizationSwing.requirements(params))
    report = playbook_checks(StabilizationSwing, params, data, config=rules)
    assert report.entries >= 2
    assert report.cuts >= 20
    assert {key.instrument for key in report.absent} >= {"VIX", "DXY", "DGS10"}


@pytest.mark.parametrize("left_out", ["VIX", "DXY"])
@pytest.mark.parametrize("unknown", ["block", "pass"])
def test_a_missing_series_blocks_or_passes_as_configured(left_out: str, unknown: str) -> None:
    rules = config("swing_2026", "data.end=2026-04-13")
    params = SwingParams(unknown=unknown)
    requirements = StabilizationSwing.requirements(params)
    data = load_window(rules, embedded_catalog(), requirements)
    without = data.only(key for key in data.channels if key.instrument != left_out)
    found = StabilizationSwing(params).prepare(without)
    name = {"VIX": "vix_off_peak", "DXY": "macro_stabilized"}[left_out]
    known = name if unknown == "block" else f"{name}_known"
    (condition,) = [item for item in found.conditions if item.name == known]
    assert not (condition.truth == Truth.TRUE).any()
    stabilized = found.values["stabilized"] > 0
    assert stabilized.any() == (unknown == "pass")
    # Each row's shown truth is the one that decided: an unknown that passes has not failed.
    required = [item.truth == Truth.TRUE for item in found.conditions if item.required]
    warm = np.arange(len(stabilized)) >= requirements.warmup_bars
    np.testing.assert_array_equal(np.logical_and.reduce(required) & warm, stabilized)


def test_an_unknown_that_passes_is_no_failure_in_the_journal(tmp_path: Path) -> None:
    changes = ["playbook.params.unknown=pass", "playbook.params.state.inputs.vix=[NOPE]"]
    rules = config("swing_2026", "data.end=2026-04-13", *changes)
    result = run(rules, embedded_catalog())
    journal = pd.read_parquet(publish(result, tmp_path) / "journal_conditions.parquet")
    assert set(journal["vix_off_peak"]) == {"true"}
    assert set(journal["vix_off_peak_known"]) == {"unknown"}
    assert "vix_off_peak" not in set(journal["blocked_by"])
    alone = rows_failed_alone(result.signals, *result.signals.decided_at[[0, -1]])
    assert alone["vix_off_peak"] == 0


@pytest.mark.parametrize("name", ["swing_2020", "swing_2022", "swing_2026"])
def test_real_episodes_audit_clean(
    name: str, real_run: RealRun, real_catalog: Catalog, tmp_path: Path
) -> None:
    result = real_run(name)
    trades = build_trades(result.outcome)
    assert trades
    assert max(trade.tranches for trade in trades) >= 2
    folder = publish(result, tmp_path)
    report = audit_run(folder, real_catalog)
    assert report.findings == ()
    # BTC never fills before the decision, ETFs only at a session's open or inside it.
    for fill in result.outcome.fills:
        order = result.outcome.orders[fill.order_id - 1]
        assert fill.bar_opened_at >= order.decided_at or order.role in ("stop", "target")


def test_no_entry_of_2022_came_without_a_drawdown_and_a_stabilization(real_run: RealRun) -> None:
    result = real_run("swing_2022")
    conditions = {item.name: item for item in result.signals.conditions}
    entered = [d.decided_at for d in result.outcome.decisions if d.intent == "enter"]
    rows = np.searchsorted(result.signals.decided_at, entered)
    for name in ("drawdown", "macro_stabilized", "lower_lows_stopped", "vix_off_peak"):
        assert (conditions[name].truth[rows] == Truth.TRUE).all(), name
