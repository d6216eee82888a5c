"""The comparison of one screened set with the engine's run of it."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from data_feeds.clock import utc_text
from engine.records import Fill, FillStage, OrderRole, SimulationOutcome
from engine.screening.layout import Records
from engine.screening.screening_of_run import Screening

# Sums in another order differ in the last bits; a tick or a lot is a thousand times larger.
CASH = 1e-9
ROLES = (
    OrderRole.ENTRY,
    OrderRole.STOP,
    OrderRole.TARGET,
    OrderRole.EXIT,
    OrderRole.GUARD,
    OrderRole.LIQUIDATION,
)
STAGES = (FillStage.OPEN, FillStage.RANGE)


def agreement(
    screening: Screening, values: Mapping[str, Any], outcome: SimulationOutcome
) -> str | None:
    """Return the first difference between a screened set and the engine's outcome, in words.

    Compared are every fill with its instant, stage, purpose, quantity and price, its fee and
    realized profit, and the equity at the end of each day. None: there is no difference.
    """
    found = fill_difference(outcome, screening.fills(values))
    if found is not None:
        return found
    screened, curve = screening.screen([values]), outcome.curve
    place = np.searchsorted(curve.at, screened.days)
    theirs = curve.equity[np.minimum(place, len(curve.at) - 1)]
    apart = np.abs(theirs - screened.daily_equity[0])
    if len(apart) and not apart.max() <= CASH * max(1.0, float(np.abs(theirs).max())):
        worst = int(np.argmax(apart))
        return (
            f"equity at {utc_text(int(screened.days[worst]))}: engine {float(theirs[worst])!r}, "
            f"screening {float(screened.daily_equity[0, worst])!r}"
        )
    return None


def fill_difference(outcome: SimulationOutcome, rows: Records) -> str | None:
    """Return the first fill that differs, in words; None where all are equal."""
    for number, (fill, row) in enumerate(zip(outcome.fills, rows, strict=False), start=1):
        other = (
            int(row["at"]),
            str(STAGES[int(row["stage"])]),
            str(ROLES[int(row["role"])]),
            float(row["quantity"]),
            float(row["price"]),
        )
        own = (fill.at, fill.stage, fill.role, fill.quantity, fill.price)
        if own != other or not _cash_agrees(fill, row):
            return f"fill {number}: engine {_told(fill)}, screening {other}"
    if len(outcome.fills) != len(rows):
        return f"engine {len(outcome.fills)} fills, screening {len(rows)}"
    return None


def _cash_agrees(fill: Fill, row: Any) -> bool:
    scale = max(1.0, abs(fill.quantity * fill.price))
    return math.isclose(fill.fee, float(row["fee"]), abs_tol=CASH * scale) and math.isclose(
        fill.realized, float(row["realized"]), abs_tol=CASH * scale
    )


def _told(fill: Fill) -> str:
    return (
        f"({utc_text(fill.at)}, {fill.stage}, {fill.role}, {fill.quantity!r}, {fill.price!r}, "
        f"fee {fill.fee!r}, realized {fill.realized!r})"
    )
