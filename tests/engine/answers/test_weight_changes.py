"""The instants at which a run set its weights, from the run folder alone."""

from dataclasses import replace

import numpy as np
import pytest

from engine.answers.run_lists import explain_run
from engine.conditions import condition
from engine.decision_terms import DecisionOutcome, IntentKind
from engine.playbook import Signals
from engine.results.contents import write_run

HOUR_NS = 3_600 * 10**9


def grouped(at):
    """Return a condition that belongs to the state storm."""
    blank = np.full(len(at), np.nan)
    holds = np.ones(len(at), dtype=bool)
    return condition(
        "storm",
        holds,
        known=holds,
        measured=blank,
        threshold=np.nan,
        unit="",
        description="",
        group="storm",
    )


@pytest.fixture
def weights_run(make_run, tmp_path):
    """Return a function that writes a run whose decisions set weights with the given reasons."""

    def written(*reasons, refused=frozenset()):
        run = make_run(hours=120, plans=1)
        (entry,) = run.outcome.decisions
        asked = [
            replace(
                entry,
                decision_id=place + 1,
                decided_at=entry.decided_at + place * HOUR_NS,
                intent=IntentKind.REBALANCE,
                reason=reason,
                outcome=(
                    DecisionOutcome.BLOCKED if reason in refused else DecisionOutcome.APPROVED
                ),
            )
            for place, reason in enumerate(reasons)
        ]
        at = run.signals.decided_at
        signals = Signals(at, {}, (grouped(at),))
        outcome_of = replace(run.outcome, decisions=tuple(asked))
        return write_run(replace(run, signals=signals, outcome=outcome_of), tmp_path)

    return written


def test_changes_of_weights_stand_in_the_place_of_refused_setups(weights_run):
    told = explain_run(
        weights_run("storm: vix > 30", "usual: no other state holds", "storm: vix > 30"), "fake"
    )
    assert told.splitlines()[0].endswith("1 trade, weights set 3 times")
    assert "Refused setups" not in told
    lines = [line.split() for line in told.partition("Changes of weights")[2].splitlines()]
    assert [line[:2] for line in lines[2:4]] == [["storm", "2"], ["usual", "1"]]
    assert "one change: riskoff explain fake --at INSTANT" in told


def test_only_the_newest_changes_are_listed(weights_run):
    told = explain_run(weights_run(*(f"band left in usual: {n}" for n in range(22))), "fake")
    assert "band left in usual     22" in told
    assert "band left in usual: 1\n" not in told
    assert "band left in usual: 2\n" in told
    assert "  and 2 earlier in journal_decisions.parquet" in told


def test_a_refused_change_set_no_weights(weights_run):
    told = explain_run(weights_run("storm: a", "usual: b", refused={"usual: b"}), "fake")
    assert told.splitlines()[0].endswith("weights set 1 time")
    assert "usual: b" not in told.partition("Changes of weights")[2].partition("Refused")[0]
