"""Sweeps: equal to single runs, to several processes, and to themselves after a kill."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from data_feeds.load import open_source
from data_feeds.schema import ChannelKey, ChannelKind
from engine.config.sweep import ChoiceRule
from engine.config_files import read_config
from engine.door.finished_sweep import Sweep
from engine.errors import PlaybookError, ReportError, SimulationError
from engine.results.finished import RunRecord
from engine.run import prepare_run, run
from engine.sweep import parts as parts_module
from engine.sweep import publish_sweep, run_sweep, stored_parts, sweep_inputs, verification
from engine.sweep import set_runs as set_runs_module
from engine.sweep import trials as trials_module
from engine.sweep.axes import Axis, SweepSpace
from engine.sweep.set_choice import Choice, choose, neighbours_of, ranked
from engine.workers import Workers
from tests.engine.sweep.conftest import SMALL, SWEEP

EVERY_PART = pytest.mark.usefixtures("a_part_for_each_set")


@pytest.fixture
def a_part_for_each_set(monkeypatch):
    monkeypatch.setattr(parts_module, "SECONDS_PER_PART", 0.0)


@pytest.fixture
def runs_made(monkeypatch):
    """Count the runs of sets, without those of the checks."""
    made = []
    whole = set_runs_module.run_cell_of_set

    def counting(job, item, cell):
        made.append((item.set_id, cell.window))
        return whole(job, item, cell)

    monkeypatch.setattr(set_runs_module, "run_cell_of_set", counting)
    return made


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_row_of_a_sweep_equals_a_single_run_of_its_set(toy):
    result = toy.run()
    found = next(item for item in result.results if item.item.places == (2, 1))
    alone = run(
        read_config(
            str(toy.run_file),
            ["playbook.params.stop=0.96", "risk.risk_fraction=0.01", "data.start=2026-02-02"],
            toy.plugins,
        ),
        open_source("embedded"),
        plugin_path=toy.plugins,
    )
    record, row = RunRecord(alone), found.cells[1].row
    metrics = record.metrics
    assert row.total_return == metrics["total_return"] != 0.0
    assert (row.end_equity, row.fees, row.trades) == (
        metrics["end_equity"], metrics["fees"], metrics["trades"],
    )  # fmt: skip
    np.testing.assert_array_equal(found.cells[1].excess, record.excess_returns.to_numpy())


def test_two_processes_give_the_bytes_of_one(toy):
    one = publish_sweep(toy.run(text=SMALL), toy.folder / "one")
    shutil.rmtree(toy.root)
    two = publish_sweep(toy.run(text=SMALL, jobs=2), toy.folder / "two")
    assert one.name == two.name
    assert contents(one) == contents(two)


@EVERY_PART
def test_a_finished_set_is_never_run_again(toy, runs_made):
    first = toy.run()
    assert len(runs_made) == 6 * 2
    again = toy.run()
    assert len(runs_made) == 6 * 2
    assert (first.reused, again.reused) == (0, 6)
    assert again.choice.place == first.choice.place


@EVERY_PART
@pytest.mark.parametrize("module", [parts_module, trials_module], ids=["part", "ledger"])
@pytest.mark.parametrize("number", [1, 3])
def test_a_sweep_killed_at_a_write_continues_and_gives_the_same_bytes(
    toy, monkeypatch, runs_made, module, number
):
    whole = publish_sweep(toy.run(text=SMALL), toy.folder / "whole")
    shutil.rmtree(toy.root)
    runs_made.clear()
    real, calls = module.write_atomically, []

    def killed(path, content):
        calls.append(path)
        if len(calls) >= number:
            raise KeyboardInterrupt
        real(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(module, "write_atomically", killed)
        with pytest.raises(KeyboardInterrupt):
            toy.run(text=SMALL)
    job = toy.job(text=SMALL)
    kept = len(stored_parts(job, sweep_inputs(job), toy.root).read())
    assert kept == number - 1
    runs_made.clear()
    again = toy.run(text=SMALL)
    assert again.reused == kept
    assert len(runs_made) == 3 - kept
    assert contents(publish_sweep(again, toy.folder / "again")) == contents(whole) | {
        name: content
        for name, content in contents(toy.folder / "again" / whole.name).items()
        # It says how many sets were stored.
        if name in ("summary.txt", "report.html")
    }


@EVERY_PART
def test_every_set_of_a_killed_sweep_counts_as_a_trial(toy, monkeypatch):
    def killed(path, content):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(parts_module, "write_atomically", killed)
        with pytest.raises(KeyboardInterrupt):
            toy.run(text=SMALL)
    # The ledger comes first: the set whose part was lost is counted, and once after its second run.
    rows = trials_module.TrialLedger(toy.root).rows()
    assert len(rows) == 1
    assert toy.run(text=SMALL).trials.count == 3


KILLED = """
import os, sys
from pathlib import Path
from engine.config_files import read_sweep
from engine.sweep import parts, run_sweep, sweep_inputs, sweep_job
parts.SECONDS_PER_PART = 0.0
written = []
whole = parts.write_atomically
def dying(path, content):
    if len(written) == 2:
        os._exit(9)
    whole(path, content)
    written.append(path)
