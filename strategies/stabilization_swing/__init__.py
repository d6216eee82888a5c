"""Playbook B: after a drawdown, wait until the market stabilizes, then scale in by tranches."""

from strategies.stabilization_swing.params import SwingParams
from strategies.stabilization_swing.playbook import StabilizationSwing

__all__ = ["StabilizationSwing", "SwingParams"]
