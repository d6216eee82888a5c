"""Read the code blocks and the inline commands of the repository's pages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^ *(```+)(\w*) *$")
# The line above a block that is not checked; the reason is for the next reader.
MARKER = re.compile(r"^ *<!-- not checked: (.*?) *--> *$")
SHORTEST_REASON = 10
INLINE = re.compile(r"`((?:\.venv/bin/)?riskoff [^`]+)`")


@dataclass(frozen=True)
class Snippet:
    """A code block of a page, or one inline command.

    ``language`` is the word after the fence, "inline" of a command between back quotes. ``reason``
    says why it is not checked, "" where it is.
    """

    page: Path
    line: int
    language: str
    text: str
    reason: str = ""

    @property
    def place(self) -> str:
        """Return page and line, for messages."""
        inside = self.page.is_relative_to(ROOT)
        return f"{self.page.relative_to(ROOT) if inside else self.page.name}:{self.line}"


def snippets(page: Path) -> Iterator[Snippet]:
    """Yield the code blocks of a page and its inline commands, in order.

    Raises
    ------
    AssertionError : a block has no end, or a marker gives no reason.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    start, fence, language, reason = 0, "", "", ""
    for number, line in enumerate(lines, start=1):
        found = FENCE.match(line)
        if fence:
            if found and found[1].startswith(fence) and not found[2]:
                text = "\n".join(lines[start : number - 1])
                yield Snippet(page, start + 1, language, text, reason)
                fence = reason = ""
        elif found:
            start, fence, language = number, found[1], found[2]
        else:
            marker = MARKER.match(line)
            if marker:
                reason = marker[1]
                told = f"{page.name}:{number}: say why in a few words"
                assert len(reason) >= SHORTEST_REASON, told
            elif line.strip():
                reason = ""
            for command in INLINE.findall(line):
                yield Snippet(page, number, "inline", command)
    assert not fence, f"{page.name}:{start}: the code block has no end"
