"""Make the walk of docs/own-rule.md: its commands with their output."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from doc_tables.blocks import DOCS, PageBlock

PAGE = "own-rule.md"
FILE = "my_breakout.yaml"
# A day without a trade, although the checklist said wait.
DAY = "2025-12-16"


@dataclass(frozen=True)
class WalkStep:
    """Describe one step of the walk: heading, sentence, arguments of the command, lines shown.

    Each stretch of ``shown`` has the patterns of its first line and of the line after it; an empty
    one is the first line or the end of the output. Lines left out between stretches are ``...``.
    """

    title: str
    says: str
    arguments: str
    shown: tuple[tuple[str, str], ...]


WALK = (
    WalkStep(
        "2. Check it",
        "`check` reads the file without a run. It says the rules back in sentences, names the data "
        "they need, and counts how often each condition was true: a report over the window that no "
        "decision reads.",
        f"rules check {FILE}",
        (("^Trade breakout", "^Needs"), ("^How often", "^  alone")),
    ),
    WalkStep(
        "3. Run it",
        "The run writes a folder with every order, fill and reason. It also proves that no signal "
        "reads a later row.",
        f"run {FILE}",
        (("^TRADES", "^  5 "), ("^  10 ", "^CONDITIONS")),
    ),
    WalkStep(
        "4. Ask about a trade",
        "Each condition shows the measured number beside its threshold, at the decision.",
        "explain my_breakout --trade 1",
        (("^Out by", "^Other conditions"), ("^Risk decision", "^    volatility")),
    ),
    WalkStep(
        "5. Ask about a day without a trade",
        "",
        f"explain my_breakout --why-not {DAY}",
        (("^Nearest miss", "^  watched"),),
    ),
    WalkStep(
        "6. What did each condition do?",
        "`attribute` runs the rules once more without each condition.",
        f"attribute {FILE}",
        (("^Full rules", "^  Each row"),),
    ),
    WalkStep(
        "7. Audit it",
        "A second program derives the account again from the market data and the orders.",
        "audit my_breakout",
        (("^Everything", ""),),
    ),
)


def shown(output: str, step: WalkStep) -> list[str]:
    """Return the stretches of an output that a step shows, ``...`` between them.

    Raises
    ------
    SystemExit : the output has no line of a pattern.
    """
    lines = [line.rstrip() for line in output.strip().splitlines()]
    kept: list[str] = []
    for first, last in step.shown:
        begin = _row(lines, first, 0, step)
        end = _row(lines, last, begin, step) if last else len(lines)
        kept += ["..."] if kept else []
        kept += lines[begin:end]
        while not kept[-1]:
            kept.pop()
    return kept


def _row(lines: list[str], pattern: str, start: int, step: WalkStep) -> int:
    found = [row for row in range(start, len(lines)) if re.search(pattern, lines[row])]
    if not found:
        raise SystemExit(f"riskoff {step.arguments}: no line {pattern!r} in\n" + "\n".join(lines))
    return found[0]


def written_file() -> str:
    """Return the rule file that the page asks to save."""
    (text,) = re.findall(r"```yaml\n(name: my_breakout\n.*?)```", (DOCS / PAGE).read_text(), re.S)
    return str(text)


def transcript(folder: Path, steps: Sequence[WalkStep] = WALK) -> list[str]:
    """Run the commands of steps of the walk in a folder and return the lines of the page."""
    (folder / FILE).write_text(written_file(), encoding="utf-8")
    wide = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1"}
    lines: list[str] = []
    for step in steps:
        done = subprocess.run(
            [Path(sys.executable).with_name("riskoff"), *step.arguments.split()],
            cwd=folder,
            env=wide,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"riskoff {step.arguments}:\n{done.stdout}{done.stderr}")
        lines += [f"## {step.title}", ""]
        lines += [step.says, ""] if step.says else []
        lines += ["```", f"$ riskoff {step.arguments}", *shown(done.stdout, step), "```", ""]
    return lines[:-1]


def blocks(_: Path) -> Iterator[PageBlock]:
    """Yield the walk; it needs no real data."""
    with tempfile.TemporaryDirectory() as folder:
        yield PageBlock(PAGE, "transcript", transcript(Path(folder)))


def sample() -> Iterator[PageBlock]:
    """Yield the run of the walk; it shows when the page is old."""
    runs = [step for step in WALK if step.arguments == f"run {FILE}"]
    with tempfile.TemporaryDirectory() as folder:
        yield PageBlock(PAGE, "transcript", transcript(Path(folder), runs))
