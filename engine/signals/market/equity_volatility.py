"""Realized and implied volatility of equities, and the selling of volatility-target books."""

import numpy as np

from engine.conditions import Condition
from engine.config.market.volatility_conditions import WEEK, target_book, volatility_conditions
from engine.signals.market.declared import conditions_of
from engine.signals.market.grid import Floats
from engine.signals.market.point_in_time import MarketInputs
from engine.signals.market.rolling import mean, ratio
from engine.signals.realized_volatility import realized_volatility
from engine.signals.windows import previous

SESSIONS_A_YEAR = 252.0
# Parkinson (1980): the mean squared log range of a driftless walk is 4 ln 2 times its variance.
_PARKINSON = 4 * np.log(2)


def market_volatility(inputs: MarketInputs) -> tuple[dict[str, Floats], dict[str, Condition]]:
    """Return volatilities by name, on days, and the conditions on them.

    Volatilities are fractions a year, VIX is in points; ``target_book_10`` is the share of its
    exposure that a book with a target of 10% sold within a week.
    """
    rules, grid, names = inputs.config.volatility, inputs.grid, inputs.config.inputs
    bars = inputs.session_bars(names.growth)
    short, month, quarter = (
        realized_volatility(bars["close"], window, SESSIONS_A_YEAR)
        for window in (rules.short, rules.month, rules.quarter)
    )
    growth = inputs.of_sessions(short, names.growth)
    sheds = {
        target_book(t): growth.of(grid.on_days(shed(month, t, rules.target_cap)))
        for t in rules.targets
    }
    values = {
        "growth_volatility": growth.value,
        "growth_volatility_month": grid.on_days(month),
        "growth_volatility_quarter": grid.on_days(quarter),
        "growth_range_volatility": grid.on_days(parkinson(bars["high"], bars["low"], rules.month)),
        "vix": inputs.series(names.vix).reading.value,
        **{name: sold.value for name, sold in sheds.items()},
    }
    ratios = growth.of(grid.on_days(ratio(short, quarter)))
    readings = {"growth_volatility_ratio": ratios, **sheds}
    return values, conditions_of(inputs, volatility_conditions(rules, names), readings)


def parkinson(high: Floats, low: Floats, window: int) -> Floats:
    """Return Parkinson's volatility from the ranges of the last sessions, a fraction a year.

    >>> high = np.full(3, np.exp(0.02)); low = np.ones(3)
    >>> parkinson(high, low, 3).round(4).tolist()  # 0.02 / sqrt(4 ln 2) x sqrt(252)
    [nan, nan, 0.1907]
    """
    square = np.square(np.log(high / low))
    yearly: Floats = np.sqrt(mean(square, window) / _PARKINSON * SESSIONS_A_YEAR)
    return yearly


def shed(volatility: Floats, target: float, cap: float) -> Floats:
    """Return the share of its exposure that a volatility-target book sold within a week.

    The book's exposure is ``min(cap, target / volatility)``; a negative share was bought.

    >>> shed(np.array([0.10] * 5 + [0.20]), 0.10, 1.5).tolist()[-1]
    0.5
    """
    # Below this volatility the cap binds; it also keeps a zero volatility from dividing.
    exposure = target / np.maximum(volatility, target / cap)
    return 1 - exposure / previous(exposure, WEEK)
