"""The assumptions of every option price."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from data_feeds.strict_model import SortedModel

_LEAST_SHARE = 0.2


class OptionModel(SortedModel):
    """Parameters of put prices without an option chain; all numbers are assumptions.

    The smile at a tenor is ``level x (1 - skew z + convexity z^2)`` where ``z = wing x tanh(d /
    wing)`` bends ``d = ln(strike / forward) / (level x sqrt(years))`` flat towards ``wing``. At 30
    days the level is the one whose smile reproduces the volatility index; longer tenors revert to
    ``long_run_level``.
    """

    volatility_index: Mapping[str, str] = Field(
        {"SPY": "VIX", "QQQ": "VXN"}, description="Index of each underlying, percent a year"
    )
    dividend_yield: Mapping[str, float] = Field(
        {"SPY": 0.014, "QQQ": 0.006}, description="Yield of each underlying, fraction a year"
    )
    bill_series: str = Field("DGS3MO", description="Discount rate, percent a year")
    skew: float = Field(
        0.18, ge=0, le=0.3, description="Rise of volatility per deviation down, share of the level"
    )
    convexity: float = Field(
        0.03, ge=0, le=0.06, description="Rise per squared deviation, share of the level"
    )
    wing: float = Field(3.0, gt=0, le=3, description="Deviations towards which the smile flattens")
    long_run_level: float = Field(
        0.17, gt=0, le=1, description="At-the-money volatility that long tenors revert to"
    )
    mean_reversion: float = Field(3.0, gt=0, le=50, description="Speed of the reversion, per year")
    haircut: float = Field(
        0.015, ge=0, le=0.5, description="Half spread of one leg in calm, share of its price"
    )
    least_haircut: float = Field(
        0.03, ge=0, description="Smallest half spread of one leg, commission included, quote"
    )
    haircut_per_point: float = Field(
        0.04,
        ge=0,
        description="Growth of the half spread per index point above calm_index, fraction",
    )
    calm_index: float = Field(20.0, gt=0, description="Index up to which spreads are calm, points")

    @model_validator(mode="after")
    def _smile_stays_positive(self) -> Self:
        # The lowest point lies at the vertex, or at the wing where that comes first.
        low = min(self.skew / (2 * self.convexity), self.wing) if self.convexity else self.wing
        least = 1 - self.skew * low + self.convexity * low * low
        if least < _LEAST_SHARE:
            raise ValueError(
                f"skew {self.skew:g} and convexity {self.convexity:g} make volatility "
                f"{least:.2f} of the level at {low:.1f} deviations; keep it above {_LEAST_SHARE}"
            )
        return self
