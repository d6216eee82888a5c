"""Measure parameter sets per CPU second of screening, beside runs of the engine.

    python -m benchmarks.screening [--bars 100000] [--sets 2000]

Playbook A trades generated 5-minute bars. Four sweeps: of risk alone; of stops, targets and risk;
of a time stop; of the flush detector. CPU seconds of one process are counted, compilation and the
preparation of the run left out. Peak memory is that of the process.
"""

import argparse
import resource
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from data_feeds.clock import MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Array, Channel, ChannelKey, ChannelKind, time_columns
from data_feeds.trading_terms import MaintenanceBracket
from engine.bt import simulate
from engine.config.models import DataConfig, PlaybookConfig, RunConfig
from engine.config.venue import VenueConfig
from engine.run import PreparedRun, prepare_run
from engine.screening import Screening

PERP = "BTCUSDT-PERP"
START = int(datetime(2022, 1, 1, tzinfo=UTC).timestamp()) * 10**9
STEP = 5 * MINUTE_NS
WARMUP = 8_000
Values = Mapping[str, Any]


def market(bars: int) -> Dataset:
    """Return a perp whose volume rises with its moves, with falls that come in clusters."""
    rng = np.random.default_rng(17)
    count = bars + WARMUP
    wild = np.exp(np.convolve(rng.normal(0, 1, count), np.ones(200) / 14, "same") * 0.6)
    moves = rng.standard_t(4, count) * 0.0011 * wild
    close = np.round(40_000 * np.exp(np.cumsum(moves - moves.mean())), 1)
    opens = np.concatenate(([close[0]], close[:-1]))
    spread = np.abs(rng.normal(0, 0.0008, (2, count))) * wild
    high = np.round(np.maximum(opens, close) * (1 + spread[0]), 1)
    low = np.round(np.minimum(opens, close) * (1 - spread[1]), 1)
    volume = np.round(200 * wild * (1 + np.abs(moves) / 0.001) * rng.lognormal(0, 0.5, count), 3)
    opened = START + STEP * np.arange(count, dtype=np.int64)
    key = ChannelKey(PERP, ChannelKind.BARS, "5m")
    times = (opened, opened + STEP, opened + STEP)
    columns: dict[str, Array] = dict(zip(time_columns(key.kind), times, strict=True))
    columns |= {"open": opens, "high": high, "low": low, "close": close, "volume": volume}
    columns["label"] = np.zeros(count, np.int8)
    instrument = Instrument(id=PERP, kind=InstrumentKind.PERP, tick_size=0.1, lot_size=0.001)
    return Dataset({PERP: instrument}, {key: Channel(key, columns)})


def prepared(bars: int) -> PreparedRun:
    """Return playbook A over the market, with thresholds at which it trades often."""
    begin = START + WARMUP * STEP
    window = [datetime.fromtimestamp(t // 10**9, UTC) for t in (begin, begin + bars * STEP)]
    params = {"timeframe": "5m", "flush_atr": 0.3, "volume_multiple": 1.5, "second_flush_atr": 0.6}
    config = RunConfig(
        name="screening",
        data=DataConfig(start=window[0], end=window[1]),
        playbook=PlaybookConfig(name="liquidation_reclaim", params=params),
        venue=VenueConfig(maintenance=(MaintenanceBracket(floor=0.0, rate=0.004),)),
    )
    return prepare_run(config, market(bars))


def sweeps(sets: int) -> dict[str, Sequence[Values]]:
    """Return sets of random values by the name of the sweep."""
    rng = np.random.default_rng(5)

    def drawn(low: float, high: float, count: int) -> list[float]:
        return [float(value) for value in np.round(rng.uniform(low, high, count), 4)]

    risk = [{"risk.risk_fraction": value} for value in drawn(0.002, 0.02, sets)]
    stops = [
        {**own, "playbook.params.stop_atr": stop, "playbook.params.targets.0.r": target}
        for own, stop, target in zip(risk, drawn(0.2, 2, sets), drawn(0.5, 1.5, sets), strict=True)
    ]
    few = max(sets // 100, 5)
    times = [{"playbook.params.time_stop": f"{12 + place} bars"} for place in range(few)]
    flush = [{"playbook.params.flush_atr": value} for value in drawn(0.2, 0.6, few)]
    return {"risk": risk, "stops, targets, risk": stops, "time stop": times, "detector": flush}


def main() -> None:
    """Print a line for each sweep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=100_000)
    parser.add_argument("--sets", type=int, default=2_000)
    given = parser.parse_args()
    run = prepared(given.bars)
    began = time.process_time()
    outcome = simulate(run.inputs)
    engine = time.process_time() - began
    print(f"engine: {engine:.2f} s a set without preparation, {len(outcome.fills)} fills")
    screening = Screening.of(run)
    found = screening.screen([{}])
    own, screened = float(outcome.curve.equity[-1]), float(found.end_equity[0])
    print(f"end equity: engine {own!r}, screening {screened!r}")
    for name, sets in sweeps(given.sets).items():
        began = time.process_time()
        for first in range(0, len(sets), 250):
            screening.screen(sets[first : first + 250])
        spent = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{name}: {len(sets) / spent:,.0f} sets a CPU second, peak {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
