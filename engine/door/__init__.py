"""Define the functions and classes that the module ``riskoff`` at the root exports."""

from engine.door.day_answer import DayAnswer, today
from engine.door.difference import Difference
from engine.door.finished_account import Account
from engine.door.finished_comparison import Comparison
from engine.door.finished_run import Run
from engine.door.finished_sweep import Sweep
from engine.door.functions import (
    account,
    checklist,
    compare,
    diff,
    episodes,
    load,
    open,
    run,
    sweep,
)
from engine.door.risk_off_day import RiskOffDay

__all__ = [
    "Account",
    "Comparison",
    "DayAnswer",
    "Difference",
    "RiskOffDay",
    "Run",
    "Sweep",
    "account",
    "checklist",
    "compare",
    "diff",
    "episodes",
    "load",
    "open",
    "run",
    "sweep",
    "today",
]
