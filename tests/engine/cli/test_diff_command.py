"""The command ``diff``: names of runs, exit codes, one clear line on mistakes."""

import json

import pytest

from engine.cli.exit_codes import EXIT_DIFFERS
from tests.engine.cli.command import assert_one_clear_line


@pytest.fixture
def two_runs(toy_project, toy_run, command) -> tuple[str, str]:
    """Return the names of two runs, the second with half the risk of the first."""
    assert toy_run().returncode == 0
    assert toy_run("--set", "risk.risk_fraction=0.005").returncode == 0
    name = json.loads(command("runs", "--json").stdout)[0]["run"]
    return f"{name}@2", name


def test_two_runs_are_compared_by_name(two_runs, command) -> None:
    told = command("diff", *two_runs)
    assert told.returncode == 0
    assert "risk.risk_fraction  0.01 -> 0.005" in told.stdout
    assert "the same: data, code, versions" in told.stdout
    assert "changed: cap risk" in told.stdout
    assert len(told.stdout.splitlines()) <= 30
    one = command("diff", *two_runs, "--trade", "1").stdout
    assert "cap risk: cap risk allows" in one
    assert len(command("diff", *two_runs, "--all").stdout) > len(told.stdout)
    document = json.loads(command("diff", *two_runs, "--json").stdout)
    assert document["same"] is False
    assert document["a"]["run"] == two_runs[0]
    assert sum(document["money"].values()) == pytest.approx(document["end_equity_change"])

    same = command("diff", two_runs[0], two_runs[0], "--exit-code")
    assert same.returncode == 0
    assert "No difference" in same.stdout
    differs = command("diff", *two_runs, "--exit-code")
    assert differs.returncode == EXIT_DIFFERS == 7
    assert differs.stderr == ""
    assert differs.stdout == told.stdout

    assert "no number 999" in assert_one_clear_line(command("diff", *two_runs, "--trade", "999"), 6)
    assert "no such run" in assert_one_clear_line(command("diff", two_runs[0], "nothing"), 6)
    both = command("diff", *two_runs, "--trade", "1", "--json")
    assert "give one of --trade N, --all and --json" in assert_one_clear_line(both, 2)
