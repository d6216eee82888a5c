"""Stresses in one and several processes; the audit finds wrong books."""

import hashlib
import json
from dataclasses import fields
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, utc_text
from data_feeds.embedded import embedded_catalog
from data_feeds.schema import Provenance
from data_feeds.simulation.scenarios import joined
from engine.broker.execution import FillTerms
from engine.config_files import read_config
from engine.errors import ConfigError, PlaybookError, SimulationError
from engine.reads import Reads
from engine.run import run
from engine.stress import PathRow, publish_stress, run_stress, stress_job
from engine.stress import path as path_module
from engine.stress.job import window_config
from engine.stress.path import daily_equity
from engine.stress.path_runs import AUDITED_FIRST, _audit_worst
from engine.workers import Workers
from tests.data_feeds.factory import ns
from tests.embedded import PERP


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_two_processes_give_the_bytes_of_one(toy_job, tmp_path):
    alone, both = (run_stress(toy_job(paths=6), workers=Workers(jobs)) for jobs in (1, 2))
    assert alone.rows == both.rows
    np.testing.assert_array_equal(alone.equity, both.equity)
    # Into one folder: the page shows a command that names it.
    first = publish_stress(alone, tmp_path)
    written = contents(first)
    assert publish_stress(both, tmp_path) == first
    assert contents(first) == written
    assert set(written) == {
        "paths.parquet", "paths.png", "summary.json", "summary.txt", "config.resolved.yaml",
        "index.html", "seals.json",
    }  # fmt: skip


def test_the_same_data_in_another_place_give_the_same_bytes_but_for_the_place(toy_job, tmp_path):
    found = []
    for name in ("here", "there"):
        job = toy_job(f"data.source={name}", paths=1)
        folder = publish_stress(run_stress(job, workers=Workers(1)), tmp_path)
        found.append((folder, contents(folder)))
    (here, one), (there, other) = found
    assert here == there
    configs = [files.pop("config.resolved.yaml") for files in (one, other)]
    seals = [json.loads(files.pop("seals.json"))["files"] for files in (one, other)]
    assert seals[0].pop("config.resolved.yaml") != seals[1].pop("config.resolved.yaml")
    assert seals[0] == seals[1] != {}
    assert one == other
    assert configs[0].replace(b"source: here", b"source: there") == configs[1]


def test_a_path_depends_on_the_seed_and_its_number_alone(toy_job):
    four, two = (run_stress(toy_job(paths=paths), workers=Workers(1)).rows for paths in (4, 2))
    other = run_stress(toy_job(paths=2, seed=1), workers=Workers(1)).rows
    assert four[:2] == two
    assert len({row.total_return for row in four}) == 4
    assert not {row.total_return for row in other} & {row.total_return for row in four}


def test_a_row_says_what_a_run_over_the_same_path_says(toy_job):
    job = toy_job(paths=3)
    row = run_stress(job, workers=Workers(1)).rows[2]
    begun = job.continuation()
    data = joined(job.base.dataset, begun.path(2))
    outcome = run(
        window_config(job, begun.begin, begun.end), data, plugin_path=job.plugin_path
    ).outcome
    equity = outcome.curve.equity
    assert row.end_equity == equity[-1]
    assert row.total_return == equity[-1] / 100_000.0 - 1
    lowest = (equity / np.maximum.accumulate(np.maximum(equity, 100_000.0))).min() - 1
    assert row.max_drawdown == pytest.approx(min(lowest, 0.0))
    assert row.fees == pytest.approx(sum(fill.fee for fill in outcome.fills))
    assert (row.path, row.seed, row.liquidations) == (2, 0, 0)
    assert data.provenance is Provenance.SYNTHETIC


def test_decisions_begin_with_the_datas_last_close_and_end_with_the_path(toy_job, tmp_path):
    job = toy_job("playbook.params.fault=first_seen", paths=1)
    run_stress(job, workers=Workers(1))
    begun = job.continuation()
    seen = [int(line) for line in (tmp_path / "seen").read_text().splitlines()]
    # The config ends at a Monday's midnight; the last close known then is that of Friday
    # 2026-02-27. Its decisions fill at Monday's open, the first of the path.
    assert utc_text(begun.begin) == utc_text(min(seen)) == "2026-02-27T21:00Z"
    assert max(seen) <= begun.end == begun.begin + 30 * DAY_NS


