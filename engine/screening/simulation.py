"""The call of the kernel: sets with their plans in, their results out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.screening.entries import PlannedEntries
from engine.screening.layout import (
    FILL,
    MAX_TARGETS,
    STATE,
    TARGET,
    TERMS,
    Floats,
    Records,
    SetPlan,
    Tape,
)
from engine.screening.loop import compiled_sets, run_sets


@dataclass(frozen=True)
class PreparedSet:
    """Hold one set for the kernel: a record of ``TERMS``, its ladder, its plan's entries."""

    terms: tuple[float, ...]
    ladder: Floats
    planned: PlannedEntries

    @property
    def start_equity(self) -> float:
        """Return the cash of both wallets at the start."""
        names = TERMS.names or ()
        return self.terms[names.index("cash")] + self.terms[names.index("idle")]


def simulate_sets(
    sets: Sequence[PreparedSet],
    tape: Tape,
    *,
    days: int,
    kept_fills: int = 0,
    in_python: bool = False,
) -> tuple[Records, Floats, Records]:
    """Return the final states, the equity at the ends of ``days`` days, and the fills kept.

    ``kept_fills`` is the room for fills; each set writes its first fills over those of the set
    before. ``in_python`` runs the same source without the compiler.
    """
    states = np.zeros(len(sets), STATE)
    equity = np.zeros((len(sets), days))
    log = np.zeros(kept_fills, FILL)
    planned = [item.planned for item in sets]
    ladders = _ladders(sets)
    simulate = run_sets if in_python else compiled_sets
    simulate(
        states.view(np.recarray),
        np.array([item.terms for item in sets], TERMS).view(np.recarray),
        tape,
        _joined(planned, ladders[0]),
        np.stack([item.shares for item in planned]),
        ladders,
        _offsets([len(item.entries) for item in planned]),
        _offsets([len(item.exit_t) for item in planned]),
        equity,
        np.zeros(MAX_TARGETS, TARGET).view(np.recarray),
        log.view(np.recarray),
    )
    return states, equity, log


def fills_of(item: PreparedSet, tape: Tape) -> Records:
    """Return all fills of one set, in order."""
    counted = int(simulate_sets([item], tape, days=0)[0]["fills"][0])
    return simulate_sets([item], tape, days=0, kept_fills=counted)[2]


def _ladders(sets: Sequence[PreparedSet]) -> Floats:
    """Return the ladders of sets, filled up with rungs that no drawdown reaches."""
    rungs = max((len(item.ladder) for item in sets), default=0)
    ladders = np.full((len(sets), rungs, 2), -np.inf)
    ladders[:, :, 0] = np.inf
    for place, item in enumerate(sets):
        ladders[place, : len(item.ladder)] = item.ladder
    return ladders


def _joined(planned: Sequence[PlannedEntries], ladder: Floats) -> SetPlan:
    """Return the plans of sets one after another; shares and ladder are those of the first."""
    entries = _joined_records([item.entries for item in planned])
    return SetPlan(
        entries.view(np.recarray),
        np.concatenate([item.prices for item in planned]),
        np.concatenate([item.leave_t for item in planned]),
        np.zeros(len(entries), np.int64),
        np.concatenate([item.exit_t for item in planned]),
        np.concatenate([item.exit_keys for item in planned]),
        planned[0].shares,
        ladder,
    )


def _joined_records(pieces: Sequence[Records]) -> Records:
    """Return records one after another; numpy's own function compares their fields each time."""
    ends = _offsets([len(piece) for piece in pieces])
    found = np.empty(ends[-1], pieces[0].dtype)
    for piece, begin, end in zip(pieces, ends, ends[1:], strict=False):
        found[begin:end] = piece
    return found


def _offsets(lengths: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return where each piece of a joined array begins, and its end."""
    return np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
