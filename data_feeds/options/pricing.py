"""European option prices by QuantLib, which only this module imports."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

_ACCURACY = 1e-10


@cache
def _quantlib() -> Any:
    """Return QuantLib, imported on first use, because most commands price no option."""
    import QuantLib  # noqa: PLC0415

    return QuantLib


def put_price(
    spot: float,
    strike: float,
    years: float,
    *,
    volatility: float,
    rate: float,
    dividend_yield: float,
) -> float:
    """Return the price of one European put, quote per share.

    Parameters
    ----------
    spot, strike : quote per share
    years : to expiry; at 0 or less the price is the intrinsic value
    volatility, rate, dividend_yield : fractions a year, the last two compounded continuously

    >>> round(put_price(100, 100, 1.0, volatility=0.2, rate=0.05, dividend_yield=0.0), 4)
    5.5735
    """
    if years <= 0:
        return max(strike - spot, 0.0)
    forward = spot * math.exp((rate - dividend_yield) * years)
    deviation = volatility * math.sqrt(years)
    discount = math.exp(-rate * years)
    library = _quantlib()
    return float(library.blackFormula(library.Option.Put, strike, forward, deviation, discount))


def undiscounted(strike: float, forward: float, deviation: float) -> float:
    """Return the forward value of the out-of-the-money option at a strike.

    ``deviation`` is volatility x sqrt(years).
    """
    library = _quantlib()
    kind = library.Option.Put if strike < forward else library.Option.Call
    return float(library.blackFormula(kind, strike, forward, deviation))


def root(function: Callable[[float], float], guess: float, low: float, high: float) -> float:
    """Return the root of a function between two bounds, by Brent's method."""
    return float(_quantlib().Brent().solve(function, _ACCURACY, guess, low, high))
