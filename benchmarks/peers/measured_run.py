"""Measure one rule in one process: orders filled, CPU seconds and peak memory, printed as JSON.

    python -m benchmarks.peers.NAME_program --bars FILE [--variant VARIANT]

A program imports this module, numpy and its own library: it runs in an environment of its own. Both
rules run over the first bars once before the clock starts, so that nothing is compiled on it. The
clock covers the way from the bars in the library's usual container to the finished result.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLUMNS = ("open", "high", "low", "close", "volume")
START_SECONDS, STEP_SECONDS = 1_577_836_800, 300
FAST, SLOW = 20, 100
# Before this bar no rule trades: Riskoff's costs need three days of known bars.
FIRST_ROW = 1_000
# The low-turnover rule has an order this often, counted from the first row, by turns in and out.
BARS_PER_ORDER = 1_000
CROSSOVER, LOW_TURNOVER = "crossover", "low_turnover"
RULES = (CROSSOVER, LOW_TURNOVER)
WARMUP_BARS = 5_000
CASH = 1e7


@dataclass(frozen=True)
class PeerBars:
    """Generated 5-minute bars: a column a price, and the instants of their closes in ns."""

    columns: Mapping[str, NDArray[np.float64]]

    @classmethod
    def read(cls, path: Path) -> "PeerBars":
        """Read the array that the driver has stored."""
        return cls(dict(zip(COLUMNS, np.load(path), strict=True)))

    @property
    def closed_at(self) -> NDArray[np.int64]:
        """The closes, ns since 1970."""
        number = np.arange(1, len(self.columns["close"]) + 1, dtype=np.int64)
        return (START_SECONDS + STEP_SECONDS * number) * 10**9

    def first(self, count: int) -> "PeerBars":
        """Return the first bars."""
        return PeerBars({name: values[:count] for name, values in self.columns.items()})


def turnover_side(row: int) -> int:
    """Return the low-turnover rule's action at a row: +1 buy, -1 sell, 0 nothing."""
    turn, rest = divmod(row - FIRST_ROW, BARS_PER_ORDER)
    return 0 if rest or turn < 0 else 1 - 2 * (turn % 2)


def turnover_sides(count: int) -> NDArray[np.int64]:
    """Return :func:`turnover_side` of every row."""
    turn, rest = np.divmod(np.arange(count) - FIRST_ROW, BARS_PER_ORDER)
    return np.where((rest != 0) | (turn < 0), 0, 1 - 2 * (turn % 2))


@dataclass(frozen=True)
class PeerProgram:
    """A library's way to run a rule.

    Attributes
    ----------
    hold : returns the bars in the library's container, outside the clock
    run : runs a rule over that container; returns the number of filled orders
    """

    hold: Callable[[PeerBars], Any]
    run: Callable[[Any, str], int]


def peak_mib() -> float:
    """Return the peak resident memory of this process, MiB.

    Linux's VmHWM is read where there is one: ``ru_maxrss`` also counts the parent's memory.
    """
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(program: PeerProgram, bars: PeerBars) -> dict[str, dict[str, float]]:
    """Return orders, CPU seconds and the peak memory so far, by rule."""
    short = program.hold(bars.first(WARMUP_BARS))
    for rule in RULES:
        program.run(short, rule)
    found: dict[str, dict[str, float]] = {}
    for rule in RULES:
        held = program.hold(bars)
        began = time.process_time()
        orders = program.run(held, rule)
        spent = time.process_time() - began
        found[rule] = {"orders": orders, "cpu_seconds": spent, "peak_mib": peak_mib()}
    return found


def main(variants: Mapping[str, PeerProgram]) -> None:
    """Measure the chosen variant of a program and print the result."""
    parser = argparse.ArgumentParser(description="Measure one library over stored bars.")
    parser.add_argument("--bars", type=Path, required=True, help="array of the five columns, .npy")
    parser.add_argument("--variant", choices=tuple(variants), default=next(iter(variants)))
    given = parser.parse_args()
    print(json.dumps(measure(variants[given.variant], PeerBars.read(given.bars))))
