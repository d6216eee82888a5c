import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from engine import plugins
from engine.errors import ConfigError, PlaybookContractError, PlaybookError
from engine.plugins import list_playbooks, load_playbook, load_playbook_class

PLUGIN = """
from engine.api import Playbook, PlaybookParams, Requirements, Signals


class {cls}Params(PlaybookParams):
    bars: int = 3


class {cls}(Playbook[{cls}Params]):
    name = "{cls}"
    Params = {cls}Params

    @classmethod
    def requirements(cls, params):
        raise NotImplementedError

    def prepare(self, data):
        raise NotImplementedError

    def on_bar(self, market, account):
        return ()
"""


def write_plugin(folder: Path, module: str, text: str | None = None) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(PLUGIN.format(cls="Local") if text is None else text)


def test_a_local_plugin_is_found_by_file_name_with_plugin_path(tmp_path: Path) -> None:
    write_plugin(tmp_path, "plugin_by_name")
    playbook = load_playbook("plugin_by_name", {"bars": 5}, tmp_path)
    assert type(playbook).__name__ == "Local"
    assert playbook.params.bars == 5


def test_a_local_plugin_is_found_by_module_and_class(tmp_path: Path) -> None:
    write_plugin(tmp_path, "plugin_by_class")
    assert load_playbook_class("plugin_by_class:Local", tmp_path).__name__ == "Local"


def test_without_plugin_path_a_local_plugin_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_plugin(tmp_path, "plugin_unasked")
    with pytest.raises(ConfigError, match="no module 'plugin_unasked'; local plugins need --plug"):
        load_playbook_class("plugin_unasked:Local")
    with pytest.raises(ConfigError, match="no such playbook"):
        load_playbook_class("plugin_unasked")


def test_files_beside_the_named_plugin_are_never_executed(tmp_path: Path) -> None:
    write_plugin(tmp_path, "plugin_quiet")
    write_plugin(tmp_path, "plugin_bomb", "raise SystemExit('executed')")
    assert "plugin_bomb" in [entry.name for entry in list_playbooks(tmp_path)]
    assert load_playbook_class("plugin_quiet", tmp_path).__name__ == "Local"


def test_two_matches_are_refused_and_both_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plugin(tmp_path, "plugin_twice")
    point = EntryPoint("plugin_twice", "elsewhere.module:Other", plugins.ENTRY_POINT_GROUP)
    monkeypatch.setattr(plugins, "_points", lambda: (point,))
    with pytest.raises(ConfigError) as caught:
        load_playbook_class("plugin_twice", tmp_path)
    assert "elsewhere.module:Other" in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_shipped_playbook_counts_once_though_it_is_an_entry_point_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, target = next(iter(plugins.BUILT_IN.items()))
    point = EntryPoint(name, target, plugins.ENTRY_POINT_GROUP)
    monkeypatch.setattr(plugins, "_points", lambda: (point,))
    assert [entry.name for entry in list_playbooks()].count(name) == 1


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean liquidation_reclaim"):
        load_playbook_class("liquidation_reclam")


def test_an_unknown_class_gets_the_nearest_one(tmp_path: Path) -> None:
    write_plugin(tmp_path, "plugin_near")
    with pytest.raises(ConfigError, match=r"plugin_near has no 'Locale'; did you mean Local\?"):
        load_playbook_class("plugin_near:Locale", tmp_path)


def test_a_module_with_two_playbooks_needs_a_class(tmp_path: Path) -> None:
    both = PLUGIN.format(cls="First") + PLUGIN.format(cls="Second")
    write_plugin(tmp_path, "plugin_pair", both)
    with pytest.raises(ConfigError, match=r"holds: First, Second; write plugin_pair:Class"):
        load_playbook_class("plugin_pair", tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import no_such_library", "No module named 'no_such_library'"),
        ("1 / 0", "raised ZeroDivisionError: division by zero"),
        ("def", "raised SyntaxError"),
    ],
)
def test_code_that_cannot_be_imported_is_its_authors_error(
    tmp_path: Path, text: str, expected: str
) -> None:
    module = f"plugin_broken_{len(text)}"
    write_plugin(tmp_path, module, text)
    with pytest.raises(PlaybookError, match=expected) as caught:
        load_playbook_class(f"{module}:Local", tmp_path)
    assert module in str(caught.value)


def test_another_api_version_is_refused(tmp_path: Path) -> None:
    text = PLUGIN.format(cls="Local") + "\n    api_version = 99\n"
    write_plugin(tmp_path, "plugin_version", text)
    with pytest.raises(PlaybookContractError, match="api_version 99; this riskoff supports 1"):
        load_playbook_class("plugin_version", tmp_path)


def test_a_class_that_is_no_playbook_is_refused() -> None:
    with pytest.raises(PlaybookContractError, match="not a subclass"):
        load_playbook_class("pathlib:Path")


def test_wrong_parameters_are_named_with_the_nearest_valid_one(tmp_path: Path) -> None:
    write_plugin(tmp_path, "plugin_params")
    with pytest.raises(ConfigError, match=r"playbook\.params\.bar: unknown key; did you mean"):
        load_playbook("plugin_params", {"bar": 5}, tmp_path)


def test_a_plugin_may_not_shadow_a_loaded_module(tmp_path: Path) -> None:
    write_plugin(tmp_path, "engine")
    with pytest.raises(ConfigError, match="already loaded from"):
        load_playbook_class("engine:Local", tmp_path)


def test_the_import_path_is_left_as_it_was(tmp_path: Path) -> None:
    write_plugin(tmp_path, "plugin_path_restored")
    before = list(sys.path)
    load_playbook_class("plugin_path_restored", tmp_path)
    assert sys.path == before


def test_a_plugin_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        load_playbook_class("anything", tmp_path / "nowhere")
