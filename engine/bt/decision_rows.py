"""The decision rows of a run along its timeline, and the instants that a playbook asked for."""

import heapq

import numpy as np
from numpy.typing import NDArray

from engine.broker.along_instants import NO_ROW, places
from engine.broker.timeline import Timeline
from engine.playbook import Signals
from engine.records import FAR_FUTURE

Bools = NDArray[np.bool_]


class DecisionRows:
    """Maps instants to rows of the signals and tells at which of them the playbook is called.

    ``indices`` are the instants of the rows, ascending. ``wake_flat`` and ``wake_in_position`` are
    the playbook's wake masks over all instants, ``wake_either`` their union.
    """

    def __init__(self, timeline: Timeline, signals: Signals) -> None:
        rows = np.flatnonzero(
            (signals.decided_at >= timeline.at[0]) & (signals.decided_at <= timeline.at[-1])
        )
        self.indices = places(timeline.at, signals.decided_at[rows])
        self._row_at = np.full(len(timeline), NO_ROW, np.int64)
        self._row_at[self.indices] = rows
        self.wake_flat = self._over_instants(signals.wake_flat)
        self.wake_in_position = self._over_instants(signals.wake_in_position)
        self.wake_either = self.wake_flat | self.wake_in_position
        self._appointments: list[int] = []

    def _over_instants(self, wake: Bools | None) -> Bools:
        mask: Bools = self._row_at != NO_ROW
        if wake is not None:
            mask[self.indices] = wake[self._row_at[self.indices]]
        return mask

    def row(self, t: int) -> int:
        """Return the row that is decided at an index, ``NO_ROW`` for none."""
        return int(self._row_at[t])

    def known(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values by row over all instants: the latest row's, NaN before the first."""
        latest = np.maximum.accumulate(self._row_at)
        return np.where(latest == NO_ROW, np.nan, values[latest])

    def wake_mask(self, plans: int, instruments: int) -> Bools:
        """Return the mask in force while ``plans`` of the ``instruments`` have a plan."""
        if plans == 0:
            return self.wake_flat
        return self.wake_in_position if plans == instruments else self.wake_either

    def appoint(self, at: int) -> None:
        """Keep an instant, ns, at which the playbook asked to be called."""
        heapq.heappush(self._appointments, at)

    @property
    def next_appointment(self) -> int:
        """Return the earliest kept instant, ns; ``FAR_FUTURE`` for none."""
        return self._appointments[0] if self._appointments else FAR_FUTURE

    def meet_appointments(self, at: int) -> bool:
        """Drop the appointments due by an instant; return whether there were any."""
        met = False
        while self._appointments and self._appointments[0] <= at:
            heapq.heappop(self._appointments)
            met = True
        return met
