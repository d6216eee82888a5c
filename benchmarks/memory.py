"""Peak memory and CPU seconds of a whole run of playbook A over 1-minute bars, by number of bars.

    python -m benchmarks.memory [--bars 100000] [--bars 525600] [--bars 3000000]

Each size runs in a fresh process, from the imports to the written tables of the run folder; the
summary and the tearsheet are left out. A row shows the CPU seconds of a step, and the peak of
resident memory up to its end. The bars are generated, with shocks in price, range and volume, so
that the rules find flushes and trade.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks.peers.measured_run import peak_mib
from data_feeds.clock import MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from doc_tables.blocks import table
from engine.bt import simulate
from engine.config.models import RunConfig
from engine.results.contents import write_run
from engine.run import prepare_run

PERP = Instrument(
    id="BTCUSDT-PERP", kind=InstrumentKind.PERP, tick_size=0.1, lot_size=0.001, synthetic=True
)
START = datetime(2020, 1, 1, tzinfo=UTC)
# The rules need eleven days before the window.
WARMUP = timedelta(days=12)
SHOCK_EVERY = 500


@dataclass(frozen=True)
class MeasuredStep:
    """CPU seconds of a step, and the peak of resident memory at its end, MiB."""

    name: str
    cpu_seconds: float
    peak_mib: float


class Steps:
    """Holds the CPU seconds of each step, and the peak memory of the process at its end."""

    def __init__(self) -> None:
        self.done_steps: list[MeasuredStep] = []

    def done(self, name: str) -> None:
        """Keep the step that ends now."""
        before = sum(step.cpu_seconds for step in self.done_steps)
        self.done_steps.append(MeasuredStep(name, time.process_time() - before, peak_mib()))


def minute_bars(count: int) -> Channel:
    """Return a random walk with shocks, one in 500 minutes, seed 1."""
    rng = np.random.default_rng(1)
    shock = np.zeros(count)
    at = rng.integers(0, count, max(count // SHOCK_EVERY, 1))
    shock[at] = rng.exponential(4.0, len(at))
    slow = np.convolve(rng.normal(0, 1, count), np.ones(600) / 600**0.5, "same")
    level = np.exp(0.3 * slow) * (1 + np.convolve(shock, np.exp(-np.arange(600) / 60))[:count])
    moves = rng.normal(0, 0.0006, count) * level
    moves -= 0.0006 * np.convolve(shock, np.exp(-np.arange(60) / 10))[:count]
    close = 30_000 * np.exp(np.cumsum(moves - moves.mean()))
    opens = np.concatenate([[30_000.0], close[:-1]])
    reach = np.abs(rng.normal(0, 0.0003, (2, count))) * level
    opened = int(START.timestamp()) * 10**9 + MINUTE_NS * np.arange(count, dtype=np.int64)
    return Channel(
        ChannelKey(PERP.id, ChannelKind.BARS, "1m"),
        {
            "opened_at": opened,
            "closed_at": opened + MINUTE_NS,
            "available_at": opened + MINUTE_NS,
            "open": np.round(opens, 1),
            "high": np.round(np.maximum(opens, close) * (1 + reach[0]), 1),
            "low": np.round(np.minimum(opens, close) * (1 - reach[1]), 1),
            "close": np.round(close, 1),
            "volume": np.round(100 * level**1.5 * rng.lognormal(0, 0.7, count), 3),
            "label": np.full(count, 2, np.int8),
        },
    )


def run_here(count: int) -> list[MeasuredStep]:
    """Run one size in this process and return its steps."""
    steps = Steps()
    steps.done("imports")
    bars = minute_bars(count)
    config = RunConfig.model_validate(
        {
            "name": "benchmark",
            "data": {"start": START + WARMUP, "end": START + timedelta(minutes=count)},
            "playbook": {"name": "liquidation_reclaim", "params": {"timeframe": "1m"}},
            "venue": {"maintenance": [{"floor": 0, "rate": 0.004}]},
        }
    )
    steps.done("bars")
    prepared = prepare_run(config, Dataset({PERP.id: PERP}, {bars.key: bars}))
    steps.done("signals")
    outcome = simulate(prepared.inputs)
    steps.done("simulation")
    result = prepared.result(outcome)
    steps.done("look-ahead")
    with tempfile.TemporaryDirectory() as name:
        write_run(result, Path(name))
    steps.done("tables")
    return steps.done_steps


def run_apart(count: int) -> list[MeasuredStep]:
    """Run one size in a process of its own and return its steps."""
    command = [sys.executable, "-m", "benchmarks.memory", "--here", str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [MeasuredStep(**step) for step in json.loads(done.stdout.splitlines()[-1])]


def memory_lines(counts: Sequence[int]) -> list[str]:
    """Measure each size and return the table: CPU seconds and peak memory by step."""
    sizes = {count: run_apart(count) for count in counts}
    names = [step.name for step in next(iter(sizes.values()))]
    rows = [
        [
            name,
            *(
                f"{s[place].cpu_seconds:.2f} s, {s[place].peak_mib:,.0f} MiB"
                for s in sizes.values()
            ),
        ]
        for place, name in enumerate(names)
    ]
    totals = [
        f"{sum(step.cpu_seconds for step in s):.2f} s, {s[-1].peak_mib:,.0f} MiB"
        for s in sizes.values()
    ]
    head = ["step", *(f"{count:,} bars" for count in sizes)]
    return table(head, [*rows, ["in all", *totals]])


def main() -> None:
    """Run each size in a process of its own."""
    parser = argparse.ArgumentParser(description="Peak memory of a run by its number of bars.")
    parser.add_argument("--bars", type=int, action="append")
    parser.add_argument("--here", type=int, metavar="BARS", help="run in this process, print JSON")
    options = parser.parse_args()
    if options.here:
        print(json.dumps([asdict(step) for step in run_here(options.here)]))
    else:
        print("\n".join(memory_lines(options.bars or [100_000])))


if __name__ == "__main__":
    main()
