"""Inputs of a bitcoin perp's market bar by bar: daily rhythm, depth, leverage, wicks.

A reconstruction (``bitcoin``) and a scenario (``scenario_perps``) share these functions.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data_feeds.calendar import session_bounds
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS, Dates, Instants
from data_feeds.simulation.flywheel import FlywheelInputs, FlywheelPath
from data_feeds.simulation.paths import Floats, stochastic_volatility

BAR_NS = 15 * MINUTE_NS
STEPS = 5
FUNDING_NS = 8 * HOUR_NS
BARS_A_DAY = DAY_NS // BAR_NS
COHORTS = 120
# The insurance fund at the start, as a share of open interest.
FUND_SHARE = 0.04
# Wicks between the model's steps, as a share of a bar's own volatility.
WICK = 0.25
# Open interest by leverage in a calm and in a crowded market.
LEVERAGES = np.array([2.0, 5.0, 10.0, 20.0, 50.0])
CALM = np.array([0.72, 0.18, 0.07, 0.02, 0.01])

PRICES = ("open", "high", "low", "close")
MARKS = ("mark_open", "mark_high", "mark_low", "mark_close")

_CROWDED = np.array([0.60, 0.20, 0.12, 0.06, 0.02])
_BARS_A_YEAR = 365 * BARS_A_DAY
# Order-book depth at 1% as a share of open interest, calm and fragile.
_DEPTH_CALM, _DEPTH_FRAGILE = 0.09, 0.05
_WEEKEND_DEPTH, _WEEKEND_VOLATILITY = 0.65, 0.75


def own_variance(opened: Instants, yearly: Floats, rng: np.random.Generator) -> Floats:
    """Return the variance of each bar's own log return, by hour, weekday and random factors.

    ``yearly`` is the mean annualized volatility of these returns, a fraction, one a bar.
    """
    rhythm = _rhythm(opened) ** 2 / _MEAN_RHYTHM
    # One factor lasts days, one an afternoon.
    wild = stochastic_volatility(rng, len(opened), persistence=0.998, spread=0.35)
    wild *= stochastic_volatility(rng, len(opened), persistence=0.93, spread=0.30)
    own: Floats = yearly**2 / _BARS_A_YEAR * rhythm * wild**2
    return own


def _rhythm(opened: Instants) -> Floats:
    """Return the factor of volatility by hour and weekday."""
    hour = (opened % DAY_NS) / HOUR_NS
    season = 0.75 + 0.75 * np.exp(-(((hour - 15.0) / 3.5) ** 2))
    rhythm: Floats = season * np.where(_is_weekend(opened), _WEEKEND_VOLATILITY, 1.0)
    return rhythm


def within_bars(variance: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return each step's share of its bar's move, and noise that sums to 0 in a bar."""
    shares = rng.dirichlet(np.full(STEPS, 4.0), len(variance))
    wiggle = rng.normal(0.0, 1.0, (len(variance), STEPS)) * np.sqrt(variance / STEPS)[:, None]
    wiggle -= wiggle.mean(axis=1, keepdims=True)
    return shares, wiggle


def rounded_returns(steps: Floats, shares: Floats, wiggle: Floats) -> Floats:
    """Return the exogenous log returns of each step, shape (bars, steps a bar).

    Inputs are rounded, because a cascade would amplify differences between processors.
    """
    returns: Floats = np.round(steps[:, None] * shares + 1.2 * wiggle, 10)
    return returns


def equity_moves(
    opened: Instants, sessions: Dates, returns: Floats, rng: np.random.Generator
) -> Floats:
    """Return the Nasdaq's log return bar by bar: 65% in the session, 35% before.

    ``returns`` has one value per New York session.
    """
    moves = np.zeros(len(opened))
    begins, ends = session_bounds("XNYS", sessions)
    for begin, end, move in zip(begins, ends, returns, strict=True):
        first, middle, last = np.searchsorted(opened, (begin - 8 * HOUR_NS, begin, end))
        for a, b, share in ((first, middle, 0.35), (middle, last, 0.65)):
            if b > a:
                weights = rng.dirichlet(np.full(b - a, 1.5))
                moves[a:b] += share * move * weights
    return moves


