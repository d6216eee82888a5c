"""Daily equities, yields, spreads and the dollar from a factor model with phases.

Returns of the S&P 500 have the phase's volatility times a stochastic factor and heavy tails. The
Nasdaq adds a technology factor. Single equities add their own noise and the episode's excess
return. Yields, the dollar, VIX and the high-yield spread move with equities by the phase's
parameters. Then every series is moved onto its published values like a Brownian bridge.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_feeds.calendar import sessions_between
from data_feeds.clock import Dates
from data_feeds.simulation import published_values
from data_feeds.simulation.episode_parameters import EpisodeParameters, PhaseParameters
from data_feeds.simulation.paths import (
    Floats,
    autoregressive,
    folded,
    heavy_tailed,
    stochastic_volatility,
    through,
)
from data_feeds.simulation.published_values import PublishedValue

EQUITIES = ("SPY", "QQQ", "SMH", "IGV", "NVDA", "MSFT", "TLT", "IEF", "GLD", "SH", "PSQ")
SERIES = ("SP500", "NASDAQCOM", "DGS10", "DGS3MO", "VIX", "BAMLH0A0HYM2", "DXY")

_SESSIONS_A_YEAR = 252
# Limit of a draw in its own standard deviations: heavy tails times a large volatility factor would
# sometimes give a move of once in a century.
_MOST_DEVIATIONS = 4.0
# Beta to the Nasdaq and annualized own volatility.
LOADINGS = {
    "QQQ": (1.0, 0.03), "SMH": (1.25, 0.16), "IGV": (1.0, 0.12), "NVDA": (1.5, 0.28),
    "MSFT": (0.95, 0.13),
}  # fmt: skip
# Effective duration, years, and own annualized volatility.
DURATIONS = {"TLT": (17.0, 0.045), "IEF": (7.6, 0.012)}
_GOLD_VOLATILITY = 0.15
# Persistence from one session to the next.
_FEAR_PERSISTENCE = 0.95
# Annual fee and financing of the inverse funds, fraction.
INVERSE_DRAG = 0.009


@dataclass(frozen=True)
class DailyValues:
    """One value per New York session: index levels, percent, points or prices."""

    sessions: Dates
    values: dict[str, Floats]

    def returns(self, name: str) -> Floats:
        """Return log returns; the first is 0."""
        return np.diff(np.log(self.values[name]), prepend=np.log(self.values[name][0]))


def phase_values(phases: Sequence[PhaseParameters], days: Dates, field: str) -> Floats:
    """Return one parameter of the phases for each day."""
    starts = np.array([phase.start for phase in phases], dtype="datetime64[D]")
    numbers = np.array([getattr(phase, field) for phase in phases], dtype=np.float64)
    rows = np.searchsorted(starts, days.astype("datetime64[D]"), side="right") - 1
    return numbers[np.maximum(rows, 0)]


def daily_market(episode: EpisodeParameters, rng: np.random.Generator) -> DailyValues:
    """Return the episode's daily equities and series."""
    first, last = np.datetime64(episode.start), np.datetime64(episode.end) - np.timedelta64(1, "D")
    sessions = sessions_between("XNYS", first, last)
    rows = len(sessions)
    wild = stochastic_volatility(rng, rows, persistence=0.94, spread=0.3)
    volatility = phase_values(episode.phases, sessions, "equity_volatility")
    equity_shock = _draws(rng, rows, 5.0)
    daily: Floats = volatility * wild / float(np.sqrt(_SESSIONS_A_YEAR))
    daily = daily / _size_by_phase(wild * equity_shock, episode.phases, sessions)
    values: dict[str, Floats] = {}
    most = _MOST_DEVIATIONS * volatility / float(np.sqrt(_SESSIONS_A_YEAR))
    moves = np.clip(daily * equity_shock, -most, most)
    values["SP500"] = _level(moves, daily, sessions, published_values.SP500, digits=2)
    market = np.diff(np.log(values["SP500"]), prepend=np.log(values["SP500"][0]))
    tech = 1.15 * market + 0.35 * daily * _draws(rng, rows, 6.0)
    values["NASDAQCOM"] = _level(tech, 0.4 * daily, sessions, published_values.NASDAQ, digits=2)
    _add_series(values, episode, sessions, daily, rng)
    _add_equities(values, episode, sessions, daily, rng)
    return DailyValues(sessions, values)


