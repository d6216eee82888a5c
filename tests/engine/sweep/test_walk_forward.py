"""The walk-forward: the forward choices in one account, whose books balance across the seams."""

import json
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from engine.config.sweep import FoldsConfig, SweepWindow
from engine.errors import ConfigError
from engine.statistics import Missing
from engine.sweep import publish_sweep
from engine.sweep.sweep_job import cut_window
from engine.sweep.walk_words import walk_sentences
from tests.engine.sweep.conftest import ToySweeps

FOLDS = """\
name: walked
base: run.yaml
settings: {data.start: 2025-10-01, data.end: 2026-03-02}
over:
  playbook.params.stop: [0.90, 0.93, 0.96]
folds: {test_months: 1, train_months: 2}
checked_sets: 0
sensitivity: {costs: [], lags: []}
"""


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    return ToySweeps(tmp_path_factory.mktemp("walked")).run(text=FOLDS)


def test_each_window_starts_with_what_the_one_before_left(walked):
    (account,) = walked.anchored.walk.accounts
    windows = [part.result.row.window for part in account]
    assert windows == ["2025-12-01", "2026-01-01", "2026-02-01"]
    assert account[0].start_equity == 100_000.0
    for before, after in pairwise(account):
        assert after.start_equity == pytest.approx(before.end_equity, abs=0.005)
        assert after.peak >= before.peak
    # The toy always holds, so that each window ends with a sale.
    assert [part.closed for part in account] == [1, 1, 1]
    assert all(part.closing_fees > 0 for part in account)


def test_the_returns_of_the_windows_multiply_to_that_of_the_account(walked):
    walk = walked.anchored.walk
    growth = np.prod([1 + part.result.row.total_return for part in walk.segments])
    assert walk.end_equity / walk.start_equity == pytest.approx(growth)
    assert walk.equity[-1] == pytest.approx(walk.end_equity, abs=0.005)
    assert (np.diff(walk.at) > 0).all()


def test_a_window_is_traded_by_the_set_that_earlier_windows_chose(walked):
    folds = walked.anchored.folds.folds
    chosen = [walked.results[fold.place].item.set_id for fold in folds]
    assert [part.result.row.set_id for part in walked.anchored.walk.segments] == chosen
    assert walked.rolling.last == 2


def test_a_single_window_has_no_walk_forward(toy):
    result = toy.run(text=FOLDS.replace("folds:", "# folds:"))
    assert isinstance(result.anchored.walk, Missing)
    assert "one window only" in walk_sentences(result)[0]


def test_a_halt_for_good_in_one_window_stops_all_later_ones(toy):
    halted = "settings: {risk.drawdown: {ladder: [], halt_at: 0.001, halt_days: null}, "
    (account,) = toy.run(text=FOLDS.replace("settings: {", halted)).anchored.walk.accounts
    first, *later = account
    assert first.tripped[0] == "drawdown halt"
    assert [part.in_force for part in later] == ["drawdown halt"] * len(later)
    assert [part.result.row.trades for part in later] == [0] * len(later)


def test_page_and_summary_tell_the_walk_forward(walked, tmp_path):
    folder = publish_sweep(walked, tmp_path)
    document = json.loads((folder / "summary.json").read_text())["walk_forward"]["anchored"]
    assert document["end_equity"] == walked.anchored.walk.end_equity
    assert len(document["segments"]) == 3
    text = " ".join((folder / "summary.txt").read_text().split())
    assert "Walk-forward in one account" in text
    assert "100,000.00 become" in text
    page = (folder / "report.html").read_text()
    assert "equity at its start" in page
    assert page.count("<svg") == 1


def test_the_window_of_the_base_is_cut_by_months():
    whole = SweepWindow(name="window", start="2020-01-31", end="2020-05-20")
    found = cut_window(whole, FoldsConfig(test_months=1, train_months=2))
    names = [window.name for window in found]
    # 20 days are left after 30 April, more than half a month.
    assert names == ["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"]
    assert found[-1].end == whole.end
    assert all(one.end == other.start for one, other in pairwise(found))
    shorter = whole.model_copy(update={"end": found[-1].start + timedelta(days=9)})
    assert [
        window.name for window in cut_window(shorter, FoldsConfig(test_months=1, train_months=2))
    ] == names[:3]


def test_folds_that_judge_no_window_are_refused(toy):
    with pytest.raises(ConfigError, match="holds 5 of 1 months; 6 choose, so that none is judged"):
        toy.job(text=FOLDS.replace("train_months: 2", "train_months: 6"))
    with pytest.raises(ConfigError, match="train_months 3 is no multiple of test_months 2"):
        toy.job(text=FOLDS.replace("{test_months: 1, train_months: 2}",
                                   "{test_months: 2, train_months: 3}"))  # fmt: skip
