"""Turn intents into sized orders: guards, caps, and a record of every decision."""

from engine.risk.account_limits import AccountLimits, SleeveExposure
from engine.risk.decisions import Review
from engine.risk.module import CarriedRisk, RiskModule
from engine.risk.portfolio import Covariance, ewma_covariance, remembered
from engine.risk.sizing_bars import SizingBars, build_sizing_bars
from engine.risk.tiers import MarketTiers

__all__ = [
    "AccountLimits",
    "CarriedRisk",
    "Covariance",
    "MarketTiers",
    "Review",
    "RiskModule",
    "SizingBars",
    "SleeveExposure",
    "build_sizing_bars",
    "ewma_covariance",
    "remembered",
]
