"""Margin terms of a venue: maintenance tiers, and what a liquidation costs.

With tier rate ``r`` and deduction ``d`` the requirement is ``notional x r - d``. It is made
continuous where the rate steps up: ``d_k = d_(k-1) + floor_k x (rate_k - rate_(k-1))``.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from engine.scalars import scalar

NO_PRICE = float("nan")


@dataclass(frozen=True, slots=True)
class Tier:
    """Holds one maintenance tier over notionals in ``[floor, ceiling)``, quote."""

    floor: float
    ceiling: float
    rate: float
    deduction: float


@dataclass(frozen=True, slots=True)
class MarginTerms:
    """Holds a venue's rules on the margin of one instrument.

    Attributes
    ----------
    tiers : maintenance tiers over the notional
    on_entry : the requirement is taken on the value at the average entry, not at the mark
    to_bankruptcy : the venue takes a liquidated position over at the price at which its margin is
        lost, whatever the mark is
    highest_setting : largest initial-margin setting, None for no limit of the instrument's own
    """

    tiers: tuple[Tier, ...]
    on_entry: bool = False
    to_bankruptcy: bool = False
    highest_setting: int | None = None

    def highest_at(self, notional: float) -> int | None:
        """Return the largest initial-margin setting at a notional, None for no limit.

        A step of the maintenance rate raises the initial margin by as much (BitMEX, "Risk Limits",
        as of 2019), so that a position never begins below its requirement.

        >>> terms = MarginTerms(build_tiers([(0, 0.005), (200, 0.01)], whole=True), True, True, 100)
        >>> terms.highest_at(150), terms.highest_at(200)
        (100, 66)
        """
        if self.highest_setting is None:
            return None
        rate = next(tier.rate for tier in self.tiers if notional < tier.ceiling)
        return setting_at(self.highest_setting, rate, self.tiers[0].rate)


@scalar
def setting_at(highest: int, rate: float, first_rate: float) -> int:
    """Return the largest setting where the maintenance rate has stepped up from the first."""
    least = 1 / highest + rate - first_rate
    return max(math.floor(1 / least + 1e-9), 1)


@scalar
def tier_requirement(notional: float, rate: float, deduction: float) -> float:
    """Return the maintenance requirement of a notional in its tier."""
    return notional * rate - deduction


def build_tiers(
    brackets: Iterable[tuple[float, float]], *, whole: bool = False
) -> tuple[Tier, ...]:
    """Return tiers from ascending (floor, rate) rows, with their deductions.

    ``whole``: a rate applies to all of the notional, without a deduction.

    >>> [tier.deduction for tier in build_tiers([(0, 0.004), (300_000, 0.005)])]
    [0.0, 300.0]
    """
    rows = list(brackets)
    tiers: list[Tier] = []
    deduction, previous_rate = 0.0, rows[0][1]
    for index, (floor, rate) in enumerate(rows):
        deduction += 0.0 if whole else floor * (rate - previous_rate)
        ceiling = rows[index + 1][0] if index + 1 < len(rows) else float("inf")
        tiers.append(Tier(float(floor), float(ceiling), rate, round(deduction, 9)))
        previous_rate = rate
    return tuple(tiers)


def maintenance_margin(notional: float, tiers: tuple[Tier, ...]) -> float:
    """Return the maintenance requirement of a notional (unsigned, quote)."""
    for tier in tiers:
        if notional < tier.ceiling:
            return tier_requirement(notional, tier.rate, tier.deduction)
    raise AssertionError("the last tier has no ceiling")
