"""The bracket plan of a file with one trade: every decision of the playbook as data."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.api import BracketPlan
from strategies.rules.rule_models import TradeRule

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def trade_plan(
    trade: TradeRule,
    name: str,
    instrument: str,
    values: Mapping[str, Floats],
    *,
    enter: Flags,
    leaves: Flags,
) -> BracketPlan | None:
    """Return the plan of a trade; None for tranches and for a stop that follows the price.

    ``enter`` and ``leaves`` are the rows at which it enters and at which one of its exits is true;
    no exit may read values of the plan.
    """
    if trade.tranches or trade.trail is not None or trade.trailing_stop is not None:
        return None
    rows = np.flatnonzero(enter)
    close, stop = values[f"close {trade.instrument}"][rows], values[f"stop {name}"][rows]
    targets = [
        values[f"target {name} {i + 1}"][rows]
        if target.r is None
        else close + target.r * (close - stop)
        for i, target in enumerate(trade.targets)
    ]
    return BracketPlan(
        instrument=instrument,
        direction=trade.direction,
        rows=rows,
        stop=stop,
        targets=np.stack(targets, axis=1) if targets else np.empty((len(rows), 0)),
        fractions=tuple(target.fraction for target in trade.targets),
        size_multiplier=np.full(len(rows), trade.risk),
        slippage_multiplier=np.ones(len(rows)),
        exits=np.flatnonzero(leaves),
        exits_again=True,
    )
