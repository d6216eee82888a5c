"""Check that ``riskoff stress`` writes a folder, or one clear line and nothing."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.config.load import load_run_config
from tests.engine.cli.command import (
    COMMAND,
    Command,
    assert_one_clear_line,
    environment,
    interruptible,
)
from tests.engine.stress.toy import write_project
from tests.patience import HANGS_S


@pytest.fixture
def project(toy_name: str, tmp_path: Path) -> Path:
    write_project(tmp_path, toy_name)
    return tmp_path


@pytest.fixture
def stress(project: Path, command: Command):
    fixed = ("run.yaml", "--plugin-path", "plugins", "--days", "20")
    return lambda *extra: command("stress", *fixed, *extra)


def only_folder(out: Path) -> Path:
    (folder,) = out.iterdir()
    return folder


SMALL = ("--scenario", "B", "--paths", "5", "--jobs", "1")


def test_a_stress_ends_with_the_path_of_its_page(project, stress):
    done = stress(*SMALL)
    assert (done.returncode, done.stderr) == (0, "")
    folder = only_folder(project / "stress")
    assert project / done.stdout.splitlines()[-1] == folder / "index.html"
    assert (folder / "paths.png").read_bytes().startswith(b"\x89PNG")
    assert done.stdout.startswith((folder / "summary.txt").read_text())
    assert done.stdout.startswith("*** SYNTHETIC SCENARIO: invented paths, no forecast.")
    assert "RESULT of 5 paths" in done.stdout
    assert "HOW OFTEN in 5 paths" in done.stdout
    # Two minima are no path.
    (lowest,) = [line for line in done.stdout.splitlines() if line.split()[:1] == ["lowest"]]
    assert lowest.count("%") == 2
    assert "worst path" not in done.stdout
    timing = json.loads((folder / "timing.json").read_text())
    assert timing["seconds_per_path"] == pytest.approx(timing["seconds"] / 5, abs=1e-3)


def test_the_table_has_one_row_a_path_that_the_summary_is_made_of(project, stress):
    document = json.loads(stress(*SMALL, "--json", "--tolerance", "0.02").stdout)
    folder = only_folder(project / "stress")
    assert project / document["stress"] == folder
    assert document["summary"] == json.loads((folder / "summary.json").read_text())
    table = pq.read_table(folder / "paths.parquet")
    assert table.column_names == [
        "path", "seed", "total_return", "max_drawdown", "liquidations", "trades", "fees",
        "funding", "end_equity", "halts",
    ]  # fmt: skip
    rows, summary = table.to_pylist(), document["summary"]
    assert [row["path"] for row in rows] == [0, 1, 2, 3, 4]
    assert summary["synthetic"] is True
    assert summary["paths"] == 5
    assert summary["total_return"]["worst"] == min(row["total_return"] for row in rows)
    breached = sum(row["max_drawdown"] <= -0.02 for row in rows)
    assert summary["probabilities"]["breach"]["estimate"] == breached / 5
    # The median of five is the third.
    assert summary["max_drawdown"]["quantiles"]["0.50"]["estimate"] == sorted(
        row["max_drawdown"] for row in rows
    )[2]  # fmt: skip


def test_one_path_becomes_a_run_folder_with_a_page(project, stress):
    done = stress("--scenario", "B", "--path", "1", "--out", "stress")
    assert (done.returncode, done.stderr) == (0, "")
    folder = only_folder(project / "stress")
    assert project / done.stdout.splitlines()[-1] == folder / "tearsheet.html"
    assert "-b-seed-0-path-1-" in folder.name
    assert "SYNTHETIC DATA" in (folder / "tearsheet.html").read_text()


def test_the_resolved_config_is_complete_and_stresses_again_into_the_same_folder(
    project, stress, command
):
    assert stress(*SMALL, "--set", "playbook.params.stop=0.9").returncode == 0
    first = only_folder(project / "stress")
    resolved = first / "config.resolved.yaml"
    params = load_run_config(resolved).playbook.params
    assert (params["fault"], params["stop"]) == ("none", 0.9)
    # Its defaults are written out.
    assert (params["needs"], params["lookback"]) == ("", 5)
    again = command(
        "stress", str(resolved), "--plugin-path", "plugins", "--days", "20", *SMALL,
        "--out", "again",
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert only_folder(project / "again").name == first.name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing option '--scenario'"),
        (("--scenario", "D"), "--scenario D: no such scenario; use one of A ("),
        (("--scenario", "B", "--paths", "0"), "--paths 0: must be from 1 to 100,000"),
        (("--scenario", "B", "--paths", "many"), "Invalid value for '--paths'"),
        (("--scenario", "B", "--tolerance", "15"), "--tolerance 15: a fraction between 0 and 1"),
        (("--scenario", "B", "--jobs", "0"), "--jobs 0: must be from 1 to 256"),
        (("--scenario", "B", "--set", "risk.fraction=1"), "risk.fraction: unknown key"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_leaves_nothing(project, stress, arguments, words):
    assert words in assert_one_clear_line(stress(*arguments), 2)
    assert not (project / "stress").exists()


def test_a_channel_that_no_scenario_continues_is_one_line(project, stress):
    needs = 'playbook.params={"needs": "BTCUSDT-PERP/bars/7h"}'
    line = assert_one_clear_line(stress(*SMALL, "--set", needs), 3)
    assert line.startswith("BTCUSDT-PERP/bars/7h: playbook toy needs it")


def test_a_failing_playbook_leaves_nothing(project, stress):
    line = assert_one_clear_line(stress(*SMALL, "--set", "playbook.params.fault=on_bar"), 4)
    assert line.startswith("path 0 of seed 0: playbook toy: on_bar raised ZeroDivisionError")
    assert list((project / "stress").iterdir()) == []


@pytest.mark.parametrize(
    ("sent", "code", "told"),
    [
        (signal.SIGINT, 130, "error: interrupted; nothing half-written is left\n"),
        (signal.SIGTERM, 143, ""),
    ],
)
def test_an_interrupted_stress_leaves_neither_files_nor_processes(project, sent, code, told):
    scratch = project / "tmp"
    scratch.mkdir()
    arguments = (
        "stress", "run.yaml", "--plugin-path", "plugins", "--scenario", "B",
        "--set", "playbook.params.fault=wait",
    )  # fmt: skip
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=project,
        env=environment(TMPDIR=str(scratch)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,  # noqa: PLW1509
        start_new_session=True,
    ) as process:
        try:
            # A worker says so when it is in the middle of a path that never ends.
            assert process.stdout.readline() == "working\n"
            # Ctrl-C goes to every process of the terminal, a polite kill to one.
            if sent == signal.SIGINT:
                os.killpg(process.pid, sent)
            else:
                process.send_signal(sent)
            # A worker that goes on would keep stderr open, and this from returning.
            out, error = process.communicate(timeout=HANGS_S)
        finally:
            process.kill()
    assert (process.returncode, error) == (code, told)
    assert set(out.splitlines()) <= {"working"}
    assert list((project / "stress").iterdir()) == []
    assert list(scratch.iterdir()) == []
