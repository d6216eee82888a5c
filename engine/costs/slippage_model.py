"""The seam of slippage models: what a market or stop fill loses, and the size that a budget pays.

A model is its own section of the configuration. To add one: a file in
``engine/costs/slippage_models``, its line in ``engine/costs/slippage_registry.py``, and the audit's
own formula.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from data_feeds.strict_model import SortedModel
from engine.scalars import scalar

BASIS_POINT = 1e-4


@scalar
def in_thin_market(fraction: float, multiplier: float) -> float:
    """Return a fraction of price times the plan's slippage multiplier."""
    return fraction * multiplier


@dataclass(frozen=True, slots=True)
class Activity:
    """Hold an instrument's volume (units a day) and volatilities (fractions of price a day).

    ``volatility`` is the larger of ``usual_volatility`` and that of the last hour. ``is_known`` is
    false where too few days are known; then the values are the last known ones, or NaN.
    """

    daily_volume: float
    volatility: float
    usual_volatility: float
    is_known: bool


NO_ACTIVITY = Activity(math.nan, math.nan, math.nan, False)


@dataclass(frozen=True, slots=True)
class FillConditions:
    """Hold the market that a fill meets, as it is known when the fill is priced.

    ``bar_range`` is (high - low) / close and ``volume`` the volume (base units) of one bar: at an
    open of the last completed bar, inside a bar of the bar itself; sizing gives the mean volume of
    its window. ``activity`` is the instrument's, whatever the length of its bars.
    """

    bar_range: float = 0.0
    volume: float = 0.0
    activity: Activity = NO_ACTIVITY


@dataclass(frozen=True, slots=True)
class SizedOrder:
    """Hold one market order of a plan whose quantity grows with the size that is solved for.

    ``unit_value`` is the notional of one unit at the order's price. ``earlier`` units were filled
    before, for the same order or tranches of it; ``together`` units fill beside the size.
    """

    unit_value: float
    earlier: float = 0.0
    together: float = 0.0


class SlippageCurve(ABC):
    """Slippage in one market as a function of size: what a size costs, and what a budget pays."""

    fixed: float
    """The fraction of price lost at a negligible size."""

    @abstractmethod
    def impact(self, quantity: float, *, earlier: float = 0.0) -> float:
        """Return the fraction of price lost beyond ``fixed``, the mean over ``quantity`` units.

        ``earlier`` are the units that the same order has filled before.
        """

    @abstractmethod
    def largest(self, budget: float, per_unit: float, orders: Sequence[SizedOrder]) -> float:
        """Return the largest size whose cost stays within a budget, units; exact, in one step.

        The cost is ``per_unit x size`` and the impact that each order adds. ``per_unit`` includes
        ``fixed``. Budget and unit values are in one currency.
        """

    @abstractmethod
    def unit_cost(self, quantity: float, per_unit: float, orders: Sequence[SizedOrder]) -> float:
        """Return the cost of ``quantity`` units that :meth:`largest` counts, for each unit."""


class SlippageModel(SortedModel, ABC):
    """Define the fraction of price lost by a market or stop fill; a limit fill loses none.

    Each model's ``model`` field is its name in the configuration.
    """

    base_bps: float = Field(
        1.0, ge=0, le=500, description="Half spread, basis points of price: 5 is 0.05%"
    )

    @model_serializer(mode="wrap")
    def _with_name(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # The name is part of every dump, also of one without defaults: it says what to read.
        return {**dump(self), "model": self.model_name()}

    @property
    def base(self) -> float:
        """Return the half spread as a fraction of price."""
        return self.base_bps * BASIS_POINT

    @classmethod
    def model_name(cls) -> str:
        """Return the model's name in the configuration."""
        return str(cls.model_fields["model"].default)

    @property
    def reads_bar_volume(self) -> bool:
        """Return whether sizing needs the mean volume of a bar (risk.participation_window)."""
        return False

    @property
    def reads_activity(self) -> bool:
        """Return whether the model needs the instrument's daily volume and volatility."""
        return False

    def unpriced(self, market: FillConditions) -> str | None:
        """Return the reason why an entry cannot be priced yet, None where it can."""
        return None

    @property
    @abstractmethod
    def sentence(self) -> str:
        """Return the rule in words, for the assumptions of a run."""

    @abstractmethod
    def curve(self, market: FillConditions, multiplier: float) -> SlippageCurve:
        """Return slippage by size in a market; ``multiplier`` is the plan's, 1 or more."""

    def fraction(
        self,
        quantity: float,
        market: FillConditions,
        *,
        earlier: float = 0.0,
        multiplier: float = 1.0,
    ) -> float:
        """Return the mean fraction of price that a fill of ``quantity`` units loses.

        ``earlier`` are the units that the same order has filled before.
        """
        curve = self.curve(market, multiplier)
        return curve.fixed + curve.impact(quantity, earlier=earlier)
