"""One run between instants: the order of guards, fills, decisions and orders.

The event loop (``cerebro``) decides which instants are visited. The session processes one of them
and returns the next instant at which something can happen.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.broker.along_instants import NO_ROW
from engine.broker.search import (
    AccountState,
    GuardLimits,
    collect_levels,
    next_instant,
    no_levels,
    search_tape,
)
from engine.broker.simulator import Simulator
from engine.broker.timeline import Timeline
from engine.broker.trailing import SearchTrails
from engine.bt.account_view import build_account_view
from engine.bt.decision_rows import DecisionRows
from engine.bt.inputs import SimulationInputs
from engine.bt.playbook_calls import PlaybookCalls
from engine.config.models import RunMode
from engine.decision_terms import GuardName
from engine.errors import PlaybookContractError
from engine.intents import Enter, Intent
from engine.records import FAR_FUTURE, OrderRequest, Overlay
from engine.risk import RiskModule, SleeveExposure
from engine.views import AccountView

NO_LIMIT = 2**62
Submit = Callable[[Sequence[OrderRequest]], None]


class Session:
    """Playbook, risk and simulator over one timeline; ``t`` is the current index.

    ``ordered_exit`` names the account's guard that orders a sleeve to close everything at ``t``.
    """

    def __init__(
        self,
        inputs: SimulationInputs,
        *,
        timeline: Timeline,
        simulator: Simulator,
        risk: RiskModule,
        own_at: NDArray[np.int64] | None = None,
    ) -> None:
        self.timeline = timeline
        self.simulator = simulator
        self.risk = risk
        self.t = -1
        self.equity = 0.0
        self.visited = 0
        self.overlays: list[Overlay] = []
        self.ordered_exit: GuardName | None = None
        self._dense = inputs.config.mode is RunMode.DENSE
        self._playbook = PlaybookCalls(
            inputs.playbook, inputs.dataset, inputs.signals, inputs.requirements
        )
        self._rows = DecisionRows(timeline, inputs.signals)
        self._delivered = 0
        self._closed_seen, self._dropped_seen = 0, 0
        # The indices of its own instants where the timeline has those of other sleeves too.
        self._own = None if own_at is None else np.searchsorted(timeline.at, own_at)
        self._closes = np.flatnonzero(timeline.has_close)
        self._ends = [end for end in (*simulator.ends, *simulator.delistings) if end != NO_ROW]
        self._last_at = int(timeline.at[-1])
        self._tape = search_tape(timeline)
        self._searched_from, self._peak_there = -2, 0.0
        self._levels = no_levels(len(timeline.paths))
        self._trails = SearchTrails(len(timeline.paths))
        self._signals = inputs.signals
        simulator.trailing.signal_values = self._signal_values
        simulator.trailing.decided = self._rows.indices
        # Its arrays are those of the simulator, and two that each search fills again.
        self._account = AccountState(
            np.zeros(3),
            simulator.wallets,
            simulator.quantities,
            simulator.averages,
            simulator.kinds,
            simulator.sizes,
            np.full(len(timeline.paths), np.nan),
        )

    # -- one instant --------------------------------------------------------------------------

    def settle(self) -> None:
        """Do steps (a) and (b): match the bars that close at ``t``, mark the account."""
        self.visited += 1
        self.simulator.close_bars(self.t)
        self.equity = self.simulator.mark(self.t)

    def decide(self, submit: Submit) -> None:
        """Do steps (c) and (d): guards, ``on_fill``, ``on_bar``; ``submit`` takes the orders."""
        t, at = self.t, int(self.timeline.at[self.t])
        self._report_ended_plans()
        self._apply_guards(t, at, submit)
        fills = self.simulator.execution.fills
        while self._playbook.hears_fills and self._delivered < len(fills):
            fill = fills[self._delivered]
            self._delivered += 1
            self._act(self._playbook.on_fill(fill, self.account_view()), at, submit)
        row = self._rows.row(t)
        if row == NO_ROW:
            return
        is_awake = self._rows.meet_appointments(at) or bool(self._wakes()[t])
        if is_awake or self._dense:
            account = self.account_view()
            self._act(self._playbook.on_bar(at, row, account, is_awake=is_awake), at, submit)

    def _report_ended_plans(self) -> None:
        """Report to risk the plans that are flat again and those that never held anything."""
        closed = self.simulator.matcher.closed_plans
        for plan in closed[self._closed_seen :]:
            self.risk.on_plan_closed(plan.at, plan.plan_id, plan.net_pnl)
        self._closed_seen = len(closed)
        dropped = self.simulator.book.dropped
        for plan_id in dropped[self._dropped_seen :]:
            self.risk.on_plan_dropped(plan_id)
        self._dropped_seen = len(dropped)

    def _apply_guards(self, t: int, at: int, submit: Submit) -> None:
        """Close everything if a guard, of the session or of the account, orders it."""
        reason, self.ordered_exit = self.ordered_exit, None
        if self.timeline.has_close[t] and self.risk.on_mark(
            at, self.equity, bool(self.timeline.day_end[t]), bool(self.timeline.week_end[t])
        ):
            reason = self.risk.flatten_reason
        if reason is not None:
            for review in self.risk.flatten(at, self.account_view(), reason):
                submit(review.orders)

    def _act(self, intents: Iterable[Intent], at: int, submit: Submit) -> None:
        """Give intents to risk one by one, and carry out the effects of each."""
        for intent in intents:
            try:
                self._check_signal(intent)
                effects = self.risk.handle(intent, at=at, account=self.account_view())
            except PlaybookContractError as error:
                raise self._playbook.contract_error(at, error) from error
            submit(effects.orders)
            self.overlays += effects.overlays
            if effects.wake_at is not None:
                self._rows.appoint(effects.wake_at)
            if effects.sent is not None:
                self.simulator.transfers.send(at, effects.sent.destination, effects.sent.amount)

    def _check_signal(self, intent: Intent) -> None:
        """Refuse a trailing stop whose distance is no prepared signal."""
        if isinstance(intent, Enter) and intent.trailing is not None:
            signal, known = intent.trailing.signal, self._signals.values
            if signal is not None and signal not in known:
                raise PlaybookContractError(
                    f"the trailing stop of {intent.instrument} reads the signal {signal!r}; "
                    f"prepare returned: {', '.join(sorted(known)) or 'none'}"
                )

    def _signal_values(self, name: str) -> NDArray[np.float64]:
        """Return a prepared signal over all instants: the value of the latest decision row."""
        return self._rows.known(self._signals.values[name])

    # -- the next instant ---------------------------------------------------------------------

    def next_index(self, at_most: int = NO_LIMIT) -> int:
        """Return the next index to visit; the timeline's length when nothing is left.

        ``at_most`` is an index that is visited in any case. A second call without a visit restores
        the peak equity saved by the first.
        """
        following = self.t + 1 if self._own is None else self._own_from(self.t + 1)
        simulator = self.simulator
        if (
            self._dense
            or self.t < 0
            or not simulator.is_settled()
            or simulator.collateral.has_joint_levels()
            or not collect_levels(self._levels, simulator)
        ):
            return following
        if self._searched_from == self.t:
            self.risk.peak = self._peak_there
        self._searched_from, self._peak_there = self.t, self.risk.peak
        index, peak = next_instant(
            self.t,
            min(self._appointment(), at_most),
            self._wakes(),
            self._tape,
            self._account_state(),
            self._levels,
            self._trails.collect(simulator.trailing_levels()),
            GuardLimits(self.risk.loss_floor, self.risk.halt_drawdown, self.risk.peak),
        )
        self.risk.peak = peak
        return index

    def _account_state(self) -> AccountState:
        simulator, account = self.simulator, self._account
        account.cash[0], account.cash[1], account.cash[2] = simulator.ledger.balances()
        for k in range(len(account.liquidation)):
            account.liquidation[k] = simulator.collateral.liquidation_level(k, self.t)
        return account

    def _wakes(self) -> NDArray[np.bool_]:
        """Return the wake mask in force."""
        simulator = self.simulator
        return self._rows.wake_mask(len(simulator.book.plans), len(simulator.names))

    def _appointment(self) -> int:
        """Return the first index with an appointment.

        Appointments are a guard's release, arriving cash, a call that the rules asked for, and a
        close that ends a segment or the trading in a delisted instrument.
        """
        index = self._first_of(self._closes, self.risk.next_release_at)
        arrival = self.simulator.transfers.next_at
        if arrival != FAR_FUTURE:
            first = max(self.timeline.index_at_or_after(arrival), self.t + 1)
            index = min(index, self._own_from(first))
        for end in self._ends:
            index = min(index, end if end > self.t else index)
        return min(index, self._first_of(self._rows.indices, self._rows.next_appointment))

    def _own_from(self, index: int) -> int:
        """Return the first of the session's own instants at or after an index."""
        if self._own is None:
            return index
        place = int(np.searchsorted(self._own, index))
        return int(self._own[place]) if place < len(self._own) else len(self.timeline)

    def _first_of(self, indices: NDArray[np.intp], instant: int) -> int:
        """Return the first of ascending indices after ``t`` and not before an instant."""
        if instant > self._last_at:
            return len(self.timeline)
        first = max(self.timeline.index_at_or_after(instant), self.t + 1)
        place = int(np.searchsorted(indices, first))
        return int(indices[place]) if place < len(indices) else len(self.timeline)

    # -- views --------------------------------------------------------------------------------

    def exposure(self, t: int) -> SleeveExposure:
        """Return equity and positions at the marks of an instant that is not visited yet.

        Nothing may have happened since the last visit.
        """
        view = build_account_view(
            self.simulator, t, self.simulator.equity_at(t), self.risk.approved_share
        )
        return self.risk.exposure(int(self.timeline.at[t]), view)

    def account_view(self) -> AccountView:
        """Return the account as the playbook and risk may see it now."""
        return build_account_view(self.simulator, self.t, self.equity, self.risk.approved_share)
