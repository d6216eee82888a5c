"""From intents to quantities: sizing, guards, and the record of every decision."""

from engine.risk.decisions import Review
from engine.risk.inputs import SizingInputs, sizing_inputs
from engine.risk.module import RiskModule
from engine.risk.tiers import MarketTiers

__all__ = ["MarketTiers", "Review", "RiskModule", "SizingInputs", "sizing_inputs"]
