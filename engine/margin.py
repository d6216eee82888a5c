"""Maintenance margin and liquidation price of a linear perp.

With tier rate ``r`` and deduction ``d`` the requirement is ``notional x r - d``. It is made
continuous where the rate steps up: ``d_k = d_(k-1) + floor_k x (rate_k - rate_(k-1))``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

NO_PRICE = float("nan")


@dataclass(frozen=True, slots=True)
class Tier:
    """Holds one maintenance tier over notionals in ``[floor, ceiling)``, quote."""

    floor: float
    ceiling: float
    rate: float
    deduction: float


def build_tiers(brackets: Iterable[tuple[float, float]]) -> tuple[Tier, ...]:
    """Return tiers from ascending (floor, rate) rows, with their deductions.

    >>> [tier.deduction for tier in build_tiers([(0, 0.004), (300_000, 0.005)])]
    [0.0, 300.0]
    """
    rows = list(brackets)
    tiers: list[Tier] = []
    deduction, previous_rate = 0.0, rows[0][1]
    for index, (floor, rate) in enumerate(rows):
        deduction += floor * (rate - previous_rate)
        ceiling = rows[index + 1][0] if index + 1 < len(rows) else float("inf")
        tiers.append(Tier(float(floor), float(ceiling), rate, round(deduction, 9)))
        previous_rate = rate
    return tuple(tiers)


def maintenance_margin(notional: float, tiers: tuple[Tier, ...]) -> float:
    """Return the maintenance requirement of a notional (unsigned, quote)."""
    for tier in tiers:
        if notional < tier.ceiling:
            return notional * tier.rate - tier.deduction
    raise AssertionError("the last tier has no ceiling")


def liquidation_price(
    quantity: float, average_entry: float, margin: float, tiers: tuple[Tier, ...]
) -> float:
    """Return the mark at which margin + unrealized PnL equals the maintenance requirement.

    ``quantity`` is signed base units; ``margin`` is the collateral behind the position, quote (its
    isolated margin, or for cross the wallet). Long ``(q x entry - margin - d) / (q x (1 - r))``,
    short ``(q x entry + margin + d) / (q x (1 + r))`` with unsigned q, in the tier that contains
    ``q x P``. NaN when no price liquidates (a long with at least its notional as margin). A short
    whose collateral is gone beyond its notional gets a price at or below zero: any mark reaches it.
    """
    size = abs(quantity)
    if size == 0:
        return NO_PRICE
    for tier in tiers:
        if quantity > 0:
            price = (size * average_entry - margin - tier.deduction) / (size * (1 - tier.rate))
        else:
            price = (size * average_entry + margin + tier.deduction) / (size * (1 + tier.rate))
        # The requirement is convex and continuous: the first tier that reaches the price has it.
        # A floor test would lose a price on a seam to rounding.
        if size * price < tier.ceiling:
            return NO_PRICE if quantity > 0 and price <= 0 else price
    return NO_PRICE
