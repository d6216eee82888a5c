"""The bitcoin perp of an episode: value in, a flywheel's path out, moved onto published prices.

The value moves with the Nasdaq (the phase's beta) and with its own noise; the noise has stochastic
volatility with a daily pattern, less at weekends and many times more in flushes. The flywheel adds
liquidations, slippage and volatility sellers. These move the path, so the drift between two
published prices is corrected and the market is run again; the remaining correction is a smooth
factor close to 1.
"""

from dataclasses import dataclass, replace

import numpy as np

from data_feeds.clock import DAY_NS, Instants, text_ns, utc_days
from data_feeds.simulation import published_values
from data_feeds.simulation.cohort_book import book_at_rest
from data_feeds.simulation.episode_parameters import EpisodeParameters
from data_feeds.simulation.factors import DailyValues, phase_values
from data_feeds.simulation.flywheel import FlywheelInputs, FlywheelPath, simulate
from data_feeds.simulation.flywheel_parameters import FlywheelParams
from data_feeds.simulation.paths import Floats, folded, heavy_tailed, steps_between, through
from data_feeds.simulation.perp import (
    BAR_NS,
    CALM,
    COHORTS,
    FUND_SHARE,
    LEVERAGES,
    MARKS,
    PRICES,
    WICK,
    equity_moves,
    own_variance,
    perp_market,
    rounded_returns,
    scaled,
    with_wicks,
    within_bars,
)
from data_feeds.simulation.published_values import PublishedValue

__all__ = ["BAR_NS", "BitcoinMarket", "bitcoin_market"]

TICK = 0.1

# Share of a phase's variance that comes from neither equities nor forced selling.
_OWN_SHARE = 0.5
# Number of corrections of the drift, each with a new run of the market.
_ROUNDS = 4
# Least distance of other prices from a published low or high, fraction.
_MARGIN_OF_EXTREMES = 0.0005
# Usual premium in ``perp_market``.
_USUAL_CROWDING = 0.0001
# Above this many usual widths a bar's volume grows with its width.
_WIDE_BAR = 5.0


@dataclass(frozen=True)
class BitcoinMarket:
    """15-minute bars: opening instants (ns UTC), the path, and settlements (instants, rates)."""

    opened_at: Instants
    path: FlywheelPath
    settled_at: Instants
    rates: Floats


def bitcoin_market(
    episode: EpisodeParameters, daily: DailyValues, rng: np.random.Generator
) -> BitcoinMarket:
    """Return the perp's market of an episode."""
    opened = np.arange(text_ns(episode.start), text_ns(episode.end), BAR_NS)
    variance = _variance(episode, opened, rng)
    shares, wiggle = within_bars(variance, rng)
    noise = np.sqrt(variance) * heavy_tailed(rng, len(opened), 6.0)
    beta = phase_values(episode.phases, utc_days(opened), "bitcoin_beta")
    noise += beta * equity_moves(opened, daily.sessions, daily.returns("QQQ"), rng)
    rows, levels = _points(opened)
    variance = np.maximum(variance, variance.mean() * 1e-3)
    value = through(np.cumsum(noise), variance, rows, np.log(levels))
    for item in _extremes(opened):
        near = np.abs(opened - text_ns(item.at)) <= item.bounds * DAY_NS
        near[rows] = False
        inside = 0.985 if item.field == "high" else 1.015
        bound = float(np.log(item.value * inside))
        value = folded(value, bound, near, is_high=item.field == "high")
    steps = np.diff(value, prepend=value[0])
    market, price = _market(episode, opened, value, rng), float(np.exp(value[0]))
    loose = episode.looseness
    share = 1 - loose * (1 - FlywheelParams().index_share)
    params = FlywheelParams(account_quote=50_000.0, index_share=share)
    # The fund fits the market at its largest, because venues raise their fund with the market.
    fund = FUND_SHARE * float((market.open_interest_base * np.exp(value)).max())
    for _ in range(_ROUNDS):
        driven = replace(market, returns=rounded_returns(steps, shares, wiggle))
        book = book_at_rest(
            price, float(market.open_interest_base[0]), LEVERAGES, CALM, params.account_quote,
            cohorts=COHORTS,
        )  # fmt: skip
        path = simulate(params, book, driven, price, fund)
        missed = np.log(levels) - np.log(path.close[rows])
        steps = steps + steps_between(variance, rows, missed)
    log = np.interp(np.arange(len(opened)), rows, missed)
    path = with_wicks(scaled(path, np.exp(log)), WICK * np.sqrt(variance), rng)
    path = _on_the_tick(_with_panic(path, params), opened, rows, levels)
    settled = np.flatnonzero(market.is_settlement)
    rates = _with_known_rates(opened[settled], path.funding[settled])
    return BitcoinMarket(opened, path, opened[settled], rates)


