"""Realized and implied volatility of the equity market, and what it makes target books sell."""

from collections.abc import Callable

import numpy as np

from engine.conditions import Condition, any_of
from engine.signals.market.grid import Floats
from engine.signals.market.point_in_time import MarketInputs
from engine.signals.market.readings import Reading, at_least, at_most, combined
from engine.signals.market.rolling import change, highest, mean, ratio
from engine.signals.realized_volatility import realized_volatility
from engine.signals.windows import previous

SESSIONS_A_YEAR = 252.0
WEEK = 5
MONTH = 21
# Parkinson (1980): the mean squared log range of a driftless walk is 4 ln 2 times its variance.
_PARKINSON = 4 * np.log(2)


def market_volatility(inputs: MarketInputs) -> tuple[dict[str, Floats], dict[str, Condition]]:
    """Return volatilities by name, on days, and the conditions read from them.

    Fractions a year, VIX in points; ``target_book_10`` is the share of its exposure that a book
    with a target of 10% sold within a week.
    """
    rules, grid, names = inputs.config.volatility, inputs.grid, inputs.config.inputs
    bars = inputs.session_bars(names.growth)
    short, month, quarter = (
        realized_volatility(bars["close"], window, SESSIONS_A_YEAR)
        for window in (rules.short, rules.month, rules.quarter)
    )
    growth = inputs.of_sessions(short, names.growth)
    vix = inputs.series(names.vix)

    def of_vix(measure: Callable[[Floats], Floats]) -> Reading:
        return vix.measured(lambda level: grid.on_days(measure(level[grid.sessions])))

    sheds = {t: grid.on_days(shed(month, t, rules.target_cap)) for t in rules.targets}
    values = {
        "growth_volatility": growth.value,
        "growth_volatility_month": grid.on_days(month),
        "growth_volatility_quarter": grid.on_days(quarter),
        "growth_range_volatility": grid.on_days(parkinson(bars["high"], bars["low"], rules.month)),
        "vix": vix.reading.value,
    }
    conditions = [
        at_least(
            "growth_volatility_rising",
            growth.of(grid.on_days(ratio(short, quarter))),
            rules.rising_multiple,
            "x",
            f"volatility of {names.growth} is rising, {rules.short} over {rules.quarter} sessions",
        ),
        at_least("vix_elevated", vix.reading, rules.vix_elevated, "points", "VIX is elevated"),
        at_least(
            "vix_jump",
            of_vix(lambda level: change(level, WEEK, relative=True)),
            rules.vix_jump,
            "fraction",
            "VIX jumped within a week",
        ),
        at_most(
            "vix_off_peak",
            of_vix(lambda level: level / highest(level, MONTH)),
            rules.off_peak,
            "x",
            "VIX is off its peak of the month",
        ),
    ]
    for target, sold in sheds.items():
        name = f"target_book_{round(100 * target)}"
        values[name] = sold
        text = f"a book with a volatility target of {target:.0%} sheds exposure within a week"
        conditions.append(at_least(f"{name}_sells", growth.of(sold), rules.shed, "fraction", text))
    named = {item.name: item for item in conditions}
    parts = (named["growth_volatility_rising"], named["vix_jump"])
    rising = combined(
        "volatility_rising",
        any_of([part.truth for part in parts]),
        "realized or implied volatility is rising",
        *parts,
    )
    return values, named | {rising.name: rising}


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

    Its exposure is ``min(cap, target / volatility)``; negative: it bought.

    >>> shed(np.array([0.10] * 5 + [0.20]), 0.10, 1.5).tolist()[-1]
    0.5
    """
    # Below this volatility the cap binds; a market that does not move has none.
    exposure = target / np.maximum(volatility, target / cap)
    return 1 - exposure / previous(exposure, WEEK)
