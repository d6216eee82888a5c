"""The reference pages of ``docs/reference``, made from the code that they describe."""

from collections.abc import Iterator
from pathlib import Path

from doc_tables.blocks import PageBlock
from doc_tables.reference import commands, keys, language


def sample() -> Iterator[PageBlock]:
    """Yield every block of every page; none needs data."""
    yield from keys.blocks()
    yield from language.blocks()
    yield from commands.blocks()


def blocks(_: Path) -> Iterator[PageBlock]:
    """Yield every block of every page; the catalog is not read."""
    yield from sample()
