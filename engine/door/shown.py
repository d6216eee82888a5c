"""Define answers and pictures that scripts print and notebooks show."""

from dataclasses import dataclass
from pathlib import Path


class Answer(str):
    """Hold an answer in plain lines, which ``print`` and notebooks show unchanged.

    >>> Answer("two\\nlines")
    two
    lines
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return self.rstrip("\n")


@dataclass(frozen=True, repr=False)
class Picture:
    """Hold a picture as SVG; a notebook shows it, :meth:`save` writes it."""

    svg: str
    note: str = ""

    def save(self, path: str | Path) -> Path:
        """Write the picture and return its path.

        Raises
        ------
        ValueError : the name does not end in ``.svg``.
        """
        target = Path(path)
        if target.suffix != ".svg":
            raise ValueError(f"{target}: a picture is SVG; give a name that ends in .svg")
        target.write_text(self.svg, encoding="utf-8", newline="\n")
        return target

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        told = f"; {self.note}" if self.note else ""
        return f"Picture({len(self.svg):,} bytes of SVG{told})"
