"""A small market for random expressions: every kind of channel, with holes, delays and revisions.

Ten weeks from 2026-01-05 to mid March, so that New York's clock change lies inside. Prices and
levels have full float digits: a comparison of two of them never hangs on the last bit.
"""

from collections.abc import Mapping

import numpy as np

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.instrument import Companions, Instrument, InstrumentKind
from data_feeds.releases import ReleaseRule, known_at
from data_feeds.schema import (
    VALUE_COLUMNS,
    Channel,
    ChannelKey,
    ChannelKind,
    time_columns,
    validate,
)
from data_feeds.timeframe import Timeframe

START = int(np.datetime64("2026-01-05T00:00", "ns").astype(np.int64))  # a Monday
DAYS = 70
END = START + DAYS * DAY_NS

BTC, SPOT, ETH, SPY, QQQ = "BTCUSDT-PERP", "BTCUSDT-SPOT", "ETHUSDT-PERP", "SPY", "QQQ"
INSTRUMENTS: Mapping[str, Instrument] = {
    BTC: Instrument(
        id=BTC, kind=InstrumentKind.PERP, tick_size=0.1, companions=Companions(spot=SPOT)
    ),
    SPOT: Instrument(id=SPOT, kind=InstrumentKind.SPOT),
    ETH: Instrument(id=ETH, kind=InstrumentKind.PERP),
    SPY: Instrument(id=SPY, kind=InstrumentKind.ETF, quote="USD", calendar="XNYS", lot_size=1.0),
    QQQ: Instrument(id=QQQ, kind=InstrumentKind.ETF, quote="USD", calendar="XNYS", lot_size=1.0),
    "VIX": Instrument(id="VIX", kind=InstrumentKind.SERIES, quote="points"),
    "DGS10": Instrument(id="DGS10", kind=InstrumentKind.SERIES, quote="percent"),
    "CPI": Instrument(id="CPI", kind=InstrumentKind.SERIES, quote="index level"),
    "DVOL": Instrument(id="DVOL", kind=InstrumentKind.SERIES, quote="percent"),
    "NOTHING": Instrument(id="NOTHING", kind=InstrumentKind.SERIES),
}
# Short names of the file, and what they stand for.
BINDINGS: Mapping[str, str] = {
    "btc": f"{BTC}@1h",
    "eth": f"{ETH}@1h",
    "spy": f"{SPY}@session",
    "qqq": f"{QQQ}@session",
}
SERIES: Mapping[str, str] = {
    "vix": "VIX",
    "yield10": "DGS10",
    "cpi": "CPI",
    "dvol": "DVOL",
    "nothing": "NOTHING",
}
CLOCKS = ("btc@1h", "btc@4h", "spy@session")


def small_market(seed: int = 7) -> Dataset:
    """Return the market of a seed."""
    rng = np.random.default_rng(seed)
    channels = [
        *_around_the_clock(rng),
        *_exchange(rng),
        *_series(rng),
        _points("NOTHING", ChannelKind.SERIES, [], [], {"value": []}),
        _points(ETH, ChannelKind.FUNDING, [], [], {"rate": []}),
    ]
    for channel in channels:
        validate(channel)
    return Dataset(INSTRUMENTS, {channel.key: channel for channel in channels})


def _around_the_clock(rng: np.random.Generator) -> list[Channel]:
    bars = [
        _bars(rng, BTC, "1h", price=60_000.0),
        _bars(rng, BTC, "4h", price=60_000.0),
        _bars(rng, SPOT, "1h", price=60_000.0),
        # Begins when a week of the window is over.
        _bars(rng, ETH, "1h", price=3_000.0, first=START + 7 * DAY_NS),
    ]
    marks = _marks(rng, bars[0])
    settled = START + 8 * HOUR_NS * np.arange(1, DAYS * 3)
    settled = np.delete(settled, [40, 41, 42, 100])
    hourly = START + HOUR_NS * np.arange(1, DAYS * 24)
    hourly = hourly[rng.random(len(hourly)) > 0.01]
    interest = 80_000 * np.exp(np.cumsum(rng.normal(0, 0.01, len(hourly))))
    interest[rng.random(len(hourly)) < 0.02] = np.nan
    late = hourly[hourly > START + 30 * DAY_NS]
    amounts = np.where(rng.random((2, len(late))) < 0.5, 0.0, rng.exponential(1e6, (2, len(late))))
    return [
        *bars,
        marks,
        _points(
            BTC,
            ChannelKind.FUNDING,
            settled,
            settled,
            {"rate": rng.normal(5e-5, 3e-4, len(settled))},
        ),
        _points(
            BTC,
            ChannelKind.OPEN_INTEREST,
            hourly,
            hourly + 5 * MINUTE_NS,
            {"open_interest_base": interest, "open_interest_quote": interest * 6e4},
        ),
        _points(
            BTC,
            ChannelKind.LIQUIDATIONS,
            late,
            late + MINUTE_NS,
            {"long_quote": amounts[0], "short_quote": amounts[1]},
        ),
    ]


