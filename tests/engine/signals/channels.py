"""Small channels from arrays, every row known at its own time unless told otherwise."""

import numpy as np

from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe

PERP = "BTCUSDT-PERP"


def _channel(key, columns):
    rows = len(columns["available_at"])
    return Channel(key, {**columns, "label": np.zeros(rows, dtype=np.int8)})


def bars(opened, low, high, close, volume, *, instrument=PERP, timeframe="1h"):
    """Return bars whose open is their close, moved inside the range."""
    opened = np.asarray(opened, dtype=np.int64)
    closed = opened + Timeframe(timeframe).ns
    low, high, close, volume = (np.asarray(x, dtype=np.float64) for x in (low, high, close, volume))
    return _channel(
        ChannelKey(instrument, ChannelKind.BARS, timeframe),
        {
            "opened_at": opened,
            "closed_at": closed,
            "available_at": closed.copy(),
            "open": np.clip(close, low, high),
            "high": high,
            "low": low,
            "close": close,
            "volume": volume,
        },
    )


def _points(kind, event, available=None, instrument=PERP, **values):
    event = np.asarray(event, dtype=np.int64)
    known = event.copy() if available is None else np.asarray(available, dtype=np.int64)
    return _channel(
        ChannelKey(instrument, kind),
        {
            "event_at": event,
            "available_at": known,
            **{name: np.asarray(column, dtype=np.float64) for name, column in values.items()},
        },
    )


def open_interest(event, *, quote=None, base=None, available=None):
    """Return open interest in one unit; the other unit is NaN."""
    nothing = np.full(len(event), np.nan)
    return _points(
        ChannelKind.OPEN_INTEREST,
        event,
        available,
        open_interest_base=nothing if base is None else base,
        open_interest_quote=nothing if quote is None else quote,
    )


def liquidations(event, long_quote, short_quote, available=None):
    """Return forced closes of longs and shorts."""
    return _points(
        ChannelKind.LIQUIDATIONS, event, available, long_quote=long_quote, short_quote=short_quote
    )


def funding(event, rate):
    """Return funding settlements."""
    return _points(ChannelKind.FUNDING, event, rate=rate)


def series(event, value, available=None, name="DGS10"):
    """Return observations with their instants of publication, where given."""
    return _points(ChannelKind.SERIES, event, available, name, value=value)
