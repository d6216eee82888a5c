"""Start a Dask scheduler and workers on the loopback address, and read their processor time."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
QUIET = ("--no-dashboard", "--protocol", "tcp", "--host", "127.0.0.1")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class LoopbackCluster:
    """The address of the scheduler, and the process numbers."""

    address: str
    scheduler: int
    workers: tuple[int, ...]


@contextmanager
def loopback_cluster(workers: int) -> Iterator[LoopbackCluster]:
    """Yield a cluster whose workers have registered; it ends with the block."""
    children: list[subprocess.Popen[str]] = []
    try:
        scheduler = _started(children, "scheduler", "--port", "0")
        address = _told(scheduler, r"Scheduler at:\s+(tcp://\S+)")
        arguments = (address, "--nthreads", "1", "--no-nanny")
        crew = [_started(children, "worker", *arguments) for _ in range(workers)]
        for worker in crew:
            _told(worker, r"(Registered) to:")
        yield LoopbackCluster(address, scheduler.pid, tuple(worker.pid for worker in crew))
    finally:
        for child in children:
            child.kill()
            child.communicate()


def cpu_seconds_of(process: int) -> float:
    """Return user and system seconds of a running process (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _started(
    children: "list[subprocess.Popen[str]]", part: str, *arguments: str
) -> "subprocess.Popen[str]":
    child = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.dask_{part}", *arguments, *QUIET],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    children.append(child)
    return child


def _told(child: "subprocess.Popen[str]", pattern: str) -> str:
    """Return the first group of a pattern in what a process logs.

    Raises
    ------
    RuntimeError : the process ended before; the text is its log.
    """
    log = []
    assert child.stderr is not None
    for line in child.stderr:
        log.append(line)
        found = re.search(pattern, line)
        if found:
            return found.group(1)
    raise RuntimeError("".join(log))
