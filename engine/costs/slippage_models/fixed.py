"""Slippage as one fraction of price, whatever the size and the market."""

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
def flat_size(budget: float, per_unit: float) -> float:
    """Return the units that a budget pays for."""
    return max(budget, 0.0) / per_unit


@dataclass(frozen=True, slots=True)
class FlatCurve(SlippageCurve):
    """Slippage that does not depend on size."""

    fixed: float

    def impact(self, quantity: float, *, earlier: float = 0.0) -> float:
        """Return 0."""
        return 0.0

    def largest(self, budget: float, per_unit: float, orders: Sequence[SizedOrder]) -> float:
        """Return ``budget / per_unit``."""
        return flat_size(budget, per_unit)

    def unit_cost(self, quantity: float, per_unit: float, orders: Sequence[SizedOrder]) -> float:
        """Return ``per_unit``."""
        return per_unit


class FixedSlippage(SlippageModel):
    """Define slippage as ``base_bps`` of price, times the plan's slippage multiplier."""

    model: Literal["fixed"] = Field("fixed", description="Name of the model")

    @property
    def sentence(self) -> str:
        """Return the rule in words."""
        return (
            f"The slippage of a market or stop fill is {self.base_bps:g} bps at any size and in "
            "any market; a limit fill has none."
        )

    def curve(self, market: FillConditions, multiplier: float) -> FlatCurve:
        """Return one fraction for every size."""
        return FlatCurve(in_thin_market(self.base, multiplier))
