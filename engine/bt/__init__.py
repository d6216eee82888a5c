"""Backtrader behind one fence: feeds, broker, loop. No other room imports it."""

from engine.bt.carried_account import CarriedAccount
from engine.bt.inputs import SimulationInputs
from engine.bt.simulate import simulate, simulate_segment

__all__ = ["CarriedAccount", "SimulationInputs", "simulate", "simulate_segment"]
