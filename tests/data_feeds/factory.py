"""Small channels for tests of the data layer."""

from collections.abc import Sequence

import numpy as np

from data_feeds.calendar import session_bounds
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe

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


def session_hours(dates: Sequence[str], timeframe: str = "1h") -> tuple[Instrument, Channel]:
    """Return an ETF and the bars of its New York sessions, the last one cut off by the close."""
    spy = Instrument(id="SPY", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS")
    bounds = session_bounds("XNYS", np.array(dates, dtype="datetime64[D]"))
    step = Timeframe(timeframe).ns
    at = [at for first, last in zip(*bounds, strict=True) for at in range(first, last, step)]
    closes = [
        close for first, close in zip(*bounds, strict=True) for _ in range(first, close, step)
    ]
    rows = bars(at, [(1, 1, 1, 1, 1)] * len(at), timeframe)
    closed = np.minimum(rows["closed_at"], np.array(closes, dtype=np.int64)).tolist()
    cut = replaced(rows, closed_at=closed, available_at=closed)
    return spy, Channel(ChannelKey("SPY", ChannelKind.BARS, timeframe), cut.columns)


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
