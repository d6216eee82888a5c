"""Count how often each state of weights was held in a window, and when it changed.

The counts are a report over the whole window; nothing decides by them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.rules_check.condition_counts import spells

# The value of a row at which no state is held yet.
NO_STATE = -1


@dataclass(frozen=True)
class StateCount:
    """One state over the decision rows of a window.

    Attributes
    ----------
    rows : at which the rules hold the state
    spells : runs of these rows
    longest : rows of the longest run
    first_at, last_at : first and last of these rows, ns UTC; None: never held
    """

    name: str
    rows: int
    spells: int
    longest: int
    first_at: int | None
    last_at: int | None


@dataclass(frozen=True)
class StateCounts:
    """The states of weights over the decision rows of a window.

    Attributes
    ----------
    rows : decision rows
    none : rows before the first state
    switches : rows at which the state differs from that of the row before; the first state after
        none is not a switch
    first_switch_at, last_switch_at : ns UTC, None without a switch
    """

    rows: int
    states: tuple[StateCount, ...]
    none: int
    switches: int
    first_switch_at: int | None
    last_switch_at: int | None


def count_states(
    names: Sequence[str], held: NDArray[np.float64], decided_at: NDArray[np.int64]
) -> StateCounts:
    """Return the counts of states over the rows of a window.

    Parameters
    ----------
    names : of the states
    held : the place of the held state in ``names`` at each row, :data:`NO_STATE` for none
    decided_at : instants of the rows, ns UTC
    """
    changed = held[1:] != held[:-1]
    switched = decided_at[1:][changed & (held[:-1] != NO_STATE)]
    return StateCounts(
        rows=len(held),
        states=tuple(_count(name, held == place, decided_at) for place, name in enumerate(names)),
        none=int((held == NO_STATE).sum()),
        switches=len(switched),
        first_switch_at=int(switched[0]) if len(switched) else None,
        last_switch_at=int(switched[-1]) if len(switched) else None,
    )


def _count(name: str, holds: NDArray[np.bool_], decided_at: NDArray[np.int64]) -> StateCount:
    at = decided_at[holds]
    runs, longest = spells(holds)
    first_at, last_at = (int(at[0]), int(at[-1])) if len(at) else (None, None)
    return StateCount(name, len(at), runs, longest, first_at, last_at)
