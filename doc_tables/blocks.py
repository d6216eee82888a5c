"""Read, replace and compare the generated blocks of the pages in ``docs/``."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
RUNS = ROOT / "configs" / "runs"


@dataclass(frozen=True)
class PageBlock:
    """Hold generated lines of a page of ``docs/``, between ``<!-- NAME begin -->`` and its end.

    A whole block replaces the lines of the page. A sample holds lines that the page must contain;
    with ``whole`` it holds all of them, and the page may have no other.
    """

    page: str
    name: str
    lines: Sequence[str]
    whole: bool = False

    @property
    def path(self) -> Path:
        """Return the page's file."""
        return DOCS / self.page


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [row(head), "|" + "---|" * len(head), *map(row, rows)]


def row(cells: Sequence[str]) -> str:
    """Return one line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def replace(block: PageBlock) -> None:
    """Write a whole block into its page.

    Raises
    ------
    SystemExit : the page lacks the block's markers.
    """
    before, _, after = _split(block)
    text = "\n".join([before, "", *block.lines, "", after])
    block.path.write_text(text, encoding="utf-8", newline="\n")


def differences(sample: PageBlock) -> Iterator[str]:
    """Yield each line of a sample that its page lacks, and of a whole one that it has too much."""
    _, stored, _ = _split(sample)
    held = set(stored.splitlines())
    for line in sample.lines:
        if line and line not in held:
            yield f"docs/{sample.page}, block {sample.name}, has no line\n  {line}"
    if not sample.whole:
        return
    extra = sorted(held - {"", *sample.lines})
    for line in extra:
        yield f"docs/{sample.page}, block {sample.name}, has one line too many\n  {line}"
    if not extra and held >= {*sample.lines} and stored.strip().splitlines() != [*sample.lines]:
        yield f"docs/{sample.page}, block {sample.name}, has the lines in another order"


def _split(block: PageBlock) -> tuple[str, str, str]:
    begin, end = (f"<!-- {block.name} {word} -->" for word in ("begin", "end"))
    text = block.path.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        raise SystemExit(f"docs/{block.page}: needs the lines {begin} and {end}, each once")
    before, rest = text.split(begin)
    stored, after = rest.split(end)
    return before + begin, stored, end + after
