"""The data inside the package: a generated BTC perp around the documented facts of early 2026.

Every row is synthetic. The path runs through dated waypoints with seeded noise between them. Facts
kept: low 59,800 in the quarter hour of 2026-02-06 00:00Z; the UTC day 2026-02-05 loses 14.0%, the
worst of the window; about 70,000 on 2026-02-07 (Gate, "Global Tech Sell-Off Hits Risk Assets",
2026-02-07; exchange prints); funding lowest at -0.0152% on 2026-02-07 00:00Z; open interest 13%
lower in base units from 2026-01-29 to 02-05; 10-year yield 4.26% on 2026-01-28 and 4.21% on
2026-02-05 (Federal Reserve H.15). Levels, times and outcomes of the smaller sell-offs are invented.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from data_feeds.calendar import FEDERAL_RESERVE, add_business_days, local_instants
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import (
    Array,
    Channel,
    ChannelKey,
    ChannelKind,
    Provenance,
    time_columns,
    validate,
)
from data_feeds.timeframe import HOUR_NS, Timeframe

SEED = 20260206
PERP = "BTCUSDT-PERP"
TIMEFRAME = Timeframe("15m")
START, END = "2025-11-15T00:00", "2026-02-20T00:00"
# Macro history reaches back, so that changes over some days are known on the first day.
MACRO_START = "2025-10-15"

_BARS_A_DAY = 96
_FUNDING_NS = 8 * HOUR_NS
_TICK = 0.1
_CRASH_LOW_AT, _CRASH_LOW = "2026-02-06T00:00", 59_800.0
_CALM_NOISE, _FLUSH_NOISE = 0.0019, 0.0010

Floats = NDArray[np.float64]
Minute: TypeAlias = "np.datetime64[Any]"


@dataclass(frozen=True)
class _SellOff:
    """A support that breaks in two flushes: when, at which price, how deep, and what follows.

    Depths, bounce and the prices after are fractions of the support; times in hours.
    """

    at: str
    support: float
    first: float
    bounce: float
    second: float
    after: float
    bounce_hours: float = 5.0
    quiet_days: float = 4.0

    def waypoints(self) -> list[tuple[Minute, float]]:
        """The path: at the support, first flush, bounce, second flush, reclaim, twelve hours on."""
        hours = np.array(
            [
                0,
                1,
                1 + self.bounce_hours,
                2 + self.bounce_hours,
                5 + self.bounce_hours,
                14 + self.bounce_hours,
            ]
        )
        moves = np.array(
            [
                0.004,
                -self.first,
                self.bounce - self.first,
                -self.second,
                0.006 - self.first,
                self.after,
            ]
        )
        times = np.datetime64(self.at, "m") + (hours * 60).astype("timedelta64[m]")
        return list(zip(times, self.support * (1 + moves), strict=True))

    def flushes(self) -> list[tuple[Minute, Minute]]:
        """First and last minute of both flushes."""
        times = [time for time, _ in self.waypoints()]
        return [(times[0], times[1]), (times[2], times[3])]


# after > 0 ends in a rally, after < -first in a failed reclaim.
_SELL_OFFS = (
    _SellOff("2025-11-20T14:00", 89_500, 0.032, 0.020, 0.036, 0.018),
    _SellOff("2025-12-01T00:30", 90_200, 0.030, 0.016, 0.036, -0.052, bounce_hours=3.5),
    _SellOff("2025-12-15T15:30", 88_600, 0.027, 0.017, 0.030, 0.012, bounce_hours=6.0),
    _SellOff("2026-01-20T15:00", 91_200, 0.030, 0.019, 0.035, 0.004, bounce_hours=4.0),
    _SellOff("2026-01-29T15:00", 87_100, 0.036, 0.016, 0.042, -0.026, bounce_hours=8.0),
    _SellOff("2026-02-12T16:00", 66_400, 0.031, 0.021, 0.033, 0.022),
)
_CRASH_FLUSHES = (
    ("2026-02-05T14:00", "2026-02-05T15:30"),
    ("2026-02-05T23:15", "2026-02-06T00:30"),
)
_WAYPOINTS = (
    ("2025-11-15T00:00", 95_600), ("2025-11-17T08:00", 93_900), ("2025-11-19T06:00", 91_300),
    ("2025-11-24T12:00", 91_600), ("2025-11-28T09:00", 92_900), ("2025-11-30T20:00", 91_400),
    ("2025-12-02T06:00", 84_900), ("2025-12-04T10:00", 92_700), ("2025-12-09T15:00", 93_200),
    ("2025-12-13T12:00", 90_100), ("2025-12-18T12:00", 90_600), ("2025-12-25T00:00", 89_900),
    ("2026-01-02T00:00", 91_500), ("2026-01-06T12:00", 94_800), ("2026-01-14T15:00", 97_300),
    ("2026-01-18T12:00", 93_000), ("2026-01-24T00:00", 90_600), ("2026-01-27T12:00", 89_000),
    ("2026-01-31T18:00", 78_300), ("2026-02-02T06:00", 76_000), ("2026-02-03T12:00", 78_600),
    ("2026-02-05T00:00", 73_150), ("2026-02-05T12:00", 70_600), ("2026-02-05T14:00", 69_900),
    ("2026-02-05T15:30", 63_100), ("2026-02-05T19:30", 65_600), ("2026-02-05T23:15", 64_700),
    ("2026-02-06T00:00", 62_909), ("2026-02-06T00:15", 60_700), ("2026-02-06T03:00", 63_900),
    ("2026-02-06T14:00", 67_200), ("2026-02-07T00:00", 70_050), ("2026-02-09T00:00", 69_400),
    ("2026-02-11T06:00", 67_700), ("2026-02-16T00:00", 68_900), ("2026-02-20T00:00", 67_100),
)  # fmt: skip
_YIELD_ANCHORS = (("2025-10-15", 4.05), ("2025-11-20", 4.10), ("2025-12-10", 4.16),
                  ("2026-01-28", 4.26), ("2026-02-05", 4.21), ("2026-02-20", 4.08))  # fmt: skip
_DOLLAR_ANCHORS = (("2025-10-15", 98.8), ("2025-11-20", 100.1), ("2025-12-15", 98.4),
                   ("2026-01-14", 99.2), ("2026-01-28", 96.4), ("2026-02-05", 97.9),
                   ("2026-02-20", 97.2))  # fmt: skip


@lru_cache(maxsize=1)
def embedded_dataset() -> Dataset:
    """Return the embedded data: 15m bars and marks, 8h funding, hourly open interest, two series.

    Same seed, same bytes. Series: ``DGS10`` (percent, known the next Federal Reserve business day
    at 16:15 New York) and ``DXY`` (points, known at 17:00 New York).
    """
    rng = np.random.default_rng(SEED)
    opened = np.arange(
        np.datetime64(START, "ns"), np.datetime64(END, "ns"), np.timedelta64(TIMEFRAME.ns, "ns")
    )
    heat = _heat(opened)
    prices = _prices(opened, heat, rng)
    volume = _volume(opened, prices, heat, rng)
    channels = [
        _bar_channel(ChannelKind.BARS, opened, prices | {"volume": volume}),
        _bar_channel(ChannelKind.MARK, opened, _marks(prices, heat, rng)),
        _funding(opened, prices["close"], rng),
        _open_interest(opened, prices["close"], heat, rng),
        _macro("DGS10", _YIELD_ANCHORS, 0.012, 2, rng),
        _macro("DXY", _DOLLAR_ANCHORS, 0.09, 3, rng),
    ]
    for channel in channels:
        validate(channel)
    perp = Instrument(
        id=PERP,
        kind=InstrumentKind.PERP,
        venue="generated",
        tick_size=_TICK,
        lot_size=0.001,
        min_notional=5,
        synthetic=True,
    )
    series = [
        Instrument(id=name, kind=InstrumentKind.SERIES, quote=unit, synthetic=True)
        for name, unit in (("DGS10", "percent"), ("DXY", "points"))
    ]
    return Dataset(
        {instrument.id: instrument for instrument in (perp, *series)},
        {channel.key: channel for channel in channels},
    )


def _heat(opened: Array) -> Floats:
    """Return 1 for bars inside a flush, fading to 0 over about six hours after it."""
    flushes = [span for sell_off in _SELL_OFFS for span in sell_off.flushes()]
    flushes += [(np.datetime64(a), np.datetime64(b)) for a, b in _CRASH_FLUSHES]
    heat = np.zeros(len(opened))
    for first, last in flushes:
        since = (opened - last).astype("timedelta64[m]").astype(float) / 60
        inside = (opened >= first) & (since < 0)
        fading = np.where(since >= 0, np.exp(-np.maximum(since, 0) / 2.0), 0.0)
        heat = np.maximum(heat, np.where(inside, 1.0, fading))
    return np.where(heat < 0.05, 0.0, heat)


def _prices(opened: Array, heat: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    """Return open, high, low and close along the waypoints, rounded to the tick."""
    points: dict[Minute, float] = {np.datetime64(time, "m"): price for time, price in _WAYPOINTS}
    for sell_off in _SELL_OFFS:
        points.update(sell_off.waypoints())
    times = np.array(sorted(points))
    levels = np.log([points[time] for time in times])
    edges = np.append(opened, opened[-1] + np.timedelta64(TIMEFRAME.ns, "ns"))
    minutes = (edges - edges[0]).astype("timedelta64[m]").astype(float)
    knots = (times - edges[0]).astype("timedelta64[m]").astype(float)

    scale = np.where(heat >= 1, _FLUSH_NOISE, _CALM_NOISE * (1 + 0.6 * heat))
    walk = np.concatenate(([0.0], np.cumsum(rng.standard_t(5, len(opened)) * scale * 0.77)))
    # Taking the walk's own line between waypoints away leaves a bridge: it meets every waypoint.
    bridge = walk - np.interp(minutes, knots, np.interp(knots, minutes, walk))
    path = _hold_supports(edges, np.exp(np.interp(minutes, knots, levels) + bridge))

    first, last = path[:-1], path[1:]
    reach = np.abs(rng.normal(0, 1, (2, len(opened)))) * 0.0011 * (1 + 0.9 * heat) * first
    high = np.maximum(first, last) + reach[0]
    low = np.maximum(np.minimum(first, last) - reach[1], _CRASH_LOW * 1.002)
    low[opened == np.datetime64(_CRASH_LOW_AT)] = _CRASH_LOW
    rounded = {"open": first, "high": high, "low": low, "close": last}
    return {name: np.round(np.round(values / _TICK) * _TICK, 1) for name, values in rounded.items()}


def _hold_supports(edges: Array, path: Floats) -> Floats:
    """Return the path turned back at each support on the days before it breaks."""
    held = path.copy()
    for sell_off in _SELL_OFFS:
        breaks = np.datetime64(sell_off.at, "m")
        quiet = np.timedelta64(int(sell_off.quiet_days * 24 * 60), "m")
        floor = sell_off.support * 1.002
        below = (edges >= breaks - quiet) & (edges < breaks) & (held < floor)
        held[below] = np.minimum(2 * floor - held[below], floor * 1.02)
    return held


def _volume(
    opened: Array, prices: dict[str, Floats], heat: Floats, rng: np.random.Generator
) -> Floats:
    """Return traded base units: busier in US hours and on wide bars, many times more in flushes."""
    hour = (opened - opened.astype("datetime64[D]")).astype("timedelta64[m]").astype(float) / 60
    season = 0.8 + 0.7 * np.exp(-(((hour - 15.5) / 3.5) ** 2))
    reach = (prices["high"] - prices["low"]) / prices["close"] / 0.004
    noise = rng.lognormal(-0.08, 0.4, len(opened))
    calm = 620 * season * noise * (0.6 + 0.4 * np.minimum(reach, 3))
    volume: Floats = np.round(calm * (1 + 3.5 * heat), 3)
    return volume


def _marks(prices: dict[str, Floats], heat: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    """Return mark prices: the last price less a small discount that widens in flushes."""
    edges = np.append(prices["open"][0], prices["close"])
    noise = _autoregressive(rng.normal(0, 0.00004, len(edges)), 0.9)
    discount = noise - 0.00015 - 0.0008 * np.append(heat[0], heat)
    marks = np.round(edges * (1 + discount), 2)
    first, last = marks[:-1], marks[1:]
    above = prices["high"] - np.maximum(prices["open"], prices["close"])
    below = np.minimum(prices["open"], prices["close"]) - prices["low"]
    # A mark follows a basket of venues: wicks on one of them are damped.
    return {
        "open": first,
        "high": np.round(np.maximum(first, last) + 0.8 * above, 2),
        "low": np.round(np.minimum(first, last) - 0.8 * below, 2),
        "close": last,
    }


def _autoregressive(shocks: Floats, persistence: float) -> Floats:
    """Return ``x[t] = persistence * x[t - 1] + shocks[t]``."""
    values = np.empty(len(shocks))
    level = 0.0
    for i, shock in enumerate(shocks):
        level = persistence * level + shock
        values[i] = level
    return values


def _funding(opened: Array, close: Floats, rng: np.random.Generator) -> Channel:
    """Return funding every eight hours: about 0.006%, lower and then negative after falls."""
    event = np.arange(opened[0].astype(np.int64), opened[-1].astype(np.int64), _FUNDING_NS)
    row = np.minimum(np.arange(len(event)) * (_BARS_A_DAY // 3), len(close) - 1)
    two_days_ago = np.maximum(row - 2 * _BARS_A_DAY, 0)
    drift = close[row] / close[two_days_ago] - 1
    rate = 0.00006 + np.clip(0.0018 * drift, -0.00018, 0.00014)
    rate += _autoregressive(rng.normal(0, 0.000012, len(event)), 0.5)
    lowest = np.datetime64("2026-02-07T00:00", "ns").astype(np.int64)
    rate = np.round(np.maximum(rate, -0.00015), 8)
    rate[event == lowest] = -0.000152
    return _channel(ChannelKind.FUNDING, event, event, {"rate": rate})


def _open_interest(opened: Array, close: Floats, heat: Floats, rng: np.random.Generator) -> Channel:
    """Return open interest at each full hour: contracts close in flushes and come back slowly."""
    per_hour = int(HOUR_NS // TIMEFRAME.ns)
    hours = len(opened) // per_hour
    flush = (heat[: hours * per_hour].reshape(hours, per_hour) >= 1).mean(axis=1)
    noise = rng.normal(0, 0.0012, hours)
    level, base = np.empty(hours), 101_000.0
    for i in range(hours):
        base *= 1 - 0.055 * flush[i] + 0.012 * (1 - base / 101_000) + noise[i]
        level[i] = base
    event = opened[0].astype(np.int64) + HOUR_NS * np.arange(1, hours + 1)
    at_close = close[per_hour - 1 : hours * per_hour : per_hour]
    level = np.round(level, 3)
    values = {"open_interest_base": level, "open_interest_quote": np.round(level * at_close, 2)}
    return _channel(ChannelKind.OPEN_INTEREST, event, event, values)


def _macro(
    name: str,
    anchors: tuple[tuple[str, float], ...],
    noise: float,
    decimals: int,
    rng: np.random.Generator,
) -> Channel:
    """Return a daily series through its anchors, with the release time of the real one."""
    days = np.arange(np.datetime64(MACRO_START), np.datetime64(END, "D"))
    days = np.unique(add_business_days(FEDERAL_RESERVE, days, 0))
    knots = np.array([np.datetime64(day) for day, _ in anchors]).astype(float)
    at = days.astype(float)
    walk = np.cumsum(rng.normal(0, noise, len(days)))
    bridge = walk - np.interp(at, knots, np.interp(knots, at, walk))
    values = np.interp(at, knots, np.array([value for _, value in anchors])) + bridge
    if name == "DGS10":
        known = local_instants(
            add_business_days(FEDERAL_RESERVE, days, 1), "16:15", "America/New_York"
        )
    else:
        known = local_instants(days, "17:00", "America/New_York")
    event = days.astype("datetime64[ns]").astype(np.int64)
    return _channel(ChannelKind.SERIES, event, known, {"value": np.round(values, decimals)}, name)


def _bar_channel(kind: ChannelKind, opened: Array, values: dict[str, Floats]) -> Channel:
    at = opened.astype(np.int64)
    times = {"opened_at": at, "closed_at": at + TIMEFRAME.ns, "available_at": at + TIMEFRAME.ns}
    label = np.full(len(at), Provenance.SYNTHETIC, dtype=np.int8)
    return Channel(ChannelKey(PERP, kind, TIMEFRAME.label), {**times, **values, "label": label})


def _channel(
    kind: ChannelKind, event: Array, known: Array, values: dict[str, Floats], name: str = PERP
) -> Channel:
    times = dict(zip(time_columns(kind), (event, known), strict=True))
    label = np.full(len(event), Provenance.SYNTHETIC, dtype=np.int8)
    return Channel(ChannelKey(name, kind), {**times, **values, "label": label})
