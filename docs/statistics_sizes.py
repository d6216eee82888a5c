"""Write the table of docs/statistics.md: how often worthless families are rejected.

    .venv/bin/python -m docs.statistics_sizes

Every family is drawn with a true mean of 0, and the test runs at its default settings. Takes about
ten minutes on one core.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.statistics import Superiority, superior_ability
from tests.engine.statistics.worthless import KINDS

PAGE = Path(__file__).parent / "statistics.md"
BEGIN, END = "<!-- sizes begin -->", "<!-- sizes end -->"
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


def lines() -> Iterator[str]:
    """Yield the table's lines, and print each when it is there."""
    yield f"| days | variants | {' | '.join(KINDS)} |"
    yield "|---" * (2 + len(KINDS)) + "|"
    for days in DAYS:
        for variants in VARIANTS:
            found = [sizes(kind, days, variants) for kind in KINDS]
            cells = " | ".join(f"{low:.1%} ({named:.1%})" for low, named in found)
            line = f"| {days:,} | {variants} | {cells} |"
            print(line, flush=True)
            yield line


def main() -> None:
    """Replace the table in the page."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    table = "\n".join(lines())
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
