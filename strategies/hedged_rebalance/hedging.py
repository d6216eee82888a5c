"""How much is hedged, session by session: on at once, off in steps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HedgeRules:
    """``calm_sessions`` until the first step, ``add_rest`` between steps, ``add_steps`` in all."""

    calm_sessions: int
    add_rest: int
    add_steps: int


def hedge_levels(warns: Flags, calm: Flags, rules: HedgeRules) -> Floats:
    """Return the hedge's level of each session, 0 to 1.

    A warning sets it to 1 on its session. Without a warning it falls by one step after
    ``calm_sessions`` sessions of calm in a row, then by another after every ``add_rest`` more. A
    session that is neither ends the row of calm ones and leaves the level.

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
                # The next step comes after the shorter rest.
                quiet = rules.calm_sessions - rules.add_rest
        levels[t] = left / rules.add_steps
    return levels
