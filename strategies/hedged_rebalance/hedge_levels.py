"""The hedge's level and put contract of each session: on at once, off in steps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.api import PutSpread, SpreadRule

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HedgeRules:
    """Sessions until the first step down, sessions between steps, and number of steps."""

    calm_sessions: int
    add_rest: int
    add_steps: int


def hedge_levels(warns: Flags, calm: Flags, rules: HedgeRules) -> Floats:
    """Return the hedge's level of each session, 0 to 1.

    A warning sets the level to 1 on its session. Without a warning it falls by one step after
    ``calm_sessions`` calm sessions in a row, then by another after every ``add_rest`` more. A
    session with neither a warning nor calm restarts the count and keeps the level.

    >>> on, off = np.array([1, 0, 0, 0, 0], bool), np.array([0, 1, 1, 1, 1], bool)
    >>> hedge_levels(on, off, HedgeRules(2, 1, 2)).tolist()
    [1.0, 1.0, 0.5, 0.0, 0.0]
    """
    levels = np.zeros(len(warns))
    left, quiet = 0, 0
    for t in range(len(warns)):
        if warns[t]:
            left, quiet = rules.add_steps, 0
        elif not calm[t]:
            quiet = 0
        elif left > 0:
            quiet += 1
            if quiet >= rules.calm_sessions:
                left -= 1
                # After the first step only ``add_rest`` sessions are needed.
                quiet = rules.calm_sessions - rules.add_rest
        levels[t] = left / rules.add_steps
    return levels


def wanted_contracts(
    levels: Floats,
    closes: Floats,
    dates: NDArray[np.datetime64],
    rule: SpreadRule,
    roll_days: int,
) -> NDArray[np.str_]:
    """Return the put spread wanted on each session by its name, "" for none.

    A contract is chosen on the session on which the hedge goes on, and another when the last has
    ``roll_days`` or fewer left; none is wanted once the level is 0. ``closes`` is the underlying's
    close as known on each session; where it is NaN no contract is chosen.
    """
    names: list[str] = []
    held: PutSpread | None = None
    for level, close, date in zip(levels, closes, dates, strict=True):
        if level == 0:
            held = None
        elif np.isfinite(close) and (held is None or (held.expiry - date).astype(int) <= roll_days):
            held = rule.contract(float(close), date)
        names.append("" if held is None else held.id)
    return np.array(names, dtype=np.str_)


def sessions_wanted(contracts: NDArray[np.str_]) -> Floats:
    """Return the sessions since each session's contract was chosen, 0 on that session.

    >>> sessions_wanted(np.array(["", "A", "A", "B"])).tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    rows = np.arange(len(contracts))
    chosen = np.append([True], contracts[1:] != contracts[:-1])[: len(rows)]
    ages: Floats = (rows - np.maximum.accumulate(np.where(chosen, rows, 0))).astype(np.float64)
    return ages
