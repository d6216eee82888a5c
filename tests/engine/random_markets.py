"""Random markets on a coarse tick grid: a perp, a perp and an ETF, or two perps."""

from datetime import UTC, datetime
from enum import StrEnum

import numpy as np

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind, time_columns, validate
from data_feeds.timeframe import Timeframe
from data_feeds.trading_terms import MaintenanceBracket, TradingTerms

START = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp()) * 10**9  # a Monday
WARMUP_DAYS = 3
PERP, OTHER, ETF, BILL = "BTCUSDT-PERP", "ETHUSDT-PERP", "QQQ", "DGS3MO"


class Style(StrEnum):
    """The purposes of a case: anything, exact liquidation prices, two perps on one wallet."""

    FREE = "free"
    EXACT = "exact"
    PAIR = "pair"


# What the second perp asks for where the config leaves it to the instrument.
OTHER_TERMS = TradingTerms(
    since="2020-01-01",
    source="test",
    maker_fee_bps=1,
    taker_fee_bps=8,
    liquidation_fee_bps=80,
    maintenance=(
        MaintenanceBracket(floor=0, rate=0.007),
        MaintenanceBracket(floor=30_000, rate=0.02),
    ),
)

# Two perps on one wallet need brackets this high to be liquidated before their stops.
PAIR_TERMS = OTHER_TERMS.model_copy(
    update={"maintenance": (MaintenanceBracket(floor=0, rate=0.0625),)}
)


def random_market(rng: np.random.Generator, style: Style):
    """Channels, instruments, traded names and clock: one perp, a perp and an ETF, or two perps."""
    shape = rng.choice(["perp", "perp", "perp", "etf", "perps"])
    shape = "perps" if style is Style.PAIR else shape
    exact = style is Style.EXACT
    fine = str(rng.choice(["15m", "1h", "1h", "4h"])) if shape == "perp" else "1h"
    days = {"15m": 5, "1h": 12, "4h": 40}[fine] + WARMUP_DAYS
    channels = _perp(rng, PERP, fine, days, exact=exact)
    traded = [PERP]
    clock = ChannelKey(PERP, ChannelKind.BARS, fine)
    if shape == "etf":
        channels |= _etf(rng, days)
        traded.append(ETF)
        if rng.random() < 0.3:
            clock = ChannelKey(ETF, ChannelKind.BARS, "1d")
    elif shape == "perps":
        channels |= _perp(rng, OTHER, str(rng.choice(["1h", "4h"])), days, exact=exact)
        traded.append(OTHER)
    if rng.random() < 0.3:
        traded.reverse()
    for channel in channels.values():
        validate(channel)
    instruments = {key.instrument: _instrument(key.instrument, style) for key in channels}
    return channels, instruments, tuple(traded), clock


def _instrument(name: str, style: Style) -> Instrument:
    if name == ETF:
        return Instrument(
            id=ETF, kind=InstrumentKind.ETF, calendar="XNYS", tick_size=1.0, lot_size=1.0
        )
    if name == BILL:
        return Instrument(id=BILL, kind=InstrumentKind.SERIES)
    others = PAIR_TERMS if style is Style.PAIR else OTHER_TERMS
    terms = (others,) if name == OTHER else ()
    return Instrument(id=name, kind=InstrumentKind.PERP, tick_size=1.0, lot_size=1.0, terms=terms)


