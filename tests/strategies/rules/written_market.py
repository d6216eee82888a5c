"""Channels written by hand, for the tests of the rule language; instants count from START."""

from collections.abc import Mapping, Sequence

import numpy as np

from data_feeds.calendar import session_bounds
from data_feeds.clock import HOUR_NS, midnights_ns
from data_feeds.dataset import Dataset
from data_feeds.instrument import Companions, Instrument, InstrumentKind
from data_feeds.schema import BAR_TIMES, POINT_TIMES, Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from strategies.rules.evaluate import Evaluator
from strategies.rules.meaning import understand
from strategies.rules.names import Names, NameSettings

# Monday 2026-02-02T00:00Z.
START = int(np.datetime64("2026-02-02", "ns").astype(np.int64))
NAN = float("nan")

INSTRUMENTS = {
    "BTC": Instrument(id="BTC", kind=InstrumentKind.PERP, companions=Companions(spot="SPOT")),
    "SPOT": Instrument(id="SPOT", kind=InstrumentKind.SPOT),
    "SPY": Instrument(id="SPY", kind=InstrumentKind.ETF, calendar="XNYS", quote="USD"),
    "QQQ": Instrument(id="QQQ", kind=InstrumentKind.ETF, calendar="XNYS", quote="USD"),
    "VIX": Instrument(id="VIX", kind=InstrumentKind.SERIES, quote="points"),
    "YIELD": Instrument(id="YIELD", kind=InstrumentKind.SERIES, quote="percent"),
    "CPI": Instrument(id="CPI", kind=InstrumentKind.SERIES),
}


def _channel(key: ChannelKey, columns: Mapping[str, Sequence[float]]) -> Channel:
    times = {*BAR_TIMES, *POINT_TIMES}
    arrays = {
        name: np.asarray(values, dtype=np.int64 if name in times else np.float64)
        for name, values in columns.items()
    }
    rows = len(arrays["available_at"])
    return Channel(key, {**arrays, "label": np.zeros(rows, dtype=np.int8)})


def bars(
    close: Sequence[float],
    *,
    instrument: str = "BTC",
    timeframe: str = "1h",
    skipped: Sequence[int] = (),
    kind: ChannelKind = ChannelKind.BARS,
    **columns: Sequence[float],
) -> Channel:
    """Return bars around the clock from START; ``skipped`` places are holes in the grid."""
    step = Timeframe(timeframe).ns
    grid = [place for place in range(len(close) + len(skipped)) if place not in skipped]
    opened = START + step * np.array(grid, dtype=np.int64)
    prices = {name: columns.get(name, close) for name in ("open", "high", "low")}
    if kind is ChannelKind.BARS:
        prices["volume"] = columns.get("volume", [1.0] * len(close))
    closed = opened + step
    times = {"opened_at": opened, "closed_at": closed, "available_at": closed}
    return _channel(ChannelKey(instrument, kind, timeframe), {**times, **prices, "close": close})


def sessions(close: Sequence[float], *, first: str, instrument: str = "SPY") -> Channel:
    """Return one bar a session of New York's exchange from a date on."""
    days = np.busday_offset(first, np.arange(len(close)))
    opened, closed = session_bounds("XNYS", days)
    times = {"opened_at": opened, "closed_at": closed, "available_at": closed}
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    volume = [1.0] * len(close)
    key = ChannelKey(instrument, ChannelKind.BARS, "1d")
    return _channel(key, {**times, **prices, "volume": volume})


def series(rows: Sequence[tuple[str, str, float]], *, instrument: str = "VIX") -> Channel:
    """Return a series of rows (date, known at, value)."""
    dates = np.array([date for date, _, _ in rows], dtype="datetime64[D]")
    known = np.array([at for _, at, _ in rows], dtype="datetime64[ns]").astype(np.int64)
    values = [value for _, _, value in rows]
    columns = {"event_at": midnights_ns(dates), "available_at": known, "value": values}
    return _channel(ChannelKey(instrument, ChannelKind.SERIES), columns)


def points(
    kind: ChannelKind,
    hours: Sequence[float],
    *,
    instrument: str = "BTC",
    **columns: Sequence[float],
) -> Channel:
    """Return points of a perp some hours after START."""
    at = START + (np.asarray(hours) * HOUR_NS).astype(np.int64)
    return _channel(ChannelKey(instrument, kind), {"event_at": at, "available_at": at, **columns})


def dataset(*channels: Channel) -> Dataset:
    """Return a dataset of the channels, with the record of every instrument."""
    return Dataset(INSTRUMENTS, {channel.key: channel for channel in channels})


def names(*, clock: str = "btc@1h", **more: object) -> Names:
    """Return the names that the tests use, with records."""
    instruments = {"btc": "BTC@1h", "spy": "SPY@session", "qqq": "QQQ@session", "spot": "SPOT@1h"}
    bound = {"vix": "VIX", "yield10": "YIELD", "cpi": "CPI"}
    settings = NameSettings(instruments, bound, clock, **more)  # type: ignore[arg-type]
    return Names.of(settings).with_records(INSTRUMENTS)


def evaluator(data: Dataset, known: Names) -> Evaluator:
    """Return the evaluator at the closes of the clock's bars."""
    key = known.clock_source.key
    assert key is not None
    return Evaluator(data, known, data.channels[key]["available_at"])


def truths(text: str, data: Dataset, known: Names | None = None) -> list[int]:
    """Return a condition at every row of the clock: 1 true, 0 false, -1 unknown."""
    known = known or names()
    found = evaluator(data, known).truths(understand(text, known, "truth"))
    return [int(value) for value in found]


def numbers(text: str, data: Dataset, known: Names | None = None) -> list[float]:
    """Return a number at every row of the clock, rounded to six digits."""
    known = known or names()
    values = evaluator(data, known).numbers(understand(text, known, "number")).values
    return [round(float(value), 6) for value in values]
