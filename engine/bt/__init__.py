"""Backtrader behind one fence: feeds, broker, loop. Nothing else imports it."""

from engine.bt.simulate import JointOutcome, Part, simulate, simulate_together

__all__ = ["JointOutcome", "Part", "simulate", "simulate_together"]
