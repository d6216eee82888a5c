"""Playbook A: after a liquidation-driven sell-off, trade the reclaim after the second flush."""

from strategies.liquidation_reclaim.params import ReclaimParams
from strategies.liquidation_reclaim.playbook import LiquidationReclaim

__all__ = ["LiquidationReclaim", "ReclaimParams"]
