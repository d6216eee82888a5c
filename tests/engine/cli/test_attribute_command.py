"""Check ``riskoff attribute``."""

import json
from pathlib import Path

from tests.engine.cli.command import Command, assert_one_clear_line

WINDOW = ("--set", "data.source=embedded", "--set", "data.start=2026-01-15")
SHORT = (*WINDOW, "--set", "data.end=2026-03-13")


def test_a_table_a_page_and_two_files_come_out(tmp_path: Path, command: Command) -> None:
    done = command("attribute", "swing_2026", *SHORT, "--jobs", "1")
    assert (done.returncode, done.stderr) == (0, "")
    *table, page = done.stdout.splitlines()
    folder = Path(page).parent
    assert table[0].startswith("swing_2026 (stabilization_swing), 2026-01-15 to 2026-03-13")
    assert sum(line.startswith("  macro_stabilized") for line in table) == 1
    assert folder.parts[0] == "attributions"
    names = {path.name for path in (tmp_path / folder).iterdir()}
    assert names == {"index.html", "attribution.json", "attribution.parquet", "seals.json"}
    assert "What each condition earned: swing_2026" in (tmp_path / page).read_text()


def test_json_holds_what_the_file_holds(tmp_path: Path, command: Command) -> None:
    # One condition to leave out: two runs in place of five.
    alone = ("--set", "playbook.ignore=[macro_stabilized, lower_lows_stopped, vix_off_peak]")
    done = command(
        "attribute", "swing_2026", *SHORT, *alone, "--out", "found", "--json", "--jobs", "1"
    )
    document = json.loads(done.stdout)
    folder = tmp_path / document.pop("folder")
    assert document == json.loads((folder / "attribution.json").read_text())


def test_rules_without_conditions_are_refused_in_one_line(command: Command) -> None:
    settings = (
        "--set",
        "playbook.name=hold",
        "--set",
        "playbook.params={timeframe: 15m, enter_at: 2026-02-03T12:00Z}",
    )
    window = ("--set", "data.start=2026-02-03", "--set", "data.end=2026-02-05")
    line = assert_one_clear_line(command("attribute", "demo", *settings, *window), 2)
    assert line == "demo: nothing to leave out: hold requires no condition"


def test_an_unknown_condition_is_refused_in_one_line(command: Command) -> None:
    wrong = ("--set", "playbook.ignore=[drawdwn]")
    line = assert_one_clear_line(command("run", "swing_2026", *SHORT, *wrong), 2)
    assert "did you mean drawdown?" in line
