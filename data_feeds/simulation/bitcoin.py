"""The bitcoin perp of an episode: exogenous value in, a flywheel's path out, moved onto the facts.

The value moves with the Nasdaq (the phase's beta), with noise of its own whose volatility is
stochastic, seasonal over the day, lower at weekends and many times larger in the flushes. The
flywheel adds liquidations, slippage and volatility sellers. Because these move the path, the drift
between two facts is corrected and the market run again; what is left is a smooth factor close to 1.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data_feeds.calendar import session_bounds
from data_feeds.simulation import facts
from data_feeds.simulation.book import book_at_rest
from data_feeds.simulation.episodes import Episode
from data_feeds.simulation.factors import DailyMarket, phase_values
from data_feeds.simulation.facts import Fact
from data_feeds.simulation.flywheel import FlywheelPath, Market, simulate
from data_feeds.simulation.parameters import FlywheelParams
from data_feeds.simulation.paths import (
    Floats,
    folded,
    heavy_tailed,
    steps_between,
    stochastic_volatility,
    through,
)
from data_feeds.timeframe import DAY_NS, HOUR_NS, MINUTE_NS

Instants = NDArray[np.int64]

BAR_NS = 15 * MINUTE_NS
STEPS = 5
TICK = 0.1
FUNDING_NS = 8 * HOUR_NS

_BARS_A_DAY = DAY_NS // BAR_NS
_BARS_A_YEAR = 365 * _BARS_A_DAY
# The share of a phase's variance that is neither equities' nor forced selling's.
_OWN_SHARE = 0.6
# How often the drift is corrected and the market run again.
_ROUNDS = 4
_COHORTS = 120
# The insurance fund at the start, as a share of open interest.
_FUND_SHARE = 0.04
# Wicks between the model's steps, as a share of a bar's own volatility.
_WICK = 0.25
# Open interest by leverage in a calm and in a crowded market.
_LEVERAGES = np.array([2.0, 5.0, 10.0, 20.0, 50.0])
_CALM = np.array([0.72, 0.18, 0.07, 0.02, 0.01])
_CROWDED = np.array([0.60, 0.20, 0.12, 0.06, 0.02])
# Order-book depth at 1% as a share of open interest, calm and fragile.
_DEPTH_CALM, _DEPTH_FRAGILE = 0.09, 0.05
_WEEKEND_DEPTH, _WEEKEND_VOLATILITY = 0.65, 0.75
# No other price comes closer than this to a low or high that is a fact, fraction.
_MARGIN_OF_EXTREMES = 0.0005


@dataclass(frozen=True)
class BitcoinMarket:
    """15-minute bars: opening instants (ns UTC), the path, and settlements (instants, rates)."""

    opened_at: Instants
    path: FlywheelPath
    settled_at: Instants
    rates: Floats


def bitcoin_market(episode: Episode, daily: DailyMarket, rng: np.random.Generator) -> BitcoinMarket:
    """Return the perp's market of an episode."""
    opened = np.arange(_ns(episode.start), _ns(episode.end), BAR_NS)
    variance = _variance(episode, opened, rng)
    shares = rng.dirichlet(np.full(STEPS, 4.0), len(opened))
    wiggle = rng.normal(0.0, 1.0, (len(opened), STEPS)) * np.sqrt(variance / STEPS)[:, None]
    wiggle -= wiggle.mean(axis=1, keepdims=True)
    noise = np.sqrt(variance) * heavy_tailed(rng, len(opened), 6.0)
    noise += phase_values(episode.phases, _dates(opened), "bitcoin_beta") * _equity_moves(
        opened, daily, rng
    )
    rows, levels = _points(opened)
    variance = np.maximum(variance, variance.mean() * 1e-3)
    value = through(np.cumsum(noise), variance, rows, np.log(levels))
    for fact in _extremes(opened):
        near = np.abs(opened - _ns(fact.at)) <= fact.bounds * DAY_NS
        near[rows] = False
        inside = 0.985 if fact.field == "high" else 1.015
        bound = float(np.log(fact.value * inside))
        value = folded(value, bound, near, is_high=fact.field == "high")
    steps = np.diff(value, prepend=value[0])
    market, price = _market(episode, opened, value, rng), float(np.exp(value[0]))
    params = FlywheelParams(account_quote=50_000.0)
    # Inputs are rounded: a cascade would magnify what processors differ in.
    for _ in range(_ROUNDS):
        driven = replace(market, returns=np.round(steps[:, None] * shares + 1.2 * wiggle, 10))
        book = book_at_rest(
            price, float(market.open_interest_base[0]), _LEVERAGES, _CALM, params.account_quote,
            cohorts=_COHORTS,
        )  # fmt: skip
        path = simulate(
            params, book, driven, price, _FUND_SHARE * price * market.open_interest_base[0]
        )
        missed = np.log(levels) - np.log(path.close[rows])

        steps = steps + steps_between(variance, rows, missed)
    log = np.interp(np.arange(len(opened)), rows, missed)
    path = _with_wicks(_scaled(path, np.exp(log)), _WICK * np.sqrt(variance), rng)
    path = _on_the_tick(path, opened, rows, levels)
    settled = np.flatnonzero(market.is_settlement)
    rates = _with_known_rates(opened[settled], path.funding[settled])
    return BitcoinMarket(opened, path, opened[settled], rates)