def _exchange(rng: np.random.Generator) -> list[Channel]:
    first = np.datetime64(START, "ns").astype("datetime64[D]")
    dates = sessions_between("XNYS", first - 40, first + DAYS - 1)
    found = []
    for name, missing in ((SPY, 33), (QQQ, 51)):
        kept = np.delete(dates, missing)
        opened, closed = session_bounds("XNYS", kept)
        values = _walk(rng, len(kept), 500.0, 0.012)
        found.append(
            _channel(ChannelKey(name, ChannelKind.BARS, "1d"), (opened, closed, closed), values)
        )
    paid = found[0]["opened_at"][[10, 60]]
    dividends = _points(SPY, ChannelKind.DIVIDENDS, paid, paid, {"amount": [1.7, 1.9]})
    return [*found, dividends]


def _series(rng: np.random.Generator) -> list[Channel]:
    """Return daily levels known in the evening or the day after, a revised one, an hourly one."""
    first = np.datetime64(START, "ns").astype("datetime64[D]")
    dates = sessions_between("XNYS", first - 40, first + DAYS - 1)
    # Nine days without a value: older than the six that a series may have.
    shown = np.delete(dates, np.r_[45:52])
    vix = 20 * np.exp(np.cumsum(rng.normal(0, 0.06, len(shown))))
    rates = 4 + np.cumsum(rng.normal(0, 0.05, len(dates)))
    evening = known_at(ReleaseRule(session_close="XNYS", lag="15m"), shown)
    morrow = known_at(
        ReleaseRule(lag_days=1, at="16:15", zone="America/New_York", business_days="FED"), dates
    )
    hours = START + HOUR_NS * np.arange(0, DAYS * 24, 2)
    dvol = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, len(hours))))
    return [
        _points("VIX", ChannelKind.SERIES, _midnights(shown), evening, {"value": vix}),
        _points("DGS10", ChannelKind.SERIES, _midnights(dates), morrow, {"value": rates}),
        _revised(rng),
        _points("DVOL", ChannelKind.SERIES, hours, hours, {"value": dvol}),
    ]