def _draws(rng: np.random.Generator, rows: int, degrees: float) -> Floats:
    """Return heavy-tailed draws of variance 1, cut at the most deviations."""
    cut: Floats = np.clip(heavy_tailed(rng, rows, degrees), -_MOST_DEVIATIONS, _MOST_DEVIATIONS)
    return cut


def _size_by_phase(draws: Floats, phases: Sequence[PhaseParameters], sessions: Dates) -> Floats:
    """Return, for each session, the root mean square of the draws in its phase.

    A short phase may draw a calm factor throughout. Divided by this value, the draws have the
    volatility of the phase.
    """
    starts = np.array([phase.start for phase in phases], dtype="datetime64[D]")
    phase_of = np.searchsorted(starts, sessions, side="right")
    total = np.bincount(phase_of, weights=draws**2)
    mean = total / np.maximum(np.bincount(phase_of), 1)
    size: Floats = np.sqrt(mean)[phase_of]
    return size


def _rows_of(known: Sequence[PublishedValue], sessions: Dates) -> tuple[NDArray[np.int64], Floats]:
    """Return the rows and values of the published values on these sessions, in order."""
    days = np.array([item.at for item in known], dtype="datetime64[D]")
    numbers = np.array([item.value for item in known], dtype=np.float64)
    order = np.argsort(days)
    days, numbers = days[order], numbers[order]
    inside = np.isin(days, sessions)
    return np.searchsorted(sessions, days[inside]), numbers[inside]


def _level(
    steps: Floats, spread: Floats, sessions: Dates, known: Sequence[PublishedValue], *, digits: int
) -> Floats:
    """Return a positive level with log ``steps``, moved onto its published values."""
    rows, numbers = _rows_of(known, sessions)
    log = through(np.cumsum(steps), spread**2, rows, np.log(numbers))
    level: Floats = np.exp(_within_records(log, sessions, known[0].name))
    return level.round(digits)


def _within_records(path: Floats, sessions: Dates, name: str) -> Floats:
    """Return a log path reflected at the record closing highs and lows around it."""
    for record in published_values.RECORDS:
        if record.name != name:
            continue
        days = np.abs((sessions - np.datetime64(record.at)).astype(np.int64))
        near, is_high = days <= record.bounds, record.field == "high"
        # A thousandth inside, so that rounding does not reach the record again.
        inside = 0.999 if is_high else 1.001
        near &= days > 0
        path = folded(path, float(np.log(record.value * inside)), near, is_high=is_high)
    return path


def _add_series(
    values: dict[str, Floats],
    episode: EpisodeParameters,
    sessions: Dates,
    daily: Floats,
    rng: np.random.Generator,
) -> None:
    """Add yields, the dollar, VIX and the high-yield spread."""
    rows = len(sessions)
    market = np.diff(np.log(values["SP500"]), prepend=np.log(values["SP500"][0]))
    standard = market / daily
    correlation = phase_values(episode.phases, sessions, "yield_correlation")
    size = phase_values(episode.phases, sessions, "yield_volatility")
    own = np.sqrt(1 - correlation**2) * _draws(rng, rows, 6.0)
    moves = size * (correlation * standard + own)
    at, numbers = _rows_of(published_values.YIELD_10Y, sessions)
    yields = np.log(np.maximum(through(np.cumsum(moves), size**2, at, numbers), 0.3))
    level: Floats = np.exp(_within_records(yields, sessions, "DGS10"))
    values["DGS10"] = level.round(2)
    at, numbers = _rows_of(published_values.BILL_3M, sessions)
    bill = through(np.cumsum(rng.normal(0, 0.012, rows)), np.ones(rows), at, numbers)
    values["DGS3MO"] = np.maximum(np.round(bill, 2), 0.0)
    dollar = 0.0042 * (-0.3 * standard + 0.95 * rng.standard_normal(rows))
    values["DXY"] = _level(
        dollar, np.full(rows, 0.0042), sessions, published_values.DOLLAR, digits=3
    )
    fear = -4.5 * market + 0.045 * _draws(rng, rows, 5.0)
    # The rise of VIX after a fall fades within weeks.
    fear = np.diff(autoregressive(fear, _FEAR_PERSISTENCE), prepend=0.0)
    values["VIX"] = np.maximum(
        _level(fear, 0.02 + daily, sessions, published_values.VIX, digits=2), 10.0
    )
    credit = -1.1 * market + 0.008 * rng.standard_normal(rows)
    spread = _level(credit, 0.004 + daily, sessions, published_values.HIGH_YIELD_SPREAD, digits=2)
    values["BAMLH0A0HYM2"] = np.maximum(spread, 2.4)