def _ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


def _dates(opened: Instants) -> NDArray[np.datetime64]:
    return opened.astype("datetime64[ns]").astype("datetime64[D]")


def _variance(episode: Episode, opened: Instants, rng: np.random.Generator) -> Floats:
    """Return the variance of each bar's own log return."""
    days = _dates(opened)
    hour = (opened % DAY_NS) / HOUR_NS
    season = 0.75 + 0.75 * np.exp(-(((hour - 15.0) / 3.5) ** 2))
    weekend = np.where(_is_weekend(opened), _WEEKEND_VOLATILITY, 1.0)
    # One factor lasts days, one an afternoon.
    wild = stochastic_volatility(rng, len(opened), persistence=0.998, spread=0.35)
    wild *= stochastic_volatility(rng, len(opened), persistence=0.93, spread=0.30)
    yearly = phase_values(episode.phases, days, "bitcoin_volatility")
    own: Floats = yearly**2 / _BARS_A_YEAR * (season * weekend * wild) ** 2 * _OWN_SHARE
    for first, last, times in episode.flushes:
        own[(opened >= _ns(first)) & (opened < _ns(last))] *= times
    return own


def _is_weekend(opened: Instants) -> NDArray[np.bool_]:
    # The epoch was a Thursday.
    weekday = (opened // DAY_NS + 3) % 7
    return np.asarray(weekday >= 5)


def _equity_moves(opened: Instants, daily: DailyMarket, rng: np.random.Generator) -> Floats:
    """Return the Nasdaq's log return bar by bar: most of it in its session, some before."""
    moves = np.zeros(len(opened))
    begins, ends = session_bounds("XNYS", daily.sessions)
    for begin, end, move in zip(begins, ends, daily.returns("QQQ"), strict=True):
        first, middle, last = np.searchsorted(opened, (begin - 8 * HOUR_NS, begin, end))
        for a, b, share in ((first, middle, 0.35), (middle, last, 0.65)):
            if b > a:
                weights = rng.dirichlet(np.full(b - a, 1.5))
                moves[a:b] += share * move * weights
    return moves


def _points(opened: Instants) -> tuple[Instants, Floats]:
    """Return the rows whose close is known, and the closes; days close with their last bar."""
    known: dict[int, float] = {}
    for fact in (*facts.BITCOIN, *facts.INTRADAY):
        if fact.field != "close":
            continue
        at = _ns(fact.at) if "T" in fact.at else _ns(fact.at) + DAY_NS - BAR_NS
        if opened[0] <= at <= opened[-1]:
            known[int((at - opened[0]) // BAR_NS)] = fact.value
    rows = np.array(sorted(known), dtype=np.int64)
    return rows, np.array([known[int(row)] for row in rows])


def _market(episode: Episode, opened: Instants, value: Floats, rng: np.random.Generator) -> Market:
    """Return what drives the flywheel, apart from the returns."""
    days = _dates(opened)
    fragility = phase_values(episode.phases, days, "fragility")
    at = opened.astype(np.float64)
    known = np.array([(_ns(fact.at) + DAY_NS, fact.value) for fact in facts.OPEN_INTEREST])
    interest = np.exp(np.interp(at, known[:, 0], np.log(known[:, 1])))
    normal = np.array([(_ns(day), volume) for day, volume in episode.normal_volume])
    hour = (opened % DAY_NS) / HOUR_NS
    season = 0.7 + 0.8 * np.exp(-(((hour - 15.5) / 3.5) ** 2))
    volume = np.exp(np.interp(at, normal[:, 0], np.log(normal[:, 1]))) / _BARS_A_DAY * season
    weekend = _is_weekend(opened)
    volume *= np.where(weekend, 0.7, 1.0) * rng.lognormal(-0.06, 0.35, len(opened))
    share = _DEPTH_CALM + (_DEPTH_FRAGILE - _DEPTH_CALM) * fragility
    depth = interest * np.exp(value) * share * np.where(weekend, _WEEKEND_DEPTH, 1.0)
    week = np.minimum(np.arange(len(opened)), 7 * _BARS_A_DAY)
    trend = value - value[np.arange(len(opened)) - week]
    crowding = np.clip(0.0001 + 0.005 * trend, -0.0008, 0.0018)
    crowded = rng.uniform(size=len(opened)) < fragility
    ranks = rng.uniform(size=len(opened))
    calm_row = np.searchsorted(np.cumsum(_CALM), ranks)
    crowded_row = np.searchsorted(np.cumsum(_CROWDED), ranks)
    row = np.minimum(np.where(crowded, crowded_row, calm_row), len(_LEVERAGES) - 1)
    return Market(
        returns=np.zeros((len(opened), STEPS)),
        depth_quote=np.round(depth),
        volume_base=np.round(volume, 3),
        open_interest_base=np.round(interest, 3),
        leverage=_LEVERAGES[row],
        # Shorts are hedges more often than bets.
        short_leverage=np.maximum(0.5 * _LEVERAGES[row], 1.5),
        crowding=np.round(crowding, 10),
        sellers_base=0.06 * interest,
        buyers_base=0.12 * interest,
        is_settlement=opened % FUNDING_NS == 0,
        steps_per_year=float(_BARS_A_YEAR * STEPS),
    )


def _extremes(opened: Instants) -> list[Fact]:
    """Return the known lows and highs that fall on these bars."""
    return [
        fact for fact in facts.BITCOIN if fact.bounds and opened[0] <= _ns(fact.at) <= opened[-1]
    ]


_PRICES = ("open", "high", "low", "close")
_MARKS = ("mark_open", "mark_high", "mark_low", "mark_close")


def _scaled(path: FlywheelPath, factor: Floats) -> FlywheelPath:
    """Return a path with its prices multiplied, bar by bar; each bar opens where one closed."""
    before = np.concatenate((factor[:1], factor[:-1]))
    changed = {}
    for first, high, low, last in (_PRICES, _MARKS):
        opens, closes = getattr(path, first) * before, getattr(path, last) * factor
        changed[first], changed[last] = opens, closes
        changed[high] = np.maximum.reduce([getattr(path, high) * factor, opens, closes])
        changed[low] = np.minimum.reduce([getattr(path, low) * factor, opens, closes])
    return replace(path, **changed)


def _with_wicks(path: FlywheelPath, size: Floats, rng: np.random.Generator) -> FlywheelPath:
    """Return a path whose bars reach a little beyond the model's steps; marks stay as they are."""
    up, down = np.abs(rng.normal(0.0, 1.0, (2, len(size)))) * size
    return replace(path, high=path.high * np.exp(up), low=path.low * np.exp(-down))


def _on_the_tick(
    path: FlywheelPath, opened: Instants, rows: Instants, levels: Floats
) -> FlywheelPath:
    """Return a path rounded to the tick that meets its closes, lows and highs exactly."""
    prices = {name: getattr(path, name).copy() for name in (*_PRICES, *_MARKS)}
    prices["close"][rows] = levels
    following = rows[rows + 1 < len(opened)] + 1
    prices["open"][following] = prices["close"][following - 1]
    for fact in _extremes(opened):
        _hold_extreme(prices, opened, fact)
    for names, tick in ((_PRICES, TICK), (_MARKS, 0.01)):
        first, high, low, last = (np.round(prices[name] / tick) * tick for name in names)
        top, bottom = np.maximum(first, last), np.minimum(first, last)
        rounded = (first, np.maximum(high, top), np.minimum(low, bottom), last)
        prices |= {name: np.round(values, 2) for name, values in zip(names, rounded, strict=True)}
    return replace(path, **prices)


def _hold_extreme(prices: dict[str, Floats], opened: Instants, fact: Fact) -> None:
    """Give a bar its known low or high, and keep the weeks around it from passing it."""
    row = int((_ns(fact.at) - opened[0]) // BAR_NS)
    near = np.abs(opened - _ns(fact.at)) <= fact.bounds * DAY_NS
    if fact.field == "low":
        bound = fact.value * (1 + _MARGIN_OF_EXTREMES)
        for name in _PRICES:
            prices[name][near] = np.maximum(prices[name][near], bound)
        prices["low"][row] = fact.value
    else:
        bound = fact.value * (1 - _MARGIN_OF_EXTREMES)
        for name in _PRICES:
            prices[name][near] = np.minimum(prices[name][near], bound)
        prices["high"][row] = fact.value


def _with_known_rates(settled_at: Instants, rates: Floats) -> Floats:
    """Return funding rates with the known ones in place and no lower one within ten days."""
    rates = np.round(rates, 8)
    for fact in facts.FUNDING:
        at = _ns(fact.at)
        near = np.abs(settled_at - at) <= 10 * DAY_NS
        rates[near] = np.maximum(rates[near], round(fact.value * 0.95, 8))
        rates[settled_at == at] = fact.value
    return rates
