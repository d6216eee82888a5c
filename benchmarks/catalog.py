"""Storing and reading three million one-minute bars, and one more day of them.

``python -m benchmarks.catalog``. Times are CPU-bound and machines differ: read the ratios, and the
peak of memory above the start.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.peers.measured_run import peak_mib
from data_feeds.catalog import Catalog, Origin, TimeSpan
from data_feeds.clock import DAY_NS, MINUTE_NS
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind

ROWS = 3_000_000
PERP = Instrument(id="BTCUSDT-PERP", kind=InstrumentKind.PERP, tick_size=0.1)
START = int(np.datetime64("2020-01-01", "ns").astype(np.int64))


def minutes(first: int, rows: int) -> Channel:
    """Return one-minute bars of a seeded random walk."""
    rng = np.random.default_rng(first)
    opened = START + (first + np.arange(rows, dtype=np.int64)) * MINUTE_NS
    close = np.round(30_000 * np.exp(np.cumsum(rng.normal(0, 5e-4, rows))), 1)
    before = np.concatenate((close[:1], close[:-1]))
    reach = np.round(rng.random((2, rows)) * 10, 1)
    columns = {
        "opened_at": opened,
        "closed_at": opened + MINUTE_NS,
        "available_at": opened + MINUTE_NS,
        "open": before,
        "high": np.maximum(before, close) + reach[0],
        "low": np.minimum(before, close) - reach[1],
        "close": close,
        "volume": np.round(rng.random(rows) * 100, 3),
        "label": np.zeros(rows, dtype=np.int8),
    }
    return Channel(ChannelKey(PERP.id, ChannelKind.BARS, "1m"), columns)


def extend(catalog: Catalog, channel: Channel) -> None:
    """Store more rows after those that are there."""
    covered = TimeSpan(
        started_at=int(channel["opened_at"][0]), ended_at=int(channel["closed_at"][-1])
    )
    with catalog.batch() as batch:
        batch.extend(PERP, channel, covered, Origin(source="benchmark"))


def seconds(action: Callable[[], object], times: int = 1) -> float:
    """Return the fastest of some repetitions, wall seconds."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        found.append(time.perf_counter() - begun)
    return min(found)


def reading(folder: Path) -> None:
    """Read the channel in this fresh process; print seconds and MiB above the start."""
    catalog = Catalog(folder)
    key = catalog.entries()[0].key
    catalog.read(key, START, START + DAY_NS)
    before = peak_mib()
    first = seconds(lambda: catalog.read(key))
    print(f"{first:.3f} {peak_mib() - before:.0f}")


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        large, small = Catalog(Path(name, "large")), Catalog(Path(name, "small"))
        channel = minutes(0, ROWS)
        stored = seconds(lambda: large.write(PERP, [channel]))
        small.write(PERP, [minutes(0, 100_000)])
        size = sum(path.stat().st_size for path in large.path.rglob("*.parquet"))
        code = f"from benchmarks.catalog import *; reading(Path({str(large.path)!r}))"
        out = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout.split()
        # The days follow months that end on the same minute of their own file.
        grown = [
            seconds(partial(extend, c, minutes(n, 1440)), 1)
            for c, n in ((small, 100_000), (large, ROWS))
        ]
    print(f"| rows | {ROWS:,} |")
    print(f"| store | {stored:.2f} s, {size / 2**20:.0f} MiB |")
    print(f"| read in a fresh process | {out[0]} s, {out[1]} MiB above the start |")
    print(f"| one more day, after 100,000 rows | {grown[0] * 1000:.0f} ms |")
    print(f"| one more day, after {ROWS:,} rows | {grown[1] * 1000:.0f} ms |")


if __name__ == "__main__":
    main()
