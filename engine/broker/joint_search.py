"""The sparse search over several accounts: the next instant at which their sum trips a guard.

As the search of one account, it may return an instant too many, never one too few.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.broker import resolve

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@njit(cache=True)
def next_breach(  # noqa: PLR0917 - compiled code takes scalars and arrays
    t: int,
    until: int,
    has_close: Bools,
    day_end: Bools,
    mark: Floats,
    first: Ints,
    quantities: Floats,
    averages: Floats,
    margined: Bools,
    cash: Floats,
    loss_floor: float,
    halt_drawdown: float,
    peak: float,
) -> tuple[int, float]:
    """Return (the next index at which the sum of several accounts could trip a guard, the peak).

    Not after ``until``; the peak is that of the sum before the index returned. Ends of days of the
    sum count: the last close of an account whose data end first ends no day of any of them.
    Account ``s`` has the rows ``first[s]`` to ``first[s + 1]`` of the arrays and ``cash[s]``;
    nothing happens in any of them between ``t`` and ``until``.
    """
    marks = np.empty(len(quantities))
    for i in range(t + 1, until):
        if day_end[i]:
            return i, peak
        if not has_close[i]:
            continue
        for k in range(len(quantities)):
            marks[k] = mark[k, i]
        equity = 0.0
        for s in range(len(cash)):
            a, b = first[s], first[s + 1]
            equity += resolve.account_equity(
                cash[s], quantities[a:b], averages[a:b], margined[a:b], marks[a:b]
            )
        highest = max(peak, equity)
        if equity <= loss_floor or equity <= highest * (1.0 - halt_drawdown):
            return i, peak
        peak = highest
    return until, peak
