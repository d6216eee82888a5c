"""Leaders against the index: weakness, breadth, lower lows, and how narrow the market is."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.conditions import Condition
from engine.config.market.leadership_conditions import leadership_conditions
from engine.config.market.volatility_conditions import MONTH
from engine.signals.market.declared import conditions_of
from engine.signals.market.grid import Floats
from engine.signals.market.point_in_time import Flags, MarketInputs
from engine.signals.market.readings import Reading
from engine.signals.market.rolling import change, highest, log_returns, mean, ratio, usual_change
from engine.signals.windows import rolling_sum


def leadership(inputs: MarketInputs) -> tuple[dict[str, Floats], dict[str, Condition]]:
    """Return the leaders' measures by name, on days, and the conditions on them.

    A member without prices on a day is left out on that day. Returns are fractions.
    """
    rules, names = inputs.config.leadership, inputs.config.inputs
    members = np.stack([inputs.session_close(name) for name in names.leaders])
    # Members that the data name, with or without a price: their names depend on no later row.
    held = [name for name in names.leaders if inputs.names_bars(name)]
    index = inputs.session_close(names.index)
    moves = basket_moves(members)
    against = basket_return(moves - log_returns(index), rules.relative)
    ratios = members / index
    means = np.stack([mean(row, rules.breadth_mean) for row in ratios])
    count = np.isfinite(means).sum(axis=0)
    # Relative to the index, since in a general fall every member is below its own mean.
    breadth = np.where(count > 0, (ratios > means).sum(axis=0) / np.maximum(count, 1), np.nan)

    # A session counts as fresh only where some member has a price.
    any_member: Flags = np.logical_or.reduce(np.isfinite(members))

    def read(values: Floats) -> Reading:
        both = any_member & np.isfinite(index)
        return inputs.of_sessions(values, *held, names.index, read=both)

    relative = read(against)
    above = read(breadth)
    since_low = inputs.of_sessions(rows_since_low(moves, rules.low), *held, read=any_member)
    from_high = inputs.of_sessions(index / highest(index, MONTH) - 1, names.index)
    narrow = _concentration(inputs)
    values = {
        "leaders_relative": relative.value,
        "leaders_relative_speed": read(_speed(inputs, against)).value,
        "leaders_breadth": above.value,
        "leaders_counted": read(count.astype(np.float64)).value,
        "index_from_high": from_high.value,
        "concentration": narrow.value,
    }
    readings = {
        "leaders_relative": relative,
        "leaders_breadth": above,
        "leaders_since_low": since_low,
        "index_from_high": from_high,
        "concentration": narrow,
    }
    return values, conditions_of(inputs, leadership_conditions(rules, names), readings)


def basket_moves(prices: Floats) -> Floats:
    """Return the log return of equal-weighted members, rebalanced each session.

    ``prices`` is members x sessions. A session's return is the mean over the members that have one;
    NaN where none has.
    """
    moves = np.stack([log_returns(price) for price in prices])
    count = np.isfinite(moves).sum(axis=0)
    mean_move: Floats = np.where(count > 0, np.nansum(moves, axis=0) / np.maximum(count, 1), np.nan)
    return mean_move


def basket_return(moves: Floats, sessions: int) -> Floats:
    """Return the compounded return over the last sessions, a fraction."""
    total: Floats = np.expm1(rolling_sum(moves, sessions))
    return total


def rows_since_low(moves: Floats, window: int) -> Floats:
    """Return how many sessions ago the lowest level of the last ``window`` was set.

    The level is rebuilt inside each window, so that no row depends on data before its window.
    """
    found = np.full(len(moves), np.nan)
    if len(moves) < window:
        return found
    view = sliding_window_view(moves, window).copy()
    # The window's first level is the start; the move that led to it lies before the window.
    view[:, 0] = 0.0
    levels = np.cumsum(view, axis=1)
    since = (window - 1 - levels.argmin(axis=1)).astype(np.float64)
    found[window - 1 :] = np.where(np.isfinite(levels).all(axis=1), since, np.nan)
    return found


def _speed(inputs: MarketInputs, moved: Floats) -> Floats:
    """Return the relative return over its usual size in the year before."""
    history = inputs.config.rates.history
    return ratio(moved, usual_change(moved, history, least=history // 2))


def _concentration(inputs: MarketInputs) -> Reading:
    """Return the lead of semiconductors and software over the index and small companies."""
    window, names = inputs.config.leadership.concentration_window, inputs.config.inputs

    def over_window(name: str) -> Floats:
        return change(inputs.session_close(name), window, relative=True)

    ahead = (over_window(names.semiconductors) + over_window(names.software)) / 2
    index, small = over_window(names.index), over_window(names.small_caps)
    # Where small companies have no price, the index alone is the rest.
    rest = np.where(np.isfinite(small), (index + small) / 2, index)
    needed = np.isfinite([inputs.session_close(n) for n in (names.semiconductors, names.software)])
    has_both = needed.all(axis=0) & np.isfinite(inputs.session_close(names.index))
    told = (names.semiconductors, names.software, names.index, names.small_caps)
    return inputs.of_sessions(ahead - rest, *told, read=has_both)