def _is_weekend(opened: Instants) -> NDArray[np.bool_]:
    # The epoch was a Thursday.
    weekday = (opened // DAY_NS + 3) % 7
    return np.asarray(weekday >= 5)


_MEAN_RHYTHM = float(np.mean(_rhythm(np.arange(0, 7 * DAY_NS, BAR_NS)) ** 2))


def perp_market(
    opened: Instants,
    value: Floats,
    rng: np.random.Generator,
    *,
    interest: Floats,
    daily_volume: Floats,
    fragility: Floats,
) -> FlywheelInputs:
    """Return the flywheel's inputs with returns of 0.

    Parameters
    ----------
    opened : opening instants, ns UTC, one a bar, like the arrays below
    value : log of the asset's value
    interest : wanted open interest, base units
    daily_volume : volume of a quiet day, base units
    fragility : crowding of the book and thinness of the order book, 0 to 1
    """
    hour = (opened % DAY_NS) / HOUR_NS
    season = 0.7 + 0.8 * np.exp(-(((hour - 15.5) / 3.5) ** 2))
    volume = daily_volume / BARS_A_DAY * season
    weekend = _is_weekend(opened)
    volume *= np.where(weekend, 0.7, 1.0) * rng.lognormal(-0.06, 0.35, len(opened))
    share = _DEPTH_CALM + (_DEPTH_FRAGILE - _DEPTH_CALM) * fragility
    depth = interest * np.exp(value) * share * np.where(weekend, _WEEKEND_DEPTH, 1.0)
    week = np.minimum(np.arange(len(opened)), 7 * BARS_A_DAY)
    trend = value - value[np.arange(len(opened)) - week]
    crowding = np.clip(0.0001 + 0.005 * trend, -0.0008, 0.0018)
    leverage = _leverages(fragility, rng)
    return FlywheelInputs(
        returns=np.zeros((len(opened), STEPS)),
        depth_quote=np.round(depth),
        volume_base=np.round(volume, 3),
        open_interest_base=np.round(interest, 3),
        leverage=leverage,
        # Shorts are more often hedges, with less leverage.
        short_leverage=np.maximum(0.5 * leverage, 1.5),
        crowding=np.round(crowding, 10),
        sellers_base=0.06 * interest,
        buyers_base=0.12 * interest,
        is_settlement=opened % FUNDING_NS == 0,
        steps_per_year=float(_BARS_A_YEAR * STEPS),
    )


def _leverages(fragility: Floats, rng: np.random.Generator) -> Floats:
    """Return the leverage of the positions that each bar opens."""
    crowded = rng.uniform(size=len(fragility)) < fragility
    ranks = rng.uniform(size=len(fragility))
    calm_row = np.searchsorted(np.cumsum(CALM), ranks)
    crowded_row = np.searchsorted(np.cumsum(_CROWDED), ranks)
    row = np.minimum(np.where(crowded, crowded_row, calm_row), len(LEVERAGES) - 1)
    return LEVERAGES[row]


def scaled(path: FlywheelPath, factor: Floats) -> FlywheelPath:
    """Return a path with prices multiplied bar by bar; each bar opens at the previous close."""
    before = np.concatenate((factor[:1], factor[:-1]))
    changed = {}
    for first, high, low, last in (PRICES, MARKS):
        opens, closes = getattr(path, first) * before, getattr(path, last) * factor
        changed[first], changed[last] = opens, closes
        changed[high] = np.maximum.reduce([getattr(path, high) * factor, opens, closes])
        changed[low] = np.minimum.reduce([getattr(path, low) * factor, opens, closes])
    return replace(path, **changed)


def with_wicks(path: FlywheelPath, size: Floats, rng: np.random.Generator) -> FlywheelPath:
    """Return a path with wicks beyond the model's steps; marks stay unchanged."""
    up, down = np.abs(rng.normal(0.0, 1.0, (2, len(size)))) * size
    return replace(path, high=path.high * np.exp(up), low=path.low * np.exp(-down))
