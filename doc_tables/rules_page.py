"""Make the blocks of docs/rules.md: the commands of its walk with their output; the reference."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from doc_tables.blocks import DOCS, PageBlock
from strategies.rules.reference import function_table, value_table

PAGE = "rules.md"
FILE = "my_breakout.yaml"
# A day without a trade, although the checklist said wait.
DAY = "2025-12-16"


@dataclass(frozen=True)
class WalkStep:
    """Describe one step of the walk: heading, sentence, arguments of the command, lines shown.

    ``first`` and ``last`` are patterns of the first and the last line shown; an empty one is the
    first or the last line of the output.
    """

    title: str
    says: str
    arguments: str
    first: str = ""
    last: str = ""


WALK = (
    WalkStep(
        "2. Check it",
        "`check` reads the file without a run. It says the rules back in sentences, names the data "
        "they need, and counts how often each condition was true. Then it shows the range of what "
        "each one measured beside its threshold: a report over the window that no decision reads.",
        f"rules check {FILE}",
    ),
    WalkStep(
        "3. Run it",
        "The run writes a folder with every order, fill and reason. It also proves that no signal "
        "reads a later row.",
        f"run {FILE}",
        "^TRADES",
        "^DECISIONS",
    ),
    WalkStep(
        "4. Ask about a trade",
        "Each condition shows the measured number beside its threshold, at the decision.",
        "explain my_breakout --trade 1",
        "",
        "^Orders and fills",
    ),
    WalkStep(
        "5. Ask about a day without a trade",
        "",
        f"explain my_breakout --why-not {DAY}",
        "",
        "^Data",
    ),
    WalkStep(
        "6. What did each condition do?",
        "`attribute` runs the rules once more without each condition.",
        f"attribute {FILE}",
        "",
        "^attributions",
    ),
    WalkStep(
        "7. Audit it",
        "A second program derives the account again from the market data and the orders.",
        "audit my_breakout",
    ),
)


def shown(output: str, step: WalkStep) -> list[str]:
    """Return the lines of an output from the first pattern to the line before the last one.

    Raises
    ------
    SystemExit : the output has no line of a pattern.
    """
    lines = [line.rstrip() for line in output.strip().splitlines()]
    places = []
    for pattern, whole in ((step.first, 0), (step.last, len(lines))):
        found = [row for row, line in enumerate(lines) if pattern and re.search(pattern, line)]
        if pattern and not found:
            raise SystemExit(f"riskoff {step.arguments}: no line {pattern!r} in\n{output}")
        places.append(found[0] if found else whole)
    kept = lines[slice(*places)]
    while kept and not kept[-1]:
        kept.pop()
    return kept


def written_file() -> str:
    """Return the rule file that the page asks to save."""
    (text,) = re.findall(r"```yaml\n(name: my_breakout\n.*?)```", (DOCS / PAGE).read_text(), re.S)
    return str(text)


def transcript(folder: Path) -> list[str]:
    """Run the commands of the walk in a folder and return the lines of the page."""
    (folder / FILE).write_text(written_file(), encoding="utf-8")
    wide = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1"}
    lines: list[str] = []
    for step in WALK:
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
        lines += [f"### {step.title}", ""]
        lines += [step.says, ""] if step.says else []
        lines += ["```", f"$ riskoff {step.arguments}", *shown(done.stdout, step), "```", ""]
    return lines[:-1]


def blocks(_: Path) -> Iterator[PageBlock]:
    """Yield the walk and the reference; all of it needs no real data."""
    with tempfile.TemporaryDirectory() as folder:
        yield PageBlock(PAGE, "transcript", transcript(Path(folder)))
    yield from sample()


def sample() -> Iterator[PageBlock]:
    """Yield the reference."""
    yield PageBlock(PAGE, "functions", function_table().splitlines())
    yield PageBlock(PAGE, "values", value_table().splitlines())
