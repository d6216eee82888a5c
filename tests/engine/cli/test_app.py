import json
import os
import subprocess
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from engine.cli.app import execute
from engine.config.locations import SCHEMA_FILE
from tests.engine.cli.command import (
    COMMAND,
    FinishedCommand,
    assert_one_clear_line,
    environment,
    riskoff,
)

RUN = """\
name: trial
data: {start: 2026-01-01, end: 2026-02-01}
playbook: {name: "plugin_for_cli", params: {bars: 5}}
venue: binance_usdm
"""

PLUGIN = '''
from pydantic import Field

from engine.api import Playbook, PlaybookParams


class QuietParams(PlaybookParams):
    bars: int = Field(3, gt=1, description="Look-back, bars")
    scale: float | None = Field(None, description="Nothing yet")


class Quiet(Playbook[QuietParams]):
    """Never trades."""

    name = "quiet"
    Params = QuietParams

    @classmethod
    def requirements(cls, params):
        raise NotImplementedError

    def prepare(self, data):
        raise NotImplementedError

    def on_bar(self, market, account):
        return ()
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a trader's folder with one run file and one local plugin."""
    (tmp_path / "trial.yaml").write_text(RUN)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "plugin_for_cli.py").write_text(PLUGIN)
    return tmp_path


def test_help_costs_less_than_half_a_second_of_processor_time(tmp_path: Path) -> None:
    def seconds() -> float:
        before = os.times()
        assert riskoff("--help", cwd=tmp_path).returncode == 0
        after = os.times()
        return (
            after.children_user
            - before.children_user
            + after.children_system
            - before.children_system
        )

    # Start-up has one thread, so on an idle machine this is the time that a user waits. Time on the
    # wall also counts the other test processes and was seen to double on a busy machine.
    assert min(seconds() for _ in range(3)) < 0.5


def test_every_promised_command_is_there(tmp_path: Path) -> None:
    text = riskoff("--help", cwd=tmp_path).stdout
    promised = "run runs stress validate show-config schema audit explain strategies data"
    for command in promised.split(" "):
        assert f" {command} " in text


def test_version_is_printed(tmp_path: Path) -> None:
    done = riskoff("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("riskoff")


def test_schema_prints_the_stored_file(tmp_path: Path) -> None:
    assert riskoff("schema", cwd=tmp_path).stdout == SCHEMA_FILE.read_text()


def test_validate_says_valid(project: Path) -> None:
    done = riskoff("validate", "trial.yaml", "--plugin-path", "plugins", cwd=project)
    assert (done.returncode, done.stdout, done.stderr) == (0, "trial.yaml: valid\n", "")


def test_validate_goes_through_all_files_and_fails_when_one_does(project: Path) -> None:
    (project / "wrong.yaml").write_text(RUN.replace("bars: 5", "bars: 0"))
    done = riskoff(
        "validate", "wrong.yaml", "trial.yaml", "--plugin-path", "plugins", "--json", cwd=project
    )
    assert done.returncode == 2
    wrong, right = json.loads(done.stdout)
    assert wrong["problems"] == [
        "wrong.yaml:3: playbook.params.bars = 0: must be above 1 (Look-back, bars)"
    ]
    assert right == {"config": "trial.yaml", "valid": True, "problems": [], "missing": {}}


def test_show_config_fills_in_defaults_and_is_itself_a_valid_run(project: Path) -> None:
    options = ("--plugin-path", "plugins")
    shown = riskoff("show-config", "trial.yaml", "--set", "seed=7", *options, cwd=project)
    assert "seed: 7" in shown.stdout
    assert "scale: null" in shown.stdout
    (project / "shown.yaml").write_text(shown.stdout)
    again = riskoff("show-config", "shown.yaml", *options, cwd=project)
    assert again.stdout == shown.stdout


def test_show_config_as_json_equals_its_yaml(project: Path) -> None:
    options = ("show-config", "trial.yaml", "--plugin-path", "plugins")
    document = json.loads(riskoff(*options, "--json", cwd=project).stdout)
    assert document["venue"]["maintenance"][1] == {"floor": 300000.0, "rate": 0.005}
    assert list(document)[:3] == ["name", "data", "playbook"]


def test_strategies_list_names_local_plugins_only_when_asked(project: Path) -> None:
    plain = riskoff("strategies", "list", "--json", cwd=project)
    asked = riskoff("strategies", "list", "--json", "--plugin-path", "plugins", cwd=project)
    assert "plugin_for_cli" not in [entry["name"] for entry in json.loads(plain.stdout)]
    assert "plugin_for_cli" in [entry["name"] for entry in json.loads(asked.stdout)]


def test_strategies_show_prints_each_parameter(project: Path) -> None:
    done = riskoff("strategies", "show", "plugin_for_cli", "--plugin-path", "plugins", cwd=project)
    assert done.stdout.splitlines() == [
        "Never trades.",
        "",
        "parameter  default  meaning",
        "bars       3        Look-back, bars",
        "scale      null     Nothing yet",
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["auditt"], "No such command 'auditt'. Did you mean 'audit'? (see riskoff --help)"),
        (["run"], "Missing argument 'CONFIG'. (see riskoff run --help)"),
        (
            ["explain", "x", "--trade", "1", "--day", "2026-02-05"],
            "give one of --trade N, --setup N, --at INSTANT, --day DATE and --why-not WINDOW "
            "(see riskoff --help)",
        ),
    ],
)
def test_a_wrong_command_line_is_one_line(
    tmp_path: Path, arguments: list[str], expected: str
) -> None:
    assert assert_one_clear_line(riskoff(*arguments, cwd=tmp_path), 2) == expected


def test_a_reader_that_stops_early_is_no_error(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "schema"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # before a byte was read: the command's write fails
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_a_full_disk_behind_stdout_is_one_line(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    with full.open("w") as stream:
        done = subprocess.run(
            [*COMMAND, "schema"],
            cwd=tmp_path,
            env=environment(),
            stdout=stream,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert "No space left on device" in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr


def test_an_unexpected_exception_is_called_our_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("engine.config.json_schema.run_schema_text", broken)
    monkeypatch.delenv("RISKOFF_DEBUG", raising=False)
    assert execute(["schema"]) == 1
    assert capsys.readouterr().err == (
        "error: a bug in riskoff: ZeroDivisionError: two lines; "
        "run again with RISKOFF_DEBUG=1 for the traceback and report it\n"
    )
    monkeypatch.setenv("RISKOFF_DEBUG", "1")
    assert execute(["schema"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_exit_from_inside_a_command_is_our_bug_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leaving(*_: object) -> None:
        raise SystemExit(0)

    monkeypatch.setattr("engine.config.json_schema.run_schema_text", leaving)
    monkeypatch.delenv("RISKOFF_DEBUG", raising=False)
    assert execute(["schema"]) == 1
    assert capsys.readouterr().err.startswith("error: a bug in riskoff: SystemExit: 0; ")


BROKEN_PLUGINS = """
from engine.api import Playbook, PlaybookParams


class Nothing:
    pass


class OpenParams(PlaybookParams, arbitrary_types_allowed=True):
    thing: Nothing = Nothing()


class Open(Playbook[OpenParams]):
    name = "open"
    Params = OpenParams

    def prepare(self, data):
        raise NotImplementedError

    @classmethod
    def requirements(cls, params):
        raise NotImplementedError

    def on_bar(self, market, account):
        return ()
"""


def test_a_broken_plugin_leaves_its_params_open_in_the_schema(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "plugin_undescribed.py").write_text(BROKEN_PLUGINS)
    (tmp_path / "plugin_raising.py").write_text("raise KeyError('broken')")
    monkeypatch.syspath_prepend(tmp_path)
    group = "riskoff.strategies"
    points = (
        *entry_points(group=group),
        EntryPoint("raising", "plugin_raising:Broken", group),
        EntryPoint("undescribed", "plugin_undescribed:Open", group),
    )
    monkeypatch.setattr("engine.plugins._points", lambda: points)
    assert execute(["schema"]) == 0
    shown = capsys.readouterr()
    assert shown.out == SCHEMA_FILE.read_text()
    raising, undescribed = shown.err.splitlines()
    assert raising == (
        "the parameters of raising stay open: playbook raising: importing plugin_raising raised "
        "KeyError: 'broken'"
    )
    assert undescribed.startswith("the parameters of undescribed stay open: Cannot generate a ")


def test_ctrl_c_while_the_command_is_still_importing_is_one_line(tmp_path: Path) -> None:
    # Importing typer, the first of the libraries, raises what Ctrl-C would; the second time it
    # loads, as it does for whoever has let go of the keys.
    interrupting = """
import sys
class Keys:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            sys.meta_path.remove(self)
            raise KeyboardInterrupt
sys.meta_path.insert(0, Keys())
"""
    python, flag, code = COMMAND
    done = subprocess.run(
        [python, flag, interrupting + code, "schema"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    ended = FinishedCommand(done.returncode, done.stdout, done.stderr)
    assert assert_one_clear_line(ended, 130) == "interrupted; nothing half-written is left"


def test_ctrl_c_ends_with_130_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.config.json_schema.run_schema_text", interrupted)
    assert execute(["schema"]) == 130
    assert capsys.readouterr().err == "error: interrupted; nothing half-written is left\n"
