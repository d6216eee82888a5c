"""Backtrader behind one fence: feeds, broker, loop. Nothing else imports it."""

from engine.bt.simulate import Part, simulate, simulate_together

__all__ = ["Part", "simulate", "simulate_together"]