parts.write_atomically = dying
plugins = Path("plugins").resolve()
job = sweep_job(read_sweep("sweep.yaml", None, plugins), plugins)
run_sweep(job, sweep_inputs(job), Path("sweeps"))
"""


def test_a_process_that_dies_between_two_parts_loses_no_finished_part(toy):
    job = toy.job(text=SMALL)
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=toy.folder, env=os.environ,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 9, done.stderr
    assert len(stored_parts(job, sweep_inputs(job), toy.root).read()) == 2


def test_a_damaged_part_is_named_and_not_used(toy):
    toy.run()
    part, *_ = (toy.root / "parts").rglob("part-*.parquet")
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(ReportError, match=rf"{part.name}: is not the part that was written"):
        toy.run()


def test_a_set_that_fails_stops_the_sweep_and_is_named(toy):
    text = SWEEP.replace(
        "risk.risk_fraction: [0.005, 0.01]", "playbook.params.fault: [none, on_bar]"
    )
    with pytest.raises(PlaybookError, match=r"set \w+ \(.*fault=on_bar\) in first: "):
        toy.run(text=text)


def test_a_set_that_looks_ahead_cannot_be_reported(toy):
    text = SWEEP.replace(
        "playbook.params.stop: [0.90, 0.93, 0.96]", "playbook.params.fault: [ahead]"
    )
    with pytest.raises(PlaybookError, match="it looks ahead"):
        toy.run(text=text)


def test_a_stored_number_that_the_engine_does_not_repeat_stops_the_sweep(toy, monkeypatch):
    real = set_runs_module.measured
    monkeypatch.setattr(
        set_runs_module,
        "measured",
        lambda item, cell, result: _shifted(real(item, cell, result)),
    )
    with pytest.raises(SimulationError, match=r"set \w+ .* in first: end_equity was .* and is"):
        toy.run()


def _shifted(cell):
    return replace(cell, row=replace(cell.row, end_equity=cell.row.end_equity * (1 + 1e-6)))


def test_the_first_day_that_differs_is_named(toy):
    found = toy.run().results[0].cells[0]
    other = found.excess.copy()
    other[3] += 1e-6
    why = verification.first_difference(found, replace(found, excess=other))
    assert str(found.days[3]) in why
    assert verification.first_difference(found, found) == ""


def test_the_chosen_set_the_best_ten_and_a_random_sample_are_checked(toy):
    assert set(toy.run("checked_sets=0").checked) == set(range(6))
    choice = Choice(7, ChoiceRule.PEAK, np.arange(50.0), np.full(50, np.nan))
    places = verification.sets_to_check(choice, 50, sample=5, seed=0)
    assert places[:11] == [7, *range(49, 39, -1)]
    assert 11 < len(places) <= 16


def test_every_set_of_the_table_of_the_best_was_checked():
    # Numbers of 9 stand alone between bad sets; the plateau of 4 is ranked above them.
    numbers = np.where(np.arange(40) % 3 == 0, 9.0, 0.0)
    numbers[25:] = 4.0
    space = SweepSpace((Axis("x", tuple(range(40)), is_ordered=True),))
    choice = choose(numbers, neighbours_of(space, list(space.grid())), ChoiceRule.PLATEAU)
    shown = ranked(choice)[: verification.BEST_SETS]
    assert set(shown) < set(range(25, 40))
    assert set(shown) <= set(verification.sets_to_check(choice, 40, sample=0, seed=0))


def test_best_yaml_runs_and_repeats_the_chosen_set(toy):
    result = toy.run()
    sweep = Sweep(publish_sweep(result, toy.root))
    text = sweep.best_config.read_text()
    assert text.startswith("# toy: toy, sweep toy-")
    assert "NOT convincing" in text or "n/a" in text
    settings = ["data.start=2026-01-02", "data.end=2026-01-30"]
    found = run(
        read_config(str(sweep.best_config), settings, toy.plugins),
        open_source("embedded"),
        plugin_path=toy.plugins,
    )
    assert RunRecord(found).metrics["end_equity"] == result.chosen.cells[0].row.end_equity


def test_the_python_door_gives_sets_runs_and_days_as_frames(toy):
    result = toy.run()
    sweep = Sweep(publish_sweep(result, toy.root))
    assert list(sweep.sets.columns[:2]) == ["playbook.params.stop", "risk.risk_fraction"]
    assert sweep.sets["chosen"].sum() == 1
    assert len(sweep.runs) == 12
    first = sweep.daily_excess.loc[result.results[0].item.set_id, "first", ""]
    np.testing.assert_array_equal(first["excess"], result.results[0].cells[0].excess)
    assert sweep.summary["judgement"]["trials"] == 6


def test_a_changed_choice_runs_no_set_again(toy, runs_made):
    toy.run()
    runs_made.clear()
    result = toy.run("choose.rule=peak", "choose.metric=excess_return")
    assert runs_made == []
    assert result.choice.place == int(np.argmax(result.choice.numbers))


def test_results_of_other_data_are_never_reused(toy):
    first = toy.job("checked_sets=0", "sensitivity.costs=[]", "sensitivity.lags=[]", text=SMALL)
    config = first.run_config(first.first_set, first.cells[0])
    held = prepare_run(config, first.source, toy.plugins).dataset

    def stored(dataset, *, is_run=False):
        job = replace(first)
        job.__dict__["source"] = dataset
        inputs = sweep_inputs(job)
        if is_run:
            run_sweep(job, inputs, toy.root, workers=Workers(processes=1))
        return len(stored_parts(job, inputs, toy.root).read())

    assert stored(held, is_run=True) == 3
    assert stored(replace(held)) == 3
    # One close, a tenth of a percent higher: of the warm-up, or of the window.
    assert stored(with_higher_close(held, 0)) == 0
    assert stored(with_higher_close(held, -2)) == 0


def with_higher_close(dataset, row):
    key = ChannelKey("QQQ", ChannelKind.BARS, "1d")
    bars = dataset.channels[key]
    close = bars["close"].copy()
    close[row] *= 1.001
    high = np.maximum(bars["high"], close)
    changed = replace(bars, columns={**bars.columns, "close": close, "high": high})
    return replace(dataset, channels={**dataset.channels, key: changed})
