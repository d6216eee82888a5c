"""Run and read Riskoff from Python; see docs/python.md.

import riskoff

r = riskoff.run("demo", {"risk.risk_fraction": 0.005})
r.trades, r.equity, r.metrics
r.plot()
print(r.why_not("2026-02-05"))
"""

from engine.door import (
    Account,
    Comparison,
    DayAnswer,
    Difference,
    RiskOffDay,
    Run,
    Sweep,
    account,
    checklist,
    compare,
    diff,
    episodes,
    load,
    open,
    run,
    sweep,
    today,
)
from engine.errors import RiskoffError

__all__ = [
    "Account",
    "Comparison",
    "DayAnswer",
    "Difference",
    "RiskOffDay",
    "RiskoffError",
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
