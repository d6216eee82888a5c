"""A run of two plans by script: a long with a target and a moved stop, and a resting short."""

from dataclasses import replace

import numpy as np

from engine.api import DrawnAs, DrawnValue
from engine.intents import Enter, MoveStop, Target
from engine.records import OrderKind
from engine.testing import PERP, candles, table
from tests.engine.audit.simulated import ScriptedRun, scripted
from tests.engine.audit.test_trailing_runs import CLOCK

ROWS = [
    (100, 101, 99, 100), (100, 101, 99, 100), (100, 102, 99, 101), (101, 102, 100, 101),
    (101, 105, 100, 103), (103, 104, 97, 100), (100, 104, 99, 103), (103, 106, 102, 105),
    (105, 108, 104, 107), (107, 109, 105, 106), (106, 107, 103, 104), (104, 105, 103, 104),
]  # fmt: skip
SCRIPT = {
    0: [Enter(PERP.id, 1, 90.0, "a reclaim", targets=(Target(104.0, 0.5), Target(120.0, 0.5)))],
    2: [MoveStop(PERP.id, 98.0, "breakeven")],
    6: [Enter(PERP.id, -1, 112.0, "a rally", kind=OrderKind.LIMIT, price=105.0)],
}
STAGES = DrawnValue("stage", "stages", DrawnAs.STAGES, stages={1: "flush", 2: "reclaim"})


def two_plans() -> ScriptedRun:
    """Return the run, with a level, a panel and stages among its signals."""
    count = len(ROWS)
    values = {"support": [99.0] * count, "mood": [float(row) for row in range(count)]}
    run = scripted(table(candles(ROWS)), SCRIPT, CLOCK, values)
    stage = np.array([1, 1, 2, 2, 0, 0, 0, 0, 1, 1, 0, 0], dtype=np.int8)
    drawn = (
        DrawnValue("support", "support", DrawnAs.LEVEL),
        DrawnValue("mood", "mood of the market", DrawnAs.PANEL),
        STAGES,
    )
    signals = replace(run.signals, values={**run.signals.values, "stage": stage}, drawn=drawn)
    return replace(run, signals=signals)
