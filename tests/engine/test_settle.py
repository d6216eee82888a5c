"""Check the settings of a run that instruments' records and playbooks complete."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from data_feeds.dataset import Dataset
from engine.api import Playbook, PlaybookParams
from engine.config.models import RiskConfig, RunConfig
from engine.errors import ConfigError, PlaybookContractError
from engine.playbook_risk import written_risk_defaults
from engine.plugins import load_playbook, load_playbook_class
from engine.run import run
from engine.settle import settle
from engine.testing import PERP, ScriptedPlaybook, ScriptParams, candles, table, table_config

FLAT = (100.0, 101.0, 99.0, 100.0)


class Declared(ScriptedPlaybook):
    """Declare risk defaults on a scripted playbook."""

    risk_defaults: ClassVar[dict[str, Any]] = {
        "daily_loss": {"limit": 0.05},
        "cool_down": None,
        "volatility_window": "2d",
    }


def market(**record: Any) -> Dataset:
    instrument = PERP.model_copy(update=record)
    return table(candles([FLAT] * 4), instruments=(instrument,))


def settled(data: Dataset, risk: dict[str, Any], playbook: type[Playbook] = Declared) -> RiskConfig:
    params = ScriptParams(
        clock=next(iter(data.channels)), channels=frozenset(data.channels), traded=(PERP.id,)
    )
    config = table_config(data).model_copy(update={"risk": RiskConfig.model_validate(risk)})
    return settle(config, data, playbook(params, {}, {}))[0].risk


def test_the_four_layers_in_order():
    data = market(risk={"volatility_window": "20d", "participation_window": "20d"})
    found = settled(data, {"daily_loss": {"scope": "block_entries"}, "risk_fraction": 0.02})
    assert found.leverage_cap == 3.0  # built-in
    assert found.participation_window == "20d"  # instrument
    assert (found.volatility_window, found.cool_down) == ("2d", None)  # playbook
    assert found.risk_fraction == 0.02  # run file
    assert found.daily_loss is not None
    # Two layers in one block.
    assert (found.daily_loss.limit, found.daily_loss.scope) == (0.05, "block_entries")


def test_the_file_switches_off_and_on_what_others_decide():
    data = market(risk={"notional_cap": 1_000.0})
    off = settled(data, {"daily_loss": None, "notional_cap": None, "cool_down": "1h"})
    assert (off.daily_loss, off.notional_cap, off.cool_down) == (None, None, "1h")
    assert settled(data, {}).notional_cap == 1_000.0


def test_settling_twice_changes_nothing():
    data = market(risk={"notional_cap": 1_000.0})
    once = settled(data, {"risk_fraction": 0.02})
    assert settled(data, once.model_dump(mode="json")) == once


def test_a_record_with_an_unknown_key_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"risk of instrument BTCUSDT-PERP.*volatility_windows"):
        settled(market(risk={"volatility_windows": "20d"}), {})


def test_a_run_is_simulated_and_written_with_what_was_settled(tmp_path: Path):
    (tmp_path / "quiet.py").write_text(
        "import numpy as np\n"
        "from engine.api import ChannelKey, ChannelKind, Playbook, PlaybookParams\n"
        "from engine.api import Requirements, Signals\n"
        f"CLOCK = ChannelKey({PERP.id!r}, ChannelKind.BARS, '1h')\n"
        "class Quiet(Playbook[PlaybookParams]):\n"
        "    name = 'quiet'\n"
        "    Params = PlaybookParams\n"
        "    risk_defaults = {'daily_loss': None, 'volatility_window': '2h'}\n"
        "    @classmethod\n"
        "    def requirements(cls, params):\n"
        "        bars = frozenset({CLOCK})\n"
        "        return Requirements(CLOCK, bars, frozenset(), (CLOCK.instrument,), 0)\n"
        "    def prepare(self, data):\n"
        "        return Signals(data.channels[CLOCK]['available_at'], {})\n"
        "    def on_bar(self, market, account):\n"
        "        return ()\n"
    )
    data = table(candles([FLAT] * 40))
    plain = table_config(data)
    start = plain.data.start.replace(day=plain.data.start.day + 1)
    config = RunConfig.model_validate(
        {
            "name": "quiet",
            "data": {"start": start, "end": plain.data.end},
            "playbook": {"name": "quiet"},
            "venue": plain.venue,
            "risk": {"participation_window": "2h"},
        }
    )
    done = run(config, data, plugin_path=tmp_path).config.risk
    assert (done.daily_loss, done.volatility_window, done.participation_window) == (
        None,
        "2h",
        "2h",
    )
    assert done.drawdown is not None


@pytest.mark.parametrize(
    ("module", "line"),
    [("wrong_a", "{'drawdowns': None}"), ("wrong_b", "{'risk_fraction': 2}"), ("wrong_c", "7")],
)
def test_risk_defaults_that_are_none_are_the_authors(tmp_path: Path, module: str, line: str):
    (tmp_path / f"{module}.py").write_text(
        "from engine.api import Playbook, PlaybookParams\n"
        "class Wrong(Playbook[PlaybookParams]):\n"
        "    name = 'wrong'\n"
        "    Params = PlaybookParams\n"
        f"    risk_defaults = {line}\n"
    )
    with pytest.raises(PlaybookContractError, match="risk_defaults are no risk section"):
        load_playbook(f"{module}:Wrong", {}, tmp_path)


def test_settle_must_return_parameters():
    class SettlesToDict(Declared):
        @classmethod
        def settle(cls, params: PlaybookParams, instruments: Any) -> Any:
            return {}

    with pytest.raises(PlaybookContractError, match="settle returned dict"):
        settled(market(), {}, SettlesToDict)


def test_the_records_risk_is_that_of_the_clock_whatever_the_names():
    perps = [
        PERP.model_copy(update={"id": name, "risk": {"notional_cap": cap}})
        for name, cap in (("AAA", 1.0), ("ZZZ", 2.0))
    ]
    data = table(*(candles([FLAT] * 4, instrument=p.id) for p in perps), instruments=perps)
    for clock, cap in (("AAA", 1.0), ("ZZZ", 2.0)):
        key = next(key for key in data.channels if key.instrument == clock)
        params = ScriptParams(clock=key, channels=frozenset(data.channels), traded=("ZZZ", "AAA"))
        config = table_config(data).model_copy(update={"risk": RiskConfig()})
        found = settle(config, data, ScriptedPlaybook(params, {}, {}))[0]
        assert found.risk.notional_cap == cap


def test_risk_defaults_may_depend_on_the_parameters(tmp_path: Path):
    (tmp_path / "by_params.py").write_text(
        "from pydantic import Field\n"
        "from engine.api import Playbook, PlaybookParams\n"
        "class Params(PlaybookParams):\n"
        "    calm: bool = Field(False, description='no guards')\n"
        "class ByParams(Playbook[Params]):\n"
        "    name = 'by_params'\n"
        "    Params = Params\n"
        "    risk_defaults = {'cool_down': '3h'}\n"
        "    @classmethod\n"
        "    def default_risk(cls, params):\n"
        "        return {'daily_loss': None} if params.calm else cls.risk_defaults\n"
    )
    found = load_playbook_class("by_params", tmp_path)
    assert written_risk_defaults(found, {"calm": True}) == {"daily_loss": None}
    assert written_risk_defaults(found, {}) == {"cool_down": "3h"}
    # The reader of the file reports the wrong parameter.
    assert written_risk_defaults(found, {"calm": 7}) == {"cool_down": "3h"}


def test_risk_defaults_of_wrong_shape_are_the_authors_too(tmp_path: Path):
    (tmp_path / "odd_risk.py").write_text(
        "from engine.api import Playbook, PlaybookParams\n"
        "class Odd(Playbook[PlaybookParams]):\n"
        "    name = 'odd'\n"
        "    Params = PlaybookParams\n"
        "    @classmethod\n"
        "    def default_risk(cls, params):\n"
        "        return {'drawdowns': None}\n"
    )
    with pytest.raises(PlaybookContractError, match="default_risk are no risk section"):
        written_risk_defaults(load_playbook_class("odd_risk", tmp_path), {})
