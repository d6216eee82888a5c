"""Check that ``riskoff sweep`` counts its runs, and writes a folder whose path it prints last."""

import json
from pathlib import Path

import pytest

from tests.engine.cli.command import Command, assert_one_clear_line
from tests.engine.stress.toy import write_project

SWEEP = """\
name: two
base: run.yaml
over:
  playbook.params.stop: [0.90, 0.95]
episodes:
- {name: only, start: 2026-01-02, end: 2026-01-16}
sensitivity: {costs: [], lags: []}
"""


@pytest.fixture
def sweep(toy_name: str, tmp_path: Path, command: Command):
    write_project(tmp_path, toy_name)
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    return lambda *extra: command("sweep", "sweep.yaml", "--plugin-path", "plugins", *extra)


def test_a_dry_run_counts_and_writes_no_sweep(sweep, tmp_path):
    done = sweep("--dry-run", "--json", "--jobs", "1")
    assert (done.returncode, done.stderr) == (0, "")
    size = json.loads(done.stdout)
    assert (size["sets"], size["stored"], size["cells"], size["runs"]) == (2, 0, 1, 2)
    assert size["seconds"] == pytest.approx(2 * size["seconds_per_set"], abs=0.1)
    assert list((tmp_path / "sweeps").iterdir()) == []


def test_a_sweep_ends_with_the_path_of_its_page(sweep, tmp_path):
    done = sweep("--jobs", "1")
    assert (done.returncode, done.stderr) == (0, "")
    page = tmp_path / done.stdout.splitlines()[-1]
    assert page.name == "report.html"
    assert done.stdout.startswith((page.parent / "summary.txt").read_text())
    told = " ".join(done.stdout.split())
    assert "Trials: 2 sets of the playbook toy have seen these data" in told


def test_a_wrong_path_is_one_clear_line(sweep, tmp_path):
    (tmp_path / "sweep.yaml").write_text(SWEEP.replace("params.stop", "params.stopp"))
    line = assert_one_clear_line(sweep(), 2)
    assert line.startswith("sweep.yaml:4: playbook.params.stopp: no value of the base")
