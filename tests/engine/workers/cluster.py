"""A Dask cluster on loopback: scheduler and workers are processes of their own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engine.cli.command import environment
from tests.patience import HANGS_S

QUIET = ("--no-dashboard", "--protocol", "tcp")
SETTINGS = {
    "DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH": "0",
    "DASK_DISTRIBUTED__DIAGNOSTICS__NVML": "False",
}


class Cluster:
    """A scheduler; workers start and die on demand."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[subprocess.Popen[str]] = []
        self._scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        self.address = self._told(self._scheduler, r"Scheduler at:\s+(tcp://\S+)")

    def add_workers(self, count: int, **extra: str) -> None:
        """Start workers and wait until the scheduler knows them."""
        arguments = (self.address, "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1")
        started = [self._start("worker", *arguments, **extra) for _ in range(count)]
        for worker in started:
            self._told(worker, r"(Registered) to:")

    def close(self) -> None:
        """Kill all processes."""
        for child in self._children:
            child.kill()
            child.communicate()

    def end_workers(self) -> None:
        """Kill the workers."""
        for child in self._children[1:]:
            child.kill()
            child.communicate()
        del self._children[1:]

    def _start(self, part: str, *arguments: str, **extra: str) -> "subprocess.Popen[str]":
        child = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{part}", *arguments, *QUIET],
            cwd=self._folder,
            env=environment(**SETTINGS, **extra),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self._children.append(child)
        return child

    def _told(self, child: "subprocess.Popen[str]", pattern: str) -> str:
        """Return the first group of a pattern in what a process logs."""
        log = []
        assert child.stderr is not None
        for line in child.stderr:
            log.append(line)
            found = re.search(pattern, line)
            if found:
                return found.group(1)
        raise AssertionError("".join(log))


@contextmanager
def limited() -> Iterator[None]:
    """Refuse a block that takes more than ``HANGS_S`` seconds."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"process {os.getpid()}: the cluster took over {HANGS_S} seconds")

    usual = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANGS_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, usual)
