"""Every mark is a fill of the folder, and its reason is a sentence of `riskoff explain`."""

import math
import re

import pytest

from engine.answers.trade import explain_trade
from engine.decision_terms import RISK_ADDING
from engine.price_chart import FillMarks, instrument_chart, run_chart
from engine.price_chart.unwritten_run import UnwrittenRun
from engine.results.contents import write_run
from engine.results.finished import RunRecord
from engine.run_folder.read import RunFolder
from tests.engine.mixed_cases import mixed_case

KINDS = ("guard", "refused", "option")


@pytest.fixture(scope="module")
def run(make_run):
    return make_run()


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    return write_run(run, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def chart(run):
    return run_chart(RunRecord(run))


def test_each_mark_is_a_fill_of_the_folder_at_its_time_price_and_size(chart, folder):
    (drawn,) = chart.instruments
    fills = RunFolder(folder).fills
    assert len(fills) == 12
    marked = [(m.fill_id, m.at, m.price, m.side * m.quantity, m.role) for m in drawn.marks]
    assert marked == [(f.fill_id, f.at, f.price, f.quantity, f.role) for f in fills]
    assert [m.adds for m in drawn.marks] == [f.role == "entry" for f in fills]
    # The target closes half of the position, so it is a part; entry and last exit are whole.
    assert [m.is_part for m in drawn.marks] == [f.role == "target" for f in fills]


def test_reason_size_and_fill_of_a_mark_stand_in_the_explanation_of_its_trade(chart, folder):
    told = {
        trade.trade_id: explain_trade(folder, trade.trade_id) for trade in RunFolder(folder).trades
    }
    (drawn,) = chart.instruments
    for mark in drawn.marks:
        shared = mark.cap.partition(": times ")[2].removesuffix(".")
        for sentence in (mark.reason, shared, *mark.lines):
            assert sentence in told[mark.trade_id], sentence
    entries = [mark for mark in drawn.marks if mark.adds]
    assert all(mark.reason.startswith("Decided ") for mark in entries)
    assert {mark.cap for mark in entries} == {
        "Size set by the cap risk, which allows 20: times 1 (playbook's size 1 x tier normal 1) "
        "and floored to the lot: 20."
    }


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_the_sentence_of_each_entry_leads_to_the_size_of_its_order(seed):
    record = RunRecord(mixed_case(seed).finished())
    folder = UnwrittenRun(record)
    marks, orders = FillMarks(folder), {row["order_id"]: row for row in folder.rows("orders")}
    entries = [
        mark for name in record.traded_bars for mark in marks.of(name) if mark.role == "entry"
    ]
    assert len(entries) >= 15
    number = r"([\d,.e+-]+)"
    pattern = rf"which allows {number}: times {number} \(.*\) and floored to the lot: {number}\."
    for mark in entries:
        allowed, times, approved = (
            float(text.replace(",", "")) for text in re.search(pattern, mark.cap).groups()
        )
        ordered = orders[mark.order_id]["quantity"]
        assert approved == pytest.approx(ordered, rel=1e-5)
        # Several fills may fill one order; a lot of these instruments is at most one unit.
        assert mark.quantity <= ordered * (1 + 1e-9)
        assert -1e-4 * ordered <= allowed * times - approved < 1


def test_marks_of_a_stored_folder_equal_those_of_the_run(chart, folder, run):
    # A comparison draws stored runs: the same marks without the run in memory.
    record = RunRecord(run)
    (name,) = record.run.requirements.traded
    instrument = record.run.dataset.instruments[name]
    stored = instrument_chart(RunFolder(folder), instrument, record.traded_bars[name])
    assert stored.marks == chart.instruments[0].marks
    assert stored.levels == chart.instruments[0].levels


# Guards, refused entries, refused changes of weights and bought spreads among them.
@pytest.mark.parametrize("seed", [1, 2, 5])
def test_events_are_the_guards_the_refusals_and_the_fills_of_options(seed):
    record = RunRecord(mixed_case(seed).finished())
    outcome = record.run.outcome
    events = FillMarks(UnwrittenRun(record)).events(record.options)
    assert events == sorted(events, key=lambda event: event.at)
    of = {kind: [event for event in events if event.kind == kind] for kind in KINDS}
    assert sum(map(len, of.values())) == len(events) > 0
    for event, guard in zip(of["guard"], outcome.guard_events, strict=True):
        assert event.at == guard.at
        assert event.text.startswith(f"{guard.guard} {guard.event}")
    refused = [
        decision
        for decision in outcome.decisions
        if decision.intent in RISK_ADDING and decision.outcome != "approved"
    ]
    told = {(event.at, event.instrument, event.price): event.text for event in of["refused"]}
    assert len(of["refused"]) == len(refused)
    for decision in refused:
        price = decision.entry_estimate if math.isfinite(decision.entry_estimate) else None
        text = told[decision.decided_at, decision.instrument, price]
        assert f"{decision.intent} {decision.outcome} by {decision.blocked_by}" in text
    assert [(event.at, event.instrument) for event in of["option"]] == [
        (fill.at, fill.instrument) for fill in outcome.fills if fill.instrument in record.options
    ]