def test_equity_of_a_day_is_that_of_the_last_close_until_then():
    class Curve:
        at = np.array([10, 20, 30])
        equity = np.array([101.0, 99.0, 104.0])

    found = daily_equity(Curve, 100.0, np.array([10, 19, 20, 25, 40]))
    assert found.tolist() == [100.0, 101.0, 99.0, 99.0, 104.0]


def test_the_first_paths_and_the_lowest_are_audited(toy_job):
    done = run_stress(toy_job(paths=8), workers=Workers(1))
    lowest = [
        min(done.rows, key=attrgetter(name)).path for name in ("total_return", "max_drawdown")
    ]
    assert done.audited == tuple(dict.fromkeys([*range(AUDITED_FIRST), *lowest]))


def test_the_lowest_return_and_the_lowest_drawdown_may_be_of_two_paths():
    # Path 4 has the lowest return, path 5 the lowest drawdown.
    returns, drawdowns = [0.1, 0.2, 0.0, 0.1, -0.3, 0.05], [-0.1, -0.1, -0.2, 0.0, -0.3, -0.5]
    results = [
        path_module.PathResult(PathRow(i, 7, found, fell, 0, 1, 0.0, 0.0, 1.0), np.ones(2), Reads())
        for i, (found, fell) in enumerate(zip(returns, drawdowns, strict=True))
    ]
    ran = []

    def run_paths(tasks):
        ran.extend(tasks)
        return [results[task.number] for task in tasks]

    assert _audit_worst(results, run_paths) == (0, 1, 2, 4, 5)
    assert ran == [path_module.PathTask(4, True), path_module.PathTask(5, True)]


def test_books_with_half_the_fees_are_found(toy_job, monkeypatch):
    whole = FillTerms.fee.fget
    monkeypatch.setattr(FillTerms, "fee", property(lambda terms: whole(terms) / 2))
    with pytest.raises(SimulationError) as raised:
        run_stress(toy_job(), workers=Workers(1))
    told = str(raised.value)
    assert told.startswith("path 0 of seed 0: the audit found ")
    assert "fee" in told
    assert told.endswith("; nothing is written")


def test_books_that_are_wrong_on_the_worst_path_alone_are_found(toy_job, monkeypatch):
    job = toy_job(paths=8)
    worst = run_stress(job, workers=Workers(1)).audited[-1]
    assert worst >= AUDITED_FIRST
    audited = []
    honest = path_module.audit_run

    def recorded(folder, source):
        audited.append(folder)
        if len(audited) > AUDITED_FIRST:
            (folder / "guards.parquet").write_bytes(b"not what the run sealed")
        return honest(folder, source)

    monkeypatch.setattr(path_module, "audit_run", recorded)
    with pytest.raises(Exception, match=f"path {worst} of seed 0"):
        run_stress(job, workers=Workers(1))


def test_a_playbook_that_looks_ahead_is_caught(toy_job):
    with pytest.raises(PlaybookError, match=r"path 0 of seed 0: playbook toy: signal close"):
        run_stress(toy_job("playbook.params.fault=ahead"), workers=Workers(1))


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_first_path_that_fails_is_named(toy_job, jobs):
    with pytest.raises(PlaybookError, match=r"path 0 of seed 0: playbook toy: on_bar raised"):
        run_stress(toy_job("playbook.params.fault=on_bar"), workers=Workers(jobs))


def test_a_worker_that_dies_ends_the_stress_and_names_its_path(toy_job):
    died = r"path [01] of seed 0: the worker process died \(exit code 9\) in each of 2 attempts"
    with pytest.raises(SimulationError, match=died):
        run_stress(toy_job("playbook.params.fault=die"), workers=Workers(2))


def test_a_path_that_comes_out_differently_the_second_time_stops_the_stress(toy_job, monkeypatch):
    job = toy_job(paths=8)
    measured = path_module.PathRunner._measured
    seen = set()

    def drifting(self, number, result):
        found = measured(self, number, result)
        if number not in seen:
            seen.add(number)
            return found
        row = PathRow(**{**vars(found.row), "fees": found.row.fees + 1e-9})
        return path_module.PathResult(row, found.equity, found.reads)

    monkeypatch.setattr(path_module.PathRunner, "_measured", drifting)
    with pytest.raises(SimulationError, match="run twice, it came to"):
        run_stress(job, workers=Workers(1))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tolerance": 15.0}, "--tolerance 15: a fraction between 0 and 1"),
        ({"tolerance": float("nan")}, "--tolerance nan"),
    ],
)
def test_settings_out_of_range_are_refused(toy_job, settings, words):
    with pytest.raises(ConfigError) as raised:
        run_stress(toy_job(), **settings)
    assert words in str(raised.value)


