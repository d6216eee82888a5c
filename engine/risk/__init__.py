"""From intents to quantities: sizing, guards, and the record of every decision."""

from engine.risk.decisions import Review
from engine.risk.inputs import SizingInputs, sizing_inputs
from engine.risk.joint import Exposure, Joint
from engine.risk.module import RiskModule
from engine.risk.portfolio import Covariance, ewma_covariance, remembered
from engine.risk.rebalancing import is_small
from engine.risk.tiers import MarketTiers

__all__ = [
    "Covariance",
    "Exposure",
    "Joint",
    "MarketTiers",
    "Review",
    "RiskModule",
    "SizingInputs",
    "ewma_covariance",
    "is_small",
    "remembered",
    "sizing_inputs",
]
