"""Evaluate expressions of the rule language over a handful of bars that fit on one line."""

import math
from collections.abc import Sequence

import numpy as np

from data_feeds.calendar import session_bounds
from data_feeds.clock import HOUR_NS, midnights_ns
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from strategies.rules.evaluate import Evaluator
from strategies.rules.meaning import understand
from strategies.rules.names import Names, NameSettings

# Monday 2026-02-02T00:00Z; the bars of eth move by twice the fraction of btc's.
START = int(np.datetime64("2026-02-02", "ns").astype(np.int64))
CLOSES = (100.0, 110.0, 99.0, 108.9, 108.9, 130.68)
TWICE = (50.0, 60.0, 48.0, 57.6, 57.6, 80.64)
SPY_DAYS, SPY_CLOSES = ("2026-01-29", "2026-01-30", "2026-02-02"), (690.0, 695.0, 700.0)
VIX_VALUES = (16.0, 18.0, 24.0)
UNKNOWN = "?"


def evaluated(text: str, clock: str = "btc@1h") -> list[str]:
    """Return an expression at every row of the clock, as texts; ``?`` where it is unknown.

    Raises
    ------
    ExpressionError : the text has no meaning over the names btc, eth, spy and vix.
    """
    names = Names.of(
        NameSettings(
            {"btc": "BTC@1h", "eth": "ETH@1h", "spy": "SPY@session"}, {"vix": "VIX"}, clock
        )
    ).with_records(_RECORDS)
    data = Dataset(_RECORDS, {channel.key: channel for channel in _channels()})
    source = names.clock_source.key
    assert source is not None
    found = Evaluator(data, names, data.channels[source]["available_at"])
    term = understand(text, names, "any")
    if term.kind == "truth":
        words = {1: "true", 0: "false", -1: UNKNOWN}
        return [words[int(value)] for value in found.truths(term)]
    return [_shown(float(value)) for value in found.numbers(term).values]


def _shown(value: float) -> str:
    return UNKNOWN if math.isnan(value) else f"{round(value, 3):g}"


_RECORDS = {
    "BTC": Instrument(id="BTC", kind=InstrumentKind.PERP),
    "ETH": Instrument(id="ETH", kind=InstrumentKind.PERP),
    "SPY": Instrument(id="SPY", kind=InstrumentKind.ETF, calendar="XNYS", quote="USD"),
    "VIX": Instrument(id="VIX", kind=InstrumentKind.SERIES, quote="points"),
}


def _channels() -> list[Channel]:
    hours = START + HOUR_NS * np.arange(len(CLOSES), dtype=np.int64)
    days = np.array(SPY_DAYS, dtype="datetime64[D]")
    dates = midnights_ns(days)
    series = {"event_at": dates, "available_at": dates + 24 * HOUR_NS, "value": _floats(VIX_VALUES)}
    return [
        _bars("BTC", "1h", (hours, hours + HOUR_NS), CLOSES),
        _bars("ETH", "1h", (hours, hours + HOUR_NS), TWICE),
        _bars("SPY", "1d", session_bounds("XNYS", days), SPY_CLOSES),
        Channel(ChannelKey("VIX", ChannelKind.SERIES), {**series, "label": _labels(VIX_VALUES)}),
    ]


def _bars(
    name: str, timeframe: str, times: tuple[np.ndarray, np.ndarray], close: Sequence[float]
) -> Channel:
    opened, closed = times
    columns = {"opened_at": opened, "closed_at": closed, "available_at": closed}
    prices = {
        "open": _floats(close),
        "high": _floats(close) + 1,
        "low": _floats(close) - 1,
        "close": _floats(close),
        "volume": _floats([10.0] * len(close)),
    }
    key = ChannelKey(name, ChannelKind.BARS, timeframe)
    return Channel(key, {**columns, **prices, "label": _labels(close)})


def _floats(values: Sequence[float]) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)


def _labels(values: Sequence[float]) -> np.ndarray:
    return np.zeros(len(values), dtype=np.int8)
