"""Correlation of bitcoin and equities, and whether it is high or unusual.

Daily correlations use log returns from one New York close to the next, with bitcoin at the same
instant, so a weekend's move counts on Monday for both. Intraday correlations use bars of the same
hours, from open to close, so neither nights nor weekends count.
"""

import math
from itertools import combinations
from typing import Any

import numpy as np

from engine.compiled_function import compiled
from engine.conditions import Condition
from engine.config.market.correlation_conditions import correlation_conditions
from engine.signals.market.declared import conditions_of
from engine.signals.market.grid import Floats, Instants
from engine.signals.market.point_in_time import MarketInputs
from engine.signals.market.readings import Flags, Reading
from engine.signals.market.rolling import correlation, log_returns, percentile
from engine.signals.windows import previous

# Fewest pairs of a weighted correlation, and the rows in which they must lie.
LEAST_PAIRS = 20
LEAST_ROWS = 2 * LEAST_PAIRS
# Pairs of a smaller weight are left out of a weighted correlation.
LEAST_WEIGHT = 1e-6


def ewma_correlation(a: Floats, b: Floats, decay: float) -> Floats:
    """Return the exponentially weighted correlation of two return series, means taken as zero.

    A pair weighs ``decay`` to the power of the number of pairs after it. Only the last
    :func:`memory` rows count: older pairs would weigh less than a millionth, and no value depends
    on where the series begin. A row with a NaN is skipped. NaN with fewer than 20 pairs in those
    rows.
    """
    both = np.isfinite(a) & np.isfinite(b)
    x, y = np.where(both, a, 0.0), np.where(both, b, 0.0)
    rows = memory(decay)
    # One function makes all powers: another one's could differ in the last digit.
    weights = decay ** np.arange(rows, dtype=np.float64)
    cross, first, second, pairs = _weighted_sums(x * y, x * x, y * y, both, weights)
    enough = (pairs >= LEAST_PAIRS) & (first > 0) & (second > 0)
    result = np.full(len(a), np.nan)
    result[enough] = cross[enough] / np.sqrt(first[enough] * second[enough])
    return result


@compiled
def _weighted_sums(
    products: Floats, first_squares: Floats, second_squares: Floats, both: Flags, weights: Floats
) -> Any:
    """Return the weighted sums over the last rows, as many as weights, and the pairs in them."""
    cross, first, second = np.zeros(len(both)), np.zeros(len(both)), np.zeros(len(both))
    pairs = np.zeros(len(both), np.int64)
    for row in range(len(both)):
        for then in range(row, max(row - len(weights), -1), -1):
            if both[then]:
                weight = weights[pairs[row]]
                cross[row] += weight * products[then]
                first[row] += weight * first_squares[then]
                second[row] += weight * second_squares[then]
                pairs[row] += 1
    return cross, first, second, pairs


def memory(decay: float) -> int:
    """Return the rows after which an exponential weight is below a millionth, 40 at least.

    With fewer than 40 rows, missing sessions could leave fewer than 20 pairs.

    >>> memory(0.94), memory(0.3)
    (224, 40)
    """
    return max(math.ceil(math.log(LEAST_WEIGHT) / math.log(decay)), LEAST_ROWS)


def correlations(inputs: MarketInputs) -> tuple[dict[str, Floats], dict[str, Condition]]:
    """Return correlations by name, on days, and the conditions on them."""
    rules, grid, names = inputs.config.correlation, inputs.grid, inputs.config.inputs
    bitcoin, at_once = inputs.bitcoin_moves
    values: dict[str, Floats] = {}
    for name in (names.growth, names.index):
        equity = log_returns(inputs.session_close(name))
        for label, window in (("short", rules.short), ("long", rules.long)):
            pair = correlation(bitcoin, equity, window)
            values[f"correlation_{name}_{label}"] = grid.on_days(_as_known(pair, at_once))
        ewma = ewma_correlation(bitcoin, equity, rules.decay)
        values[f"correlation_{name}_ewma"] = grid.on_days(_as_known(ewma, at_once))
    members = {name: log_returns(inputs.session_close(name)) for name in names.book}
    book = _mean_pairwise({**members, names.bitcoin: bitcoin}, rules.short)
    values["correlation_book"] = grid.on_days(_as_known(book, at_once))
    short = values[f"correlation_{names.growth}_short"]
    # The weighted correlation reacts within days; a window still contains the calm weeks before.
    weighted = values[f"correlation_{names.growth}_ewma"][grid.sessions]
    rank = grid.on_days(percentile(weighted, rules.history, least=rules.history // 2))
    pairs = np.isfinite(bitcoin) & np.isfinite(log_returns(inputs.session_close(names.growth)))
    pair_age = _pair_age_ns(inputs, pairs, at_once)
    # A weighted sum has a value as long as old pairs weigh; the newest one says how old it is.
    rank = np.where((pair_age >= 0) & (pair_age <= inputs.max_age_ns), rank, np.nan)
    values["correlation_percentile"] = rank
    read = (names.bitcoin, names.growth)
    readings = {
        "correlation_short": Reading(short, grid.session_age_ns(), read),
        "correlation_percentile": Reading(rank, pair_age, read),
    }
    return values, conditions_of(inputs, correlation_conditions(rules, names), readings)


def _pair_age_ns(inputs: MarketInputs, pairs: Flags, at_once: Flags) -> Instants:
    """Return the age of the newest session with both returns at each day, ns, -1 before the first.

    ``at_once`` are the sessions whose returns were known on their own day.
    """
    grid = inputs.grid
    newest = np.maximum.accumulate(np.where(pairs, np.arange(len(pairs)), -1))
    newest = np.where(at_once, newest, np.concatenate(([-1], newest[:-1])))
    rows = grid.on_days(newest.astype(np.float64))
    known = np.isfinite(rows) & (rows >= 0)
    age = np.full(len(grid), -1, np.int64)
    age[known] = grid.decided_at[known] - grid.session_closed_at[rows[known].astype(np.int64)]
    return age


def _as_known(values: Floats, at_once: Flags) -> Floats:
    """Return the value known at each session; where bitcoin's came late, the session before's."""
    return np.where(at_once, values, previous(values))


def _mean_pairwise(returns: dict[str, Floats], window: int) -> Floats:
    """Return the mean correlation over all pairs that have one; NaN below three members.

    A member without prices then is left out.
    """
    found = [correlation(a, b, window) for a, b in combinations(returns.values(), 2)]
    table = np.stack(found)
    count = np.isfinite(table).sum(axis=0)
    total = np.nansum(table, axis=0)
    # Three members make three pairs.
    return np.where(count >= 3, total / np.maximum(count, 1), np.nan)