def _variance(episode: EpisodeParameters, opened: Instants, rng: np.random.Generator) -> Floats:
    """Return the variance of each bar's own log return."""
    yearly = phase_values(episode.phases, utc_days(opened), "bitcoin_volatility")
    own = own_variance(opened, yearly * np.sqrt(_OWN_SHARE), rng)
    for first, last, times in episode.flushes:
        own[(opened >= text_ns(first)) & (opened < text_ns(last))] *= times
    return own


def _points(opened: Instants) -> tuple[Instants, Floats]:
    """Return the rows with a published close, and the closes; a day closes with its last bar."""
    known: dict[int, float] = {}
    for item in (*published_values.BITCOIN, *published_values.INTRADAY):
        if item.field != "close":
            continue
        at = text_ns(item.at) if "T" in item.at else text_ns(item.at) + DAY_NS - BAR_NS
        if opened[0] <= at <= opened[-1]:
            known[int((at - opened[0]) // BAR_NS)] = item.value
    rows = np.array(sorted(known), dtype=np.int64)
    return rows, np.array([known[int(row)] for row in rows])


def _market(
    episode: EpisodeParameters, opened: Instants, value: Floats, rng: np.random.Generator
) -> FlywheelInputs:
    """Return the flywheel's inputs, without the returns."""
    at = opened.astype(np.float64)
    known = np.array(
        [(text_ns(item.at) + DAY_NS, item.value) for item in published_values.OPEN_INTEREST]
    )
    normal = np.array([(text_ns(day), volume) for day, volume in episode.normal_volume])
    market = perp_market(
        opened,
        value,
        rng,
        interest=np.exp(np.interp(at, known[:, 0], np.log(known[:, 1]))),
        daily_volume=np.exp(np.interp(at, normal[:, 0], np.log(normal[:, 1]))),
        fragility=phase_values(episode.phases, utc_days(opened), "fragility"),
    )
    crowding = episode.premium + episode.looseness * (market.crowding - _USUAL_CROWDING)
    return replace(market, crowding=np.round(crowding, 10))


def _with_panic(path: FlywheelPath, params: FlywheelParams) -> FlywheelPath:
    """Return a path with more volume in its widest bars, because the model caps volume."""
    usual = params.reference_volatility / np.sqrt(365 * DAY_NS / BAR_NS)
    widths = (path.high / path.low - 1) / usual
    return replace(path, volume=path.volume * np.maximum(widths / _WIDE_BAR, 1.0))


def _extremes(opened: Instants) -> list[PublishedValue]:
    """Return the published lows and highs on these bars."""
    return [
        item
        for item in published_values.BITCOIN
        if item.bounds and opened[0] <= text_ns(item.at) <= opened[-1]
    ]


def _on_the_tick(
    path: FlywheelPath, opened: Instants, rows: Instants, levels: Floats
) -> FlywheelPath:
    """Return a path rounded to the tick, with exact published closes, lows and highs."""
    prices = {name: getattr(path, name).copy() for name in (*PRICES, *MARKS)}
    prices["close"][rows] = levels
    following = rows[rows + 1 < len(opened)] + 1
    prices["open"][following] = prices["close"][following - 1]
    for item in _extremes(opened):
        _hold_extreme(prices, opened, item)
    for names, tick in ((PRICES, TICK), (MARKS, 0.01)):
        first, high, low, last = (np.round(prices[name] / tick) * tick for name in names)
        top, bottom = np.maximum(first, last), np.minimum(first, last)
        rounded = (first, np.maximum(high, top), np.minimum(low, bottom), last)
        prices |= {name: np.round(values, 2) for name, values in zip(names, rounded, strict=True)}
    return replace(path, **prices)


def _hold_extreme(prices: dict[str, Floats], opened: Instants, item: PublishedValue) -> None:
    """Set a bar's published low or high, and keep the prices around it inside."""
    row = int((text_ns(item.at) - opened[0]) // BAR_NS)
    near = np.abs(opened - text_ns(item.at)) <= item.bounds * DAY_NS
    if item.field == "low":
        bound = item.value * (1 + _MARGIN_OF_EXTREMES)
        for name in PRICES:
            prices[name][near] = np.maximum(prices[name][near], bound)
        prices["low"][row] = item.value
    else:
        bound = item.value * (1 - _MARGIN_OF_EXTREMES)
        for name in PRICES:
            prices[name][near] = np.minimum(prices[name][near], bound)
        prices["high"][row] = item.value


def _with_known_rates(settled_at: Instants, rates: Floats) -> Floats:
    """Return funding rates with the published rates set and no lower rate around them."""
    rates = np.round(rates, 8)
    for item in published_values.FUNDING:
        at = text_ns(item.at)
        near = np.abs(settled_at - at) <= item.bounds * DAY_NS
        rates[near] = np.maximum(rates[near], round(item.value * 0.95, 8))
        rates[settled_at == at] = item.value
    return rates
