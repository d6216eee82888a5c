"""Sentences of a sweep: windows found with hindsight are called so, and clusters are clusters."""

from dataclasses import replace
from datetime import date
from importlib import import_module

import pytest

from engine.sell_offs import HINDSIGHT, find_sell_offs
from engine.sweep.judged_words import held_out_sentences, left_out_title
from engine.sweep.judgement import judged
from engine.sweep.sweep_text import about, verdict
from engine.sweep.walk_words import NOT_TRADABLE, walk_sentences
from tests.engine.sell_offs.test_found import data, market
from tests.engine.sweep.conftest import SMALL, SWEEP

EXPOSURE = "which favours cash and shorts: an excess over the bill shows exposure"


@pytest.fixture
def found(toy, monkeypatch):
    """Return a sweep over three sell-offs, the first two in one cluster."""
    whole = find_sell_offs(data([100, 85, 95]), market())
    spans = (((2025, 10, 6), (2025, 10, 17)), ((2025, 10, 20), (2025, 10, 31)),
             ((2026, 2, 2), (2026, 2, 27)))  # fmt: skip
    legs = tuple(
        replace(whole.sell_offs[0], high=date(*high), last=date(*last), cluster=cluster)
        for (high, last), cluster in zip(spans, (1, 1, 2), strict=True)
    )
    whole = replace(whole, sell_offs=legs)
    module = import_module("engine.sweep.sweep_job")  # the package exports a function of this name
    monkeypatch.setattr(module, "find_sell_offs", lambda source, asked: whole)
    text = SMALL[: SMALL.index("episodes:")] + "sell_offs: QQQ\n"
    return toy.run("sensitivity.costs=[]", "sensitivity.lags=[]", text=text)


def test_a_sweep_over_found_sell_offs_says_hindsight_and_exposure(found):
    said = " ".join(about(found))
    assert HINDSIGHT in said
    assert EXPOSURE in said
    assert walk_sentences(found)[-1] == NOT_TRADABLE


def test_folds_over_found_sell_offs_are_counted_in_clusters(found):
    left, anchored, _ = held_out_sentences(found, judged(found))
    assert left.startswith("Leave one cluster of sell-offs out (chosen on all other clusters")
    # Three windows, two clusters: two folds, one of them forward.
    assert "of 2 clusters beat the bill" in left
    assert "of 1 cluster beat the bill" in anchored


def test_calendar_windows_are_windows_without_hindsight(toy):
    result = toy.run("sensitivity.costs=[]", "sensitivity.lags=[]", text=SWEEP)
    assert left_out_title(result) == "Leave one window out"
    said = " ".join([*about(result), *walk_sentences(result)])
    assert HINDSIGHT not in said
    assert EXPOSURE not in said
    assert NOT_TRADABLE not in said
    assert "Trials: 6 sets of the playbook toy have seen these data" in " ".join(
        verdict(result, judged(result))
    )
    assert "chosen on all earlier windows" in held_out_sentences(result, judged(result))[1]


def test_named_episodes_are_said_to_be_chosen_for_their_fall(toy):
    result = toy.run("sensitivity.costs=[]", "sensitivity.lags=[]", text=SMALL)
    config = result.job.file.config.model_copy(update={"episodes": ("2026",)})
    file = replace(result.job.file, config=config)
    named = replace(result, job=replace(result.job, file=file))
    assert EXPOSURE in " ".join(about(named))
    assert HINDSIGHT not in " ".join(about(named))
