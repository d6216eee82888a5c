"""Slippage by the square root of an order's share of a day's volume."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from engine.costs.slippage_model import (
    FillConditions,
    SizedOrder,
    SlippageCurve,
    SlippageModel,
    in_thin_market,
)
from engine.scalars import scalar


@scalar
def half_spread(base: float, volatility: float, usual: float) -> float:
    """Return the fraction lost at a negligible size, which grows with the volatility.

    A market that has not moved for 20 days has the half spread of a usual day.
    """
    return base * (volatility / usual if usual > 0 else 1.0)


@scalar
def root_slope(coefficient: float, volatility: float, daily_volume: float) -> float:
    """Return the fraction lost for the root of a unit, ``coefficient x volatility / sqrt(V)``."""
    return coefficient * volatility / math.sqrt(daily_volume)


@scalar
def root_impact(slope: float, quantity: float, earlier: float) -> float:
    """Return ``slope x ((earlier + quantity)^1.5 - earlier^1.5) / quantity``.

    With the roots a and b of the two sizes this is (a^2 + a b + b^2) / (a + b), which loses no
    digits where the quantity is small beside the units filled before.
    """
    after, before = math.sqrt(earlier + quantity), math.sqrt(earlier)
    if after + before == 0.0:
        return 0.0
    return slope * (after * after + after * before + before * before) / (after + before)


@scalar
def root_weight(slope: float, unit_values: float) -> float:
    """Return the cost of orders together for one unit to the power of 1.5."""
    return slope * unit_values


@scalar
def root_size(budget: float, per_unit: float, offset: float, weight: float) -> float:
    """Return the root of ``per_unit x q + weight x ((o + q)^1.5 - o^1.5) = budget``, at least 0.

    With y = 1 / sqrt(o + q) the equation is y^3 - p y - r = 0, whose one positive root has a closed
    form.
    """
    if budget <= 0.0:
        return 0.0
    if weight == 0.0:
        return budget / per_unit
    total = budget + per_unit * offset + weight * offset**1.5
    inverse_root = _positive_root(per_unit / total, weight / total)
    return max(1.0 / (inverse_root * inverse_root) - offset, 0.0)


@dataclass(frozen=True, slots=True)
class RootCurve(SlippageCurve):
    """Slippage whose cost grows with the size of the whole order: ``slope x quantity^1.5``.

    A fill of an order pays the increment from the units filled before, so that a split order costs
    as much as a whole one.
    """

    fixed: float
    slope: float

    def impact(self, quantity: float, *, earlier: float = 0.0) -> float:
        """Return the mean over the increment of an order that has filled ``earlier`` units."""
        return root_impact(self.slope, quantity, earlier)

    def largest(self, budget: float, per_unit: float, orders: Sequence[SizedOrder]) -> float:
        """Return the root of ``per_unit x q + weight x ((o + q)^1.5 - o^1.5) = budget``.

        All orders count from the largest offset ``o``, which never understates a cost.
        """
        offset, weight = self._terms(orders)
        return root_size(budget, per_unit, offset, weight)

    def unit_cost(self, quantity: float, per_unit: float, orders: Sequence[SizedOrder]) -> float:
        """Return ``per_unit + weight x ((o + q)^1.5 - o^1.5) / q``."""
        offset, weight = self._terms(orders)
        if weight == 0.0:
            return per_unit
        return per_unit + weight / self.slope * self.impact(quantity, earlier=offset)

    def _terms(self, orders: Sequence[SizedOrder]) -> tuple[float, float]:
        """Return the largest offset (units), and the cost of one unit to the power of 1.5."""
        offset = max((order.earlier + order.together for order in orders), default=0.0)
        return offset, root_weight(self.slope, sum(order.unit_value for order in orders))


@scalar
def _positive_root(p: float, r: float) -> float:
    """Return the positive root of ``y^3 - p y - r = 0`` for p and r of zero or more (Cardano).

    With three real roots the trigonometric form gives the largest, the only positive one.
    """
    half, third = r / 2, p / 3
    inside = half * half - third * third * third
    if inside >= 0.0:
        # third^3 <= half^2, so the first cube root is positive; its product with the other is p/3.
        first = math.cbrt(half + math.sqrt(inside))
        return first + third / first
    root = math.sqrt(third)
    return 2 * root * math.cos(math.acos(half / (third * root)) / 3)


class SquareRootSlippage(SlippageModel):
    """Define slippage by volatility and an order's share of a day's volume.

    half spread + coefficient x volatility x sqrt(quantity / daily volume), times the plan's
    slippage multiplier. The daily volume is the median of the complete days among the last 30. The
    volatility is the larger of that of 20 days and that of the last completed hour, scaled to a
    day; the half spread grows with it. Both come from the finest stored bars, so the same order
    costs the same on every timeframe.

    The law: Toth et al., Anomalous price impact and the critical nature of liquidity, Physical
    Review X 1 (2011); on bitcoin Donier and Bonart, A million metaorder analysis of market impact
    on the Bitcoin, Market Microstructure and Liquidity 1 (2015).
    """

    model: Literal["square_root"] = Field("square_root", description="Name of the model")
    coefficient: float = Field(
        1.0,
        ge=0,
        le=10,
        description="Cost of an order of a whole day's volume, in daily volatilities: 1 is one",
    )

    @property
    def reads_activity(self) -> bool:
        """Return True: volume and volatility of the instrument's days."""
        return True

    @property
    def sentence(self) -> str:
        """Return the rule in words."""
        return (
            f"The slippage of a market or stop fill is a half spread of {self.base_bps:g} bps x "
            f"volatility / its 20-day value, plus {self.coefficient:g} x volatility x "
            "sqrt(quantity / daily volume); a limit fill has none. Volatility is the larger of 20 "
            "days' and the last completed hour's, scaled to a day; daily volume the median of 30 "
            "days; both from the finest stored bars. The fills and tranches of one order count "
            "together."
        )

    def unpriced(self, market: FillConditions) -> str | None:
        """Return the reason why volume or volatility is unknown, None where both are known."""
        if market.activity.is_known:
            return None
        return "fewer than 10 complete days are known: of volume among 30, of returns among 20"

    def curve(self, market: FillConditions, multiplier: float) -> RootCurve:
        """Return slippage by size; without any known day, the half spread alone."""
        known = market.activity
        if math.isnan(known.usual_volatility):
            return RootCurve(in_thin_market(self.base, multiplier), 0.0)
        fixed = half_spread(self.base, known.volatility, known.usual_volatility)
        slope = root_slope(self.coefficient, known.volatility, known.daily_volume)
        return RootCurve(in_thin_market(fixed, multiplier), in_thin_market(slope, multiplier))