def _perp(rng: np.random.Generator, name: str, timeframe: str, days: int, *, exact: bool):
    step = Timeframe(timeframe).ns
    opened = START + step * np.arange(days * DAY_NS // step, dtype=np.int64)
    keep = rng.random(len(opened)) > (0.03 if rng.random() < 0.2 else 0.0)  # holes in the bars
    opened = opened[keep]
    bars = _bars(rng, ChannelKey(name, ChannelKind.BARS, timeframe), opened, opened + step)
    channels = {bars.key: bars}
    marks = "same" if exact else rng.choice(["absent", "same", "coarser"])
    if marks != "absent":
        coarser = {"15m": "1h", "1h": "4h", "4h": "1d"}[timeframe]
        mark = _marks(rng, bars, coarser if marks == "coarser" else timeframe, exact=exact)
        channels[mark.key] = mark
    if rng.random() < 0.8:
        funding = _funding(rng, name, int(opened[0]), int(opened[-1]))
        channels[funding.key] = funding
    return channels


def _etf(rng: np.random.Generator, days: int):
    first = np.datetime64(START, "ns").astype("datetime64[D]")
    opened, closed = session_bounds("XNYS", sessions_between("XNYS", first, first + days - 1))
    bars = _bars(rng, ChannelKey(ETF, ChannelKind.BARS, "1d"), opened, closed)
    paid = opened[rng.random(len(opened)) < 0.3]
    dividends = _points(
        ETF, ChannelKind.DIVIDENDS, paid, {"amount": rng.integers(1, 4, len(paid)) / 4}
    )
    known = START + DAY_NS * np.arange(days, dtype=np.int64)
    bill = _points(BILL, ChannelKind.SERIES, known, {"value": np.full(days, 4.0)})
    return {channel.key: channel for channel in (bars, dividends, bill)}


def _bars(rng, key: ChannelKey, opened, closed) -> Channel:
    """A walk of whole numbers with gaps at opens, jumps, and bars without trades."""
    count = len(opened)
    moves = rng.integers(-2, 3, count) + rng.choice([0, -9, 7], count, p=[0.95, 0.03, 0.02])
    gaps = np.where(rng.random(count) < 0.08, rng.integers(-5, 6, count), 0)
    opens, closes = np.empty(count), np.empty(count)
    price = float(rng.choice([100, 100, 102, 120]))
    for i in range(count):
        opens[i] = np.clip(price + gaps[i], 40, 220)
        price = closes[i] = np.clip(opens[i] + moves[i], 40, 220)
    low = np.minimum(opens, closes) - rng.integers(0, 3, count)
    high = np.maximum(opens, closes) + rng.integers(0, 3, count)
    scarce = rng.random() < 0.4
    volume = rng.integers(1, 20_000, count) if scarce else np.full(count, 10**7)
    volume = np.where(rng.random(count) < (0.15 if scarce else 0.01), 0.0, volume.astype(float))
    values = {"open": opens, "high": high, "low": low, "close": closes, "volume": volume}
    return _channel(key, (opened, closed, closed), values)


def _marks(rng, bars: Channel, label: str, *, exact: bool) -> Channel:
    """Marks near the last price: equal to it at most bars, off by a tick or two at others."""
    step = Timeframe(label).ns
    bucket = bars["opened_at"] // step
    first = np.flatnonzero(np.concatenate(([True], bucket[1:] != bucket[:-1])))
    last = np.concatenate((first[1:], [len(bars)])) - 1
    off = np.where(rng.random(len(first)) < 0.2, rng.integers(-2, 3, len(first)), 0)
    values = {
        "open": bars["open"][first] + off,
        "close": bars["close"][last] + off,
        "high": np.maximum.reduceat(bars["high"], first) + off,
        "low": np.minimum.reduceat(bars["low"], first) + off,
    }
    if exact:
        values = {name: np.floor(prices * 1.25) * 4 / 5 for name, prices in values.items()}
        values["high"] = np.ceil(values["high"] * 0.85) * 20 / 17
    opened = bucket[first] * step
    key = ChannelKey(bars.key.instrument, ChannelKind.MARK, label)
    return _channel(key, (opened, opened + step, opened + step), values)


def _funding(rng, name: str, first: int, last: int) -> Channel:
    """Funding every eight hours, or at odd minutes and intervals."""
    if rng.random() < 0.5:
        at = np.arange(first, last, 8 * HOUR_NS, dtype=np.int64)
    else:
        at = first + np.cumsum(rng.integers(30, 900, 80)) * MINUTE_NS
        at = at[at < last]
    rate = rng.choice([-0.01, -0.0003, 0.0, 0.0001, 0.0004, 0.02], len(at))
    return _points(name, ChannelKind.FUNDING, at, {"rate": rate})


def _points(name: str, kind: ChannelKind, at: np.ndarray, values) -> Channel:
    return _channel(ChannelKey(name, kind), (at, at), values)


def _channel(key: ChannelKey, times, values) -> Channel:
    columns = dict(zip(time_columns(key.kind), times, strict=True)) | values
    count = len(columns["available_at"])
    return Channel(key, {**columns, "label": np.zeros(count, np.int8)})


def last_close(channels: dict[ChannelKey, Channel], name: str, decided: np.ndarray) -> np.ndarray:
    own = next(c for k, c in channels.items() if (k.instrument, k.kind) == (name, ChannelKind.BARS))
    row = np.searchsorted(own["available_at"], decided, side="right") - 1
    return np.where(row >= 0, own["close"][np.maximum(row, 0)], np.nan)
