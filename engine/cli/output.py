"""Print plain lines and JSON on stdout, errors and progress on stderr."""

import io
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SHOW_AFTER_SECONDS = 2.0

Report = Callable[[float], None]


def print_json(document: Any) -> None:
    """Print one JSON document; NaN is refused because other programs cannot read it."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    if isinstance(sys.stdout, LastLine):
        sys.stdout.use_instead(text)
    else:
        print(text)


class LastLine(io.TextIOBase):
    """Take what is printed and keep its last line, or a text that must not be cut."""

    def __init__(self, whole: TextIO) -> None:
        self.whole = whole
        self._held = ""
        self._instead: str | None = None

    def write(self, text: str) -> int:
        """Keep the last line that has words."""
        lines = (self._held + text).splitlines(keepends=True)
        said = [line for line in lines[:-1] if line.strip()]
        self._held = "".join([*said[-1:], *lines[-1:]])
        return len(text)

    def use_instead(self, text: str) -> None:
        """Keep a whole text instead of the last line."""
        self._instead = text

    def end(self) -> None:
        """Print what was kept."""
        said = [line for line in self._held.splitlines() if line.strip()]
        kept = said[-1:] if self._instead is None else [self._instead]
        for text in kept:
            print(text, file=self.whole)


@contextmanager
def last_line_only() -> Iterator[None]:
    """Print only the last line of what the block prints, or its JSON, and no progress."""
    last = LastLine(sys.stdout)
    sys.stdout = last
    try:
        yield
    finally:
        sys.stdout = last.whole
        last.end()


def print_yaml(document: Any) -> None:
    """Print one document as YAML, keys in their own order."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(document, sys.stdout)


def print_columns(rows: Sequence[Sequence[str]]) -> None:
    """Print rows as left-aligned columns two spaces apart."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def print_error(text: str) -> None:
    """Print every line of an error's text to stderr with its mark; indented lines have none."""
    for line in text.splitlines() or [""]:
        print(line if line.startswith("  ") else f"error: {line}", file=sys.stderr)


@contextmanager
def working(title: str) -> Iterator[Report]:
    """Yield ``report(fraction)`` and show a bar once the block has lasted two seconds.

    Before the first report the bar only moves. Nothing is shown unless stderr is a terminal, nor
    with ``--quiet``.
    """
    if not sys.stderr.isatty() or isinstance(sys.stdout, LastLine):
        yield _ignore
        return
    bar = _LateBar(title)
    timer = threading.Timer(SHOW_AFTER_SECONDS, bar.show)
    timer.daemon = True
    timer.start()
    try:
        yield bar.report
    finally:
        timer.cancel()
        bar.close()


@contextmanager
def progress(title: str, total: int, *, unit: str) -> Iterator[Callable[[int, str], None]]:
    """Yield ``report(done, what)``; show a bar with the last item done, the rate and the time left.

    Nothing is shown unless stderr is a terminal, nor with ``--quiet``.
    """
    if not sys.stderr.isatty() or isinstance(sys.stdout, LastLine):
        yield lambda done, what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    texts = TextColumn("{task.description}"), TextColumn("{task.fields[pace]}")
    columns = (texts[0], BarColumn(), MofNCompleteColumn(), texts[1])
    begun = time.monotonic()
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as shown:
        task = shown.add_task(title, total=total, pace="")

        def report(done: int, what: str) -> None:
            told = pace(done, total, time.monotonic() - begun, unit)
            shown.update(task, completed=done, description=what, pace=told)

        yield report


def pace(done: int, total: int, seconds: float, unit: str) -> str:
    """Return the rate so far and the time left at this rate; empty before the first item.

    >>> pace(30, 90, 60.0, "cells"), pace(300, 900, 60.0, "paths")
    ('30 cells/min, 0:02:00 left', '5.0 paths/s, 0:02:00 left')
    """
    if not done or seconds <= 0:
        return ""
    rate = done / seconds
    told = f"{rate:.1f} {unit}/s" if rate >= 1 else f"{60 * rate:.0f} {unit}/min"
    return f"{told}, {timedelta(seconds=round((total - done) / rate))} left"


def _ignore(fraction: float) -> None:
    """Report nothing."""


class _LateBar:
    """Draw a progress bar that a timer shows later and the end of the block closes."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._lock = threading.Lock()
        self._closed = False
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._fraction: float | None = None

    def report(self, fraction: float) -> None:
        """Store the fraction done, 0 to 1, and draw it if the bar is shown."""
        self._fraction = fraction
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=fraction, total=1.0)

    def show(self) -> None:
        """Start drawing, unless the block has ended."""
        from rich.console import Console
        from rich.progress import Progress

        with self._lock:
            if self._closed:
                return
            progress = Progress(console=Console(file=sys.stderr), transient=True)
            self._task = progress.add_task(self._title, total=None)
            if self._fraction is not None:
                progress.update(self._task, completed=self._fraction, total=1.0)
            progress.start()
            self._progress = progress

    def close(self) -> None:
        """Remove the bar."""
        with self._lock:
            self._closed = True
            if self._progress is not None:
                self._progress.stop()
