"""A new working folder: everything in it works at once, and what would hide us is told."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.config.locations import CONFIGS_FOLDER
from engine.working_folder import INIT_FOLDER, working_files
from tests.engine.cli.command import ROOT, Command, assert_one_clear_line, riskoff

RUNS = ("first_run.yaml", "first_rule.yaml", "own_playbook.yaml", "own_data.yaml")


@pytest.fixture
def desk(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that ``riskoff init`` made; commands run inside it."""
    # A module is loaded once a process, and the folder of an earlier test is another one.
    sys.modules.pop("calm_breakout", None)
    done = command("init", "desk")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "desk/README.md"
    monkeypatch.chdir(tmp_path / "desk")
    return tmp_path / "desk"


def test_it_holds_the_templates_the_schemas_and_prices_and_is_always_the_same(desk: Path) -> None:
    made = {str(path.relative_to(desk)): path.read_bytes() for path in desk.rglob("*.*")}
    assert made == working_files() == working_files()
    templates = {str(p.relative_to(INIT_FOLDER)) for p in INIT_FOLDER.rglob("*.yaml")}
    assert templates <= made.keys()
    assert (
        made["schema/run.schema.json"] == (CONFIGS_FOLDER / "schema/run.schema.json").read_bytes()
    )
    for name, text in made.items():
        for schema in re.findall(rb"\$schema=(\S+)", text) if name.endswith(".yaml") else ():
            assert (desk / schema.decode()).is_file()


def test_every_file_is_valid_and_its_guide_names_it(desk: Path, command: Command) -> None:
    files = [path.name for path in desk.glob("*.yaml") if path.name != "prices_mapping.yaml"]
    assert len(files) == 5
    done = command("validate", *files)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "".join(f"{name}: valid\n" for name in files)
    guide = (desk / "README.md").read_text(encoding="utf-8")
    assert [name for name in files if f" {name}" not in guide] == []


def test_rules_an_own_playbook_and_own_prices_run_at_once(desk: Path, command: Command) -> None:
    imported = command("data", "import", "prices_mapping.yaml", "--data", "catalog")
    assert imported.stdout.splitlines()[-1] == "1 channel written to catalog"
    for name in RUNS[1:]:
        done = command("-q", "run", name)
        assert (done.returncode, done.stderr) == (0, "")
        assert (desk / done.stdout.strip()).is_file()
    assert "calm_breakout" in command("strategies", "list").stdout


def test_the_test_of_its_playbook_passes_and_catches_a_look_ahead(desk: Path) -> None:
    def tested() -> subprocess.CompletedProcess[str]:
        call = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        return subprocess.run(call, cwd=desk, capture_output=True, text=True, check=False)

    assert "1 passed" in tested().stdout
    playbook = desk / "playbooks" / "calm_breakout.py"
    honest = playbook.read_text(encoding="utf-8")
    line = 'high = -api.signals.previous_low(-bars["high"], self.params.bars)'
    assert line in honest
    playbook.write_text(honest.replace(line, 'high = bars["high"].mean()'), encoding="utf-8")
    assert "looks ahead" in tested().stdout


def test_files_that_are_there_are_kept_and_missing_ones_are_written(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "first_run.yaml").write_text("mine")
    done = command("init", "desk")
    assert (done.returncode, done.stderr) == (0, "")
    assert "desk/first_run.yaml: kept" in done.stdout.splitlines()
    assert (tmp_path / "desk" / "first_run.yaml").read_text() == "mine"
    assert (tmp_path / "desk" / "first_rule.yaml").is_file()


def test_a_file_in_the_folders_place_is_one_clear_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "desk").touch()
    assert assert_one_clear_line(command("init", "desk"), 3) == "desk: cannot write: File exists"


def test_a_folder_that_hides_our_playbooks_is_named(tmp_path: Path) -> None:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "__init__.py").touch()
    done = riskoff("validate", "demo", cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}")
    line = assert_one_clear_line(done, 2)
    assert f"{tmp_path / 'strategies'} hides riskoff's own package strategies; rename it" in line


def test_the_guide_shows_the_playbook_and_the_test_that_are_written() -> None:
    guide = (ROOT / "docs" / "own-playbook.md").read_text(encoding="utf-8")
    for name in ("playbooks/calm_breakout.py", "test_calm_breakout.py"):
        assert (INIT_FOLDER / name).read_text(encoding="utf-8") in guide
