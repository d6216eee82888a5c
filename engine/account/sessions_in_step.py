"""The sessions of one account's sleeves in step, and the account's guards over them.

All sessions have the same instants. The loop processes a session only where that session has
something to do; guards and caps of the account look at all sessions, at the marks of that instant.
"""

from collections.abc import Sequence

import numpy as np

from engine.account.joint_search import JointAccounts, JointTape, next_breach
from engine.broker.search import GuardLimits
from engine.broker.timeline import Timeline, joint_ends
from engine.bt.session import Session
from engine.decision_terms import ACCOUNT_GUARD_OF, GuardName
from engine.risk import AccountLimits, SleeveExposure


class SessionsInStep:
    """Drives the sessions of one account over common instants and applies the account's guards."""

    def __init__(self, sessions: Sequence[Session], limits: AccountLimits) -> None:
        self.sessions = tuple(sessions)
        self.due: tuple[int, ...] = ()
        self.t = -1
        self._next = [-1] * len(self.sessions)
        self._stale = [True] * len(self.sessions)
        self._guards = AccountGuards(self.sessions, limits)

    @property
    def timeline(self) -> Timeline:
        """Return the common instants, with the instrument paths of the first session."""
        return self.sessions[0].timeline

    def next_index(self) -> int:
        """Return the next index at which a session or a guard of the account has work."""
        for i, session in enumerate(self.sessions):
            if self._stale[i]:
                # A bar of another sleeve may close before the next close of this one.
                session.simulator.sync(self.t + 1)
                self._next[i] = session.next_index()
                self._stale[i] = False
        return self._guards.next_index(self.t, min(self._next))

    def visit(self, index: int) -> None:
        """Move to an index; the sessions that have work there become due."""
        self.t = index
        self.due = ()
        self._arrive([i for i, following in enumerate(self._next) if following == index])

    def apply_account_guards(self) -> None:
        """Close every sleeve if a guard of the account orders it; all sessions become due."""
        reason = self._guards.flatten_reason(self.t)
        if reason is None:
            return
        others = [i for i in range(len(self.sessions)) if i not in self.due]
        for i in others:
            # The sleeve has searched past this instant. The search is repeated up to here, so
            # that the peak equity excludes later bars.
            self.sessions[i].next_index(at_most=self.t)
        self._arrive(others)
        for i in others:
            self.sessions[i].settle()
        for session in self.sessions:
            session.ordered_exit = reason

    def _arrive(self, positions: Sequence[int]) -> None:
        for i in positions:
            self.sessions[i].t = self.t
            self._stale[i] = True
        self.due = tuple(sorted((*self.due, *positions)))


class AccountGuards:
    """Finds the closes at which the account's guards could trip, and applies the guards there."""

    def __init__(self, sessions: Sequence[Session], limits: AccountLimits) -> None:
        self._sessions = sessions
        self._limits = limits
        self._t = -1
        timelines = [session.timeline for session in sessions]
        self._at = timelines[0].at
        has_close, day_end, self._week_end = joint_ends(timelines)
        marks = np.array([path.mark for line in timelines for path in line.paths])
        rates = np.concatenate([line.wallet_rates for line in timelines])
        self._tape = JointTape(has_close, day_end, marks, rates)
        self._closes = np.flatnonzero(has_close)
        self._closed_at = self._at[self._closes]
        sizes = [len(line.paths) for line in timelines]
        self._first = np.concatenate(([0], np.cumsum(sizes)))
        self._kinds = np.concatenate([session.simulator.kinds for session in sessions])
        self._sizes = np.concatenate([session.simulator.sizes for session in sessions])
        limits.sleeves = self.exposures

    def exposures(self) -> list[SleeveExposure]:
        """Return the equity and the positions of each sleeve at the visited instant."""
        return [session.exposure(self._t) for session in self._sessions]

    def equity(self, t: int) -> float:
        """Return the sum of the sleeves' equities at the marks of an index."""
        equity = 0.0
        for session in self._sessions:
            equity += session.simulator.equity_at(t)
        return equity

    def next_index(self, t: int, index: int) -> int:
        """Return the first index after ``t`` at which a guard could act, at most ``index``."""
        guards = self._limits.guards
        following = np.searchsorted(self._closed_at, guards.next_release_at)
        if following < len(self._closes):
            index = min(index, max(int(self._closes[following]), t + 1))
        found, peak = next_breach(
            t,
            index,
            self._tape,
            self._accounts(),
            GuardLimits(guards.loss_floor, guards.halt_drawdown, guards.peak),
        )
        guards.peak = peak
        return int(found)

    def _accounts(self) -> JointAccounts:
        simulators = [session.simulator for session in self._sessions]
        return JointAccounts(
            self._first,
            np.concatenate([simulator.wallets for simulator in simulators]),
            np.concatenate([simulator.quantities for simulator in simulators]),
            np.concatenate([simulator.averages for simulator in simulators]),
            self._kinds,
            self._sizes,
            np.array([simulator.ledger.balances() for simulator in simulators]),
        )

    def flatten_reason(self, t: int) -> GuardName | None:
        """Return the guard that closes every sleeve at an index, None for none."""
        self._t = t
        guards = self._limits.guards
        day_end, week_end = bool(self._tape.day_end[t]), bool(self._week_end[t])
        if not self._tape.has_close[t] or not guards.on_mark(
            int(self._at[t]), self.equity(t), day_end, week_end
        ):
            return None
        assert guards.flatten_reason is not None, "a guard that flattens has a name"
        return ACCOUNT_GUARD_OF[guards.flatten_reason]
