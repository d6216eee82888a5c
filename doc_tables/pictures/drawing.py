"""Draw the pictures of ``docs/pictures``: SVG text that is equal for equal data.

A file begins with size and style, light and dark; its elements stand in a generated block.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from doc_tables.blocks import PageBlock

FOLDER, BLOCK = "pictures", "drawing"


@dataclass
class SvgDrawing:
    """Collects the elements of one picture; coordinates are pixels from the upper left corner."""

    name: str
    elements: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, words: str, style: str = "", anchor: str = "start") -> None:
        """Write one line; ``y`` is its baseline."""
        told = f' class="{style}"' if style else ""
        place = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self.elements.append(f'<text x="{x:g}" y="{y:g}"{told}{place}>{escape(words)}</text>')

    def lines(self, x: float, y: float, words: Sequence[str], style: str = "") -> None:
        """Write lines below each other."""
        for row, line in enumerate(words):
            self.text(x, y + 16 * row, line, style)

    def box(self, x: float, y: float, width: float, height: float, style: str = "box") -> None:
        """Draw a rectangle."""
        self.elements.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" class="{style}"/>'
        )

    def line(
        self,
        x: float,
        y: float,
        to_x: float,
        to_y: float,
        style: str = "edge",
        *,
        tip: bool = False,
    ) -> None:
        """Draw a straight line; with ``tip`` it ends in an arrow."""
        end = ' marker-end="url(#tip)"' if tip else ""
        self.elements.append(
            f'<line x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}" class="{style}"{end}/>'
        )

    def mark(self, x: float, y: float, style: str, *, up: bool) -> None:
        """Draw a triangle whose tip is at the place."""
        side = 9 if up else -9
        points = f"{x:g},{y:g} {x - 6:g},{y + side:g} {x + 6:g},{y + side:g}"
        self.elements.append(f'<polygon points="{points}" class="{style}"/>')

    def block(self) -> PageBlock:
        """Return the picture's generated block."""
        return PageBlock(f"{FOLDER}/{self.name}.svg", BLOCK, self.elements, whole=True)


def wrapped(words: str, width: int) -> list[str]:
    """Return a sentence in lines of so many characters at most."""
    lines: list[str] = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
