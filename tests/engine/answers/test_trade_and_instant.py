"""Explain trades and instants from the run folder alone."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest

from engine.answers.instant import explain_at
from engine.answers.row_sentences import _factors
from engine.answers.trade import explain_trade
from engine.errors import ConfigError, ReportError
from engine.results.contents import write_run
from engine.run_folder.seals import write_seals


@pytest.fixture(scope="module")
def folder(make_run, tmp_path_factory):
    return write_run(make_run(), tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def run(make_run):
    return make_run()


def test_a_trade_is_explained_from_reason_to_result(folder, run):
    text = explain_trade(folder, 2)
    fills = [fill for fill in run.outcome.fills if fill.plan_id == 2]
    assert "trade 2 of 4" in text
    assert "reclaim of the first flush low" in text
    assert "risk" in text
    assert "<- binds" in text
    assert "no limit -> 20" in text
    assert f"{fills[0].price:,.8g}" in text
    assert "Funding settlements: 1" in text
    assert " R (" in text
    assert "target+exit" in text


def test_an_unknown_trade_names_the_numbers_that_exist(folder):
    with pytest.raises(ReportError, match="no trade 9; it has trades 1 to 4"):
        explain_trade(folder, 9)


def test_a_blocked_bar_names_the_block_and_the_nearest_miss(folder, run):
    journal = pd.read_parquet(folder / "journal_conditions.parquet")
    row = journal[(journal.blocked_kind == "condition") & (journal.nearest_miss != "")].iloc[0]
    text = explain_at(folder, row["at"].to_pydatetime())
    assert f"No entry: {row.blocked_by} failed." in text
    assert f"Nearest miss: {row.nearest_miss}" in text
    assert "NO" in text
    required, others = text.split("Other conditions")
    assert "volume is at least three times its mean" in required
    assert "dollar and yields do not rise together" in others


def test_an_instant_in_a_position_names_it_and_the_equity(folder, run):
    inside = pd.Timestamp(run.outcome.fills[0].at + 5 * 3_600 * 10**9, tz="UTC")
    assert "in a position (plan 1 since" in explain_at(folder, inside.isoformat())
    assert "equity " in explain_at(folder, inside.isoformat())


def quiet_row(folder):
    """Return a decision row between two rows of the journal."""
    journal = set(pd.read_parquet(folder / "journal_conditions.parquet")["at"])
    rows = pd.read_parquet(folder / "decision_rows.parquet")["at"]
    return next(at for at in rows[30:] if at not in journal)


def test_a_bar_without_a_journal_row_names_its_neighbours(folder):
    at = quiet_row(folder)
    journal = pd.read_parquet(folder / "journal_conditions.parquet")["at"]
    text = explain_at(folder, str(at))
    assert "the playbook did not mark this bar and decided nothing" in text
    assert "level" not in text
    assert journal[journal < at].max().strftime("%Y-%m-%d %H:%M") in text
    assert journal[journal > at].min().strftime("%Y-%m-%d %H:%M") in text


def test_an_instant_inside_a_bar_shows_the_decision_row_before_it(folder, run):
    decided = pd.Timestamp(run.outcome.decisions[0].decided_at, tz="UTC")
    text = explain_at(folder, str(decided + pd.Timedelta(minutes=7)))
    after = decided + pd.Timedelta(hours=1)
    assert f"before it is at {decided:%Y-%m-%d %H:%M}Z, the next at {after:%Y-%m-%d %H:%M}Z" in text
    assert "An entry was approved." in text
    assert "Risk decision 1: enter approved" in text
    assert "nothing was decided" not in text


def test_an_instant_before_the_first_decision_row_has_no_decision_row(folder, run):
    text = explain_at(folder, run.config.data.start)
    assert "comes before the first decision row (the next at 2026-02-02 03:40Z)" in text


@pytest.mark.parametrize(
    ("tier", "multiplier", "words"),
    [
        # 0.25 = the playbook's 0.5 x the first rung's 0.5; in the normal tier all of it is its own
        ("cautious", 0.25, "Times 0.25 (playbook's size 0.5 x tier cautious 0.5)"),
        ("normal", 0.25, "Times 0.25 (playbook's size 0.25 x tier normal 1)"),
        ("defensive", 0.25, "Times 0.25 (playbook's size 1 x tier defensive 0.25)"),
    ],
)
def test_the_multiplier_is_split_into_its_factors(make_run, tmp_path, tier, multiplier, words):
    run = make_run(hours=100, plans=1)
    decisions = tuple(
        replace(row, tier=tier, multiplier=multiplier) for row in run.outcome.decisions
    )
    run = replace(run, outcome=replace(run.outcome, decisions=decisions))
    # The ladder of the defaults: 0.5, then 0.25.
    assert words in explain_trade(write_run(run, tmp_path), 1)


def test_a_tier_of_several_rungs_is_named_without_a_number():
    row = {"tier": "defensive", "market_tier": "", "multiplier": 0.1}
    assert _factors(row, [0.5, 0.25, 0.1]) == " (playbook's size x tier defensive's factor)"


def test_the_decision_of_an_entry_is_shown_at_its_instant(folder, run):
    at = pd.Timestamp(run.outcome.decisions[0].decided_at, tz="UTC")
    text = explain_at(folder, at.isoformat())
    assert "Risk decision 1: enter approved" in text


@pytest.mark.parametrize("instant", ["soon", "NaT", "now", "", "2026", "9999-12-31"])
def test_a_text_that_is_not_an_instant_is_refused_in_one_line(folder, instant):
    with pytest.raises(ConfigError, match=f"^{instant!r} is not an instant") as caught:
        explain_at(folder, instant)
    assert caught.value.exit_code == 2
    assert len(str(caught.value).splitlines()) == 1


def test_an_instant_outside_the_window_is_refused(folder):
    with pytest.raises(ReportError, match="outside the run's window"):
        explain_at(folder, "2020-01-01")


@pytest.mark.parametrize("harm", ["missing", "truncated", "without its columns"])
def test_a_harmed_equity_curve_is_named_in_one_line(folder, run, tmp_path, harm):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    path = copy / "equity.parquet"
    if harm == "missing":
        path.unlink()
    elif harm == "truncated":
        path.write_bytes(path.read_bytes()[:200])
    else:
        pd.read_parquet(path)[["equity"]].to_parquet(path)
    write_seals(copy)
    at = pd.Timestamp(run.outcome.decisions[0].decided_at, tz="UTC")
    with pytest.raises(ReportError, match=r"equity\.parquet: cannot be read") as caught:
        explain_at(copy, at.isoformat())
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["{}", "[]", '{"name": "x"}', "{"])
@pytest.mark.parametrize("name", ["manifest.json", "conditions.json"])
def test_a_harmed_document_is_named_in_one_line(folder, run, tmp_path, name, text):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / name).write_text(text)
    write_seals(copy)
    at = pd.Timestamp(run.outcome.decisions[0].decided_at, tz="UTC")
    with pytest.raises(ReportError, match=f"{name}: cannot be read") as caught:
        explain_at(copy, at.isoformat())
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_that_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(ReportError, match="not a run folder"):
        explain_trade(tmp_path, 1)


def test_the_title_of_synthetic_data_says_so(make_run, tmp_path):
    folder = write_run(make_run(hours=200, label=2), tmp_path)
    assert "SYNTHETIC DATA" in explain_trade(folder, 1)
