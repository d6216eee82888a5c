"""RUN arguments: a name, a name with a number, an id, a folder, a sleeve."""

import json
from datetime import UTC, datetime

import pytest

from engine.errors import ReportError
from engine.run_folder.read import RunFolder, check_is_run
from engine.run_folder.run_names import find_run, named_runs
from engine.run_folder.seals import write_seals
from engine.run_folder.write import timing_document

OLD, NEW, OTHER = "a" * 12, "ab" + "0" * 10, "f" * 12


def finished(root, name, run_id, minute):
    folder = root / f"{name}-{run_id}"
    folder.mkdir(parents=True)
    timing = {"started_at": f"2026-02-06T10:{minute:02d}:00+00:00", "seconds": 30.0}
    (folder / "timing.json").write_text(json.dumps(timing))
    return folder


@pytest.fixture
def runs(tmp_path):
    root = tmp_path / "runs"
    finished(root, "demo", OLD, 1)
    finished(root, "demo", NEW, 5)
    finished(root, "demo-wide", OTHER, 3)
    return root


def test_the_newest_run_is_number_one_of_its_name(runs):
    assert [(run.handle, run.run_id) for run in named_runs(runs)] == [
        ("demo", NEW),
        ("demo-wide", OTHER),
        ("demo@2", OLD),
    ]


@pytest.mark.parametrize(
    ("text", "run_id"),
    [
        ("demo", NEW),
        ("demo@1", NEW),
        ("demo@2", OLD),
        ("demo-wide", OTHER),
        ("aaaa", OLD),
        ("ab00", NEW),
        ("f" * 12, OTHER),
        (f"demo-{OLD}", OLD),
    ],
)
def test_a_run_is_found_by_name_number_id_or_folder_name(runs, text, run_id):
    assert find_run(text, runs).name.endswith(run_id)


def test_a_folder_is_taken_as_it_is(runs, tmp_path):
    assert find_run(str(tmp_path), runs) == tmp_path


def test_running_again_makes_a_run_the_newest(runs):
    timing = {"started_at": "2026-02-06T11:00:00+00:00", "seconds": 1.0}
    (runs / f"demo-{OLD}" / "timing.json").write_text(json.dumps(timing))
    assert find_run("demo", runs).name == f"demo-{OLD}"


def test_of_two_runs_in_one_second_the_later_is_the_newer(runs):
    # The first lasts from 10.05 s to 10.65 s, the second from 10.70 s to 10.90 s.
    second = datetime(2026, 2, 6, 12, 0, 10, tzinfo=UTC)
    for run_id, begun, lasted in (("1" * 12, 50_000, 0.6), ("2" * 12, 700_000, 0.2)):
        folder = finished(runs, "demo", run_id, 0)
        timing = timing_document(second.replace(microsecond=begun), lasted)
        (folder / "timing.json").write_text(json.dumps(timing))
    assert find_run("demo", runs).name == f"demo-{'2' * 12}"


def test_a_run_without_its_time_counts_by_the_folders_own(runs):
    (runs / f"demo-{OLD}" / "timing.json").write_text("{")
    # written now, long after the times in the other folders
    assert find_run("demo", runs).name == f"demo-{OLD}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("demo@3", r"demo@3: no such run in .*; there are demo \(ab0.*\), demo@2 \(aaa"),
        ("reclaim_2020", "make it with 'riskoff run reclaim_2020'"),
        ("three_playbooks_2022", "make it with 'riskoff account three_playbooks_2022'"),
        ("nothing", r"it holds demo .*, demo-wide .*'riskoff runs' lists them"),
        ("abc", "no such run"),  # an id has at least four digits
    ],
)
def test_what_is_not_there_is_told_with_what_is(runs, text, words):
    with pytest.raises(ReportError, match=words):
        find_run(text, runs)


def test_an_id_that_begins_several_is_refused(runs):
    finished(runs, "third", "aaaab" + "0" * 7, 9)
    with pytest.raises(ReportError, match=r"several runs .*third \(aaaab.*demo@2 \(aaaa"):
        find_run("aaaa", runs)


def test_no_folder_of_runs_is_no_error_until_one_is_asked_for(tmp_path):
    assert named_runs(tmp_path / "none") == []
    with pytest.raises(ReportError, match="it holds no runs"):
        find_run("nothing", tmp_path / "none")


def test_folders_of_other_names_and_half_written_ones_are_no_runs(runs):
    (runs / ".partial-x").mkdir()
    (runs / "notes").mkdir()
    (runs / f"file-{OTHER}").write_text("")
    assert len(named_runs(runs)) == 3


def test_a_sleeve_is_named_behind_its_account(runs):
    account = finished(runs, "book", "b" * 12, 8)
    (account / "account.resolved.yaml").write_text("")
    for name in ("core", "swing"):
        (account / "sleeves" / name).mkdir(parents=True)
    assert find_run("book/core", runs) == account / "sleeves" / "core"
    assert find_run("bbbb/swing", runs) == account / "sleeves" / "swing"
    assert find_run(str(account / "swing"), runs) == account / "sleeves" / "swing"
    assert named_runs(runs)[0].is_account
    with pytest.raises(ReportError, match="no sleeve gold; its sleeves: core, swing"):
        find_run("book/gold", runs)
    with pytest.raises(ReportError, match="it is the run of one playbook"):
        find_run("demo/core", runs)


@pytest.mark.parametrize(
    ("name", "data"),
    [("demo", "paths.parquet"), ("demo", "summary.json"), ("demo-attribution", "attribution.json")],
)
def test_a_stress_and_an_attribution_are_no_runs(runs, name, data):
    folder = finished(runs, name, "c" * 12, 59)
    (folder / data).write_text("{}")
    write_seals(folder)
    assert len(named_runs(runs)) == 3
    assert find_run("demo", runs).name == f"demo-{NEW}"
    for reader in (check_is_run, RunFolder):
        with pytest.raises(ReportError, match="not a run folder"):
            reader(folder)
    (folder / "manifest.json").write_text("{}")
    write_seals(folder)
    check_is_run(folder)
    assert len(named_runs(runs)) == 4


@pytest.mark.parametrize("seconds", ["1e300", "1e12", "NaN", "Infinity", '"x"', "null", "[1]"])
def test_seconds_that_are_none_leave_the_folders_own_time(runs, seconds):
    text = f'{{"started_at": "2026-02-06T10:00:00+00:00", "seconds": {seconds}}}'
    (runs / f"demo-{OLD}" / "timing.json").write_text(text)
    # written now, long after the times in the other folders
    assert find_run("demo", runs).name == f"demo-{OLD}"


@pytest.mark.parametrize("text", ["x" * 300, "demo/" + "y" * 300, "z" * 300 + "/sleeve"])
def test_a_name_too_long_for_a_file_is_no_run(runs, text):
    with pytest.raises(ReportError, match=r"'riskoff runs' lists them|no sleeve y"):
        find_run(text, runs)
    with pytest.raises(ReportError, match="cannot be looked up"):
        named_runs(runs / ("x" * 300))
