import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from engine import plugins
from engine.errors import ConfigError, PlaybookContractError, PlaybookError
from engine.plugins import (
    list_playbooks,
    load_playbook,
    load_playbook_class,
    requirements_of,
)

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
    name, target = next(iter(plugins.shipped_playbooks().items()))
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


def test_every_shipped_playbook_is_found_in_a_checkout_that_was_never_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plugins, "_points", lambda: ())
    names = [entry.name for entry in list_playbooks()]
    assert names == [
        "fixed_weights",
        "hedged_rebalance",
        "hold",
        "liquidation_reclaim",
        "rules",
        "stabilization_swing",
    ]
    for name in names:
        assert load_playbook_class(name).name == name


def test_a_project_file_that_is_not_ours_lists_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pyproject.toml"
    monkeypatch.setattr(plugins, "PROJECT_FILE", file)
    assert plugins.shipped_playbooks.__wrapped__() == {}
    text = '[project]\nname = "{}"\n[project.entry-points."riskoff.strategies"]\na = "b:C"\n'
    file.write_text(text.format("other"))
    assert plugins.shipped_playbooks.__wrapped__() == {}
    file.write_text(text.format("riskoff"))
    assert plugins.shipped_playbooks.__wrapped__() == {"a": "b:C"}


@pytest.mark.parametrize("line", ["", 'name = ""', "name = 3"])
def test_a_playbook_without_a_name_is_refused(tmp_path: Path, line: str) -> None:
    module = f"plugin_nameless_{len(line)}"
    write_plugin(tmp_path, module, PLUGIN.format(cls="Local").replace('name = "Local"', line))
    with pytest.raises(PlaybookContractError, match=f"playbook {module}: the class has no name"):
        load_playbook_class(module, tmp_path)


@pytest.mark.parametrize("raised", ["KeyError('a')", "SystemExit(0)"])
def test_a_playbook_that_raises_when_made_is_named(tmp_path: Path, raised: str) -> None:
    module = f"plugin_{tmp_path.name}"
    body = f"\n    def __init__(self, params):\n        raise {raised}\n"
    write_plugin(tmp_path, module, PLUGIN.format(cls="Local") + body)
    with pytest.raises(PlaybookError, match=f"playbook Local: __init__ raised {raised[:8]}"):
        load_playbook(module, {}, tmp_path)


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ("raise SystemExit(0)", PlaybookError, "requirements raised SystemExit: 0"),
        ("raise ValueError('a\\nb')", PlaybookError, "requirements raised ValueError: a b"),
        ("return None", PlaybookContractError, "requirements returned NoneType, not Requirements"),
        ("return needs(-1)", PlaybookContractError, "warmup_bars = -1; it must be a whole number"),
        ("return needs(10_000_001)", PlaybookContractError, "warmup_bars = 10000001; it must be"),
        ("return needs(2.5)", PlaybookContractError, "warmup_bars = 2.5; it must be a whole"),
        ("return late('SPY', 'SPY')", PlaybookContractError, "late names its clock SPY.bars.1d"),
        ("return late('SPY', 'QQQ')", PlaybookContractError, "late names its clock SPY.bars.1d"),
        ("return late('IEF', 'SPY')", PlaybookContractError, "late names IEF.bars.1d, which is"),
    ],
)
def test_requirements_that_fail_or_cannot_be_met_are_the_authors(
    tmp_path: Path, body: str, kind: type[PlaybookError], expected: str
) -> None:
    module = f"plugin_{tmp_path.name}"
    helper = (
        "\n\ndef needs(bars):\n    return Requirements(None, frozenset(), frozenset(), (), bars)\n"
    )
    helper += (
        "\n\ndef late(name, needed):\n"
        "    from data_feeds.schema import ChannelKey, ChannelKind\n"
        "    key = lambda one: ChannelKey(one, ChannelKind.BARS, '1d')\n"
        "    return Requirements(\n"
        "        key('SPY'), frozenset({key(needed)}), frozenset(), (), 1,\n"
        "        late=frozenset({key(name)}),\n"
        "    )\n"
    )
    text = PLUGIN.format(cls="Local").replace("raise NotImplementedError", body, 1)
    write_plugin(tmp_path, module, text + helper)
    with pytest.raises(kind, match=expected) as caught:
        requirements_of(load_playbook(module, {}, tmp_path))
    assert type(caught.value) is kind


def test_requirements_that_can_be_met_are_returned(tmp_path: Path) -> None:
    text = PLUGIN.format(cls="Local").replace(
        "raise NotImplementedError",
        "return Requirements(None, frozenset(), frozenset(), (), 10_000_000)",
        1,
    )
    write_plugin(tmp_path, "plugin_longest", text)
    assert requirements_of(load_playbook("plugin_longest", {}, tmp_path)).warmup_bars == 10_000_000
