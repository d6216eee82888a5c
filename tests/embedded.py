"""Embedded data in memory: the perp and two series around the sell-off of 2026."""

from functools import lru_cache

from data_feeds.dataset import Dataset
from data_feeds.embedded import embedded_catalog
from data_feeds.load import load_dataset
from data_feeds.schema import ChannelKey, ChannelKind
from tests.data_feeds.factory import ns

PERP = "BTCUSDT-PERP"


@lru_cache(maxsize=2)
def embedded_dataset(start: str = "2025-11-15", end: str = "2026-02-20") -> Dataset:
    """Return 15-minute bars, marks, funding, open interest, DGS10 and DXY between two days."""
    keys = [
        ChannelKey(PERP, ChannelKind.BARS, "15m"),
        ChannelKey(PERP, ChannelKind.MARK, "15m"),
        ChannelKey(PERP, ChannelKind.FUNDING),
        ChannelKey(PERP, ChannelKind.OPEN_INTEREST),
        ChannelKey("DGS10", ChannelKind.SERIES),
        ChannelKey("DXY", ChannelKind.SERIES),
    ]
    return load_dataset(embedded_catalog(), keys, ns(start), ns(end))
