"""Every mark is a fill of the folder, and its reason is a sentence of `riskoff explain`."""

import pytest

from engine.answers.trade import explain_trade
from engine.price_chart import instrument_chart, run_chart
from engine.results.contents import write_run
from engine.results.finished import RunRecord
from engine.run_folder.read import RunFolder


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
        for sentence in (mark.reason, *mark.lines):
            assert sentence in told[mark.trade_id], sentence
    entries = [mark for mark in drawn.marks if mark.adds]
    assert all(mark.reason.startswith("Decided ") for mark in entries)
    assert {mark.cap for mark in entries} == {"Size set by the cap risk, which allows 20."}


def test_marks_of_a_stored_folder_equal_those_of_the_run(chart, folder, run):
    # A comparison draws stored runs: the same marks without the run in memory.
    record = RunRecord(run)
    (name,) = record.run.requirements.traded
    instrument = record.run.dataset.instruments[name]
    stored = instrument_chart(RunFolder(folder), instrument, record.traded_bars[name])
    assert stored.marks == chart.instruments[0].marks
    assert stored.levels == chart.instruments[0].levels