def _add_equities(
    values: dict[str, Floats],
    episode: EpisodeParameters,
    sessions: Dates,
    daily: Floats,
    rng: np.random.Generator,
) -> None:
    """Add the traded equities: prices in USD, two decimals."""
    rows = len(sessions)
    nasdaq = np.diff(np.log(values["NASDAQCOM"]), prepend=np.log(values["NASDAQCOM"][0]))
    values["SPY"] = np.round(values["SP500"] / 10, 2)
    for name, (beta, own) in LOADINGS.items():
        steps = beta * nasdaq + own / np.sqrt(_SESSIONS_A_YEAR) * _draws(rng, rows, 5.0)
        steps += _excess(episode, name, sessions)
        for item in published_values.DAY_RETURNS:
            if item.name == name:
                steps[sessions == np.datetime64(item.at)] = np.log1p(item.value)
        values[name] = _prices(steps, episode.prices[name])
    moves = np.diff(values["DGS10"], prepend=values["DGS10"][0]) / 100
    for name, (years, own) in DURATIONS.items():
        noise = own / np.sqrt(_SESSIONS_A_YEAR) * rng.standard_normal(rows)
        # The price falls by duration, less convexity; dividends pay the coupon.
        values[name] = _prices(-years * moves + 0.6 * (years * moves) ** 2 + noise,
                               episode.prices[name])  # fmt: skip
    gold = _GOLD_VOLATILITY / np.sqrt(_SESSIONS_A_YEAR) * _draws(rng, rows, 5.0)
    # Investors also sell gold for cash when equities are most volatile.
    market = np.diff(np.log(values["SP500"]), prepend=np.log(values["SP500"][0]))
    gold += np.where(daily * np.sqrt(_SESSIONS_A_YEAR) > 0.5, 0.15, 0.0) * market
    values["GLD"] = _level(gold, np.full(rows, 0.01), sessions, published_values.GOLD, digits=2)
    for name, of in (("SH", "SPY"), ("PSQ", "QQQ")):
        simple = np.diff(values[of], prepend=values[of][0]) / np.roll(values[of], 1)
        simple[0] = 0.0
        steps = np.log1p(-simple) - INVERSE_DRAG / _SESSIONS_A_YEAR
        values[name] = _prices(steps, episode.prices[name])


def _prices(steps: Floats, first: float) -> Floats:
    """Return prices from log steps; the first price is ``first``."""
    prices: Floats = np.round(first * np.exp(np.cumsum(steps) - steps[0]), 2)
    return prices


def _excess(episode: EpisodeParameters, name: str, sessions: Dates) -> Floats:
    """Return an equity's daily excess return: each period's total, spread evenly."""
    steps = np.zeros(len(sessions))
    for span in episode.excess:
        if span.symbol != name:
            continue
        inside = (sessions > np.datetime64(span.start)) & (sessions <= np.datetime64(span.end))
        steps[inside] += span.log_return / inside.sum()
    return steps
