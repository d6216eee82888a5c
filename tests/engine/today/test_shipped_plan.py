"""The plan that ``riskoff today`` fetches covers the checklist and the shipped runs up to now."""

from pathlib import Path

import pytest

from data_feeds.clock import DAY_NS
from data_feeds.fetch import load_plan
from data_feeds.schema import ChannelKey, ChannelKind
from engine.config.locations import find_config
from engine.config.market import MarketStateConfig
from engine.config_files import read_config
from engine.errors import ConfigError
from engine.plugins import configured_playbook, requirements_of
from engine.today import DEFAULT_RUNS, asked_runs
from tests.data_feeds.factory import ns

PLAN, INSTRUMENTS = load_plan(find_config("today", "data"))
FETCHED = {key for entry in PLAN.fetch for name in entry.ids for key in entry.keys(name)}
# Own files bring these, as the plan says, or another name of the same input is fetched.
NOT_FETCHED = {
    *("BTCUSDT-PERP/liquidations", "MSFT-EARNINGS/series", "NVDA-EARNINGS/series"),
    *("DVOL/series", "ETF_FLOWS/series", "FEAR_GREED/series"),
    *("FEDFUNDS/series", "VIXCLS/series"),
}


def test_every_stretch_is_open_and_reaches_now() -> None:
    now = ns("2026-12-01T10:00")
    for entry in PLAN.fetch:
        spans = entry.spans(PLAN.windows, now)
        assert spans[-1].ended_at == now
        assert spans[-1].started_at < now - 90 * DAY_NS


def test_the_plan_brings_every_channel_that_a_shipped_run_requires() -> None:
    for name in DEFAULT_RUNS:
        config = read_config(name, None, None)
        needs = requirements_of(configured_playbook(config.playbook))
        paid = {ChannelKey(series, ChannelKind.SERIES) for series in config.account.paid_series}
        assert needs.channels | paid <= FETCHED
        for instrument in needs.traded:
            assert instrument in INSTRUMENTS


def test_the_checklist_reads_what_the_plan_brings_but_for_named_channels() -> None:
    read = {
        str(ChannelKey(name, ChannelKind(kind), label))
        for name, kind, label in MarketStateConfig().inputs.channels()
    }
    assert read - {str(key) for key in FETCHED} == NOT_FETCHED


def test_a_shipped_account_is_told_as_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="three_playbooks: an account of several playbooks"):
        asked_runs(["three_playbooks"], (), plugin_path=None, data=tmp_path, runs=tmp_path)
