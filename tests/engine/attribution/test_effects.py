"""The contribution of each condition: differences of whole runs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_feeds.embedded import embedded_catalog
from engine.attribution import (
    Attribution,
    ConditionEffect,
    RunFigures,
    attribute,
    rows_failed_alone,
    write_attribution,
)
from engine.conditions import condition
from engine.config.load import load_run_config
from engine.errors import ConfigError
from engine.playbook import Signals
from engine.results.finished import RunRecord
from engine.results.manifest import run_id
from engine.run import run
from engine.workers import Workers
from tests.engine.two_trades import ALONE, two_trades

RUNS = Path(__file__).resolve().parents[3] / "configs" / "runs"
NAN = float("nan")


def swing(*settings):
    window = ["data.end=2026-04-13"]
    return load_run_config(RUNS / "swing_2026.yaml", [*window, *settings])


@pytest.fixture(scope="module")
def found():
    return attribute(swing(), embedded_catalog())


def told(name, truths, *, required=True):
    values = np.array(truths, dtype=float)
    return condition(
        name,
        values > 0,
        known=np.isfinite(values),
        measured=values,
        threshold=1.0,
        unit="",
        description=name,
        required=required,
    )


def test_a_row_counts_for_the_condition_that_alone_did_not_hold_unknown_included():
    a, b = told("a", [0, 0, 1, NAN, 0]), told("b", [0, 1, 0, 1, 1])
    signals = Signals(np.arange(5), {}, (a, b, told("c", [0] * 5, required=False)))
    # Rows 1 and 3 (unknown) fail by a alone, row 2 by b, row 0 by both; row 4 lies outside.
    assert rows_failed_alone(signals, 0, 3) == {"a": 2, "b": 1}


def test_a_row_counts_for_the_condition_that_alone_failed_in_its_own_group():
    signals = Signals(np.arange(6), {}, two_trades())
    assert rows_failed_alone(signals, 0, 5) == ALONE


def test_every_required_condition_is_left_out_once_and_compared_with_the_full_rules(found):
    config = swing()
    whole = RunRecord(run(config, embedded_catalog()))
    assert found.full.total_return == whole.metrics["total_return"]
    assert {effect.condition for effect in found.effects} == {
        "drawdown",
        "macro_stabilized",
        "lower_lows_stopped",
        "vix_off_peak",
    }
    other = RunRecord(run(swing("playbook.ignore=[drawdown]"), embedded_catalog()))
    (effect,) = [effect for effect in found.effects if effect.condition == "drawdown"]
    assert effect.trades == len(other.trades)
    assert effect.total_return == other.metrics["total_return"]
    earned = whole.metrics["total_return"] - other.metrics["total_return"]
    saved = whole.metrics["max_drawdown_bars"] - other.metrics["max_drawdown_bars"]
    assert (effect.return_earned, effect.drawdown_saved) == (earned, saved)
    entered = {(trade.entered_at, trade.instrument) for trade in whole.trades}
    without = {(trade.entered_at, trade.instrument) for trade in other.trades}
    assert effect.trades_in == len(without - entered) > 0
    assert effect.trades_gone == len(entered - without)


def test_the_condition_that_earned_most_comes_first(found):
    earned = [effect.return_earned for effect in found.effects]
    assert earned == sorted(earned, reverse=True)


@pytest.mark.parametrize("processes", [0, 1])
def test_less_than_two_processes_give_what_two_give_and_progress_ends_at_one(found, processes):
    seen = []
    alone = attribute(
        swing(), embedded_catalog(), workers=Workers(processes), on_progress=seen.append
    )
    assert alone == found
    assert seen == [0.4, 0.6, 0.8, 1.0]


@pytest.fixture(scope="module")
def without_vix():
    return attribute(swing("playbook.ignore=[vix_off_peak]"), embedded_catalog(), workers=Workers())


def test_a_condition_that_the_config_leaves_out_stays_out_and_is_named(without_vix):
    assert "vix_off_peak" not in {effect.condition for effect in without_vix.effects}
    assert "(stabilization_swing WITHOUT vix_off_peak)" in without_vix.text()


def test_a_variant_of_rules_with_a_condition_left_out_has_the_run_id_of_the_same_run(without_vix):
    # Either order of the two names gives the same sorted list.
    (effect,) = [effect for effect in without_vix.effects if effect.condition == "drawdown"]
    alike = swing("playbook.ignore=[drawdown, vix_off_peak]")
    assert effect.run_id == run_id(run(alike, embedded_catalog()))


def test_rules_without_a_required_condition_have_nothing_to_leave_out():
    settings = [
        "playbook.name=hold",
        "playbook.params={timeframe: 15m, enter_at: 2026-02-03T12:00Z}",
    ]
    window = ["data.start=2026-02-03", "data.end=2026-02-05"]
    hold = load_run_config(RUNS / "demo.yaml", [*settings, *window])
    with pytest.raises(ConfigError, match="nothing to leave out: hold requires no condition"):
        attribute(hold, embedded_catalog())


def by_hand(**changes):
    """Full rules +2%, -1%, 4 trades, 0.5 R; without the gate -1%, -3%, 7 trades, -0.25 R."""
    values = {
        "condition": "gate",
        "description": "the gate is open",
        "core": True,
        "failed_alone": 12,
        "total_return": -0.01,
        "max_drawdown": -0.03,
        "trades": 7,
        "average_r": -0.25,
        "return_earned": 0.03,
        "drawdown_saved": 0.02,
        "trades_in": 4,
        "trades_gone": 1,
        "average_r_gained": 0.75,
        "run_id": "0123456789ab",
        "error": "",
    }
    full = RunFigures(0.02, -0.01, 4, 0.5)
    effect = ConditionEffect(**{**values, **changes})
    window = "2026-01-01 to 2026-02-01"
    return Attribution("x", "rules", window, "synthetic", (), full, "ba9876543210", (effect,))


def test_the_table_shows_percent_points_and_signs():
    text = by_hand().text()
    row = next(line for line in text.splitlines() if line.startswith("  gate"))
    assert row.split() == [
        *("gate", "*", "12", "-1.00%", "+3.00", "-3.00%", "+2.00"),
        *("7", "4", "1", "-0.25", "+0.75"),
    ]
    assert "SYNTHETIC DATA" in text.splitlines()[0]
    assert "return 2.00%, deepest drawdown -1.00%, 4 trades, average R +0.50." in text
    assert "* The rules without it are other rules" in text
    assert "  - gate: the gate is open" in text.splitlines()


def test_a_variant_that_cannot_be_run_is_told_with_its_reason_and_null_numbers():
    found = by_hand(error="no stop", total_return=NAN, return_earned=NAN, run_id="")
    assert "gate: could not be run: no stop" in found.text()
    document = found.document()
    assert document["effects"][0]["return_earned"] is None
    json.dumps(document, allow_nan=False)


def test_the_folder_holds_the_same_as_json_and_as_a_table(found, tmp_path):
    folder = write_attribution(found, tmp_path)
    assert folder.name == f"swing_2026-attribution-{found.full_run_id}"
    document = json.loads((folder / "attribution.json").read_text())
    table = pd.read_parquet(folder / "attribution.parquet")
    assert [row["condition"] for row in document["effects"]] == list(table["condition"])
    assert document["effects"][0]["return_earned"] == table["return_earned"][0]
    assert document["full"]["trades"] == found.full.trades
