"""Fees, interest and price steps as plain arithmetic.

Sizing and broker use the same formulas; the audit has its own.
"""

import math

# Venues publish steps as decimals; a quotient this close to a whole number is that number.
STEP_TOLERANCE = 1e-9


def fee(quantity: float, price: float, rate: float) -> float:
    """Return the fee of one fill, positive when paid: ``abs(quantity) x price x rate``, quote.

    >>> round(fee(-2.0, 30_000.0, 0.0005), 9)
    30.0
    """
    return abs(quantity) * price * rate


def simple_interest(cash: float, annual_rate: float, days: float) -> float:
    """Return the interest on cash: ``cash x annual_rate x days / 365``, quote.

    Ledger and bill use this one expression, so that cash less the bill is exactly zero.

    >>> simple_interest(100_000.0, 0.0365, 3.0)
    30.0
    """
    return cash * annual_rate * days / 365


def floor_to_step(value: float, step: float) -> float:
    """Return the largest multiple of ``step`` that is not above ``value``.

    Rounding up could push risk past its limit.

    >>> floor_to_step(0.0129, 0.001)
    0.012
    >>> floor_to_step(0.3, 0.1)
    0.3
    """
    quotient = value / step
    return _multiple(math.floor(quotient + _tolerance(quotient)), step)


def ceil_to_step(value: float, step: float) -> float:
    """Return the smallest multiple of ``step`` that is not below ``value``."""
    quotient = value / step
    return _multiple(math.ceil(quotient - _tolerance(quotient)), step)


def _tolerance(quotient: float) -> float:
    """Return the rounding error of a quotient, which grows with the quotient."""
    return max(STEP_TOLERANCE, 4 * math.ulp(quotient))


def _multiple(count: int, step: float) -> float:
    """Return ``count x step`` as the double that prints as its decimal.

    310,001 x 0.1 is 31000.100000000002 in doubles, above a bar's high of 31000.1: a stop at that
    level would not be touched. A division by the whole number of steps in 1 is rounded once.
    """
    per_unit = round(1 / step)
    if per_unit >= 1 and abs(per_unit * step - 1) < STEP_TOLERANCE:
        return count / per_unit
    return round(count * step, 12)


def round_against(price: float, side: int, tick_size: float) -> float:
    """Return a fill price on the tick grid, rounded against the trader (buys up, sells down)."""
    return ceil_to_step(price, tick_size) if side > 0 else floor_to_step(price, tick_size)
