"""Sessions in step: one for a run, one a sleeve for an account that several playbooks share.

All lanes have the same instants. One is visited only where it has something to do; the account's
guards and caps look at all of them, at the marks of that instant.
"""

from collections.abc import Sequence

import numpy as np

from engine.broker.joint_search import next_breach
from engine.broker.timeline import Timeline, joint_ends
from engine.bt.session import Session
from engine.decision_terms import OF_ACCOUNT, GuardName
from engine.risk import AccountLimits, SleeveExposure


class Lane:
    """One session alone: it is due wherever it goes."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self.sessions = tuple(sessions)
        self.due: tuple[int, ...] = (0,)

    @property
    def timeline(self) -> Timeline:
        """The instants of all lanes, with the paths of the first."""
        return self.sessions[0].timeline

    def next_index(self) -> int:
        """Return the next index at which something may happen; the timeline's length for none."""
        return self.sessions[0].next_index()

    def visit(self, index: int) -> None:
        """Go to an index; ``due`` are the lanes that have something to do there."""
        self.sessions[0].t = index

    def judge(self) -> None:
        """Judge what is joint: here nothing."""


class Sleeves(Lane):
    """The sessions of one account, in step, and its guards."""

    def __init__(self, sessions: Sequence[Session], joint: AccountLimits) -> None:
        super().__init__(sessions)
        self.t = -1
        self._next = [-1] * len(self.sessions)
        self._stale = [True] * len(self.sessions)
        self._watch = Watch(self.sessions, joint)

    def next_index(self) -> int:
        """Return the next index at which a lane or a guard of the account has something to do."""
        for lane, session in enumerate(self.sessions):
            if self._stale[lane]:
                # Other lanes' closes may come before its own next one.
                session.simulator.sync(self.t + 1)
                self._next[lane] = session.next_index()
                self._stale[lane] = False
        return self._watch.next_index(self.t, min(self._next))

    def visit(self, index: int) -> None:
        """Go to an index; the lanes that have something to do there become due."""
        self.t = index
        self.due = ()
        self._arrive([lane for lane, following in enumerate(self._next) if following == index])

    def judge(self) -> None:
        """Judge the account's guards; every lane becomes due when one asks for a flat account."""
        reason = self._watch.judge(self.t)
        if reason is None:
            return
        others = [lane for lane in range(len(self.sessions)) if lane not in self.due]
        for lane in others:
            # The lane looked further ahead than this instant: its peak must not.
            self.sessions[lane].next_index(at_most=self.t)
        self._arrive(others)
        for lane in others:
            self.sessions[lane].settle()
        for session in self.sessions:
            session.told_to_leave = reason

    def _arrive(self, lanes: Sequence[int]) -> None:
        for lane in lanes:
            self.sessions[lane].t = self.t
            self._stale[lane] = True
        self.due = tuple(sorted((*self.due, *lanes)))


class Watch:
    """The account's guards over all lanes: when they could trip, and what they say."""

    def __init__(self, sessions: Sequence[Session], joint: AccountLimits) -> None:
        self._sessions = sessions
        self._joint = joint
        self._t = -1
        timelines = [session.timeline for session in sessions]
        self._at = timelines[0].at
        self._has_close, self._day_end, self._week_end = joint_ends(timelines)
        self._closes = np.flatnonzero(self._has_close)
        self._closed_at = self._at[self._closes]
        self._marks = np.array([path.mark for line in timelines for path in line.paths])
        sizes = [len(line.paths) for line in timelines]
        self._first = np.concatenate(([0], np.cumsum(sizes)))
        self._margined = np.concatenate([session.simulator.margined for session in sessions])
        joint.sleeves = self.exposures

    def exposures(self) -> list[SleeveExposure]:
        """Return what each lane is worth and holds at the present instant."""
        return [session.exposure(self._t) for session in self._sessions]

    def equity(self, t: int) -> float:
        """Return the sum of the lanes' equities at the marks of an index, quote."""
        equity = 0.0
        for session in self._sessions:
            equity += session.simulator.equity_at(t)
        return equity

    def next_index(self, t: int, index: int) -> int:
        """Return the first index after ``t`` at which a guard could act, at most ``index``."""
        guards = self._joint.guards
        following = np.searchsorted(self._closed_at, guards.next_release_at)
        if following < len(self._closes):
            index = min(index, max(int(self._closes[following]), t + 1))
        simulators = [session.simulator for session in self._sessions]
        found, peak = next_breach(
            t,
            index,
            self._has_close,
            self._day_end,
            self._marks,
            self._first,
            np.concatenate([simulator.quantities for simulator in simulators]),
            np.concatenate([simulator.averages for simulator in simulators]),
            self._margined,
            np.array([simulator.ledger.cash() for simulator in simulators]),
            guards.loss_floor,
            guards.halt_drawdown,
            guards.peak,
        )
        guards.peak = peak
        return int(found)

    def judge(self, t: int) -> GuardName | None:
        """Return the guard that asks for a flat account at an index, None for none."""
        self._t = t
        guards = self._joint.guards
        if not self._has_close[t] or not guards.on_mark(
            int(self._at[t]), self.equity(t), bool(self._day_end[t]), bool(self._week_end[t])
        ):
            return None
        assert guards.flatten_reason is not None, "a guard that flattens has a name"
        return OF_ACCOUNT[guards.flatten_reason]
