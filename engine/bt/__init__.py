"""Backtrader behind one fence: feeds, broker, loop. Nothing else imports it."""

from engine.bt.simulate import SimulationInputs, simulate, simulate_together

__all__ = ["SimulationInputs", "simulate", "simulate_together"]
