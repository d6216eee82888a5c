"""The command inside this process: a hundred times faster to start than in one of its own."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli.app import execute
from tests.engine.cli.command import Command, Done
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

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        code = execute(arguments)
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    return run


@pytest.fixture
def toy_name() -> str:
    """The name of this test's plugin; a module name is loaded once a process."""
    return f"plugin_toy_{next(_numbers)}"


@pytest.fixture
def toy_project(toy_name: str, tmp_path: Path) -> Path:
    """A folder with a run of the toy playbook on embedded data."""
    (tmp_path / "run.yaml").write_text(RUN.replace("PLUGIN", toy_name))
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / f"{toy_name}.py").write_text(PLUGIN)
    return tmp_path


@pytest.fixture
def toy_run(toy_project: Path, command: Command) -> Callable[..., Done]:
    """Return ``riskoff run`` on the toy project's file; arguments are added to it."""
    assert (toy_project / "run.yaml").is_file()
    return lambda *extra: command("run", "run.yaml", "--plugin-path", "plugins", *extra)
