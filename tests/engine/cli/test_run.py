import json
from collections.abc import Callable
from pathlib import Path

from engine.config.load import load_run_config
from tests.engine.cli.command import Command, FinishedCommand

Run = Callable[..., FinishedCommand]


def only_run(out: Path) -> Path:
    (folder,) = out.iterdir()
    return folder


def test_a_run_ends_with_the_path_of_its_page(toy_project: Path, toy_run: Run) -> None:
    done = toy_run()
    assert (done.returncode, done.stderr) == (0, "")
    folder = only_run(toy_project / "runs")
    assert toy_project / done.stdout.splitlines()[-1] == folder / "tearsheet.html"
    assert (folder / "tearsheet.html").stat().st_size > 10_000
    assert done.stdout.startswith((folder / "summary.txt").read_text())


def test_json_names_run_page_and_metrics(toy_project: Path, toy_run: Run) -> None:
    document = json.loads(toy_run("--json", "--out", "elsewhere").stdout)
    folder = only_run(toy_project / "elsewhere")
    assert toy_project / document["run"] == folder
    assert document["metrics"] == json.loads((folder / "metrics.json").read_text())
    assert document["metrics"]["trades"] >= 1


def test_the_resolved_config_of_a_run_holds_the_overrides_and_runs_again(
    toy_project: Path, toy_run: Run
) -> None:
    assert toy_run("--set", "risk.risk_fraction=0.005", "--mode", "dense").returncode == 0
    resolved = load_run_config(only_run(toy_project / "runs") / "config.resolved.yaml")
    assert resolved.risk.risk_fraction == 0.005
    assert resolved.mode.value == "dense"
    assert resolved.playbook.params == {"fault": "none", "warmup_bars": 10}


def test_the_same_inputs_give_the_same_folder_byte_for_byte(
    toy_project: Path, toy_run: Run
) -> None:
    assert toy_run("--out", "first").returncode == 0
    assert toy_run("--out", "second").returncode == 0
    first, second = only_run(toy_project / "first"), only_run(toy_project / "second")
    assert first.name == second.name
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    differing = [
        name for name in names if (first / name).read_bytes() != (second / name).read_bytes()
    ]
    # Only the time and duration of the run may differ.
    assert set(differing) <= {"timing.json"}


def test_a_trade_and_an_instant_are_explained(
    toy_project: Path, toy_run: Run, command: Command
) -> None:
    assert toy_run().returncode == 0
    folder = str(only_run(toy_project / "runs").relative_to(toy_project))
    trade = command("explain", folder, "--trade", "1")
    assert (trade.returncode, trade.stderr) == (0, "")
    assert "a toy always buys" in trade.stdout
    instant = command("explain", folder, "--at", "2026-02-03T03:00Z")
    assert (instant.returncode, instant.stderr) == (0, "")
    assert "2026-02-03" in instant.stdout
    for option in ("--day", "--why-not"):
        told = command("explain", folder, option, "2026-02-03")
        assert (told.returncode, told.stderr) == (0, "")
        assert "BTCUSDT-PERP in a position (plan 1)" in told.stdout
