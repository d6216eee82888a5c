"""The pictures of ``docs/pictures``, made from the code, the pages and a run of the demo."""

from collections.abc import Iterator
from pathlib import Path

from doc_tables.blocks import PageBlock
from doc_tables.pictures import caps, flush, instant, layers
from doc_tables.pictures.demo_run import first_trade


def sample() -> Iterator[PageBlock]:
    """Yield every picture; none needs real data."""
    yield layers.block()
    yield instant.block()
    trade = first_trade()
    yield flush.block(trade)
    yield caps.block(trade)


def blocks(_: Path) -> Iterator[PageBlock]:
    """Yield every picture; the catalog is not read."""
    yield from sample()