def test_progress_reaches_one(toy_job):
    told = []
    run_stress(toy_job(), workers=Workers(1), on_progress=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_data_that_end_on_a_weekend_begin_where_they_end(toy_job):
    job = toy_job("data.end=2026-03-01")
    assert job.continuation().begin == ns("2026-02-27T21:00")


SWING = {"legs": [{"instrument": PERP, "timeframe": "15m", "weight": 1.0}]}


def shipped(name, *settings):
    end = ("data.source=embedded", "data.start=2026-01-01", "data.end=2026-02-20")
    config = read_config(name, [*end, *settings], None)
    return stress_job(config, embedded_catalog(), "B", paths=2, days=15)


def test_playbooks_of_one_seed_meet_the_same_market_and_their_perps_audit_clean():
    reclaim = shipped("demo")
    swing = shipped("swing_2026", f"playbook.params={json.dumps(SWING)}")
    ours, theirs = (job.continuation().path(1) for job in (reclaim, swing))
    assert theirs.channels.keys() - ours.channels.keys()
    for key in ours.channels.keys() & theirs.channels.keys():
        for name, values in ours.channels[key].columns.items():
            np.testing.assert_array_equal(values, theirs.channels[key][name], f"{key} {name}")
    held = shipped(
        "leverage_2020",
        "playbook.params.timeframe=15m",
        "playbook.params.enter_at=2026-02-20T00:00Z",
    )
    done = run_stress(held, workers=Workers(1))
    assert done.audited == (0, 1)
    assert [row.trades for row in done.rows] == [1, 1]
    assert all(row.funding != 0 for row in done.rows)


def test_every_column_of_the_table_is_documented():
    page = (Path(__file__).resolve().parents[3] / "docs" / "stress.md").read_text()
    for field in fields(PathRow):
        assert f"`{field.name}`" in page


def test_a_condition_that_the_config_leaves_out_is_left_out_of_every_path(tmp_path):
    settings = ["playbook.ignore=[second_flush]"]
    full, without = (
        stress_job(
            read_config("demo", chosen, None), embedded_catalog(), "B", paths=1, days=30, seed=0
        )
        for chosen in ([], settings)
    )
    assert full.config.playbook.ignore == ()
    assert without.config.playbook.ignore == ("second_flush",)
    config = window_config(without, without.continuation().begin, without.continuation().end)
    assert config.playbook.ignore == ("second_flush",)
    paths = [path_module.PathRunner(job, tmp_path) for job in (full, without)]
    assert [path._playbook.ignored for path in paths] == [frozenset(), frozenset({"second_flush"})]


@pytest.mark.parametrize(("needs", "reads"), [("files", False), ("open", True)])
def test_what_the_rules_read_beside_the_data_is_part_of_the_id(toy_job, tmp_path, needs, reads):
    (plugin,) = (tmp_path / "plugins").glob("*.py")
    text, levels = plugin.read_text(), tmp_path / "plugins" / "levels.txt"
    if needs == "files":
        text = text.replace("(params.table,) if params.table else ()", "('levels.txt',)")
    else:
        opened = "        Path(__file__).with_name('levels.txt').read_text()\n"
        text = text.replace("        bars = data", opened + "        bars = data")
    plugin.write_text(text)
    folders = []
    for content in ("1", "2", "1"):
        levels.write_text(content)
        folders.append(
            publish_stress(run_stress(toy_job(paths=1), workers=Workers(1)), tmp_path / "out")
        )
    assert folders[0] == folders[2] != folders[1]
    summary = json.loads((folders[1] / "summary.json").read_text())
    digest = hashlib.sha256(b"2").hexdigest()
    part = "undeclared" if reads else "declared"
    assert summary["inputs"]["files"][part] == [["levels.txt", digest]]
    told = ["the rules read levels.txt, which Requirements.files does not name"]
    assert summary["not_reusable"] == (told if reads else [])
