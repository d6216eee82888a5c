"""The heavy libraries that short commands load, measured in a fresh interpreter."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.results.contents import write_run

ROOT = Path(__file__).parents[3]
# Each takes from a tenth of a second to two; a short command must not pay for what it never uses.
HEAVY = frozenset(
    [
        "QuantLib",
        "arch",
        "backtrader",
        "ccxt",
        "exchange_calendars",
        "jinja2",
        "matplotlib",
        "numba",
        "pandas",
        "plotly",
        "pyarrow",
        "quantstats",
        "scipy",
        "statsmodels",
    ]
)
# The heavy libraries that a command may load; each other command of these loads none.
COMMANDS: dict[tuple[str, ...], frozenset[str]] = {
    ("--help",): frozenset(),
    ("--version",): frozenset(),
    ("validate", "demo"): frozenset(),
    ("validate", "swing_2020"): frozenset(),
    ("validate", "hedged_2020"): frozenset(),
    ("validate", str(ROOT / "configs/rules/rsi_two.yaml")): frozenset(),
    ("validate", "three_playbooks"): frozenset(),
    ("validate", "playbooks_by_episode"): frozenset(),
    ("runs",): frozenset(),
    ("episodes", "list"): frozenset(),
    ("strategies", "list"): frozenset(),
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_loads_only_the_heavy_libraries_it_uses(command: tuple[str, ...]) -> None:
    assert loaded(command) == COMMANDS[command]


def loaded(command: tuple[str, ...]) -> set[str]:
    """Return the heavy libraries in a fresh interpreter after a command has succeeded."""
    code = (
        "import sys; from engine.cli.app import execute; failed = execute(sys.argv[1:]); "
        "print('\\nloaded:', *sys.modules); sys.exit(failed)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(done.stdout.rpartition("loaded:")[2].split()) & HEAVY


@pytest.mark.parametrize("asked", ["", "--trade 1", "--day {day}", "--why-not {day}"])
def test_an_answer_about_a_run_loads_arrow_and_no_other_heavy_library(make_run, tmp_path, asked):
    run = make_run(hours=60, plans=1)
    folder, day = write_run(run, tmp_path), run.config.data.start.date()
    assert loaded(("explain", str(folder), *asked.format(day=day).split())) == {"pyarrow"}
