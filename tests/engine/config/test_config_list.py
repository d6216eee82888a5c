"""The list of configs: every shipped file, what it is about, and the files of a folder."""

from pathlib import Path

import pytest

from engine.config.config_list import COMMANDS, about, configs_in, shipped_configs
from engine.config.locations import CONFIGS_FOLDER, find_config
from engine.errors import ConfigError


def test_every_shipped_file_is_listed_once_and_says_what_it_is_about() -> None:
    listed = shipped_configs()
    files = {path for kind in COMMANDS for path in (CONFIGS_FOLDER / kind).glob("*.yaml")}
    assert {item.path for item in listed} == files
    assert len(listed) == len(files) > 40
    assert [item.name for item in listed if not item.about] == []


def test_files_that_need_no_download_are_told_apart() -> None:
    at_once = {item.name for item in shipped_configs() if not item.needs_data}
    assert {"demo", "three_playbooks", "playbooks_by_episode", "reclaim_demo", "2022"} <= at_once
    assert at_once.isdisjoint({"reclaim_2022", "rsi_two", "playbooks_by_episode_real", "QQQ"})


def test_a_sweep_needs_the_data_of_its_base(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a\nbase: demo\nover: {}\n")
    (tmp_path / "b.yaml").write_text("# Two stops.\nname: b\nbase: reclaim_2022\nover: {}\n")
    # A base by its path, and one that lies elsewhere.
    (tmp_path / "c.yaml").write_text("name: c\nbase: configs/rules/rsi_two.yaml\nover: {}\n")
    (tmp_path / "d.yaml").write_text("name: d\nbase: my_rules.yaml\nover: {}\n")
    assert [(item.kind, item.needs_data, item.about) for item in configs_in(tmp_path)[0]] == [
        ("sweeps", False, ""),
        ("sweeps", True, "Two stops."),
        ("sweeps", True, ""),
        ("sweeps", True, ""),
    ]
    real = {item.name for item in shipped_configs() if item.needs_data}
    assert "volatility_target_real" in real


def test_files_of_another_kind_are_left_out_and_broken_ones_are_told(tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text("files: []\n")
    (tmp_path / "broken.yaml").write_text("name: [\n")
    (tmp_path / "run.yaml").write_text("playbook: {name: x}\n")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    listed, unreadable = configs_in(tmp_path)
    assert [item.name for item in listed] == [str(tmp_path / "run.yaml")]
    places = [problem.split(":")[0] for problem in unreadable]
    assert places == [str(tmp_path / "broken.yaml"), str(tmp_path / "latin.yaml")]
    assert "not UTF-8" in unreadable[1]


def test_the_configs_of_a_folder_are_sorted_by_kind_and_then_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("playbook: {name: x}\n")
    (tmp_path / "b.yaml").write_text("rows: {}\n")
    (tmp_path / "c.yaml").write_text("playbook: {name: x}\n")
    (tmp_path / "d.yaml").write_text("sleeves: {}\n")
    listed, _ = configs_in(tmp_path)
    assert [(item.kind, item.path.stem) for item in listed] == [
        ("runs", "a"),
        ("runs", "c"),
        ("accounts", "d"),
        ("compare", "b"),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("# A fall.\n# More.\nname: x\n", "A fall."),
        ("# two lines of\n# one sentence. Another.\n", "Two lines of one sentence."),
        ("name: x\n# A comment inside.\n", ""),
        ("# no full stop\nname: x\n", "No full stop"),
        ("# Falls of 3.5% count. No more.\n", "Falls of 3.5% count."),
    ],
)
def test_the_first_sentence_of_the_leading_comment_is_shown(text: str, sentence: str) -> None:
    assert about(text) == sentence


def test_a_rule_of_the_gallery_is_found_by_its_bare_name() -> None:
    assert find_config("rsi_two") == CONFIGS_FOLDER / "rules" / "rsi_two.yaml"
    with pytest.raises(ConfigError, match=r"did you mean rsi_two\?"):
        find_config("rsi_tow")
