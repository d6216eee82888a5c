"""Playbook C on the reconstructions and on real markets."""

from pathlib import Path

import numpy as np
import pytest

from data_feeds.catalog import Catalog
from data_feeds.embedded import embedded_catalog
from data_feeds.options.contract import PutSpread
from engine.audit import audit_run
from engine.config.load import load_run_config
from engine.config.models import RunConfig
from engine.pages.publish import publish
from engine.playbook_checks import playbook_checks
from engine.run import run
from engine.run_data import load_window
from strategies.hedged_rebalance import HedgedParams, HedgedRebalance
from tests.strategies.conftest import RealRun

RUNS = Path(__file__).resolve().parents[2] / "configs" / "runs"


def config(name: str, *overrides: str) -> RunConfig:
    return load_run_config(RUNS / f"{name}.yaml", overrides)


def test_it_passes_the_checks_for_playbooks() -> None:
    # The reconstructions hold no spot market: bonds and equities alone, hedged with SH and puts.
    params = HedgedParams(
        weights={"SPY": 0.5, "IEF": 0.3, "GLD": 0.1},
        risk_assets=("SPY",),
        crypto_assets=(),
        timeframes={},
        hedges={"inverse": {"instrument": "SH", "weight": 0.05}, "puts": {}},
    )
    settings = ["data.start=2026-01-05", "data.end=2026-04-10"]
    rules = config("hedged_2026", *settings)
    data = load_window(rules, embedded_catalog(), HedgedRebalance.requirements(params))
    report = playbook_checks(HedgedRebalance, params, data, config=rules)
    assert report.cuts >= 10
    assert {key.instrument for key in report.absent} >= {"VIX", "QQQ"}


@pytest.mark.parametrize("name", ["hedged_2020", "hedged_2022", "hedged_2026"])
def test_real_episodes_audit_clean(name: str, real_catalog: Catalog, tmp_path: Path) -> None:
    result = run(config(name), real_catalog)
    assert {d.intent for d in result.outcome.decisions} == {"rebalance", "transfer"}
    assert result.signals.values["hedge"].max() == 1.0
    assert audit_run(publish(result, tmp_path), real_catalog).findings == ()


def test_a_short_hedge_in_2022_audits_clean(real_catalog: Catalog, tmp_path: Path) -> None:
    result = run(config("short_2022"), real_catalog)
    kinds = [fact.kind for fact in result.outcome.facts if fact.instrument == "QQQ"]
    assert kinds.count("borrow_fee") == kinds.count("rebate") > 50
    shorts = [fill for fill in result.outcome.fills if fill.instrument == "QQQ"]
    assert min(fill.position_after for fill in shorts) < -500
    report = audit_run(publish(result, tmp_path), real_catalog)
    assert report.findings == ()
    assert report.checks["borrow fees"] == kinds.count("borrow_fee")


PUTS = 'playbook.params={"tolerance": [], "hedges": {"cash": null, "crypto": null, "puts": {}}}'


@pytest.mark.parametrize("name", ["hedged_2020", "hedged_2022", "hedged_2026"])
def test_put_spreads_on_real_episodes_audit_clean(
    name: str, real_run: RealRun, real_catalog: Catalog, tmp_path: Path
) -> None:
    result = real_run(name, PUTS)
    bought = [d for d in result.outcome.decisions if d.intent == "hedge"]
    assert any(d.outcome == "approved" for d in bought)
    options = {f.instrument for f in result.outcome.fills} - {*result.playbook.params.traded}
    assert options
    # Prices of contracts are theirs, whole contracts, between nothing and the width.
    for fill in result.outcome.fills:
        contract = PutSpread.parse(fill.instrument)
        if contract is not None:
            assert fill.quantity == round(fill.quantity)
            assert 0 <= fill.raw_price <= 100 * (contract.long_strike - contract.short_strike)
    assert audit_run(publish(result, tmp_path), real_catalog).findings == ()


def test_the_crash_of_2020_pays_the_first_spread(real_run: RealRun) -> None:
    result = real_run("hedged_2020", PUTS)
    fills = [fill for fill in result.outcome.fills if fill.instrument.startswith("SPY-2020-04-17")]
    bought, sold = fills[0], fills[-1]
    assert np.datetime64(bought.at, "ns").astype("datetime64[D]") == np.datetime64("2020-03-02")
    # SPY fell from 297 to 250: well inside a spread of 281 over 237.
    assert sold.price > 3 * bought.price


def test_an_inverse_fund_gains_while_the_index_falls(real_catalog: Catalog) -> None:
    inverse = 'playbook.params={"hedges": {"cash": null, "crypto": null, "inverse": {}}}'
    result = run(config("hedged_2020", inverse), real_catalog)
    fills = [fill for fill in result.outcome.fills if fill.instrument == "SH"]
    bought = np.array([fill.at for fill in fills if fill.quantity > 0]).astype("datetime64[ns]")
    # The checklist hedged from the last days of February on.
    assert np.datetime64("2020-02-24") <= bought[0] <= np.datetime64("2020-03-06")
