"""The costs of trading: fees, price steps, and slippage by a named model.

Sizing, broker and benchmark ask the same objects; the audit has formulas of its own.
"""

from engine.costs.arithmetic import (
    ceil_to_step,
    fee,
    floor_to_step,
    round_against,
    simple_interest,
)
from engine.costs.slippage_model import (
    NO_ACTIVITY,
    Activity,
    FillConditions,
    SizedOrder,
    SlippageCurve,
    SlippageModel,
)
from engine.costs.slippage_models.bar_range import RangeSlippage
from engine.costs.slippage_models.square_root import SquareRootSlippage
from engine.costs.slippage_registry import MODELS, Slippage, slippage_keys, with_own_terms

__all__ = [
    "MODELS",
    "NO_ACTIVITY",
    "Activity",
    "FillConditions",
    "RangeSlippage",
    "SizedOrder",
    "Slippage",
    "SlippageCurve",
    "SlippageModel",
    "SquareRootSlippage",
    "ceil_to_step",
    "fee",
    "floor_to_step",
    "round_against",
    "simple_interest",
    "slippage_keys",
    "with_own_terms",
]
