"""Run the command inside this process, which starts a hundred times faster."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli.app import execute
from tests.engine.cli.command import Command, FinishedCommand
from tests.engine.cli.toy import PLUGIN, RUN

_numbers = itertools.count(1)


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Return a function that runs one command line in the test's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("RISKOFF_DEBUG", raising=False)

    def run(*arguments: str) -> FinishedCommand:
        capsys.readouterr()
        code = execute(arguments)
        printed = capsys.readouterr()
        return FinishedCommand(code, printed.out, printed.err)

    return run


@pytest.fixture
def toy_name() -> str:
    """Return this test's plugin name; a module name is loaded once a process."""
    return f"plugin_toy_{next(_numbers)}"


@pytest.fixture
def toy_project(toy_name: str, tmp_path: Path) -> Path:
    """Return a folder with a run of the toy playbook on embedded data."""
    (tmp_path / "run.yaml").write_text(RUN.replace("PLUGIN", toy_name))
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / f"{toy_name}.py").write_text(PLUGIN)
    return tmp_path


@pytest.fixture
def toy_run(toy_project: Path, command: Command) -> Callable[..., FinishedCommand]:
    """Return a function that runs the toy project's file with further arguments."""
    assert (toy_project / "run.yaml").is_file()
    return lambda *extra: command("run", "run.yaml", "--plugin-path", "plugins", *extra)
