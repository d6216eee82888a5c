"""Check that the shipped plans fetch the data of every shipped run into its catalog."""

from pathlib import Path

import pytest

from data_feeds.default_data import DEFAULT_CATALOG, how_to_get_data
from data_feeds.errors import CoverageError
from data_feeds.fetch.plan import load_plan
from data_feeds.load import open_source
from data_feeds.schema import ChannelKind
from data_feeds.timeframe import Timeframe
from engine.config.load import load_account_config, load_run_config
from engine.config.locations import ACCOUNTS_FOLDER, CONFIGS_FOLDER
from engine.plugins import configured_playbook, requirements_of

PLANS = sorted((CONFIGS_FOLDER / "data").glob("*.yaml"))
RUNS = sorted((CONFIGS_FOLDER / "runs").glob("*.yaml"))
SOURCES = {"embedded", str(DEFAULT_CATALOG)}
# No source of the plans has these: the run's own comment says that its bars are imported.
IMPORTED = {"XBTUSD"}


@pytest.fixture(scope="module")
def fetched():
    plans = [load_plan(path)[0] for path in PLANS]
    entries = [entry for plan in plans for entry in plan.fetch]
    return {key for entry in entries for name in entry.ids for key in entry.keys(name)}


def is_given(key, fetched):
    """Return whether a channel is fetched, or bars that divide its timeframe."""
    if key in fetched:
        return True
    if key.kind not in (ChannelKind.BARS, ChannelKind.MARK):
        return False
    wanted = Timeframe(key.timeframe).ns
    return any(
        (other.instrument, other.kind) == (key.instrument, key.kind)
        and wanted % Timeframe(other.timeframe).ns == 0
        for other in fetched
    )


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_a_shipped_run_reads_the_default_catalog_that_the_plan_fills(path, fetched):
    config = load_run_config(path)
    assert config.data.source in SOURCES
    if config.data.source == "embedded":
        return
    needed = requirements_of(configured_playbook(config.playbook, None)).channels
    assert needed
    missing = [key for key in needed if not is_given(key, fetched)]
    assert {key.instrument for key in missing} <= IMPORTED
    assert not missing or "imported" in path.read_text().split("name:")[0]


@pytest.mark.parametrize("path", sorted(ACCOUNTS_FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def test_a_shipped_account_reads_the_default_catalog_or_needs_none(path):
    assert load_account_config(path).data.source in SOURCES


def test_one_account_and_one_run_need_no_data():
    assert load_run_config(CONFIGS_FOLDER / "runs" / "demo.yaml").data.source == "embedded"
    account = load_account_config(ACCOUNTS_FOLDER / "three_playbooks.yaml")
    assert account.data.source == "embedded"


def test_without_a_catalog_the_error_names_fetch_import_and_the_embedded_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CoverageError) as caught:
        open_source(DEFAULT_CATALOG)
    for way in ("riskoff data fetch", "riskoff data import", "data.source: embedded"):
        assert way in str(caught.value)
    # another folder is named in the commands, or they would fill the default one
    assert "--data elsewhere" in how_to_get_data("elsewhere")
    assert "--data" not in how_to_get_data()
