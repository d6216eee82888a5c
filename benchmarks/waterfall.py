"""Measure where the CPU time of ``run``, ``compare`` and ``sweep`` goes, stage by stage.

    python -m benchmarks.waterfall [run] [compare] [sweep] [--rounds 3]

Each measurement is a process of its own in an empty folder, with one worker in it; a first one
fills the caches and is not counted. The comparison has one cell, the sweep is the shipped one.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from benchmarks.stages import StageClock, wrap_all
from doc_tables.blocks import table

ONE_CELL = """
name: one_cell
source: embedded
episodes: ["2026"]
reference: reclaim
rows:
  reclaim:
    title: A
    playbook: {name: liquidation_reclaim, params: {timeframe: 15m, mark_timeframe: 15m}}
    account: {currency: USD, rates: {USDT: par}}
venue: binance_usdm
"""
COMMANDS: Mapping[str, Sequence[str]] = {
    "run": ("run", "demo"),
    "compare": ("compare", "one_cell.yaml", "--jobs", "1"),
    "sweep": ("sweep", "reclaim_demo", "--jobs", "1"),
}
TITLES = {
    "run": "`riskoff run demo`",
    "compare": "`riskoff compare`, one cell of playbook A",
    "sweep": "`riskoff sweep reclaim_demo`, 30 sets in two windows",
}
RUN_STAGES = (
    ("read the file", ("engine.config_files:read_config",)),
    (
        "load data",
        ("data_feeds.load:open_source", "engine.run:load_window", "engine.run:load_state"),
    ),
    ("market state", ("engine.run_data:StateInputs.state",)),
    ("signals", ("engine.run:prepare",)),
    ("simulation", ("engine.run:simulate",)),
    ("proof of causality", ("engine.run:check_causality", "engine.run:check_state_causality")),
    ("benchmark", ("engine.pages.publish:held_returns",)),
    ("metrics", ("engine.results.finished:headline",)),
    ("summary", ("engine.pages.publish:summary",)),
    ("tearsheet", ("engine.pages.publish:run_page",)),
    ("tables and files", ("engine.pages.publish:write_run",)),
)
STAGES = {
    "run": RUN_STAGES,
    "compare": (
        *RUN_STAGES,
        ("tables and files", ("engine.compare.cell_runs:write_run",)),
        ("audit", ("engine.compare.cell_runs:audit_run",)),
        ("resampled statistics", ("engine.compare.comparison:_answers",)),
        ("comparison's page", ("engine.compare.comparison:write_comparison",)),
    ),
    "sweep": (
        *RUN_STAGES,
        ("load data", ("engine.sweep:sweep_inputs",)),
        ("screening", ("engine.screening:Screening.screen", "engine.screening:Screening.of")),
        ("read the file", ("engine.sweep.sweep_job:SweepJob.run_config",)),
        ("metrics", ("engine.sweep.set_runs:measured",)),
        ("sensitivity", ("engine.sweep.sweep_run:sensitivity",)),
        ("checks by the engine", ("engine.sweep.sweep_run:_check",)),
        ("judgement", ("engine.sweep.sweep_folder:judged",)),
        ("sweep's page", ("engine.sweep:publish_sweep",)),
    ),
}
BAR_WIDTH = 30


def measured_here(command: str) -> dict[str, float]:
    """Run a command in this process and folder and return CPU seconds by stage.

    Raises
    ------
    RuntimeError : the command failed.
    """
    clock = StageClock()
    clock.count_imports()
    Path("one_cell.yaml").write_text(ONE_CELL, encoding="utf-8")
    wrap_all(clock, STAGES[command])
    from engine.cli.app import execute  # noqa: PLC0415 (its import is measured)

    with redirect_stdout(io.StringIO()) as said:
        code = execute(COMMANDS[command])
    if code:
        raise RuntimeError(
            f"riskoff {' '.join(COMMANDS[command])} ended with {code}: {said.getvalue()}"
        )
    return clock.finished()


def measured_apart(command: str) -> dict[str, float]:
    """Return the measurement of a process of its own, in an empty folder."""
    with tempfile.TemporaryDirectory(prefix="riskoff-waterfall-") as folder:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.waterfall", command, "--here"],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each stage; a stage that a round lacks took nothing."""
    names = dict.fromkeys(name for found in rounds for name in found)
    return {name: statistics.median(found.get(name, 0.0) for found in rounds) for name in names}


def waterfall_lines(command: str, rounds: int) -> list[str]:
    """Measure a command and return its table."""
    measured_apart(command)
    made = [measured_apart(command) for _ in range(rounds)]
    whole = statistics.median(sum(found.values()) for found in made)
    return [
        f"{TITLES[command]}: {whole:.2f} CPU s, rounds: {rounds}; medians.",
        "",
        *bars(medians(made)),
    ]


def bars(seconds: Mapping[str, float]) -> list[str]:
    """Return a table with a bar a stage, the longest first; the shortest stages share a row."""
    whole = sum(seconds.values())
    large = {name: value for name, value in seconds.items() if value >= 0.005 * whole}
    small = whole - sum(large.values())
    rows = sorted(large.items(), key=lambda item: -item[1])
    if small > 0:
        rows.append(("all others", small))
    longest = rows[0][1]
    return table(
        ("stage", "CPU s", "share", ""),
        [
            [name, f"{value:.2f}", f"{value / whole:.0%}", "█" * round(BAR_WIDTH * value / longest)]
            for name, value in rows
        ],
    )


def main() -> None:
    """Print a table a command."""
    parser = argparse.ArgumentParser(description="CPU time of whole commands by stage.")
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"of {', '.join(COMMANDS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--here", action="store_true", help="measure in this process, print JSON")
    given = parser.parse_args()
    for command in given.commands or COMMANDS:
        if given.here:
            print(json.dumps(measured_here(command)))
        else:
            print("\n".join([*waterfall_lines(command, given.rounds), ""]))


if __name__ == "__main__":
    main()
