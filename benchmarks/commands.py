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


def main() -> None:
    """Print one row a command: the median, the least and the peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    folder = Path(tempfile.mkdtemp(prefix="riskoff-commands-"))
    try:
        for command in ("run demo", *COMMANDS):
            cpu_seconds(command, folder)
        print("| command | CPU s | least | peak MiB | goal, CPU s |\n|---|---|---|---|---|")
        for command, goal in COMMANDS.items():
            seconds, memory = zip(
                *(cpu_seconds(command, folder) for _ in range(rounds)), strict=True
            )
            print(
                f"| `riskoff {command}` | {statistics.median(seconds):.2f} | {min(seconds):.2f} | "
                f"{max(memory):.0f} | {'' if goal is None else goal} |"
            )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
