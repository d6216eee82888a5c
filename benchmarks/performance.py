"""Measure Riskoff beside other libraries; write the tables of its pages of performance and scale.

    python -m benchmarks.performance [--only peers --only sweep] [--quick] [--rounds 5]

Without ``--quick`` the tables of the page are replaced. ``--quick`` measures small sizes and
prints them. The other libraries are installed from pinned files into environments below
``.data/peers``, which needs the package index once.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.growth import by_bars, by_orders, growth_lines, growth_rows
from benchmarks.machine import load_span, machine_line
from benchmarks.memory import memory_lines
from benchmarks.peers.environments import ENVIRONMENTS
from benchmarks.peers.rounds import CONTENDERS, run_rounds, store_bars
from benchmarks.peers.sweep_rounds import run_sweep_rounds
from benchmarks.peers.tables import rule_lines, sweep_lines
from benchmarks.scale import scale_blocks
from benchmarks.waterfall import COMMANDS, waterfall_lines
from doc_tables.blocks import ROOT, PageBlock, replace

PAGE, SCALE_PAGE = "performance.md", "scale.md"


@dataclass(frozen=True)
class Extent:
    """How much is measured: small sizes or those of the page, and how many rounds."""

    quick: bool
    rounds: int

    def either(self, quick: int, full: int) -> int:
        """Return the size to use."""
        return quick if self.quick else full

    @property
    def fewer_rounds(self) -> int:
        """Rounds of what takes long and varies less."""
        return min(self.rounds, 3)


Section = Callable[[Extent], list[str] | dict[str, list[str]]]


def peers(extent: Extent) -> list[str]:
    """Return the tables of two rules in all libraries."""
    bars, rounds = extent.either(10_000, 100_000), extent.rounds
    return rule_lines(run_rounds(CONTENDERS, _stored(bars), rounds), bars, rounds)


def sweep(extent: Extent) -> list[str]:
    """Return the table of one sweep in Riskoff and vectorbt."""
    bars, sets, rounds = extent.either(10_000, 100_000), extent.either(20, 200), extent.rounds
    return sweep_lines(run_sweep_rounds(_stored(bars), sets, rounds), bars, rounds)


def stages(extent: Extent) -> list[str]:
    """Return the stages of three commands."""
    lines: list[str] = []
    for command in COMMANDS:
        lines += [*waterfall_lines(command, extent.fewer_rounds), ""]
    return lines[:-1]


def commands(extent: Extent) -> list[str]:
    """Return the time of whole commands."""
    # In a small process: a child's peak memory counts that of the process that started it.
    asked = [sys.executable, "-m", "benchmarks.commands", "--rounds", str(extent.fewer_rounds)]
    done = subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return done.stdout.splitlines()


def memory(extent: Extent) -> list[str]:
    """Return time and peak memory of playbook A by the number of bars."""
    return memory_lines((60_000,) if extent.quick else (100_000, 525_600, 3_000_000))


def growth(extent: Extent) -> list[str]:
    """Return the growth with bars, then with orders."""
    bars, rounds = extent.either(80_000, 1_600_000), extent.fewer_rounds
    by_size = growth_lines(growth_rows(by_bars(bars), rounds))
    by_count = growth_lines(growth_rows(by_orders(extent.either(20_000, 100_000)), rounds))
    return [f"Medians of {rounds} rounds.", "", *by_size, "", *by_count]


def scale(extent: Extent) -> dict[str, list[str]]:
    """Return both tables of the page of scale."""
    return scale_blocks(quick=extent.quick)


def _stored(count: int) -> Path:
    path = ENVIRONMENTS / f"bars-{count}.npy"
    store_bars(count, path)
    return path


SECTIONS: Mapping[str, Section] = {
    "peers": peers,
    "sweep": sweep,
    "stages": stages,
    "commands": commands,
    "memory": memory,
    "growth": growth,
    "scale": scale,
}


def main() -> None:
    """Measure the asked sections, print them and write them into the page."""
    parser = argparse.ArgumentParser(description="Measure and write docs/performance.md.")
    parser.add_argument("--only", action="append", choices=tuple(SECTIONS), metavar="SECTION")
    parser.add_argument("--quick", action="store_true", help="small sizes, once; writes no page")
    parser.add_argument("--rounds", type=int, help="interleaved rounds; 5, with --quick 1")
    given = parser.parse_args()
    extent = Extent(given.quick, given.rounds or (1 if given.quick else 5))
    print(machine_line())
    for name in given.only or SECTIONS:
        with load_span() as span:
            found = SECTIONS[name](extent)
        page = SCALE_PAGE if name == "scale" else PAGE
        for title, lines in ({name: found} if isinstance(found, list) else found).items():
            block = PageBlock(page, title, [f"{machine_line()}. {span.line}", "", *lines])
            print("\n".join(["", f"## {title}", *block.lines]), flush=True)
            if not given.quick:
                replace(block)


if __name__ == "__main__":
    main()
