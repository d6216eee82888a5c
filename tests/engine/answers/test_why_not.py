"""Explain a window without entries and a whole day from the run folder alone."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_feeds.embedded import embedded_catalog
from engine.answers.day import day_story, explain_day
from engine.answers.instant import explain_at
from engine.answers.time_window import parse_day, parse_window
from engine.answers.why_not import data_labels, why_not
from engine.answers.why_not_text import explain_why_not, why_not_text
from engine.conditions import condition
from engine.config.load import load_run_config
from engine.errors import ConfigError, ReportError
from engine.pages.publish import publish
from engine.playbook import Signals
from engine.records import GuardEvent
from engine.results.contents import write_run
from engine.run import run as run_config
from engine.run_folder.read import RunFolder
from engine.run_folder.seals import write_seals
from tests.engine.two_trades import ALONE, two_trades

RUNS = Path(__file__).resolve().parents[3] / "configs" / "runs"
HOUR_NS = 3_600 * 10**9
NAN = float("nan")


def compared(name, measured, threshold, *, age_hours=None, required=True, inputs=()):
    """Return a condition: true where measured >= threshold, unknown where it is NaN."""
    values = np.array(measured, dtype=float)
    age = None
    if age_hours is not None:
        age = np.full(len(values), int(age_hours * HOUR_NS), dtype=np.int64)
    return condition(
        name,
        np.nan_to_num(values) >= threshold,
        known=np.isfinite(values),
        measured=values,
        threshold=threshold,
        unit="x",
        description=f"{name} is large",
        required=required,
        inputs=inputs,
        age_ns=age,
    )


@pytest.fixture
def journal(make_run, tmp_path):
    """Return a function that writes a run of 100 hours with these conditions at its first rows."""

    def written(*conditions, **changes):
        run = make_run(hours=100, plans=0)
        rows, count = len(conditions[0].truth), len(run.signals.decided_at)
        kept = run.signals.decided_at[:rows]
        setup = np.array(["2026-02-02T02:00Z"] * rows)
        signals = Signals(kept, {}, conditions, notable=np.ones(rows, bool), setup=setup)
        assert rows <= count
        return write_run(replace(run, signals=signals, **changes), tmp_path)

    return written


def test_the_row_with_the_fewest_failures_and_the_smallest_gap_is_the_nearest_miss(journal):
    # Row 0: both fail. Row 1: b alone, (4 - 2) / 4 = 50%. Row 2: b alone, (4 - 3) / 4 = 25%.
    folder = journal(compared("a", [9, 10, 10], 10.0), compared("b", [3.9, 2, 3], 4.0))
    found = why_not(folder, "2026-02-02")
    assert found.miss.at == pd.Timestamp("2026-02-02T05:40Z")
    assert [item.name for item in found.miss.failing] == ["b"]
    (b,) = found.miss.failing
    assert (b.measured, b.threshold, b.margin) == (3.0, 4.0, -1.0)
    assert b.distance == pytest.approx(0.25)


def test_every_condition_is_counted_failed_unknown_and_alone(journal):
    folder = journal(compared("a", [9, 10, 10, NAN], 10.0), compared("b", [3, 2, 4, 4], 4.0))
    a, b = why_not(folder, "2026-02-02").miss.conditions
    # a fails with b at row 0 and is alone, unknown, at row 3; b is alone at row 1.
    assert (a.held, a.failed, a.unknown, a.alone) == (2, 1, 1, 1)
    assert (b.held, b.failed, b.unknown, b.alone) == (2, 2, 0, 1)


def test_the_text_names_failed_conditions_with_their_margin_and_age(journal):
    folder = journal(
        compared("funding", [3.0], 4.0, age_hours=7),
        compared("yields", [5.0], 2.0, age_hours=72),
        compared("range", [2.0], 1.0),
        compared("watch", [1.0], 2.0, required=False),
    )
    text = explain_why_not(folder, "2026-02-02")
    assert "No entry filled." in text
    assert "setup 2026-02-02T02:00Z. 1 of 3 required conditions failed:" in text
    assert "- funding 3 against 4 x, 25.0% apart: funding is large" in text
    line = next(row for row in text.splitlines() if row.startswith("  NO   funding"))
    assert line.split() == ["NO", "funding", "3", "4", "x", "-1", "7h", "1/1", "0", "1"]
    assert next(row for row in text.splitlines() if " yields " in row).split()[6] == "3d"
    assert "this bar" in next(row for row in text.splitlines() if "  range " in row)
    assert "watched, false: watch" in text
    assert "riskoff explain RUN --at 2026-02-02T03:40:00Z" in text
    assert len(text.splitlines()) <= 40


def test_a_missing_input_has_no_age_and_a_condition_of_the_bar_itself_needs_none(journal):
    missing = replace(compared("a", [NAN], 1.0), age_ns=np.array([-1]))
    a, b = why_not(journal(missing, compared("b", [2.0], 1.0)), "2026-02-02").miss.conditions
    assert math.isnan(a.age_hours)
    assert b.age_hours is None
    assert a.truth == "unknown"


def test_where_all_conditions_held_the_text_says_that_the_journal_lacks_the_reason(journal):
    text = explain_why_not(journal(compared("a", [2.0], 1.0)), "2026-02-02")
    words = " ".join(text.split())
    assert "All 1 required conditions held, but the rules asked for nothing" in words
    assert "their other requirements are not in the journal" in words


def test_a_playbook_without_required_conditions_says_so(journal):
    folder = journal(compared("calm", [0.5, 2.0], 1.0, required=False))
    text = explain_why_not(folder, "2026-02-02")
    assert "These rules require no condition" in text
    assert "At the window's last row, 2026-02-02 04:40Z" in text


def test_of_two_trades_the_nearest_is_shown_and_the_other_in_one_line(journal):
    # Row 4: all of panic hold, so it is nearest; quiet came nearest at row 1, 2.5% from breakout.
    folder = journal(*two_trades())
    found = why_not(folder, "2026-02-02").miss
    assert (found.group, found.at) == ("panic", pd.Timestamp("2026-02-02T07:40Z"))
    assert [item.name for item in found.required] == ["feed", "panic.deep"]
    (other,) = found.others
    assert (other.group, other.at) == ("quiet", pd.Timestamp("2026-02-02T04:40Z"))
    assert (other.failing, other.required) == (("quiet.breakout",), 3)
    assert other.distance == pytest.approx(0.025)
    text = " ".join(explain_why_not(folder, "2026-02-02").split())
    assert "All 2 required conditions of panic held" in text
    assert "1 of 3 failed: quiet.breakout; nearest quiet.breakout, 2.5% apart" in text


def test_failures_alone_are_counted_within_a_trade(journal):
    found = why_not(journal(*two_trades()), "2026-02-02").miss
    assert {item.name: item.alone for item in found.conditions} == ALONE


def test_a_day_counts_the_failures_of_the_nearest_trade(journal):
    folder = journal(*(item.take(np.arange(4)) for item in two_trades()))
    text = " ".join(explain_day(folder, "2026-02-02").split())
    assert "1 of 3 required of quiet failed: quiet.breakout" in text


def rebalanced(row):
    return replace(row, intent="rebalance", instrument="", plan_id=0)


def test_conditions_that_choose_weights_are_told_at_the_last_row(make_run, tmp_path):
    # Two states; the decision at hour 0 rebalances, so that later rows are those of a book.
    run = make_run(hours=100, plans=1)
    decided = tuple(rebalanced(row) for row in run.outcome.decisions)
    at = run.signals.decided_at[-6:]
    signals = Signals(at, {}, two_trades(), notable=np.ones(6, bool))
    outcome = replace(run.outcome, decisions=decided)
    folder = write_run(replace(run, signals=signals, outcome=outcome), tmp_path)
    day = pd.Timestamp(int(at[-1]), tz="UTC").strftime("%Y-%m-%d")
    found = why_not(folder, day)
    assert found.of_weights
    assert found.miss.at == pd.Timestamp(int(at[-1]), tz="UTC")
    assert {row["blocked_by"] for row in RunFolder(folder).rows("journal_conditions")} == {
        "nothing due"
    }
    text = " ".join(why_not_text(found).split())
    assert "These rules hold weights, which the conditions below choose." in text
    assert "- quiet.calm false 9 against 10 x, 10.0% apart: quiet.calm is at least 10" in text
    assert "Nearest miss" not in text


def test_an_instant_tells_distance_and_age_of_each_condition(journal):
    old = compared("funding", [3.0], 4.0, age_hours=7)
    text = explain_at(journal(old, compared("range", [2.0], 1.0)), "2026-02-02T03:40Z")
    told = [" ".join(line.split()) for line in text.splitlines()]
    assert "NO funding 3 against 4 x 25.0% apart 7h funding is large" in told
    assert "yes range 2 against 1 x 50.0% apart this bar range is large" in told


def test_an_instant_lists_the_nearest_trade_in_front(journal):
    text = explain_at(journal(*two_trades()), "2026-02-02T03:40Z")  # row 0: panic is nearest
    headings = [line for line in text.splitlines() if line.startswith("Required conditions")]
    assert headings == [
        "Required conditions",
        "Required conditions of panic, which came nearest",
        "Required conditions of quiet",
    ]
    assert "required conditions of panic that failed: 1" in " ".join(text.split())


def test_an_entry_that_risk_refused_names_its_guard(make_run, tmp_path):
    run = make_run(hours=100, plans=1)
    refused = tuple(
        replace(row, outcome="blocked", blocked_by="daily loss") for row in run.outcome.decisions
    )
    run = replace(run, outcome=replace(run.outcome, decisions=refused))
    found = why_not(write_run(run, tmp_path), "2026-02-02..2026-02-05")
    (refusal,) = [item for item in found.refusals if item.kind == "risk"]
    assert (refusal.reason, refusal.rows) == ("enter BTCUSDT-PERP refused: daily loss", 1)
    assert "enter BTCUSDT-PERP refused: daily loss; " in why_not_text(found)


def test_a_position_is_named_as_the_reason_for_no_entry(make_run, tmp_path):
    folder = write_run(make_run(hours=100, plans=1), tmp_path)
    found = why_not(folder, "2026-02-02..2026-02-05")
    assert "BTCUSDT-PERP in a position (plan 1)" in [item.reason for item in found.refusals]
    assert found.approved[0].startswith("2026-02-03 18:40Z  enter BTCUSDT-PERP approved (plan 1)")
    assert "Entries filled:" in why_not_text(found)


def test_an_entry_decided_the_evening_before_counts_on_the_day_of_its_fill(held):
    folder = held("2026-02-04T00:00Z")
    evening, day = why_not(folder, "2026-02-03"), why_not(folder, "2026-02-04")
    assert (evening.filled, day.approved) == ((), ())
    assert evening.approved[0].endswith("; filled, the last of it 2026-02-04 00:00Z")
    assert "No entry filled.\nEntries approved:" in why_not_text(evening)
    (bought,) = day.filled
    assert bought.startswith("2026-02-04 00:00Z  BTCUSDT-PERP +")
    assert bought.endswith("(plan 1), decided 2026-02-04 00:00Z")
    assert "No entry filled" not in why_not_text(day)


def test_an_approved_entry_that_never_filled_is_not_a_fill(make_run, tmp_path):
    run = make_run(hours=100, plans=1)
    entry = replace(
        run.outcome.orders[0], status="cancelled", filled=0.0, end_reason="end of the run"
    )
    assert entry.role == "entry"
    run = replace(run, outcome=replace(run.outcome, orders=(entry,), fills=()))
    found = why_not(write_run(run, tmp_path), "2026-02-02..2026-02-05")
    assert found.filled == ()
    assert found.approved[0].endswith("; never filled (end of the run)")
    assert "No entry filled." in why_not_text(found)


def approved(make_run, at, **changes):
    """Return the outcome of a run without fills, with one approved decision."""
    (decision,) = make_run(hours=100, plans=1).outcome.decisions
    instant = int(pd.Timestamp(at).as_unit("ns").value)
    decision = replace(decision, decided_at=instant, **changes)
    return replace(make_run(hours=100, plans=0).outcome, decisions=(decision,))


@pytest.mark.parametrize("intent", ["enter", "add", "rebalance", "hedge"])
def test_a_row_with_an_approved_entry_is_not_a_miss(journal, make_run, intent):
    # Row 1 holds and acts; row 0 is then the nearest, 1 of 10 away.
    outcome = approved(make_run, "2026-02-02T04:40Z", intent=intent)
    found = why_not(journal(compared("a", [9, 10], 10.0), outcome=outcome), "2026-02-02")
    assert found.miss.at == pd.Timestamp("2026-02-02T03:40Z")
    assert not found.miss.acted


def test_where_every_row_has_an_approved_entry_the_first_one_is_shown(journal, make_run):
    outcome = approved(make_run, "2026-02-02T03:40Z", intent="add")
    text = " ".join(
        explain_why_not(journal(compared("a", [10], 10.0), outcome=outcome), "2026-02-02").split()
    )
    assert "Every row has an approved entry; the first: 2026-02-02 03:40Z" in text
    assert "All 1 required conditions held, and the entry was approved." in text


def test_rows_inside_a_position_are_counted_by_each_instruments_own_intervals(journal):
    folder = journal(compared("a", [10, 10, 9, 10], 10.0))
    rows = [pd.Timestamp(f"2026-02-02T0{hour}:40Z") for hour in (3, 4, 5, 6)]
    at = dict(zip("abcd", rows, strict=True))

    def held(instrument, began, ended):
        return {
            "from_at": began,
            "until_at": ended,
            "instrument": instrument,
            "state": "in_position",
            "plan_id": 1,
            "detail": "",
        }

    # BTC: filled inside the bar that closes at a, sold at the open of d: rows a to d, of which c
    # fails. ETH: bought at the open of b, stopped inside the bar that closes at d: c alone.
    intervals = [held("BTC", at["a"], at["d"]), held("ETH", at["b"], at["d"])]
    fills = [
        ("BTC", "range", "a"),
        ("BTC", "open", "d"),
        ("ETH", "open", "b"),
        ("ETH", "range", "d"),
    ]
    filled = [
        {"instrument": name, "stage": stage, "at": at[row], "role": "exit", "order_id": 0}
        for name, stage, row in fills
    ]
    for name, table in (("journal_account", intervals), ("fills", filled)):
        pq.write_table(pa.Table.from_pylist(table), folder / f"{name}.parquet")
    write_seals(folder)
    found = why_not(folder, "2026-02-02")
    assert [(item.reason.split()[0], item.rows) for item in found.refusals] == [
        ("BTC", 3),
        ("ETH", 0),
    ]


def test_a_window_without_a_row_names_the_rows_around_it(journal):
    text = explain_why_not(journal(compared("a", [2.0], 1.0)), "2026-02-03")
    assert "The journal has no row here" in text
    assert "before is at 2026-02-02 03:40Z, the next at -." in " ".join(text.split())


def test_a_bar_that_closes_at_midnight_belongs_to_the_day_it_ends():
    day = parse_day("2026-02-05")
    assert day.holds(pd.Timestamp("2026-02-06T00:00Z"))
    assert not day.holds(pd.Timestamp("2026-02-05T00:00Z"))


def test_instants_of_a_window_are_included_and_days_are_whole():
    window = parse_window("2026-02-05T12:00Z..2026-02-06")
    assert window.holds(pd.Timestamp("2026-02-05T12:00Z"))
    assert window.holds(pd.Timestamp("2026-02-07T00:00Z"))
    assert not window.holds(pd.Timestamp("2026-02-05T11:59Z"))


def test_an_open_at_midnight_belongs_to_the_day_that_begins():
    day = parse_day("2026-02-05")
    assert day.holds_open(pd.Timestamp("2026-02-05T00:00Z"))
    assert not day.holds_open(pd.Timestamp("2026-02-06T00:00Z"))
    window = parse_window("2026-02-05T00:00Z..2026-02-05T12:00Z")
    assert window.holds_open(pd.Timestamp("2026-02-05T12:00Z"))
    fill = {"stage": "range", "at": pd.Timestamp("2026-02-06T00:00Z")}
    assert day.holds_fill(fill)
    assert not day.holds_fill({**fill, "stage": "open"})


def test_an_account_interval_belongs_to_the_days_it_covers_from_its_beginning_on():
    began, ended = pd.Timestamp("2026-02-05T00:00Z"), pd.Timestamp("2026-02-06T00:00Z")
    interval = {"from_at": began, "until_at": ended}
    days = ("2026-02-04", "2026-02-05", "2026-02-06")
    assert [parse_day(day).overlaps(interval) for day in days] == [False, True, False]
    assert parse_day("2026-02-06").overlaps({**interval, "until_at": None})


@pytest.fixture
def held(tmp_path):
    """Return a function that writes the run folder of one purchase that is held to the end."""

    def run_from(enter_at):
        params = f"{{timeframe: 15m, enter_at: {enter_at}, stop_fraction: 0.02}}"
        rules = ["playbook.name=hold", f"playbook.params={params}"]
        window = ["data.start=2026-02-03", "data.end=2026-02-06"]
        return publish(
            run_config(load_run_config(RUNS / "demo.yaml", rules + window), embedded_catalog()),
            tmp_path,
        )

    return run_from


def test_an_entry_at_midnight_is_on_the_day_of_its_fill_with_its_fee(held):
    folder = held("2026-02-04T00:00Z")
    before, day = (
        {part.heading: part.lines for part in day_story(folder, day).sections}
        for day in ("2026-02-03", "2026-02-04")
    )
    assert len(before["Decisions"]) == 1
    assert before["Fills"] == day["Decisions"] == ()
    assert "in a position" not in " ".join(before["Account"])
    assert "at the open" in day["Fills"][0]
    fees = [row["fee"] for row in RunFolder(folder).rows("fills") if row["at"].day == 4]
    assert f"fees {-sum(fees):.2f}" in day["Account"]
    assert any(line.startswith("funding ") for line in day["Account"])


def test_the_first_instant_of_a_run_belongs_to_its_first_day(held):
    folder = held("2026-02-03T00:00Z")
    parts = {part.heading: part.lines for part in day_story(folder, "2026-02-03").sections}
    assert len(parts["Decisions"]) == 1
    assert parts["Fills"][0].count("2026-02-03 00:00Z") == 1
    with pytest.raises(ReportError, match="2026-02-02 lies outside the run's window"):
        day_story(folder, "2026-02-02")


def test_guards_of_a_day_have_their_end_and_reason(make_run, tmp_path):
    run = make_run(hours=100, plans=1)
    at = int(pd.Timestamp("2026-02-03T12:00Z").as_unit("ns").value)
    tripped = GuardEvent(at, "cool-down", "tripped", 1.0, 1.0, at + 12 * HOUR_NS, "after a loss")
    run = replace(run, outcome=replace(run.outcome, guard_events=(tripped,)))
    parts = {p.heading: p.lines for p in day_story(write_run(run, tmp_path), "2026-02-03").sections}
    assert parts["Guards"] == (
        "2026-02-03 12:00Z  cool-down tripped until 2026-02-04 00:00Z: after a loss",
    )


@pytest.mark.parametrize("text", ["soon", "2026-02", "2026-02-06..2026-02-05", "..", "2026-02-31"])
def test_a_text_that_is_not_a_window_is_refused_in_one_line(journal, text):
    folder = journal(compared("a", [2.0], 1.0))
    with pytest.raises(ConfigError) as caught:
        explain_why_not(folder, text)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("explain", [explain_day, explain_why_not])
def test_a_day_outside_the_run_is_refused_with_the_runs_window(journal, explain):
    folder = journal(compared("a", [2.0], 1.0))
    with pytest.raises(ReportError, match="2020-01-01 lies outside the run's window, 2026-02-02"):
        explain(folder, "2020-01-01")


def test_inputs_are_grouped_by_label_and_by_their_first_row(journal):
    inputs = ("BTCUSDT-PERP/bars/1h", "DXY", "open interest")
    folder = journal(compared("a", [2.0], 1.0, inputs=inputs))
    window = parse_window("2026-02-02")
    assert data_labels(RunFolder(folder), window) == (
        "observed: BTCUSDT-PERP/bars/1h",
        "not in the data: DXY",
    )
    manifest = json.loads((folder / "manifest.json").read_text())
    channel = manifest["channels"]["BTCUSDT-PERP/bars/1h"]
    channel.update(rows=100, observed=75, inferred=25)
    ended = {**channel, "last_at": "2026-02-01T23:00Z"}
    manifest["channels"]["DXY/series"] = {**channel, "first_at": "2026-03-01T00:00Z"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    write_seals(folder)
    assert data_labels(RunFolder(folder), window) == (
        "25% inferred: BTCUSDT-PERP/bars/1h",
        "begins after the window: DXY/series",
    )
    manifest["channels"]["DXY/series"] = ended
    (folder / "manifest.json").write_text(json.dumps(manifest))
    write_seals(folder)
    label = "ended before the window (last 2026-02-01): DXY/series"
    assert label in data_labels(RunFolder(folder), window)


def test_full_keys_that_the_data_lack_are_named(tmp_path):
    absent = ["dollar_series=NOPE", "spot_instrument=NOSPOT"]
    settings = [f"playbook.params.{text}" for text in absent]
    window = ["data.start=2026-02-02", "data.end=2026-02-06"]
    config = load_run_config(RUNS / "demo.yaml", settings + window)
    folder = publish(run_config(config, embedded_catalog()), tmp_path)
    labels = data_labels(RunFolder(folder), parse_window("2026-02-05"))
    (line,) = [text for text in labels if text.startswith("not in the data: ")]
    assert "NOPE/series" in line
    assert "NOSPOT/bars/" in line


def test_a_day_has_account_decisions_orders_fills_and_setups(make_run, tmp_path):
    run = make_run(hours=100, plans=1)
    folder = write_run(run, tmp_path)
    story = day_story(folder, "2026-02-03")
    parts = {part.heading: part for part in story.sections}
    assert "BTCUSDT-PERP in a position (plan 1)" in parts["Account"].lines[-1]
    assert parts["Guards"].lines == ()
    assert parts["Decisions"].lines == (
        "2026-02-03 18:40Z  enter BTCUSDT-PERP approved (plan 1): reclaim of the first flush low",
    )
    assert parts["Fills"].lines[0].startswith("BTCUSDT-PERP  filled +20 at ")
    text = story.text()
    assert "Guards: none." in text
    assert len(text.splitlines()) <= 40


def test_a_day_shows_the_best_row_of_each_setup_and_its_block(journal):
    folder = journal(compared("a", [9, 10], 10.0), compared("b", [3, 3], 4.0))
    text = explain_day(folder, "2026-02-02")
    assert (
        "2026-02-02 04:40Z  setup 2026-02-02T02:00Z; condition: b; 1 of 2 required failed: b; "
        "nearest b, 25.0% off"
    ) in " ".join(text.split()).replace("04:40Z setup", "04:40Z  setup")


def test_long_lists_of_a_day_are_cut_with_the_file_that_has_the_rest(make_run, tmp_path):
    run = make_run(hours=100, plans=1)
    (decision,) = run.outcome.decisions
    many = tuple(replace(decision, decision_id=n) for n in range(1, 10))
    run = replace(run, outcome=replace(run.outcome, decisions=many))
    text = explain_day(write_run(run, tmp_path), "2026-02-03")
    assert "and 3 more in journal_decisions.parquet" in text


@pytest.fixture(scope="module")
def flush_run(tmp_path_factory):
    config = load_run_config(RUNS / "demo.yaml", ["data.start=2026-02-02", "data.end=2026-02-09"])
    return publish(run_config(config, embedded_catalog()), tmp_path_factory.mktemp("runs"))


def test_a_run_on_the_reconstruction_answers_for_the_day_of_the_flush(flush_run):
    text = explain_why_not(flush_run, "2026-02-05")
    assert "SYNTHETIC DATA" in text.splitlines()[0]
    assert "required conditions" in text
    assert "100% synthetic: " in text
    assert len(text.splitlines()) <= 45
    found = why_not(flush_run, "2026-02-05")
    ages = {item.name: item.age_hours for item in found.miss.conditions}
    assert ages["reclaim"] is None
    assert 0 <= ages["yields_rising"] < 24 * 6
    day = explain_day(flush_run, "2026-02-05")
    assert "Best setups, and what blocked them" in day
    assert len(day.splitlines()) <= 45


def test_every_session_of_a_daily_playbook_has_an_answer(tmp_path):
    config = load_run_config(
        RUNS / "swing_2026.yaml", ["data.start=2026-02-02", "data.end=2026-02-13"]
    )
    folder = publish(run_config(config, embedded_catalog()), tmp_path)
    found = why_not(folder, "2026-02-05")
    assert (found.decision_rows, found.journal_rows) == (1, 1)
    assert "drawdown" in {item.name for item in found.miss.conditions if item.required}
