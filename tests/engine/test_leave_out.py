"""A condition treated as true: what changes, what does not, and that every record says so."""

import json
from pathlib import Path

import numpy as np
import pytest

from data_feeds.embedded import embedded_catalog
from engine.answers.instant import explain_at
from engine.audit import audit_run
from engine.causality import prepare
from engine.conditions import Truth, condition, leave_out
from engine.config.load import load_run_config
from engine.errors import ConfigError, PlaybookContractError
from engine.pages.publish import publish
from engine.playbook_checks import outcome_difference
from engine.plugins import new_playbook
from engine.run import run
from strategies.liquidation_reclaim import LiquidationReclaim, ReclaimParams
from strategies.stabilization_swing import StabilizationSwing, SwingParams
from tests.embedded import embedded_dataset

RUNS = Path(__file__).resolve().parents[2] / "configs" / "runs"
RECLAIM = ReclaimParams(timeframe="15m", mark_timeframe="15m")
A_GATES = ("liquidation_driven", "open_interest_gate", "macro_gate")
A_STAGES = ("first_flush_range", "first_flush_volume", "bounce", "second_flush", "reclaim")


def config(name, *settings):
    return load_run_config(RUNS / f"{name}.yaml", settings)


def swing(*ignored, mode="sparse"):
    names = ", ".join(ignored)
    settings = [f"playbook.ignore=[{names}]", f"mode={mode}"]
    window = ["data.end=2026-04-13"]
    return run(config("swing_2026", *window, *settings), embedded_catalog())


def reclaim_signals(*ignored):
    playbook = new_playbook(LiquidationReclaim, RECLAIM, ignored)
    data = embedded_dataset()
    return prepare(playbook, data, LiquidationReclaim.requirements(RECLAIM))


@pytest.fixture(scope="module")
def full():
    return swing()


def test_a_condition_left_out_is_true_everywhere_and_keeps_its_numbers():
    measured = np.array([1.0, 3.0, np.nan])
    item = condition(
        "a",
        measured >= 2.0,
        known=np.isfinite(measured),
        measured=measured,
        threshold=2.0,
        unit="x",
        description="a",
    )
    (found,) = leave_out([item], frozenset({"a", "b"}))
    assert found.truth.tolist() == [Truth.TRUE] * 3
    assert found.left_out
    np.testing.assert_array_equal(found.measured, item.measured)
    assert leave_out([item], frozenset()) == (item,)


@pytest.mark.parametrize("name", A_GATES)
def test_without_a_gate_playbook_a_may_enter_at_more_rows_and_no_fewer(name):
    whole, without = reclaim_signals(), reclaim_signals(name)
    assert not (whole.wake_flat & ~without.wake_flat).any()
    (item,) = [item for item in without.conditions if item.name == name]
    assert item.left_out


@pytest.mark.parametrize(
    "name", ["drawdown", "macro_stabilized", "lower_lows_stopped", "vix_off_peak"]
)
def test_without_a_condition_playbook_b_is_stabilized_at_more_sessions_and_no_fewer(full, name):
    playbook = new_playbook(StabilizationSwing, SwingParams(), (name,))
    without = prepare(playbook, full.dataset, full.requirements)
    before, after = full.signals.values["stabilized"] > 0, without.values["stabilized"] > 0
    assert not (before & ~after).any()


@pytest.mark.parametrize("name", A_STAGES)
def test_without_a_stage_playbook_a_sees_other_sequences_or_may_enter_at_other_rows(name):
    whole, without = reclaim_signals(), reclaim_signals(name)
    assert whole.wake_flat.any()
    assert without.wake_flat.any()
    same = np.array_equal(whole.setup, without.setup)
    assert not (same and np.array_equal(whole.wake_flat, without.wake_flat))


@pytest.mark.parametrize("name", A_STAGES)
def test_a_flush_is_told_by_the_parameters_whatever_is_left_out(name):
    whole, without = (
        next(item for item in found.conditions if item.name == "flush")
        for found in (reclaim_signals(), reclaim_signals(name))
    )
    np.testing.assert_array_equal(without.truth, whole.truth)
    held = without.truth == Truth.TRUE
    for part in without.parts:  # deep and busy by the parameters, whatever the sequence leaves out
        assert (part.measured[held] >= part.threshold[held]).all()
    assert len(without.parts) == 2
    assert held.any()


def test_without_the_reclaim_playbook_a_enters_once_a_sequence_and_claims_none():
    found = reclaim_signals("reclaim")
    setups = found.setup[found.wake_flat]
    assert len(setups) == len(set(setups)) > 0
    settings = ["playbook.ignore=[reclaim]", "data.start=2026-02-02", "data.end=2026-02-14"]
    decisions = run(config("demo", *settings), embedded_catalog()).outcome.decisions
    entries = [item for item in decisions if item.intent == "enter"]
    assert entries
    assert not any("reclaim of" in item.reason for item in entries)
    assert entries[0].reason.startswith("all but a close beyond ")
    assert entries[0].reason.endswith(", which is left out")