def _revised(rng: np.random.Generator) -> Channel:
    """Return a level every fourth day, known two days later and revised up to twice.

    One date is published only after the two that follow it.
    """
    dates = START - 60 * DAY_NS + 4 * DAY_NS * np.arange((DAYS + 60) // 4)
    rows = []
    level = 300.0
    for i, date in enumerate(dates.tolist()):
        level += rng.normal(0.5, 1.0)
        known = date + (11 if i == 20 else 2) * DAY_NS + 13 * HOUR_NS
        rows.append((date, known, level))
        for _ in range(int(rng.integers(0, 3))):
            known += int(rng.integers(20, 300)) * HOUR_NS
            rows.append((date, known, level + rng.normal(0, 1.0)))
    event, known_from, values = zip(*rows, strict=True)
    return _points("CPI", ChannelKind.SERIES, event, known_from, {"value": values})


def _bars(
    rng: np.random.Generator,
    name: str,
    timeframe: str,
    *,
    price: float,
    first: int = START,
) -> Channel:
    """Return bars with single holes, one outage, and a few that become known late."""
    step = Timeframe(timeframe).ns
    opened = np.arange(first, END, step, dtype=np.int64)
    keep = rng.random(len(opened)) > 0.01
    outage = int(rng.integers(len(opened) // 3, len(opened) // 2))
    keep[outage : outage + max(9 * HOUR_NS // step, 3)] = False
    opened = opened[keep]
    closed = opened + step
    late = np.where(rng.random(len(opened)) < 0.01, rng.integers(1, 200, len(opened)), 0)
    known = np.maximum.accumulate(closed + late * MINUTE_NS)
    values = _walk(rng, len(opened), price, 0.012)
    key = ChannelKey(name, ChannelKind.BARS, timeframe)
    return _channel(key, (opened, closed, known), values)


def _marks(rng: np.random.Generator, bars: Channel) -> Channel:
    """Return marks a little off the last price, some missing."""
    off = np.exp(rng.normal(0, 0.0005, len(bars)))
    values = {name: bars[name] * off for name in ("open", "high", "low", "close")}
    key = ChannelKey(bars.key.instrument, ChannelKind.MARK, bars.key.timeframe)
    times = tuple(bars[name] for name in time_columns(key.kind))
    return _channel(key, times, values).take(rng.random(len(bars)) > 0.01)


def _walk(rng: np.random.Generator, rows: int, price: float, step: float) -> dict[str, np.ndarray]:
    close = price * np.exp(np.cumsum(rng.normal(0, step, rows)))
    opens = np.concatenate(([price], close[:-1])) * np.exp(rng.normal(0, step / 5, rows))
    high = np.maximum(opens, close) * np.exp(np.abs(rng.normal(0, step / 2, rows)))
    low = np.minimum(opens, close) * np.exp(-np.abs(rng.normal(0, step / 2, rows)))
    volume = np.where(rng.random(rows) < 0.02, 0.0, rng.exponential(1_000, rows))
    return {"open": opens, "high": high, "low": low, "close": close, "volume": volume}


def _midnights(dates: np.ndarray) -> np.ndarray:
    return dates.astype("datetime64[ns]").astype(np.int64)


def _points(name, kind, event, known, values) -> Channel:
    return _channel(ChannelKey(name, kind), (event, known), values)


def _channel(key: ChannelKey, times, values) -> Channel:
    columns = {
        name: np.asarray(at, dtype=np.int64)
        for name, at in zip(time_columns(key.kind), times, strict=True)
    }
    columns |= {name: np.asarray(item, dtype=np.float64) for name, item in values.items()}
    return Channel(key, {**columns, "label": np.zeros(len(columns["available_at"]), np.int8)})


def known_at_close(data: Dataset) -> Dataset:
    """Return the market in which every bar is known at its close, as traded bars must be."""
    channels = dict(data.channels)
    for key, channel in channels.items():
        if "closed_at" in channel.columns:
            columns = {**channel.columns, "available_at": channel["closed_at"].copy()}
            channels[key] = Channel(key, columns)
    return data.having(channels)


def with_holes(data: Dataset, seed: int, *, share: float = 0.12) -> Dataset:
    """Return the market without a share of the rows of every channel, drawn at random."""
    rng = np.random.default_rng(seed)
    return data.having(
        {
            key: channel.take(rng.random(len(channel)) > share)
            for key, channel in data.channels.items()
        }
    )


def delayed(data: Dataset, seed: int, *, share: float = 0.3) -> Dataset:
    """Return the market in which a share of the rows becomes known hours or days later."""
    rng = np.random.default_rng(seed)
    channels = {}
    for key, channel in data.channels.items():
        hours = rng.integers(1, 200 if key.kind is ChannelKind.SERIES else 30, len(channel))
        late = np.where(rng.random(len(channel)) < share, hours, 0) * HOUR_NS
        known = channel["available_at"] + late
        if key.kind in (ChannelKind.BARS, ChannelKind.MARK, ChannelKind.FUNDING):
            # These become known in their order.
            known = np.maximum.accumulate(known)
        elif key.kind is ChannelKind.SERIES:
            known = _rising_vintages(channel["event_at"], known)
        channels[key] = Channel(key, {**channel.columns, "available_at": known})
        validate(channels[key])
    return data.having(channels)


def _rising_vintages(event_at: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return instants at which each revision is known after the vintage before it."""
    rising = known.copy()
    for i in range(1, len(rising)):
        if event_at[i] == event_at[i - 1]:
            rising[i] = max(rising[i], rising[i - 1] + HOUR_NS)
    return rising


def redrawn_after(data: Dataset, at: int, seed: int) -> Dataset:
    """Return the market with another future: later rows are dropped, scaled or known later."""
    rng = np.random.default_rng(seed)
    channels = {}
    for key, channel in data.channels.items():
        later = channel["available_at"] > at
        columns = {name: values.copy() for name, values in channel.columns.items()}
        factor = rng.uniform(0.5, 1.5, int(later.sum()))
        for name in VALUE_COLUMNS[key.kind]:
            columns[name][later] *= factor
        # Nothing that was known by then becomes unknown, nothing unknown becomes known.
        columns["available_at"][later] += int(rng.integers(0, 9)) * HOUR_NS
        kept = ~later | (rng.random(len(channel)) > 0.2)
        channels[key] = Channel(key, columns).take(kept)
    return data.having(channels)
