"""The market state, made from a dataset."""

import math

import numpy as np

from data_feeds.clock import DAY_NS, parse_duration, utc_days
from data_feeds.dataset import Dataset
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.conditions import Condition
from engine.config.market import MarketStateConfig
from engine.config.market.declaration import Measure, ThresholdRule
from engine.market_state import MarketState
from engine.signals.market import steps
from engine.signals.market.correlation import correlations, memory
from engine.signals.market.crypto import crypto_structure
from engine.signals.market.earnings import earnings_dates
from engine.signals.market.equity_volatility import market_volatility
from engine.signals.market.grid import Floats, build_grid
from engine.signals.market.leadership import leadership
from engine.signals.market.point_in_time import MarketInputs
from engine.signals.market.rates import market_rates
from engine.signals.market.regime import (
    MEMORY_DAYS,
    SLOPE_SESSIONS,
    YEAR,
    drivers,
    regimes,
)
from engine.signals.market.timeframes import timeframes

# A low count of sessions a year, and days for the longest closure of the exchange.
SESSIONS_A_YEAR, DAYS_A_YEAR, HOLIDAYS = 251.5, 365.25, 9
# A return reads the row before, and bitcoin's daily return is known one session late.
_BEFORE = 2
# A window of hours may lack a twentieth of its bars.
_LARGEST_STRETCH = 1.05


def history_days(config: MarketStateConfig) -> int:
    """Return the days before a day that its row depends on, the longest window of any setting.

    With at least so many days before it, a row has the same values wherever the data begin.
    """
    # The oldest row may read a value of the largest allowed age.
    oldest = max(parse_duration(config.max_age), parse_duration(config.crypto_max_age))
    longest = max(
        calendar_days(_longest_sessions(config)),
        # The regime of a day depends on the inputs of every day in the regime's memory.
        calendar_days(_regime_sessions(config)) + MEMORY_DAYS,
        _longest_days(config),
    )
    return longest + math.ceil(oldest / DAY_NS) + 1


def calendar_days(sessions: int) -> int:
    """Return a number of days that always contains so many steps from session to session.

    >>> calendar_days(252)
    375
    """
    return math.ceil(sessions * DAYS_A_YEAR / SESSIONS_A_YEAR) + HOLIDAYS


def _longest_sessions(config: MarketStateConfig) -> int:
    """Return the sessions of the longest window; the regime's own are counted separately."""
    pairs, rates = config.correlation, config.rates
    windows = (
        *(measure.sessions for measure in _measures(config)),
        # Of measures that the history shows and no condition compares.
        config.volatility.month,
        pairs.long,
        pairs.history + memory(pairs.decay),
        rates.history + max(rates.change, config.leadership.relative),
    )
    return max(windows) + _BEFORE


def _regime_sessions(config: MarketStateConfig) -> int:
    """Return the sessions of the longest window that the regime's inputs of one day read."""
    trend = config.regime.break_mean + SLOPE_SESSIONS
    return max(YEAR, trend, config.correlation.short) + _BEFORE


def _longest_days(config: MarketStateConfig) -> int:
    """Return the days of the longest window that is counted in calendar days."""
    days = max(measure.days for measure in _measures(config))
    return math.ceil(days * _LARGEST_STRETCH) + _BEFORE


def _measures(config: MarketStateConfig) -> list[Measure]:
    rules = (item.rule for item in config.conditions())
    return [rule.measure for rule in rules if isinstance(rule, ThresholdRule)]


def state_channels(config: MarketStateConfig) -> frozenset[ChannelKey]:
    """Return every channel that the state reads if the data hold it."""
    return frozenset(
        ChannelKey(name, ChannelKind(kind), timeframe)
        for name, kind, timeframe in config.inputs.channels()
    )


def session_state(data: Dataset, config: MarketStateConfig, sessions: Channel) -> MarketState:
    """Return the state at the dates of an exchange's daily bars, one row a bar."""
    closed_at = sessions["closed_at"]
    dates = utc_days(closed_at[[0, -1]] - 1)
    return market_state(data, config, dates[0], dates[1]).of_sessions(closed_at)


def market_state(
    data: Dataset, config: MarketStateConfig, first: np.datetime64, last: np.datetime64
) -> MarketState:
    """Return the state of each day from ``first`` to ``last``, New York dates.

    ``data`` should begin :func:`history_days` before ``first``; with less the first rows are
    unknown. No row depends on data that became known after its instant.
    """
    begin = first - np.timedelta64(history_days(config), "D")
    grid = build_grid(begin, last, config.decide_at)
    inputs = MarketInputs(data, grid, config)
    values: dict[str, Floats] = {}
    named: dict[str, Condition] = {}
    for part in (
        market_volatility,
        correlations,
        market_rates,
        leadership,
        crypto_structure,
        timeframes,
        earnings_dates,
    ):
        measured, found = part(inputs)
        values |= measured
        named |= found
    drawdown, regime = regimes(inputs, values, named)
    scores, driver = drivers(inputs, values, named)
    named |= steps.step_conditions(named)
    action = steps.actions(named, regime, config.checklist)
    tier = steps.tiers(named, regime, action)
    return MarketState(
        dates=grid.dates,
        decided_at=grid.decided_at,
        values=values | drawdown | scores,
        conditions=named,
        regime=regime,
        driver=driver,
        action=action,
        tier=tier,
    ).between(first, last)
