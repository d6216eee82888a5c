"""The market state's configuration: inputs, thresholds and conditions, each declared once.

``declaration`` has the words that a condition is declared in; every other module declares the
thresholds and conditions of one subject. ``MarketStateConfig.conditions`` lists them all.
"""

from engine.config.market.declaration import ChecklistStep, Declaration
from engine.config.market.market_inputs import MarketInputsConfig
from engine.config.market.regime_rules import RegimeRules
from engine.config.market.state_config import MarketStateConfig
from engine.config.market.step_conditions import ChecklistRules

__all__ = [
    "ChecklistRules",
    "ChecklistStep",
    "Declaration",
    "MarketInputsConfig",
    "MarketStateConfig",
    "RegimeRules",
]
