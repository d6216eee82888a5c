"""Check the layers of settings: built-in < instrument < playbook < run file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.config.layers import merged, origins
from engine.config.load import load_run_config
from engine.config.models import DailyLossConfig, RiskConfig
from engine.config_files import read_account, read_comparison, read_config
from engine.errors import ConfigError
from tests.engine.cli.command import riskoff

Writer = Callable[..., Path]
BOOK = {
    "target_volatility": None,
    "volatility_window": "20d",
    "participation_window": "20d",
    "daily_loss": None,
    "drawdown": None,
    "cool_down": None,
    "max_trades_per_day": None,
}
SWING = {
    "risk_fraction": 0.02,
    "target_volatility": 0.4,
    "volatility_window": "20d",
    "participation_window": "20d",
    "leverage_cap": 1.0,
    "cool_down": None,
    "market_tiers": {},
}


@pytest.mark.parametrize(
    ("layers", "whole"),
    [
        (({"a": 1}, {"b": 2}), {"a": 1, "b": 2}),
        (({"a": 1}, {"a": None}), {"a": None}),
        (({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}), {"a": {"b": 1, "c": 3}}),
        # null is off, and a block switches on again what was off.
        (({"a": {"b": 1}}, {"a": None}), {"a": None}),
        (({"a": None}, {"a": {"b": 1}}), {"a": {"b": 1}}),
        (({"a": {"b": 1}}, {"a": {}}), {"a": {"b": 1}}),
        # A list is one value.
        (({"a": [1, 2]}, {"a": [3]}), {"a": [3]}),
    ],
)
def test_a_later_layer_comes_first_key_by_key(layers, whole):
    assert merged(*layers) == whole


def test_the_layer_of_each_value_is_known():
    layers = {"playbook": {"a": {"c": 2}, "e": None}, "run": {"a": {"b": 4}}}
    whole = {"a": {"b": 4, "c": 2, "d": 0}, "e": None, "f": 1}
    assert origins(whole, layers) == {
        "a.b": "run",
        "a.c": "playbook",
        "a.d": "built-in",
        "e": "playbook",
        "f": "built-in",
    }


def laid(path: Path, defaults: dict, *overrides: str) -> RiskConfig:
    return load_run_config(path, overrides, risk_defaults=lambda *_: defaults).risk


def test_what_the_file_writes_is_merged_before_it_is_checked(run_file: Writer) -> None:
    # Alone the file's halt at 4% lies below the built-in ladder and is refused; with the
    # playbook's empty ladder it is one.
    path = run_file()
    set_halt = "risk.drawdown.halt_at=0.04"
    with pytest.raises(ConfigError, match="ladder"):
        load_run_config(path, (set_halt,))
    found = laid(path, {"drawdown": {"ladder": []}}, set_halt).drawdown
    assert found is not None
    assert (found.ladder, found.halt_at, found.halt_days) == ((), 0.04, 10)


def test_null_in_the_file_is_off_and_a_block_is_on_again(run_file: Writer) -> None:
    path = run_file()
    off = laid(path, {"daily_loss": {"limit": 0.05}}, "risk.daily_loss=null")
    on = laid(path, {"daily_loss": None}, "risk.daily_loss={}")
    part = laid(path, {"daily_loss": {"limit": 0.05}}, "risk.daily_loss.scope=block_entries")
    assert off.daily_loss is None
    assert on.daily_loss == DailyLossConfig()
    assert part.daily_loss == DailyLossConfig(limit=0.05, scope="block_entries")


@pytest.mark.parametrize(
    ("name", "layer"),
    [("hedged_2020", BOOK), ("weights_2020", BOOK), ("swing_2020", SWING), ("reclaim_2020", {})],
)
def test_shipped_runs_have_the_risk_that_their_playbook_declares(name, layer):
    # The lists that the files held before playbooks declared their own defaults.
    assert read_config(name, None, None).risk == RiskConfig.model_validate(layer)


def test_sleeves_and_rows_have_it_as_well():
    account = read_account("three_playbooks_2020", None, None).sleeves
    assert account["core"].risk == RiskConfig.model_validate(BOOK)
    assert account["swing"].risk == RiskConfig.model_validate(SWING)
    assert account["reclaim"].risk == RiskConfig()
    rows = read_comparison("playbooks_by_episode_real", None, None).rows
    targeted = {**BOOK, "portfolio": {"target_volatility": 0.1}}
    assert rows["target_volatility"].risk == RiskConfig.model_validate(targeted)
    assert rows["hold_btc"].risk == RiskConfig.model_validate(BOOK)


def test_show_config_prints_the_merged_section_and_its_layers(tmp_path: Path):
    setting = "risk.daily_loss.limit=0.02"
    shown = riskoff("show-config", "hedged_2020", "--set", setting, cwd=tmp_path)
    lines = shown.stdout.splitlines()
    assert "    limit: 0.02" in lines
    (layer,) = [line for line in lines if line.startswith("# risk, from playbook")]
    keys = layer.partition(": ")[2].split(", ")
    assert keys == [name for name in BOOK if name != "daily_loss"]
    plain = riskoff("show-config", "hedged_2020", "--json", cwd=tmp_path)
    assert json.loads(plain.stdout)["risk"]["daily_loss"] is None
