"""Fees, interest, price steps and fill prices as plain arithmetic.

Sizing, broker and screening use the same formulas; the audit has its own.
"""

import math

from engine.scalars import scalar

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


@scalar
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


@scalar
def ceil_to_step(value: float, step: float) -> float:
    """Return the smallest multiple of ``step`` that is not below ``value``."""
    quotient = value / step
    return _multiple(math.ceil(quotient - _tolerance(quotient)), step)


@scalar
def _tolerance(quotient: float) -> float:
    """Return the rounding error of a quotient, which grows with the quotient."""
    # The last bit of a quotient: math.ulp, which does not compile.
    return max(STEP_TOLERANCE, 4 * math.ldexp(1.0, math.frexp(quotient)[1] - 53))


def has_plain_steps(step: float) -> bool:
    """Return whether a step is whole or divides 1, so that its multiples need no decimal rounding.

    Compiled code rounds decimals in another way than Python.
    """
    return step == round(step) or abs(round(1 / step) * step - 1) < STEP_TOLERANCE


@scalar
def _multiple(count: int, step: float) -> float:
    """Return ``count x step`` as the double that prints as its decimal.

    310,001 x 0.1 is 31000.100000000002 in doubles, above a bar's high of 31000.1: a stop at that
    level would not be touched. A division by the whole number of steps in 1 is rounded once.
    """
    per_unit = round(1 / step)
    if per_unit >= 1 and abs(per_unit * step - 1) < STEP_TOLERANCE:
        return count / per_unit
    product = count * step
    return product if product == round(product) else round(product, 12)


@scalar
def round_against(price: float, side: int, tick_size: float) -> float:
    """Return a fill price on the tick grid, rounded against the trader (buys up, sells down)."""
    return ceil_to_step(price, tick_size) if side > 0 else floor_to_step(price, tick_size)


@scalar
def fill_price(raw: float, side: int, fraction: float, tick_size: float, least: float) -> float:
    """Return the price of a fill that loses a fraction of ``raw``, ``least`` at the lowest.

    >>> fill_price(30_000.0, 1, 0.0001, 0.1, 0.1)
    30003.0
    """
    return max(round_against(raw * (1 + side * fraction), side, tick_size), least)


@scalar
def affordable(free: float, per_unit: float, lot_size: float) -> float:
    """Return the number of units that free cash pays for, in whole lots."""
    return floor_to_step(max(free, 0.0) / per_unit, lot_size)


@scalar
def volume_room(cap: float, volume: float, filled: float, lot_size: float) -> float:
    """Return the share of a bar's volume that is left after earlier fills in it, in whole lots."""
    room = floor_to_step(cap * volume, lot_size) - filled
    return floor_to_step(max(room, 0.0), lot_size)


@scalar
def unit_cash(unit_notional: float, share: float, rate: float) -> float:
    """Return the cash that a unit of an entry takes: the share set aside or paid, and the fee."""
    return unit_notional * (share + rate)


@scalar
def fee_of(notional: float, rate: float) -> float:
    """Return the fee due on a notional."""
    return notional * rate


@scalar
def fee_paid(due: float, room: float) -> float:
    """Return the part of a fee that the cash at hand pays; a rebate needs none."""
    return min(due, max(room, 0.0))
