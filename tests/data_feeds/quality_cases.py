"""Hourly channels with one defect, for tests of findings."""

from collections.abc import Sequence

import numpy as np

from data_feeds.clock import HOUR_NS
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.quality import (
    QualityFinding,
)
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from tests.data_feeds.factory import PERP, bars, ns

START = ns("2026-02-02")
SPOT = Instrument(id="BTCUSDT-SPOT", kind=InstrumentKind.SPOT)
# A second source of the spot price.
OTHER = Instrument(id="BTCUSDT-OTHER", kind=InstrumentKind.SPOT)


def hours(*numbers: int) -> list[int]:
    return [START + number * HOUR_NS for number in numbers]


def closing(
    closes: Sequence[float], name: str = PERP.id, kind: ChannelKind = ChannelKind.BARS
) -> Channel:
    """Return hourly bars with one price each."""
    made = bars(hours(*range(len(closes))), [(c, c, c, c, 1) for c in closes], kind=kind)
    return renamed(made, name)


def renamed(channel: Channel, name: str) -> Channel:
    key = ChannelKey(name, channel.key.kind, channel.key.timeframe)
    return Channel(key, channel.columns)


def funding(at: Sequence[int]) -> Channel:
    event = np.array(at, dtype=np.int64)
    columns = {
        "event_at": event,
        "available_at": event,
        "rate": np.full(len(event), 1e-4),
        "label": np.zeros(len(event), dtype=np.int8),
    }
    return Channel(ChannelKey(PERP.id, ChannelKind.FUNDING), columns)


def brief(found: Sequence[QualityFinding]) -> list[tuple[str, float, float, int]]:
    """Return kind, first and last hour since the start, and rows of each finding."""
    return [
        (f.kind, (f.started_at - START) / HOUR_NS, (f.ended_at - START) / HOUR_NS, f.rows)
        for f in found
    ]


def noisy(count: int = 400, sigma: float = 0.002) -> list[float]:
    steps = np.random.default_rng(11).normal(0, sigma, count)
    return (100 * np.exp(np.cumsum(steps))).tolist()
