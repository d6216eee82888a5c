"""The first things a newcomer meets: the list of configs, completion, quiet output."""

import json
from pathlib import Path

import pytest

from engine.cli.app import execute
from engine.cli.output import last_line_only, print_json
from tests.engine.cli.command import Command, riskoff


def completed(words: str, cwd: Path) -> list[str]:
    """Return the words that bash is offered at the end of a command line."""
    place = str(len(words.split(" ")) - 1)
    extra = {"_RISKOFF_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": place}
    done = riskoff(cwd=cwd, **extra)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_configs_lists_shipped_files_by_command_and_own_ones_first(command: Command) -> None:
    Path("mine.yaml").write_text("# My first rule.\nplaybook: {name: rules}\n")
    done = command("configs")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "runs, in this folder: riskoff run NAME"
    assert lines[1].split() == ["mine.yaml", "My", "first", "rule."]
    assert "sweeps, shipped: riskoff sweep NAME" in lines
    listed = json.loads(command("configs", "--json").stdout)
    assert {"demo", "rsi_two", "mine.yaml"} <= {item["name"] for item in listed}


def test_a_shell_completes_configs_runs_episodes_and_playbooks(tmp_path: Path) -> None:
    (tmp_path / "rec_mine.yaml").touch()
    (tmp_path / "runs" / "demo-1234").mkdir(parents=True)
    assert "reclaim_2022" in completed("riskoff run rec", tmp_path)
    assert "rec_mine.yaml" in completed("riskoff run rec", tmp_path)
    assert completed("riskoff account three_c", tmp_path) == ["three_coins_2026"]
    assert completed("riskoff explain de", tmp_path) == ["demo-1234"]
    assert completed("riskoff episodes show ", tmp_path)[:1] == ["2020"]
    assert completed("riskoff strategies show liq", tmp_path) == ["liquidation_reclaim"]
    assert completed("riskoff data import prices.csv --as f", tmp_path) == ["fred", "freqtrade"]
    assert len(completed("riskoff data import prices.csv --as ", tmp_path)) == 5


def test_an_exit_that_no_shell_asked_for_is_still_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.cli.commands.app", lambda *_, **__: exec("raise SystemExit(0)"))
    assert execute(["run", "demo"]) != 0
    assert "a bug in riskoff" in capsys.readouterr().err


def test_quiet_prints_the_last_line_only(command: Command) -> None:
    loud = command("configs").stdout.splitlines()
    assert len(loud) > 40
    assert command("--quiet", "configs").stdout.splitlines() == loud[-1:]


def test_quiet_keeps_json_whole_and_errors_as_they_are(command: Command) -> None:
    assert command("-q", "configs", "--json").stdout == command("configs", "--json").stdout
    done = command("-q", "run", "absent")
    assert (done.returncode, done.stdout) == (command("run", "absent").returncode, "")
    assert done.stderr == command("run", "absent").stderr


def test_the_last_line_may_come_in_pieces_and_blank_lines_do_not_count(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with last_line_only():
        print("first")
        print("runs/", end="")
        print("demo", end="\n\n")
    assert capsys.readouterr().out == "runs/demo\n"
    with last_line_only():
        pass
    assert capsys.readouterr().out == ""
    with last_line_only():
        print("first")
        print_json({"a": 1})
    assert json.loads(capsys.readouterr().out) == {"a": 1}
