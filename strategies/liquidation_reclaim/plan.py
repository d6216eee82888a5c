"""The bracket plan of the rules: every decision of the playbook as data."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.api import BracketPlan
from strategies.liquidation_reclaim.frame import Flags, Floats
from strategies.liquidation_reclaim.params import ReclaimParams

# Parameters that only this module reads, beside the values shown to a reader.
PLAN_PARAMS = frozenset({"stop_atr", "targets", "breakeven"})


def stop_level(params: ReclaimParams, flush_low: Floats, previous_atr: Floats) -> Floats:
    """Return the stop beyond the flush's extreme, quote."""
    level: Floats = flush_low - params.side * params.stop_atr * previous_atr
    return level


def reclaim_plan(
    params: ReclaimParams, values: Mapping[str, NDArray[Any]], entry: Flags, leave: Flags
) -> BracketPlan | None:
    """Return the plan of prepared signals; None with a trailing stop, which is no bracket.

    ``entry`` and ``leave`` are the rows at which the playbook may act without and with a plan. An
    exit closes only the plan of its own sequence.
    """
    if params.trailing_atr is not None:
        return None
    rows, exits = np.flatnonzero(entry), np.flatnonzero(leave)
    close, sequence = values["close"][rows], values["sequence"]
    stop = stop_level(params, values["flush_low"][rows], values["previous_atr"][rows])
    away = np.array([target.r for target in params.targets])
    return BracketPlan(
        instrument=params.instrument,
        direction=params.side,
        rows=rows,
        stop=stop,
        targets=close[:, None] + away[None, :] * (close - stop)[:, None],
        fractions=tuple(target.fraction for target in params.targets),
        size_multiplier=values["size_multiplier"][rows],
        slippage_multiplier=values["slippage_multiplier"][rows],
        breakeven=params.breakeven,
        leave_after_ns=params.bars(params.time_stop) * params.clock.ns,
        exits=exits,
        exit_keys=sequence[exits],
        entry_keys=sequence[rows],
    )
