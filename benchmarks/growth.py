"""Measure how the CPU time of a simulation grows with bars and with orders.

    python -m benchmarks.growth [--rounds 3]

Signals and simulation of the low-turnover rule are timed in one process; the sizes of a table take
turns, and the ratio of two neighbours is taken inside a round.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.event_loop import (
    LowTurnover,
    RuleParams,
    bar_channel,
    filled_orders,
    price_columns,
    simulated,
)
from doc_tables.blocks import table


@dataclass(frozen=True)
class GrowthSize:
    """Bars of a run, and bars between two orders."""

    bars: int
    bars_per_order: int


@dataclass(frozen=True)
class GrowthRow:
    """Median CPU seconds of a size, and the median ratio to the size before; 1 for the first."""

    size: GrowthSize
    orders: int
    cpu_seconds: float
    ratio: float


def by_bars(largest: int, count: int = 5) -> list[GrowthSize]:
    """Return sizes that double, with the same number of orders."""
    sizes = [largest >> step for step in reversed(range(count))]
    return [GrowthSize(bars, bars // 100) for bars in sizes]


def by_orders(bars: int, most: int = 20, count: int = 5) -> list[GrowthSize]:
    """Return sizes of the same bars whose orders double, up to one order per ``most`` bars."""
    return [GrowthSize(bars, most << step) for step in reversed(range(count))]


def timed(size: GrowthSize) -> tuple[int, float]:
    """Return orders and CPU seconds of one run."""
    bars = bar_channel(price_columns(size.bars))
    began = time.process_time()
    run = simulated(bars, LowTurnover, params=RuleParams(bars_per_order=size.bars_per_order))
    return filled_orders(run), time.process_time() - began


def growth_rows(sizes: Sequence[GrowthSize], rounds: int) -> list[GrowthRow]:
    """Return a row a size, after one run that compiles."""
    timed(sizes[0])
    made = [[timed(size) for size in sizes] for _ in range(rounds)]
    rows = []
    for place, size in enumerate(sizes):
        ratios = [found[place][1] / found[max(place - 1, 0)][1] for found in made]
        seconds = statistics.median(found[place][1] for found in made)
        rows.append(GrowthRow(size, made[0][place][0], seconds, statistics.median(ratios)))
    return rows


def growth_lines(rows: Sequence[GrowthRow]) -> list[str]:
    """Return the table of some sizes."""
    cells = [
        [
            f"{row.size.bars:,}",
            f"{row.orders:,}",
            f"{row.cpu_seconds:.3f}",
            "" if place == 0 else f"{row.ratio:.2f}",
        ]
        for place, row in enumerate(rows)
    ]
    return table(("bars", "orders", "CPU s", "over the row above"), cells)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="Growth of a simulation with bars and orders.")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    for sizes in (by_bars(800_000), by_orders(100_000)):
        print("\n".join([*growth_lines(growth_rows(sizes, rounds)), ""]))


if __name__ == "__main__":
    main()
