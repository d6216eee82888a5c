"""Backtrader behind one fence: feeds, broker, loop. Nothing else imports it."""

from engine.bt.simulate import simulate

__all__ = ["simulate"]
