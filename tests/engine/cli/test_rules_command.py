"""``riskoff rules``: what a trader reads, and what another program reads."""

import json
import subprocess

from tests.engine.cli.command import COMMAND, ROOT, Command, assert_one_clear_line, environment


def test_check_shows_needs_and_counts_for_a_run_of_any_playbook(command: Command):
    done = command("rules", "check", "demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "rules of the playbook liquidation_reclaim" in done.stdout
    assert "(SYNTHETIC DATA)" in done.stdout
    assert "BTCUSDT-PERP/bars/15m" in done.stdout
    assert "Decisions at which two are both true" in done.stdout


def test_json_has_the_counts_of_every_condition_and_pair(command: Command):
    document = json.loads(command("rules", "check", "demo", "--json").stdout)
    counts = document["counts"]
    rows = counts["decision_rows"]
    assert rows > 100
    for item in counts["conditions"]:
        assert item["true"] + item["false"] + item["unknown"] == rows
        assert counts["both_true"][item["name"]][item["name"]] == item["true"]
    assert document["needs"][0]["use"] == "required"
    assert document["problem"] is None


def test_a_window_outside_the_data_prints_what_is_needed_and_fails(command: Command):
    done = command("rules", "check", "demo", "--set", "data.start=2015-01-01")
    assert done.returncode == 3
    assert "Needs (decisions at the closes of" in done.stdout
    assert "How often" not in done.stdout
    assert done.stderr.startswith("error: ")


def test_problems_of_the_file_are_shown_as_validate_shows_them(command: Command, tmp_path):
    (tmp_path / "bad.yaml").write_text(
        "name: bad\ndata: {start: 2026-01-01, end: 2026-02-01}\n"
        "playbook: {name: hold, params: {instrumant: X}}\nvenue: binance_usdm\n"
    )
    checked, validated = command("rules", "check", "bad.yaml"), command("validate", "bad.yaml")
    assert (checked.returncode, checked.stdout) == (2, "")
    assert checked.stderr == validated.stderr != ""


def test_help_is_printed_without_loading_numpy(tmp_path):
    # The packages of numbers take a second; the interpreter and typer take half of one.
    code = "import sys; sys.argv = ['riskoff', 'rules', '--help']; import engine.cli.commands as c"
    check = "c.app(['rules', '--help'], standalone_mode=False); assert 'numpy' not in sys.modules"
    done = subprocess.run(
        [COMMAND[0], "-c", f"{code}; {check}"],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "functions" in done.stdout


def test_an_unknown_file_is_one_clear_line(command: Command):
    assert "nowhere" in assert_one_clear_line(command("rules", "check", "nowhere"), 2)
