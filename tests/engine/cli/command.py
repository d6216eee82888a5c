"""Run the real command in a process of its own, from an empty folder."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
COMMAND = (sys.executable, "-c", "from engine.cli.app import main; main()")


class FinishedCommand(NamedTuple):
    """Hold the exit code and the output of a command."""

    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., FinishedCommand]


def environment(**extra: str) -> dict[str, str]:
    """Return an environment in which the checkout is importable from any folder."""
    kept = {key: value for key, value in os.environ.items() if key != "RISKOFF_DEBUG"}
    # A terminal's colours and width must not reach the comparison of texts.
    return {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200", **extra}


def interruptible() -> None:
    """Restore Ctrl-C in a child whose parent runs in the background and ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def riskoff(*arguments: str | Path, cwd: Path, **extra: str) -> FinishedCommand:
    """Run the command in a process of its own; return exit code and output."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(**extra),
        capture_output=True,
        text=True,
        check=False,
    )
    return FinishedCommand(done.returncode, done.stdout, done.stderr)


def assert_one_clear_line(done: FinishedCommand, code: int) -> str:
    """Check exit code, silence on stdout and a single error line; return that line's text."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")
