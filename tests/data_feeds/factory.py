"""Small channels for tests of the data layer."""

from collections.abc import Sequence

import numpy as np

from data_feeds.calendar import session_bounds
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import HOUR_NS, Timeframe

PERP = Instrument(id="BTCUSDT-PERP", kind=InstrumentKind.PERP, tick_size=0.1)


def ns(text: str) -> int:
    """Return an ISO time (UTC) as int64 nanoseconds."""
    return int(np.datetime64(text, "ns").astype(np.int64))


def bars(
    opened: Sequence[int],
    rows: Sequence[Sequence[float]],
    timeframe: str = "1h",
    kind: ChannelKind = ChannelKind.BARS,
) -> Channel:
    """Return bars at ``opened`` with rows of open, high, low, close and, for bars, volume."""
    at = np.array(opened, dtype=np.int64)
    closed = at + Timeframe(timeframe).ns
    names = ("open", "high", "low", "close", "volume")[: 5 if kind is ChannelKind.BARS else 4]
    table = np.array([row[: len(names)] for row in rows], dtype=np.float64).reshape(-1, len(names))
    return Channel(
        ChannelKey(PERP.id, kind, timeframe),
        {
            "opened_at": at,
            "closed_at": closed,
            "available_at": closed.copy(),
            **{name: table[:, i].copy() for i, name in enumerate(names)},
            "label": np.zeros(len(at), dtype=np.int8),
        },
    )


def session_hours(dates: Sequence[str]) -> tuple[Instrument, Channel]:
    """Return an ETF and the first two hours of its New York sessions."""
    spy = Instrument(id="SPY", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS")
    opened, _ = session_bounds("XNYS", np.array(dates, dtype="datetime64[D]"))
    at = [int(first) + hour * HOUR_NS for first in opened for hour in range(2)]
    rows = bars(at, [(1, 1, 1, 1, 1)] * len(at))
    return spy, Channel(ChannelKey("SPY", ChannelKind.BARS, "1h"), rows.columns)


def series(
    event: Sequence[int], available: Sequence[int], values: Sequence[float], name: str = "DGS10"
) -> Channel:
    """Return a series channel."""
    return Channel(
        ChannelKey(name, ChannelKind.SERIES),
        {
            "event_at": np.array(event, dtype=np.int64),
            "available_at": np.array(available, dtype=np.int64),
            "value": np.array(values, dtype=np.float64),
            "label": np.zeros(len(event), dtype=np.int8),
        },
    )


def replaced(channel: Channel, **columns: Sequence[float]) -> Channel:
    """Return a channel with some columns replaced."""
    changed = {
        name: np.array(values, dtype=channel[name].dtype) for name, values in columns.items()
    }
    return Channel(channel.key, {**channel.columns, **changed})
