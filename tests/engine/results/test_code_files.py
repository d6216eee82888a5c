"""The files that the run id covers."""

import itertools
from pathlib import Path

import pytest

from engine.plugins import load_playbook_class
from engine.results.code_files import code_files
from engine.results.manifest import code_hash

PLUGIN = """
import json

from engine.api import Playbook, PlaybookParams
from {helper} import LOOKBACK


class Local(Playbook[PlaybookParams]):
    name = "local"
    Params = PlaybookParams

    @classmethod
    def requirements(cls, params):
        import {late}.sizes

    def prepare(self, data):
        import importlib
        importlib.import_module("{text}")

    def on_bar(self, market, account):
        return ()
"""

# A module is loaded once a process, so every test's plugin has a name of its own.
_numbers = itertools.count(1)


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    """Return the name of a playbook with a helper, the helper's helper, a package and a text."""
    name = f"plugin_hashed_{next(_numbers)}"
    names = {part: f"{name}_{part}" for part in ("helper", "late", "text")}
    (tmp_path / f"{name}.py").write_text(PLUGIN.format(**names))
    (tmp_path / f"{name}_helper.py").write_text(f"from {name}_deeper import LOOKBACK\n")
    (tmp_path / f"{name}_deeper.py").write_text("LOOKBACK = 24\n")
    (tmp_path / f"{name}_text.py").write_text("")
    (tmp_path / f"{name}_stranger.py").write_text("raise SystemExit('read by nobody')\n")
    (tmp_path / f"{name}_late").mkdir()
    (tmp_path / f"{name}_late" / "sizes.py").write_text("HALF = 0.5\n")
    return name


def test_a_playbooks_helpers_are_covered_and_strangers_are_not(plugin: str, tmp_path: Path) -> None:
    playbook = load_playbook_class(plugin, tmp_path)
    labels = [label for label, path in code_files(playbook) if path.is_relative_to(tmp_path)]
    assert labels == [
        plugin,
        f"{plugin}_deeper",
        f"{plugin}_helper",
        f"{plugin}_late/sizes.py",
        f"{plugin}_text",
    ]


@pytest.mark.parametrize("part", ["helper.py", "deeper.py", "text.py", "late/sizes.py"])
def test_a_change_in_a_helper_changes_the_hash(plugin: str, tmp_path: Path, part: str) -> None:
    playbook = load_playbook_class(plugin, tmp_path)
    before = code_hash.__wrapped__(playbook)
    with (tmp_path / f"{plugin}_{part}").open("a") as file:
        file.write("CHANGED = 1\n")
    assert code_hash.__wrapped__(playbook) != before


def test_a_change_in_a_file_that_nothing_imports_leaves_the_hash(
    plugin: str, tmp_path: Path
) -> None:
    playbook = load_playbook_class(plugin, tmp_path)
    before = code_hash.__wrapped__(playbook)
    (tmp_path / f"{plugin}_stranger.py").write_text("")
    assert code_hash.__wrapped__(playbook) == before


def test_installed_libraries_are_named_by_version_not_read() -> None:
    files = code_files(pytest.Session)
    assert not [path for label, path in files if label.startswith("pluggy")]


def test_python_s_own_tests_are_python_although_its_list_of_modules_lacks_them(
    plugin: str, tmp_path: Path
) -> None:
    # In a file that imports by name every text may be a module.
    (tmp_path / f"{plugin}_deeper.py").write_text('import importlib\nLOOKBACK, WORD = 24, "test"\n')
    labels = {label for label, _ in code_files(load_playbook_class(plugin, tmp_path))}
    assert f"{plugin}_deeper" in labels
    assert not [label for label in labels if label.startswith("test/")]
