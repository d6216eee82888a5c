"""A table of one row of a comparison: numbers down, its episodes across."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class AcrossLine:
    """One number in all episodes; ``is_sum``: the lines above add up to it."""

    name: str
    texts: Sequence[str]
    is_sum: bool = False


@dataclass(frozen=True)
class AcrossTable:
    """The numbers of one row; narrow enough for a phone with three episodes."""

    title: str
    is_baseline: bool
    episodes: tuple[str, ...]
    lines: tuple[AcrossLine, ...]
