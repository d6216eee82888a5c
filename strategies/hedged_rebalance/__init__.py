"""Playbook C: long-term weights, rebalanced, hedged on warnings, with risk restored in steps."""

from strategies.hedged_rebalance.params import HedgedParams
from strategies.hedged_rebalance.playbook import HedgedRebalance

__all__ = ["HedgedParams", "HedgedRebalance"]
