"""Run id, hashes and assumptions."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from data_feeds.dataset import Dataset
from data_feeds.trading_terms import TradingTerms
from engine.config.venue import LimitFill
from engine.results.cash_notes import cash_sentences
from engine.results.finished import LookAheadCheck, RunRecord
from engine.results.manifest import (
    assumptions,
    channel_label,
    inputs_document,
    manifest,
    resolved_config,
    run_id,
)


def with_config(run, **changes):
    return replace(run, config=run.config.model_copy(update=changes))


def test_the_run_id_is_the_same_for_the_same_inputs_wherever_the_data_lie(make_run):
    run = make_run(hours=60)
    moved = with_config(run, data=run.config.data.model_copy(update={"source": "/elsewhere"}))
    assert run_id(run) == run_id(make_run(hours=60)) == run_id(moved)


def test_the_run_id_changes_with_config_parameters_seed_and_data(make_run):
    run = make_run(hours=60)
    ids = {
        run_id(run),
        run_id(with_config(run, seed=1)),
        run_id(with_config(run, risk=run.config.risk.model_copy(update={"risk_fraction": 0.02}))),
        run_id(make_run(hours=61)),
        run_id(make_run(hours=60, label=2)),
        run_id(replace(run, playbook=type(run.playbook)(run.playbook.Params(lookback=25)))),
    }
    assert len(ids) == 6


def test_the_resolved_config_holds_the_playbooks_defaults(make_run):
    assert resolved_config(make_run(hours=60))["playbook"]["params"] == {"lookback": 24}


def test_inputs_name_python_packages_and_code(make_run):
    inputs = inputs_document(make_run(hours=60))
    assert {"backtrader", "numpy", "pandas"} <= set(inputs["packages"])
    assert len(inputs["code_sha256"]) == 64


def test_rows_are_counted_by_label_and_holes_are_seen(make_run):
    run = make_run(hours=60)
    (channel,) = run.dataset.channels.values()
    labels = np.array([0] * 50 + [1] * 6 + [2] * 4, dtype=np.int8)
    columns = {**channel.columns, "label": labels}
    holed = type(channel)(channel.key, columns).take(np.r_[0:20, 23:60])
    document = channel_label(holed, run)
    assert (document["observed"], document["inferred"], document["synthetic"]) == (47, 6, 4)
    assert (document["rows"], document["missing"]) == (57, 3)
    assert document["first_at"] == "2026-02-02T02:40Z"


def test_the_manifest_says_synthetic_when_one_value_is(make_run):
    assert manifest(RunRecord(make_run(hours=60, label=2)))["data_label"] == "synthetic"
    assert manifest(RunRecord(make_run(hours=60)))["data_label"] == "observed"


def test_assumptions_name_what_the_data_lack_and_the_share_of_inferred_marks(make_run):
    run = make_run(hours=60)
    run = replace(run, outcome=replace(run.outcome, inferred_mark_bars=15, mark_bars=60))
    text = "\n".join(assumptions(RunRecord(run)))
    assert "no funding in the data: no funding was paid or received" in text
    assert "15 of 60 bars (25.0%)" in text
    assert "today's table" in text


def test_the_manifest_says_how_many_cuts_the_look_ahead_check_took(make_run):
    run = replace(make_run(hours=60), look_ahead=LookAheadCheck(7, 20, 60))
    assert manifest(RunRecord(run))["look_ahead"] == {"cuts": 7, "most": 20, "rows": 60}
    assert not any("look-ahead check" in line for line in assumptions(RunRecord(run)))
    unchecked = replace(run, look_ahead=None)
    assert manifest(RunRecord(unchecked))["look_ahead"] is None


def test_a_long_run_says_that_its_look_ahead_check_took_fewer_cuts(make_run):
    long = replace(make_run(hours=60), look_ahead=LookAheadCheck(9, 9, 525_600))
    (said,) = [line for line in assumptions(RunRecord(long)) if "look-ahead check" in line]
    assert "on 9 cuts" in said
    assert "525,600 rows" in said


def test_an_empty_channel_has_a_label_too(make_run):
    run = make_run(hours=60)
    (channel,) = run.dataset.channels.values()
    empty = channel.take(slice(0, 0))
    run = replace(run, dataset=Dataset(run.dataset.instruments, {channel.key: empty}))
    assert manifest(RunRecord(run))["channels"][str(channel.key)]["first_at"] is None


def test_the_fill_rule_is_said_with_the_ticks_it_uses(make_run):
    run = make_run(hours=60)
    record = RunRecord(run)
    ticks = {"BTCUSDT-PERP": 0.01}
    assert manifest(record)["fill_rule"] == {"limit_fill": "through", "ticks": ticks}
    (said,) = [line for line in assumptions(record) if "venue.limit_fill" in line]
    assert "at least a tick beyond it" in said
    assert "BTCUSDT-PERP 0.01" in said
    venue = run.config.venue.model_copy(update={"limit_fill": LimitFill.TOUCH})
    touch = with_config(run, venue=venue)
    (said,) = [line for line in assumptions(RunRecord(touch)) if "venue.limit_fill" in line]
    assert "if the price touches it" in said
    assert manifest(RunRecord(touch))["fill_rule"]["limit_fill"] == "touch"
    assert resolved_config(touch)["venue"]["limit_fill"] == "touch"
    assert run_id(touch) != run_id(run)


@pytest.mark.parametrize(
    ("newer", "told"),
    [
        ({"since": "2026-02-03", "lot_size": 0.01}, "lot_size from 1 to 0.01 on 2026-02-03"),
        ({"since": "2026-02-04", "lot_size": 0.01}, "lot_size from 1 to 0.01 on 2026-02-04"),
        ({"since": "2026-02-03", "taker_fee_bps": 9}, "taker_fee_bps from 5 to 9 on 2026-02-03"),
        # After the window, or said again: nothing changes in it.
        ({"since": "2026-02-05", "lot_size": 0.01}, None),
        ({"since": "2026-02-03", "lot_size": 1}, None),
        # The run writes a table of its own.
        ({"since": "2026-02-03", "maintenance": ({"floor": 0, "rate": 0.1},)}, None),
    ],
)
def test_terms_that_change_inside_the_window_are_named(make_run, newer, told):
    # The window is 2026-02-02T02:40Z to 2026-02-04T02:40Z.
    run = make_run(hours=48)
    ((name, plain),) = run.dataset.instruments.items()
    first = {"since": "2026-01-01", "lot_size": 1, "taker_fee_bps": 5}
    table = ({"floor": 0, "rate": 0.01},)
    terms = [
        TradingTerms.model_validate({"source": "a", **stated})
        for stated in ({**first, "maintenance": table}, newer)
    ]
    held = plain.model_copy(update={"terms": tuple(terms)}).in_force(date(2026, 2, 2))
    dataset = Dataset({name: held}, run.dataset.channels)
    venue = run.config.venue.model_copy(update={"general": ("taker_fee_bps",)})
    config = run.config.model_copy(update={"venue": venue})
    found = [
        text
        for text in assumptions(RunRecord(replace(run, dataset=dataset, config=config)))
        if "keeps the terms" in text
    ]
    assert found == (
        [
            f"{name} keeps the terms of 2026-02-02 for the whole window, although its records "
            f"change {told}."
        ]
        if told
        else []
    )


def test_a_wallet_that_begins_empty_and_must_pay_is_named(make_run):
    run = make_run(hours=60)
    empty = {"venue_cash": 0.0, "brokerage_cash": 5_000.0}
    sentence = (
        "The venue wallet pays for BTCUSDT-PERP and begins with 0 (account.venue_cash): nothing is "
        "bought there before the playbook sends it cash."
    )
    changed = with_config(run, account=run.config.account.model_copy(update=empty))
    assert sentence in list(cash_sentences(changed))
    assert not any("begins with 0" in line for line in cash_sentences(run))
