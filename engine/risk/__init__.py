"""From intents to quantities: sizing, guards, and the record of every decision."""

from engine.risk.decisions import Review
from engine.risk.inputs import SizingInputs, sizing_inputs
from engine.risk.module import RiskModule

__all__ = ["Review", "RiskModule", "SizingInputs", "sizing_inputs"]
