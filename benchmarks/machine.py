"""Say on which machine, under which load, something was measured."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def machine_line() -> str:
    """Return processors, their model, Python and system."""
    python = f"Python {platform.python_version()}, {platform.system()}"
    return f"{os.cpu_count()} processors, {processor_model()}; {python}"


def processor_model(path: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name, or its architecture where the system does not tell."""
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


class LoadSpan:
    """The load of the last minute when a measurement began and ended."""

    def __init__(self) -> None:
        self.begun = self.ended = os.getloadavg()[0]

    @property
    def line(self) -> str:
        """The load in words."""
        return (
            f"Load of the machine {self.begun:.1f} at the start and {self.ended:.1f} at the end, "
            f"on {os.cpu_count()} processors; a measurement itself adds 1."
        )


@contextmanager
def load_span() -> Iterator[LoadSpan]:
    """Yield a span whose end is read when the block is left."""
    span = LoadSpan()
    yield span
    span.ended = os.getloadavg()[0]
