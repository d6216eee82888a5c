"""Synthetic reconstructions of the 2020, 2022 and 2026 sell-offs, each with a year before it.

They pass exactly through measured values (``published_values``) and move between them by a factor
model (``factors``); the flywheel adds the cascades (``bitcoin``). They are no record of traded
prices: use them to learn the tool and to check that a rule works as described.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from data_feeds import releases
from data_feeds.calendar import FEDERAL_RESERVE, add_business_days, session_bounds
from data_feeds.clock import HOUR_NS, midnights_ns
from data_feeds.dataset import Dataset
from data_feeds.instrument import Companions, Instrument, InstrumentKind
from data_feeds.schema import (
    Array,
    Channel,
    ChannelKey,
    ChannelKind,
    Provenance,
    concatenated,
    time_columns,
    validate,
)
from data_feeds.simulation.bitcoin import BAR_NS, BitcoinMarket, bitcoin_market
from data_feeds.simulation.episode_parameters import EPISODES, EpisodeParameters
from data_feeds.simulation.factors import EQUITIES, SERIES, DailyValues, daily_market
from data_feeds.simulation.paths import Floats

PERP = "BTCUSDT-PERP"
TIMEFRAME = "15m"

_UNITS = {
    "SP500": "points", "NASDAQCOM": "points", "DGS10": "percent", "DGS3MO": "percent",
    "VIX": "points", "BAMLH0A0HYM2": "percent", "DXY": "points",
}  # fmt: skip
_TREASURY = ("DGS10", "DGS3MO")
# Shares traded in a quiet session, and the share of a session's move before its open.
_SHARES = {
    "SPY": 75e6, "QQQ": 45e6, "SMH": 7e6, "IGV": 3e6, "NVDA": 45e6, "MSFT": 25e6, "TLT": 25e6,
    "IEF": 7e6, "GLD": 9e6, "SH": 15e6, "PSQ": 9e6,
}  # fmt: skip
_BEFORE_OPEN = 0.4
# Dividends: annual yield of SPY and QQQ, paid in the third month of a quarter; TLT and IEF pay
# about the 10-year yield every month.
_DIVIDEND_YIELDS = {"SPY": 0.014, "QQQ": 0.006}
_COUPON_FUNDS = ("TLT", "IEF")


def reconstruct(episodes: Sequence[EpisodeParameters] = EPISODES) -> Dataset:
    """Return all channels of some episodes; every row is synthetic, same seeds give same bytes.

    Bitcoin: 15-minute bars and marks, funding every eight hours, open interest and liquidations
    every hour. Equities: one bar a session, dividends of SPY, QQQ, TLT and IEF. Series follow the
    release rules of the real series. There are no rows between episodes.
    """
    pieces: dict[ChannelKey, list[Channel]] = {}
    for episode in episodes:
        for channel in _channels(episode):
            pieces.setdefault(channel.key, []).append(channel)
    channels = {}
    for key, parts in sorted(pieces.items()):
        channels[key] = concatenated(key, parts)
        validate(channels[key])
    instruments = {key.instrument: _instrument(key.instrument) for key in channels}
    return Dataset(instruments, channels)


def _channels(episode: EpisodeParameters) -> Iterator[Channel]:
    rng = np.random.default_rng(episode.seed)
    daily = daily_market(episode, rng)
    yield from _bitcoin_channels(bitcoin_market(episode, daily, rng))
    for name in EQUITIES:
        bars = _session_bars(name, daily, rng)
        yield bars
        yield from _dividends(name, bars, daily)
    for name in SERIES:
        yield _series(name, daily)


# Windows of sizing for daily bars.
_DAILY_RISK = {"volatility_window": "20d", "participation_window": "20d"}
_COMPANIONS = {
    "SPY": Companions(underlying="SP500", volatility="VIX", inverse="SH"),
    "QQQ": Companions(inverse="PSQ"),
}


def _instrument(name: str) -> Instrument:
    if name == PERP:
        return Instrument(
            id=PERP,
            kind=InstrumentKind.PERP,
            venue="generated",
            asset="BTC",
            tick_size=0.1,
            lot_size=0.001,
            min_notional=5,
            synthetic=True,
        )
    if name in EQUITIES:
        return Instrument(
            id=name,
            kind=InstrumentKind.ETF,
            quote="USD",
            venue="generated",
            calendar="XNYS",
            lot_size=1,
            # Explicit, because generated prices do not fall by the dividend on its ex-date.
            dividend_adjusted=False,
            synthetic=True,
            companions=_COMPANIONS.get(name, Companions()),
            risk=_DAILY_RISK,
        )
    return Instrument(id=name, kind=InstrumentKind.SERIES, quote=_UNITS[name], synthetic=True)


def _channel(key: ChannelKey, times: Sequence[Array], values: dict[str, Array]) -> Channel:
    label = np.full(len(times[0]), Provenance.SYNTHETIC, dtype=np.int8)
    named = dict(zip(time_columns(key.kind), times, strict=True))
    return Channel(key, {**named, **values, "label": label})


def _bitcoin_channels(market: BitcoinMarket) -> Iterator[Channel]:
    path, opened = market.path, market.opened_at
    closed = opened + BAR_NS
    times = (opened, closed, closed.copy())
    prices = {name: getattr(path, name) for name in ("open", "high", "low", "close")}
    volume = np.round(path.volume, 3)
    yield _channel(
        ChannelKey(PERP, ChannelKind.BARS, TIMEFRAME), times, prices | {"volume": volume}
    )
    marks = {name: getattr(path, f"mark_{name}") for name in prices}
    yield _channel(ChannelKey(PERP, ChannelKind.MARK, TIMEFRAME), times, marks)
    settled = market.settled_at
    yield _channel(
        ChannelKey(PERP, ChannelKind.FUNDING), (settled, settled.copy()), {"rate": market.rates}
    )
    per_hour = HOUR_NS // BAR_NS
    hours = closed[per_hour - 1 :: per_hour]
    held = np.round(path.open_interest[per_hour - 1 :: per_hour], 3)
    quote = np.round(held * path.close[per_hour - 1 :: per_hour], 2)
    yield _channel(
        ChannelKey(PERP, ChannelKind.OPEN_INTEREST),
        (hours, hours.copy()),
        {"open_interest_base": held, "open_interest_quote": quote},
    )
    yield _channel(
        ChannelKey(PERP, ChannelKind.LIQUIDATIONS),
        (hours, hours.copy()),
        {
            name: np.round(getattr(path, name).reshape(-1, per_hour).sum(axis=1), 2)
            for name in ("long_quote", "short_quote")
        },
    )


def _session_bars(name: str, daily: DailyValues, rng: np.random.Generator) -> Channel:
    """Return an equity's daily bars around its closes."""
    close = daily.values[name]
    before = np.concatenate((close[:1], close[:-1]))
    steps = np.log(close / before)
    spread = np.maximum(_rolling_size(steps), 0.002)
    opens = before * np.exp(_BEFORE_OPEN * steps + 0.3 * spread * rng.standard_normal(len(close)))
    up, down = np.abs(rng.normal(0.0, 0.45, (2, len(close)))) * spread
    values = {
        "open": np.round(opens, 2),
        "high": np.round(np.maximum(opens, close) * np.exp(up), 2),
        "low": np.round(np.minimum(opens, close) * np.exp(-down), 2),
        "close": close,
    }
    values["high"] = np.maximum.reduce([values["high"], values["open"], close])
    values["low"] = np.minimum.reduce([values["low"], values["open"], close])
    busy = 0.6 + 0.4 * np.minimum(np.abs(steps) / np.median(np.abs(steps[1:])), 8.0) / 1.5
    volume = np.round(_SHARES[name] * busy * rng.lognormal(-0.03, 0.25, len(close)))
    opened, closed = session_bounds("XNYS", daily.sessions)
    return _channel(
        ChannelKey(name, ChannelKind.BARS, "1d"),
        (opened, closed, closed.copy()),
        values | {"volume": volume},
    )


