"""Draw the order of one instant from the table of docs/one-instant.md."""

import re

from doc_tables.blocks import DOCS, PageBlock
from doc_tables.pictures.drawing import SvgDrawing, wrapped

NAME, PAGE = "one-instant", "one-instant.md"
STEP = re.compile(r"^\| (\d) \| \*\*(.+?)\*\*\.? ?(.*?) \| .* \|$", re.MULTILINE)
WIDTH, LEFT, TALL = 760, 150, 84


def block() -> PageBlock:
    """Return the picture: the steps from top to bottom, the closing bar and the opening one.

    Raises
    ------
    SystemExit : the page has no table of five steps.
    """
    steps = STEP.findall((DOCS / PAGE).read_text(encoding="utf-8"))
    if len(steps) != 5:
        raise SystemExit(f"docs/{PAGE}: the table has {len(steps)} steps that can be read, not 5")
    drawing = SvgDrawing(NAME)
    for row, (number, title, words) in enumerate(steps):
        y = 40 + row * (TALL + 14)
        drawing.box(LEFT, y, WIDTH - LEFT - 16, TALL)
        drawing.text(LEFT + 16, y + 28, number, "big")
        drawing.text(LEFT + 48, y + 24, title.rstrip("."), "bold")
        drawing.lines(LEFT + 48, y + 44, wrapped(_plain(words), 84), "small")
        if row:
            drawing.line(LEFT + 24, y - 14, LEFT + 24, y - 3, tip=True)
    last = 40 + 4 * (TALL + 14)
    drawing.text(16, 24, "before", "small muted")
    drawing.box(16, 40, 100, 1.5 * TALL, "row")
    drawing.lines(28, 64, ("a bar that", "ends here"))
    drawing.line(116, 40 + TALL / 2, LEFT - 4, 40 + TALL / 2, tip=True)
    drawing.box(16, last - 0.5 * TALL, 100, 1.5 * TALL, "row")
    drawing.lines(28, last, ("a bar that", "begins here"))
    drawing.line(116, last + TALL / 2, LEFT - 4, last + TALL / 2, tip=True)
    drawing.text(16, last + TALL + 20, "after", "small muted")
    return drawing.block()


def _plain(words: str) -> str:
    return words.replace("`", "").replace("*", "")
