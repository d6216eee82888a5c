"""Slippage by the range and the volume of one bar."""

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
def range_base(base: float, range_share: float, bar_range: float) -> float:
    """Return the fraction lost at a negligible size: ``base + range_share x bar_range``."""
    return base + range_share * bar_range


@scalar
def range_slope(impact: float, multiplier: float, volume: float) -> float:
    """Return the fraction lost for each unit of size in a bar of this volume."""
    return impact * multiplier / volume if impact > 0 else 0.0


@scalar
def range_fraction(  # noqa: PLR0917 - compiled code takes no keywords
    base: float,
    range_share: float,
    bar_range: float,
    impact: float,
    quantity: float,
    volume: float,
    multiplier: float,
) -> float:
    """Return the fraction of price that a fill loses; a bar without trades gives no impact."""
    share = quantity / volume if volume > 0 else 0.0
    return (range_base(base, range_share, bar_range) + impact * share) * multiplier


@scalar
def squared_cost(unit_value: float, slope: float) -> float:
    """Return the cost of an order's impact for one unit squared."""
    return unit_value * slope


@scalar
def linear_size(budget: float, linear: float, quadratic: float) -> float:
    """Return the root of ``linear x q + quadratic x q^2 = budget``."""
    return 2 * budget / (linear + math.sqrt(linear * linear + 4 * quadratic * budget))


@dataclass(frozen=True, slots=True)
class LinearCurve(SlippageCurve):
    """Slippage whose impact grows with the size of one fill: ``fixed + slope x quantity``.

    Earlier fills of an order count nothing: each fill is measured against its own bar.
    """

    fixed: float
    slope: float

    def impact(self, quantity: float, *, earlier: float = 0.0) -> float:
        """Return ``slope x quantity``."""
        return self.slope * quantity

    def largest(self, budget: float, per_unit: float, orders: Sequence[SizedOrder]) -> float:
        """Return the root of ``linear x q + quadratic x q^2 = budget``; impact costs q^2."""
        linear, quadratic = self._terms(per_unit, orders)
        return linear_size(budget, linear, quadratic)

    def unit_cost(self, quantity: float, per_unit: float, orders: Sequence[SizedOrder]) -> float:
        """Return ``linear + quadratic x q``."""
        linear, quadratic = self._terms(per_unit, orders)
        return linear + quadratic * quantity

    def _terms(self, per_unit: float, orders: Sequence[SizedOrder]) -> tuple[float, float]:
        """Return the factors of q and q^2: an order adds (together + q)^2 - together^2."""
        quadratic = 0.0
        for order in orders:
            per_unit += order.unit_value * self.slope * 2 * order.together
            quadratic += squared_cost(order.unit_value, self.slope)
        return per_unit, quadratic


class RangeSlippage(SlippageModel):
    """Define slippage by the range and the volume of one bar.

    base + range_share x bar range / price + impact x quantity / bar volume, times the plan's
    slippage multiplier. At a bar's open the range and volume are those of the last completed bar,
    inside a bar its own: the cost depends on the length of the bars that orders fill in.
    """

    model: Literal["range"] = Field("range", description="Name of the model")
    range_share: float = Field(
        0.02, ge=0, le=1, description="Share of the bar's range lost, a fraction: 0.02 is 2%"
    )
    impact: float = Field(
        0.1, ge=0, le=10, description="Fraction of price lost at 100% participation: 0.1 is 10%"
    )

    @property
    def reads_bar_volume(self) -> bool:
        """Return whether sizing needs the mean volume of a bar."""
        return self.impact > 0

    @property
    def sentence(self) -> str:
        """Return the rule in words."""
        return (
            f"The slippage of a market or stop fill is {self.base_bps:g} bps, plus "
            f"{self.range_share:g} of the bar's range, plus {self.impact:g} x its share of the "
            "bar's volume; a limit fill has none."
        )

    def curve(self, market: FillConditions, multiplier: float) -> LinearCurve:
        """Return slippage by size for bars of this range and volume."""
        base = range_base(self.base, self.range_share, market.bar_range)
        fixed = in_thin_market(base, multiplier)
        return LinearCurve(fixed, range_slope(self.impact, multiplier, market.volume))

    def fraction(
        self,
        quantity: float,
        market: FillConditions,
        *,
        earlier: float = 0.0,
        multiplier: float = 1.0,
    ) -> float:
        """Return the fraction of price lost; a bar without trades gives no impact."""
        return range_fraction(
            self.base,
            self.range_share,
            market.bar_range,
            self.impact,
            quantity,
            market.volume,
            multiplier,
        )
