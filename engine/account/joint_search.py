"""The sparse search over several sleeves: the next instant at which their sum trips a guard.

Like the search of one account, it may return an instant too many, never one too few.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.account_rates import WALLETS
from engine.broker import resolve
from engine.broker.search import GuardLimits
from engine.kept_code import kept

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
WALLET_COUNT = len(WALLETS)


class JointTape(NamedTuple):
    """Arrays over the common instants of the sleeves; ``mark`` is (instrument, instant), quote.

    Rows of ``mark`` are the instruments of the first sleeve, then of the second, and so on; rows of
    ``rates`` are the wallets of the first sleeve, then of the second.
    """

    has_close: Bools
    day_end: Bools
    mark: Floats
    rates: Floats


class JointAccounts(NamedTuple):
    """Positions, wallets, contracts and cash of the sleeves, each in its own currency.

    Sleeve ``s`` has the rows ``first[s]`` to ``first[s + 1]`` of the other arrays and ``cash[s]``,
    one entry a wallet.
    """

    first: Ints
    wallets: Ints
    quantities: Floats
    averages: Floats
    kinds: Ints
    sizes: Floats
    cash: Floats


@kept
def next_breach(
    t: int, until: int, tape: JointTape, accounts: JointAccounts, guards: GuardLimits
) -> tuple[int, float]:
    """Return (next index at which a guard over the sum could trip, peak of the sum before it).

    The index is ``until`` at most. Ends of account days count; the last close of a sleeve whose
    data end first ends no day. Nothing happens in any sleeve between ``t`` and ``until``.
    """
    marks = np.empty(len(accounts.quantities))
    peak = guards.peak
    for i in range(t + 1, until):
        if tape.day_end[i]:
            return i, peak
        if not tape.has_close[i]:
            continue
        for k in range(len(marks)):
            marks[k] = tape.mark[k, i]
        equity = 0.0
        for s in range(len(accounts.cash)):
            a, b = accounts.first[s], accounts.first[s + 1]
            equity += resolve.account_equity(
                i,
                accounts.cash[s],
                tape.rates[s * WALLET_COUNT : (s + 1) * WALLET_COUNT],
                accounts.wallets[a:b],
                accounts.quantities[a:b],
                accounts.averages[a:b],
                accounts.kinds[a:b],
                accounts.sizes[a:b],
                marks[a:b],
            )
        highest = max(peak, equity)
        if equity <= guards.loss_floor or equity <= highest * (1.0 - guards.halt_drawdown):
            return i, peak
        peak = highest
    return until, peak
