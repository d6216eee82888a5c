"""A job of the toy playbook over scenario B, on the embedded data."""

import itertools
from pathlib import Path

import pytest

from data_feeds.embedded import embedded_catalog
from engine.config_files import read_config
from engine.stress import stress_job
from tests.engine.stress.toy import write_project

_numbers = itertools.count(1)


@pytest.fixture
def toy_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes a job from settings of ``--set``."""
    monkeypatch.chdir(tmp_path)
    name = f"stressed_toy_{next(_numbers)}"
    file, plugins = write_project(tmp_path, name), tmp_path / "plugins"

    def make(*settings, scenario="B", paths=4, days=30, seed=0):
        config = read_config(str(file), settings, plugins)
        return stress_job(
            config, embedded_catalog(), scenario, paths=paths, days=days, seed=seed,
            plugin_path=plugins,
        )  # fmt: skip

    return make