def _rolling_size(steps: Floats, sessions: int = 20) -> Floats:
    """Return the mean absolute step of the sessions up to each one."""
    total = np.cumsum(np.concatenate(([0.0], np.abs(steps))))
    first = np.maximum(np.arange(len(steps)) + 1 - sessions, 0)
    count = np.arange(len(steps)) + 1 - first
    mean: Floats = (total[1:] - total[first]) / count
    return mean


def _dividends(name: str, bars: Channel, daily: DailyValues) -> Iterator[Channel]:
    """Yield the dividends of a fund that pays some, due at the open of the ex-date."""
    months = daily.sessions.astype("datetime64[M]")
    begins = np.flatnonzero(np.diff(months.astype(np.int64), prepend=-1) > 0)[1:]
    if name in _DIVIDEND_YIELDS:
        month = months[begins].astype(np.int64) % 12 + 1
        # About the third Friday.
        rows = np.minimum(begins[month % 3 == 0] + 13, len(bars) - 1)
        amount = bars["close"][rows - 1] * _DIVIDEND_YIELDS[name] / 4
    elif name in _COUPON_FUNDS:
        rows = begins
        # The newest yield published before the fund goes ex-dividend.
        known = releases.known_at(releases.rule_for("DGS10"), daily.sessions)
        newest = np.searchsorted(known, bars["opened_at"][rows], side="right") - 1
        amount = bars["close"][rows - 1] * np.maximum(daily.values["DGS10"][newest], 0.5) / 1200
    else:
        return
    at = bars["opened_at"][rows]
    yield _channel(
        ChannelKey(name, ChannelKind.DIVIDENDS), (at, at.copy()), {"amount": np.round(amount, 4)}
    )


def _series(name: str, daily: DailyValues) -> Channel:
    """Return a daily series, known at the real series' publication."""
    days, values = daily.sessions, daily.values[name]
    if name in _TREASURY:
        # The Federal Reserve publishes no yield on its holidays, though the exchange may be open.
        published = add_business_days(FEDERAL_RESERVE, days, 0) == days
        days, values = days[published], values[published]
    event = midnights_ns(days)
    known = releases.known_at(releases.rule_for(name), days)
    return _channel(ChannelKey(name, ChannelKind.SERIES), (event, known), {"value": values.copy()})
