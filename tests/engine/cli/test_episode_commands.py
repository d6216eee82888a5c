"""Check ``riskoff episodes``."""

import json
from pathlib import Path

from tests.engine.cli.command import Command, assert_one_clear_line


def test_the_list_names_the_shipped_episodes(command: Command) -> None:
    done = command("episodes", "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "episode",
        "2020",
        "2022",
        "2026",
    ]
    names = [item["name"] for item in json.loads(command("episodes", "list", "--json").stdout)]
    assert names == ["2020", "2022", "2026"]


def test_an_episode_shows_its_phases_and_draws_them(command: Command, tmp_path: Path) -> None:
    picture = tmp_path / "episode.png"
    done = command("episodes", "show", "2026", "--picture", picture)
    assert (done.returncode, done.stderr) == (0, "")
    assert "SYNTHETIC DATA" in done.stdout.splitlines()[1]
    assert "Phases are dated with hindsight; no playbook can see them." in done.stdout
    assert done.stdout.splitlines()[-1] == str(picture)
    assert picture.read_bytes()[:4] == b"\x89PNG"
    document = json.loads(command("episodes", "show", "2026", "--json").stdout)
    flush = document["phases"][2]
    assert (flush["phase"], flush["end"], document["synthetic"]) == ("flush", "2026-02-06", True)
    assert flush["moves"]["BTC"] < -0.1
    assert f"{flush['moves']['BTC'] * 100:+.1f}%" in done.stdout


def test_an_unknown_episode_is_one_clear_line(command: Command) -> None:
    done = command("episodes", "show", "2008")
    assert assert_one_clear_line(done, 2) == "2008: no such file; did you mean 2020?"


def test_sell_offs_are_found_in_real_data_only(command: Command) -> None:
    done = command("episodes", "find", "--market", "QQQ")
    assert "no catalog here" in assert_one_clear_line(done, 3)
    done = command("episodes", "find", "--market", "QQQ", "--data", "embedded")
    assert "generated rows; nothing in them happened" in assert_one_clear_line(done, 3)
    done = command("episodes", "find", "--market", "QQX")
    assert assert_one_clear_line(done, 2) == "QQX: no such file; did you mean QQQ?"
