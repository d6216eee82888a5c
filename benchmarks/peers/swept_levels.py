"""Say which sets the sweep programs run, and print what one of them measured.

The rule is the crossover with a stop and a target as fractions of the price; a set is a pair of
them.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.measured_run import PeerBars, peak_mib

Pair = tuple[float, float]
FEES, SLIPPAGE = 0.0005, 0.0002
# Compiles everything before the clock starts.
WARMUP_BARS, WARMUP_SETS = 5_000, 4


def stop_target_pairs(count: int) -> list[Pair]:
    """Return pairs of stop and target, fractions of the price, all different."""
    targets = max(int(count**0.5) // 2, 1)
    stops = -(-count // targets)
    grid = [
        (float(stop), float(target))
        for stop in np.round(np.linspace(0.004, 0.03, stops), 6)
        for target in np.round(np.linspace(0.008, 0.04, targets), 6)
    ]
    return grid[:count]


def sweep_main(
    hold: Callable[[PeerBars], Any], trades: Callable[[Any, Sequence[Pair]], Any]
) -> None:
    """Measure a sweep and print trades, CPU seconds and peak memory.

    ``trades`` runs the sets over what ``hold`` returns and returns the trades of each set.
    """
    parser = argparse.ArgumentParser(description="Measure one sweep over stored bars.")
    parser.add_argument("--bars", type=Path, required=True, help="array of the five columns, .npy")
    parser.add_argument("--sets", type=int, default=200)
    given = parser.parse_args()
    bars = PeerBars.read(given.bars)
    trades(hold(bars.first(WARMUP_BARS)), stop_target_pairs(WARMUP_SETS))
    held, pairs = hold(bars), stop_target_pairs(given.sets)
    began = time.process_time()
    found = np.asarray(trades(held, pairs))
    spent = time.process_time() - began
    measured = {"sets": len(found), "trades": int(found.sum()), "cpu_seconds": spent}
    print(json.dumps({**measured, "peak_mib": peak_mib()}))
