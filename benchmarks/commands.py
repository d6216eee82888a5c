"""Measure the CPU time of whole commands, each a process of its own.

    .venv/bin/python -m benchmarks.commands [--rounds 5]

The first round fills the caches (compiled code, bytecode, embedded data) and is not counted. CPU
time is user and system time of the process; machines are noisy, so read the medians.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from doc_tables.blocks import table

START = "import sys; from engine.cli.app import main; main()"
# Beside each command the goal in CPU seconds, where there is one.
COMMANDS: dict[str, float | None] = {
    "--help": None,
    "runs": None,
    "episodes list": None,
    "schema": None,
    "show-config demo": None,
    "validate demo": 0.5,
    "validate swing_2020": 0.5,
    "explain demo": 0.5,
    "explain demo --trade 1": 0.5,
    "explain demo --why-not 2026-02-05": 0.5,
    "diff demo demo": None,
    "run demo": 3.0,
}


def cpu_seconds(command: str, folder: Path) -> tuple[float, float]:
    """Return CPU seconds and peak memory (MiB) of a command that reads runs of a folder.

    Raises
    ------
    RuntimeError : the command failed.
    """
    bytecode = {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    process = subprocess.Popen(
        [sys.executable, "-c", START, *command.split()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **bytecode},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"riskoff {command} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def command_lines(rounds: int) -> list[str]:
    """Measure every command by turns and return the table: median, least, peak memory, goal."""
    folder = Path(tempfile.mkdtemp(prefix="riskoff-commands-"))
    try:
        for command in ("run demo", *COMMANDS):
            cpu_seconds(command, folder)
        made = [{name: cpu_seconds(name, folder) for name in COMMANDS} for _ in range(rounds)]
    finally:
        shutil.rmtree(folder)
    rows = []
    for command, goal in COMMANDS.items():
        seconds, memory = zip(*(found[command] for found in made), strict=True)
        median, least = statistics.median(seconds), min(seconds)
        numbers = [f"{median:.2f}", f"{least:.2f}", "" if goal is None else f"{goal:g}"]
        rows.append([f"`riskoff {command}`", *numbers, f"{max(memory):.0f}"])
    return table(("command", "CPU s", "least", "goal, CPU s", "peak MiB"), rows)


def main() -> None:
    """Print a row a command."""
    parser = argparse.ArgumentParser(description="CPU time of whole commands.")
    parser.add_argument("--rounds", type=int, default=5)
    print("\n".join(command_lines(parser.parse_args().rounds)))


if __name__ == "__main__":
    main()
