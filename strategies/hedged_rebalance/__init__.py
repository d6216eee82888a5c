"""Playbook C: long-term weights, rebalanced, hedged when the market warns, re-risked in steps."""

from strategies.hedged_rebalance.params import HedgedParams
from strategies.hedged_rebalance.playbook import HedgedRebalance

__all__ = ["HedgedParams", "HedgedRebalance"]
