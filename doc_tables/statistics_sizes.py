"""Make the table of docs/statistics.md: how often worthless families are rejected.

Every family is drawn with a true mean of 0, and the test runs at its default settings. Takes about
ten minutes on one core.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from doc_tables.blocks import PageBlock, table
from engine.statistics import Superiority, superior_ability
from tests.engine.statistics.worthless import KINDS

PAGE, NAME = "statistics.md", "sizes"
DAYS = (60, 120, 250, 1_000)
VARIANTS = (1, 4, 15, 50)
FAMILIES = 600
NOMINAL = 0.05


def sizes(kind: str, days: int, variants: int) -> tuple[float, float]:
    """Return the shares of families with a p-value of at most 5%, and with any column found."""
    draw = np.random.default_rng([days, variants])
    low = named = 0
    for seed in range(FAMILIES):
        family = KINDS[kind](draw, days, variants)
        found = superior_ability(family, np.zeros(days), seed=seed)
        assert isinstance(found, Superiority)
        low += found.consistent <= NOMINAL
        named += bool(found.superior)
    return low / FAMILIES, named / FAMILIES


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Yield the whole table; it needs no data."""
    cells = [_cells(days, variants) for days in DAYS for variants in VARIANTS]
    yield PageBlock(PAGE, NAME, table(("days", "variants", *KINDS), cells))


def sample() -> Iterator[PageBlock]:
    """Yield the table's first row."""
    yield PageBlock(PAGE, NAME, table(("days", "variants", *KINDS), [_cells(DAYS[0], VARIANTS[0])]))


def _cells(days: int, variants: int) -> tuple[str, ...]:
    found = [sizes(kind, days, variants) for kind in KINDS]
    return (
        f"{days:,}",
        f"{variants}",
        *(f"{low:.1%} ({named:.1%})" for low, named in found),
    )
