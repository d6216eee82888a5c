"""Answers and pictures as a script prints and a notebook shows them."""

from dataclasses import dataclass
from pathlib import Path


class Answer(str):
    """An answer in plain lines: ``print`` and notebooks show it as it is.

    >>> Answer("two\\nlines")
    two
    lines
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return self.rstrip("\n")


@dataclass(frozen=True, repr=False)
class Picture:
    """A picture as SVG; a notebook shows it, :meth:`save` writes it."""

    svg: str

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
        return f"Picture({len(self.svg):,} bytes of SVG)"
