"""Conditions of two alternative trades, with a table of rows worked by hand.

All compare measured >= threshold. Distances: abs(measured - threshold) / the larger of the two.

| row | feed | calm >= 10 | breakout >= 4 | deep >= 100 | quiet fails | panic fails | nearest |
|---|---|---|---|---|---|---|---|
| 0 | 1 | 9 (10%) | 3 (25%) | 90 (10%) | calm, breakout | deep | panic: 1 against 2 |
| 1 | 1 | 10 | 3.9 (2.5%) | 90 (10%) | breakout | deep | quiet: 2.5% against 10% |
| 2 | 1 | 10 | 3 (25%) | unknown | breakout | deep | quiet: unknown has no distance |
| 3 | 0 (100%) | 10 | 4 | 90 (10%) | feed | feed, deep | quiet: 1 against 2 |
| 4 | 1 | 9 (10%) | 4 | 100 | calm | none | panic: none failed |
| 5 | 1 | 9 (10%) | 4 | 90 (10%) | calm | deep | quiet: a tie, first in order |
"""

import numpy as np

from engine.conditions import Condition, condition

NAN = float("nan")
NAMES = ("feed", "quiet.calm", "quiet.breakout", "panic.deep")
THRESHOLDS = (1.0, 10.0, 4.0, 100.0)
GROUPS = ("", "quiet", "quiet", "panic")
ROWS = (
    (1.0, 9.0, 3.0, 90.0),
    (1.0, 10.0, 3.9, 90.0),
    (1.0, 10.0, 3.0, NAN),
    (0.0, 10.0, 4.0, 90.0),
    (1.0, 9.0, 4.0, 100.0),
    (1.0, 9.0, 4.0, 90.0),
)
NEAREST = ("panic", "quiet", "quiet", "quiet", "panic", "quiet")
BLAMED = ("panic.deep", "quiet.breakout", "quiet.breakout", "feed", "", "quiet.calm")
FAILING = (1, 1, 1, 1, 0, 1)
DISTANCES = (0.1, 0.025, 0.25, 1.0, NAN, 0.1)
# feed at row 3; calm at 4 and 5; breakout at 1 and 2; deep at 0, 1, 2 and 5.
ALONE = {"feed": 1, "quiet.calm": 2, "quiet.breakout": 2, "panic.deep": 4}


def two_trades() -> tuple[Condition, ...]:
    """Return the conditions of the table; ``feed`` belongs to both trades."""
    table = np.array(ROWS)
    return tuple(
        condition(
            name,
            np.nan_to_num(table[:, column]) >= threshold,
            known=np.isfinite(table[:, column]),
            measured=table[:, column],
            threshold=threshold,
            unit="x",
            description=f"{name} is at least {threshold:g}",
            group=group,
        )
        for column, (name, threshold, group) in enumerate(
            zip(NAMES, THRESHOLDS, GROUPS, strict=True)
        )
    )