def test_without_the_volume_of_the_flush_other_sequences_begin():
    whole, without = reclaim_signals(), reclaim_signals("first_flush_volume")
    begun = [np.unique(found.setup[found.setup != ""]) for found in (whole, without)]
    assert len(begun[1]) > len(begun[0])


def test_without_the_second_flush_a_reclaim_may_come_right_after_the_bounce():
    without = reclaim_signals("second_flush")
    params = RECLAIM.model_copy(update={"entry_after": "first_flush"})
    like = new_playbook(LiquidationReclaim, params)
    other = prepare(like, embedded_dataset(), LiquidationReclaim.requirements(RECLAIM))
    np.testing.assert_array_equal(without.wake_flat, other.wake_flat)


@pytest.mark.parametrize("name", A_STAGES)
def test_without_a_stage_an_entry_still_has_a_stop_beyond_the_sequences_low(name):
    found = reclaim_signals(name)
    rows = np.flatnonzero(found.wake_flat)
    assert len(rows)
    assert (found.values["stop"][rows] < found.values["close"][rows]).all()
    assert (found.setup[rows] != "").all()


def test_a_condition_that_never_blocks_changes_nothing_when_it_is_left_out(full):
    (idle,) = [item for item in full.signals.conditions if item.name == "vix_off_peak"]
    others = [item.truth == Truth.TRUE for item in full.signals.conditions if item.required]
    alone = (idle.truth != Truth.TRUE) & (np.sum(others, axis=0) == len(others) - 1)
    assert not alone[full.signals.decided_at >= full.outcome.curve.at[0]].any()
    without = swing("vix_off_peak")
    assert outcome_difference(full.outcome, without.outcome) == ""


def test_a_condition_that_blocks_lets_more_entries_in_when_it_is_left_out(full):
    without = swing("drawdown")
    entries = [
        sum(d.intent == "enter" and d.plan_id > 0 for d in found.outcome.decisions)
        for found in (full, without)
    ]
    assert entries[1] > entries[0]


def test_sparse_equals_dense_without_a_condition():
    sparse, dense = (swing("macro_stabilized", mode=mode) for mode in ("sparse", "dense"))
    assert sparse.outcome.decisions
    assert outcome_difference(sparse.outcome, dense.outcome) == ""


def test_a_run_without_a_condition_audits_clean_and_says_so_everywhere(tmp_path):
    result = swing("drawdown")
    folder = publish(result, tmp_path)
    assert audit_run(folder, embedded_catalog()).findings == ()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["left_out"] == ["drawdown"]
    assert manifest["assumptions"][0].startswith("NOT THE RULES AS WRITTEN: drawdown")
    assert "ignore:\n  - drawdown" in (folder / "config.resolved.yaml").read_text()
    for page in ("summary.txt", "tearsheet.html"):
        text = (folder / page).read_text()
        assert "stabilization_swing WITHOUT drawdown" in text
        assert "LEFT OUT: counted as true" in text
    told = explain_at(folder, "2026-02-05T23:30Z")
    assert told.startswith("swing_2026 (stabilization_swing WITHOUT drawdown)")
    assert "  out  drawdown" in told


def test_an_unknown_condition_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match=r"requires no condition 'drawdwn'; did you mean drawdo"):
        swing("drawdwn")


def test_a_condition_that_is_not_required_cannot_be_left_out():
    with pytest.raises(ConfigError, match=r"'leaders_lower_low'.*it requires: drawdown, macro_st"):
        swing("leaders_lower_low")


def test_a_playbook_without_required_conditions_has_nothing_to_leave_out():
    settings = ["data.start=2026-01-15", "playbook.ignore=[calm]"]
    weights = '{"weights": {"SPY": 0.5}, "risk_assets": ["SPY"], "crypto_assets": []}'
    rules = config("hedged_2026", *settings, f"playbook.params={weights}", "data.end=2026-02-13")
    with pytest.raises(ConfigError, match="requires no condition 'calm'; it requires: none"):
        run(rules, embedded_catalog())


class Deaf(StabilizationSwing):
    """Hears what is to be left out, and prepares the full rules."""

    def prepare(self, data):
        return StabilizationSwing(self.params).prepare(data)


def test_a_playbook_that_does_not_listen_is_refused(full):
    playbook = new_playbook(Deaf, SwingParams(), ("drawdown",))
    with pytest.raises(PlaybookContractError, match=r"pass its conditions through api\.leave_out"):
        prepare(playbook, full.dataset, full.requirements)
