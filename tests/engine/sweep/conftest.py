"""A sweep of the toy playbook that holds QQQ: sessions alone are cheap."""

import itertools
from pathlib import Path

import pytest

from engine.config_files import read_sweep
from engine.sweep import run_sweep, sweep_inputs, sweep_job
from engine.workers import Workers
from tests.engine.stress.toy import write_project

_numbers = itertools.count(1)

SWEEP = """\
name: toy
base: run.yaml
over:
  playbook.params.stop: [0.90, 0.93, 0.96]
  risk.risk_fraction: [0.005, 0.01]
episodes:
- {name: first, start: 2026-01-02, end: 2026-01-30}
- {name: second, start: 2026-02-02, end: 2026-03-02}
"""
# Three sets in one window.
SMALL = """\
name: small
base: run.yaml
over:
  playbook.params.stop: [0.90, 0.93, 0.96]
episodes:
- {name: only, start: 2026-01-02, end: 2026-01-30}
"""


class ToySweeps:
    """Makes sweeps of one toy in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run_file = write_project(folder, f"swept_toy_{next(_numbers)}")
        self.plugins = folder / "plugins"
        self.root = folder / "sweeps"

    def job(self, *settings, text=SWEEP, name="sweep.yaml"):
        file = self.folder / name
        file.write_text(text)
        return sweep_job(read_sweep(str(file), settings, self.plugins), self.plugins)

    def run(self, *settings, jobs=1, **written):
        job = self.job(*settings, **written)
        return run_sweep(job, sweep_inputs(job), self.root, workers=Workers(processes=jobs))


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToySweeps:
    monkeypatch.chdir(tmp_path)
    return ToySweeps(tmp_path)
