"""Runs by name on the command line: listed, explained, audited."""

import json


def test_the_commands_of_the_readme_name_runs_by_name(toy_project, toy_run, command):
    assert toy_run().returncode == 0
    assert toy_run("--set", "risk.risk_fraction=0.005").returncode == 0
    listed = json.loads(command("runs", "--json").stdout)
    name = listed[0]["run"]
    assert [run["run"] for run in listed] == [name, f"{name}@2"]
    assert [run["kind"] for run in listed] == ["run", "run"]
    assert all(run["trades"] >= 1 for run in listed)
    table = command("runs").stdout.splitlines()
    assert table[0].split()[:2] == ["run", "id"]
    assert f"{name}@2" in table[2]
    for handle, run in zip((name, f"{name}@2"), listed, strict=True):
        trade = command("explain", handle, "--trade", "1")
        assert trade.returncode == 0
        assert trade.stdout == command("explain", run["folder"], "--trade", "1").stdout
    assert command("audit", name).returncode == 0
    assert command("explain", listed[1]["id"][:6], "--trade", "1").returncode == 0


def test_a_bare_explain_lists_trades_and_refused_setups_by_their_numbers(
    toy_project, toy_run, command
):
    assert toy_run().returncode == 0
    (run,) = json.loads(command("runs", "--json").stdout)
    told = command("explain", run["run"]).stdout
    trades, refused = told.split("Refused setups")
    rows = [line.split() for line in trades.splitlines() if line.strip()[:1].isdecimal()]
    assert [row[0] for row in rows] == [str(n + 1) for n in range(run["trades"])]
    assert f"riskoff explain {run['run']} --trade N" in refused
    missing = command("explain", run["run"], "--setup", "9999")
    assert missing.returncode == 6
    assert "no refused setup 9999" in missing.stderr


def test_an_empty_folder_says_how_to_make_a_run(tmp_path, command):
    assert "riskoff run demo" in command("runs").stdout
    assert json.loads(command("runs", "--json").stdout) == []
    done = command("explain", "demo", "--trade", "1")
    assert done.returncode == 6
    assert "riskoff run demo" in done.stderr


def test_a_damaged_run_is_listed_as_one_that_cannot_be_read(toy_project, toy_run, command):
    assert toy_run().returncode == 0
    (run,) = json.loads(command("runs", "--json").stdout)
    (toy_project / run["folder"] / "manifest.json").write_text("{")
    assert "cannot be read" in command("runs").stdout
