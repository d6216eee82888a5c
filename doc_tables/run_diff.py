"""Make the block of docs/diff.md: the difference of two runs, as the command prints it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import riskoff
from doc_tables.blocks import PageBlock
from engine.answers.run_diff import diff_runs, diff_text

PAGE, NAME = "diff.md", "example"
SETTINGS = {"playbook.params.open_interest_reset": 0.01}
NAMES = ("demo@2", "demo")


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Yield the example; the catalog is not read."""
    lines = ["```", "$ riskoff run demo"]
    lines += [f"$ riskoff run demo --set {key}={value}" for key, value in SETTINGS.items()]
    lines += [f"$ riskoff diff {' '.join(NAMES)}", *_printed(), "```"]
    yield PageBlock(PAGE, NAME, lines)


def sample() -> Iterator[PageBlock]:
    """Yield the printed lines again."""
    yield PageBlock(PAGE, NAME, _printed())


def _printed() -> list[str]:
    """Return the printed lines without the first one, which has the ids of the runs."""
    with tempfile.TemporaryDirectory() as folder:
        before = riskoff.run("demo", out=folder)
        after = riskoff.run("demo", SETTINGS, out=folder)
        found = diff_runs(before.folder, after.folder)
    return diff_text(found, NAMES).splitlines()[1:]
