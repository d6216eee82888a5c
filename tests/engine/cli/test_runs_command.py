"""Check that commands list, explain and audit runs by name."""

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


def edited(name, **values):
    def edit(folder):
        document = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(document | values))

    return edit


DAMAGE = {
    "a return that no run made": edited("metrics.json", total_return=9.99),
    "trades in letters": edited("metrics.json", trades="abc"),
    "a return in letters": edited("metrics.json", total_return="x"),
    "a window that is a list": edited("manifest.json", window=[1]),
    "a label that is a number": edited("manifest.json", data_label=5),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "half a manifest": lambda folder: (folder / "manifest.json").write_text("{"),
    "a curve of nothing": lambda folder: (folder / "equity.parquet").write_bytes(b""),
    "no seals": lambda folder: (folder / "seals.json").unlink(),
}


def test_a_damaged_run_is_listed_without_a_number(toy_project, toy_run, command):
    for harm in DAMAGE.values():
        assert toy_run().returncode == 0
        (whole,) = json.loads(command("runs", "--json").stdout)
        assert whole["damaged"] is None
        assert whole["trades"] >= 1
        harm(toy_project / whole["folder"])
        done = command("runs", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        (run,) = json.loads(done.stdout)
        assert whole["folder"] in run["damaged"]
        for number in ("total_return", "max_drawdown_bars", "trades", "data_label", "start"):
            assert run[number] is None
        (row,) = command("runs").stdout.splitlines()[1:]
        assert row.split()[-4:] == ["damaged", "-", "-", "-"]


def test_a_run_under_the_name_of_another_is_listed_as_damaged(toy_project, toy_run, command):
    assert toy_run().returncode == 0
    (run,) = json.loads(command("runs", "--json").stdout)
    folder = toy_project / run["folder"]
    folder.rename(folder.with_name(f"better-{run['id']}"))
    (other,) = json.loads(command("runs", "--json").stdout)
    assert (other["run"], other["total_return"]) == ("better", None)
    assert f"is of another run ({folder.name})" in other["damaged"]


def test_times_that_are_none_and_names_that_are_too_long_end_no_command_as_a_bug(
    toy_project, toy_run, command
):
    assert toy_run().returncode == 0
    (run,) = json.loads(command("runs", "--json").stdout)
    edited("timing.json", seconds=1e300)(toy_project / run["folder"])
    assert command("runs").returncode == 0
    assert command("explain", run["run"]).returncode == 0
    for name in ("audit", "explain"):
        done = command(name, "x" * 300)
        assert done.returncode == 6
        (line,) = done.stderr.splitlines()
        assert line.endswith("('riskoff runs' lists them)")
