"""The fill rules: which levels a bar touches. The only implementation.

Broker and sparse search both call these functions of scalars. A level of NaN, or a bar
without trades (its prices are NaN here), touches nothing. ``side`` is the side of the order, +1 buy
and -1 sell; ``quantity`` is a signed position. A bar's range is compared with the *reach* of an
order (:func:`reach`), an open with its level.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.contracts.contract import ContractKind
from engine.contracts.inverse_perp import inverse_value
from engine.contracts.linear_perp import linear_value
from engine.contracts.owned import owned_value
from engine.kept_code import kept, kept_inline

STOP = 0
LIMIT = 1
# Binary prices miss their decimals slightly: a millionth of a tick less still counts as a tick.
TICK_SHARE = 1.0 - 1e-6
_LINEAR_PERP = int(ContractKind.LINEAR_PERP)
_INVERSE_PERP = int(ContractKind.INVERSE_PERP)
# The same source as the contracts' own methods. Inlined, because a call that may divide by zero
# costs thirty times the sum.
_owned_value: Any = kept_inline(owned_value)
_linear_value: Any = kept_inline(linear_value)
_inverse_value: Any = kept_inline(inverse_value)


def beyond_limit(tick_size: float, *, through: bool) -> float:
    """Return how far inside a bar a price must trade beyond a limit to fill it, quote.

    ``through`` asks for a tick, which proves that every order at the limit was filled; otherwise a
    touch is enough.
    """
    return tick_size * TICK_SHARE if through else 0.0


@kept
def reach(kind: int, side: int, level: float, beyond: float) -> float:
    """Return the price that a bar's range must reach to fill an order; for a limit, beyond it."""
    return level if kind == STOP else level - side * beyond


@kept
def stop_touched(side: int, level: float, low: float, high: float) -> bool:
    """Return whether a bar reaches a stop: a sell stop from above, a buy stop from below."""
    return high >= level if side > 0 else low <= level


@kept
def limit_touched(side: int, level: float, low: float, high: float) -> bool:
    """Return whether a bar reaches a limit: a buy limit from above, a sell limit from below."""
    return low <= level if side > 0 else high >= level


@kept
def level_touched(kind: int, side: int, level: float, low: float, high: float) -> bool:
    """Return whether a bar's range reaches a stop or a limit.

    With ``low == high == open``, True means that the open has crossed the level.
    """
    if kind == STOP:
        return stop_touched(side, level, low, high)
    return limit_touched(side, level, low, high)


@kept
def liquidation_touched(quantity: float, level: float, mark_low: float, mark_high: float) -> bool:
    """Return whether the mark's adverse extreme reaches a liquidation price."""
    if quantity > 0:
        return mark_low <= level
    return quantity < 0 and mark_high >= level


@kept
def liquidation_comes_first(
    liquidation: float, mark_open: float, stop: float, last_open: float
) -> bool:
    """Return whether of two touched levels the liquidation comes first.

    Each is measured on its own price path: the level nearer to the open of its path comes first; at
    equal distance the liquidation, the worse of both.
    """
    return abs(liquidation - mark_open) <= abs(stop - last_open)


@kept
def range_after_entry(
    level: float, opens: float, close: float, low: float, high: float
) -> tuple[float, float]:
    """Return (low, high) of the part of a bar that certainly follows an entry inside it.

    Prices come to ``level`` from the open: the extreme beyond it on their way lies after the entry.
    The other extreme may lie before it, so that on that side only the level itself and the close
    are certain. At an open on the level all of the bar follows.
    """
    after_low = low if opens >= level else min(level, close)
    after_high = high if opens <= level else max(level, close)
    return after_low, after_high


@kept_inline
def position_value(kind: int, size: float, quantity: float, average: float, mark: float) -> float:
    """Return the part of equity that a position adds to cash, by the kind of its contract."""
    if kind == _LINEAR_PERP:
        return float(_linear_value(size, quantity, average, mark))
    if kind == _INVERSE_PERP:
        return float(_inverse_value(size, quantity, average, mark))
    return float(_owned_value(size, quantity, average, mark))


@kept
def better_price(direction: int, best: float, price: float) -> float:
    """Return the better price for a position (+1 long, -1 short); NaN is no price."""
    if np.isnan(price) or direction * (price - best) <= 0:
        return best
    return price


@kept
def trailed(  # noqa: PLR0917 - compiled code takes no keywords
    direction: int, level: float, best: float, distance: float, fraction: float, beyond: float
) -> float:
    """Return the level of a trailing stop, not rounded, once ``best`` is the best price.

    The distance from it is ``fraction`` of it, or ``distance`` (quote) where ``fraction`` is NaN.
    The level never goes back; it stays while the best price has not reached ``beyond`` (NaN: at
    once), and while the distance is unknown or not positive.
    """
    if np.isnan(best) or direction * (best - beyond) < 0:
        return level
    away = distance if np.isnan(fraction) else best * fraction
    wanted = best - direction * away
    if away > 0 and direction * (wanted - level) > 0:
        return wanted
    return level


@kept
def account_equity(  # noqa: PLR0917 - compiled code takes no keywords
    t: int,
    cash: NDArray[np.float64],
    rates: NDArray[np.float64],
    wallets: NDArray[np.int64],
    quantities: NDArray[np.float64],
    averages: NDArray[np.float64],
    kinds: NDArray[np.int64],
    sizes: NDArray[np.float64],
    marks: NDArray[np.float64],
) -> float:
    """Return cash + unrealized PnL of perps + value of owned assets, in the account's currency.

    Wallets and instruments are summed in their fixed order and none is skipped by size, so that
    every caller gets the same bits. ``cash`` is each wallet's, in its own currency; ``rates`` are
    the values of those currencies, (wallet, instant), read at ``t``. ``wallets`` is the wallet of
    each instrument; ``kinds`` and ``sizes`` are those of the contracts.
    """
    equity = float(cash[0] * rates[0, t] + cash[1] * rates[1, t] + cash[2] * rates[2, t])
    for k in range(len(quantities)):
        if quantities[k] != 0.0:
            value = position_value(kinds[k], sizes[k], quantities[k], averages[k], marks[k])
            equity += value * rates[wallets[k], t]
    return equity
