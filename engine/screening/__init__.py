"""Screening: many parameter sets of one playbook simulated by one compiled loop.

The loop calls the formulas of the engine and adds none; ``docs/screening.md`` says what it
simulates, what it refuses, and how its equality with the engine is proved.
"""

from engine.screening.agreement import agreement
from engine.screening.screened import Screened
from engine.screening.screening_of_run import Screening, supports
from engine.screening.support import UnscreenedError, refused_paths

__all__ = ["Screened", "Screening", "UnscreenedError", "agreement", "refused_paths", "supports"]
