"""From a dataset to the market state."""

import math

import numpy as np

from data_feeds.dataset import Dataset
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import DAY_NS, parse_duration
from engine.conditions import Condition
from engine.config.market import MarketStateConfig
from engine.signals.market import checklist
from engine.signals.market.correlation import correlations, memory
from engine.signals.market.crypto import crypto_structure
from engine.signals.market.dated import dated_events
from engine.signals.market.grid import Floats, build_grid
from engine.signals.market.inputs import DAY, HOUR, SHORTEST, MarketInputs
from engine.signals.market.leadership import leadership
from engine.signals.market.rates import market_rates
from engine.signals.market.regime import (
    MEMORY_DAYS,
    SLOPE_SESSIONS,
    YEAR,
    drivers,
    regimes,
)
from engine.signals.market.timeframes import timeframes
from engine.signals.market.volatility import market_volatility
from engine.state import MarketState

SESSIONS_A_YEAR, DAYS_A_YEAR = 252, 365
# Holidays around the longest stretch without a session.
SPARE_DAYS = 14


def history_days(config: MarketStateConfig) -> int:
    """Return the days before a day that its row depends on: the longest memory any setting asks.

    With them a row is the same wherever the days begin.
    """
    rules = config.regime
    longest = (
        config.correlation.history + memory(config.correlation.decay),
        config.correlation.long,
        config.rates.history + max(config.rates.change, config.leadership.relative),
        config.rates.path_window,
        config.leadership.concentration_window,
        config.volatility.quarter,
    )
    # The regime of a day reads the regimes' inputs of all days in its own memory.
    within = max(YEAR, rules.break_mean + SLOPE_SESSIONS, config.correlation.short)
    sessions = max(*longest, within + MEMORY_DAYS * SESSIONS_A_YEAR / DAYS_A_YEAR)
    crypto = max(config.crypto.funding_days, config.crypto.liquidation_days + 1, rules.trend_bars)
    week = parse_duration(config.crypto.change) // DAY_NS
    return max(math.ceil(sessions * DAYS_A_YEAR / SESSIONS_A_YEAR), crypto, week) + SPARE_DAYS


def state_channels(config: MarketStateConfig) -> frozenset[ChannelKey]:
    """Return every channel that the state reads where it is held."""
    names = config.inputs
    equities = {
        names.index,
        names.growth,
        names.small_caps,
        names.semiconductors,
        names.software,
        *names.leaders,
        *names.book,
    }
    series = (
        *names.vix,
        *names.ten_year,
        *names.real_ten_year,
        *names.two_year,
        *names.policy_rate,
        *names.dollar,
        *names.credit,
        *names.etf_flows,
        *names.fear_greed,
        *names.implied_volatility,
        *names.earnings,
    )
    daily = {*equities, names.bitcoin_daily}
    keys = {ChannelKey(name, ChannelKind.BARS, DAY) for name in daily if name is not None}
    keys |= {ChannelKey(name, ChannelKind.SERIES) for name in series}
    keys |= {ChannelKey(names.bitcoin, ChannelKind.BARS, label) for label in (SHORTEST, HOUR)}
    keys |= {
        ChannelKey(names.bitcoin, kind)
        for kind in (ChannelKind.FUNDING, ChannelKind.OPEN_INTEREST, ChannelKind.LIQUIDATIONS)
    }
    if names.bitcoin_spot is not None:
        keys.add(ChannelKey(names.bitcoin_spot, ChannelKind.BARS, HOUR))
    return frozenset(
        keys
        | {
            ChannelKey(names.bitcoin, ChannelKind.MARK, HOUR),
            ChannelKey(names.index, ChannelKind.BARS, HOUR),
        }
    )


def session_state(data: Dataset, config: MarketStateConfig, sessions: Channel) -> MarketState:
    """Return the state at the dates of an exchange's daily bars, one row a bar."""
    closed_at = sessions["closed_at"]
    dates = (closed_at[[0, -1]] - 1).astype("datetime64[ns]").astype("datetime64[D]")
    return market_state(data, config, dates[0], dates[1]).of_sessions(closed_at)


def market_state(
    data: Dataset, config: MarketStateConfig, first: np.datetime64, last: np.datetime64
) -> MarketState:
    """Return the state of each day from ``first`` to ``last``, New York dates.

    ``data`` should begin :func:`history_days` before: with less the first rows are unknown. No row
    depends on anything that became known after its instant.
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
        dated_events,
    ):
        measured, found = part(inputs)
        values |= measured
        named |= found
    drawdown, regime = regimes(inputs, values, named)
    scores, driver = drivers(inputs, values, named)
    named |= checklist.early_warning(named)
    named |= checklist.steps(named)
    action = checklist.actions(named, regime, config.checklist)
    tier = checklist.tiers(named, regime, action)
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
