"""Backtrader behind one fence: feeds, broker, loop. No other room imports it."""

from engine.bt.inputs import SimulationInputs
from engine.bt.simulate import simulate

__all__ = ["SimulationInputs", "simulate"]
