"""One run's state between instants: who is asked what, in the order of time.

The event loop (``cerebro``) decides which instants are visited; this module does guards, fills,
``on_bar`` and risk at one of them, and says which instant could matter next.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import utc_text
from data_feeds.dataset import Dataset
from data_feeds.errors import RiskoffError
from data_feeds.instrument import InstrumentKind, Wallet
from data_feeds.schema import ChannelKey
from engine.broker.book import WorkingPlan
from engine.broker.search import Levels, next_instant, search_tape
from engine.broker.simulator import Simulator
from engine.broker.timeline import Timeline
from engine.config.models import RunMode
from engine.decision_terms import GuardName
from engine.errors import PlaybookContractError, PlaybookError
from engine.intents import Intent
from engine.playbook import Playbook, Requirements, Signals
from engine.records import FAR_FUTURE, NAN, Fill, OrderRequest, Overlay
from engine.risk import RiskModule, SleeveExposure
from engine.views import AccountView, Cursor, MarketView, Positions, PositionView

NO_ROW = -1
NO_LIMIT = 2**62


class Session:
    """Playbook, risk and simulator around one timeline; ``t`` is the current index."""

    def __init__(
        self,
        *,
        dataset: Dataset,
        playbook: Playbook[Any],
        signals: Signals,
        requirements: Requirements,
        timeline: Timeline,
        simulator: Simulator,
        risk: RiskModule,
        mode: RunMode,
        own_at: NDArray[np.int64] | None = None,
    ) -> None:
        self.timeline = timeline
        # The indices of its own instants where the timeline has those of other sleeves too.
        self._own = None if own_at is None else np.searchsorted(timeline.at, own_at)
        self.simulator = simulator
        self.risk = risk
        self.t = -1
        self.equity = 0.0
        self.visited = 0
        self.overlays: list[Overlay] = []
        # The account's guard that asks a sleeve to sell everything at this instant.
        self.told_to_leave: GuardName | None = None
        self._playbook = playbook
        self._dense = mode is RunMode.DENSE
        self._delivered = 0
        self._closed_seen, self._dropped_seen = 0, 0
        self._wake_instants: list[int] = []
        self._cursor = Cursor()
        self._market = MarketView(
            dataset,
            _readable(dataset, requirements),
            signals.values,
            {item.name: item.truth for item in signals.conditions},
            contract=signals.contract,
            cursor=self._cursor,
        )
        self._row_at = np.full(len(timeline), NO_ROW, np.int64)
        rows = np.flatnonzero(
            (signals.decided_at >= timeline.at[0]) & (signals.decided_at <= timeline.at[-1])
        )
        self._decisions = np.searchsorted(timeline.at, signals.decided_at[rows])
        self._row_at[self._decisions] = rows
        self._closes = np.flatnonzero(timeline.has_close)
        self._wake_flat = self._on_timeline(signals.wake_flat)
        self._wake_in_position = self._on_timeline(signals.wake_in_position)
        self._wake_either = self._wake_flat | self._wake_in_position
        self._tape = search_tape(timeline)
        self._scanned_from, self._peak_here = -2, 0.0
        self._levels = Levels.empty(len(timeline.paths))
        self._liquidation = np.full(len(timeline.paths), np.nan)

    def _on_timeline(self, wake: Any) -> Any:
        mask = self._row_at != NO_ROW
        if wake is not None:
            mask[self._decisions] = wake[self._row_at[self._decisions]]
        return mask

    # -- one instant --------------------------------------------------------------------------

    def settle(self) -> None:
        """Steps (a) and (b): match the bars that close at ``t``, mark the account."""
        self.visited += 1
        self.simulator.close_bars(self.t)
        self.equity = self.simulator.mark(self.t)

    def _tell_what_ended(self) -> None:
        """Tell risk which plans are flat again, and which never held anything."""
        closed = self.simulator.matcher.closed_plans
        for plan in closed[self._closed_seen :]:
            self.risk.on_plan_closed(plan.at, plan.plan_id, plan.net_pnl)
        self._closed_seen = len(closed)
        dropped = self.simulator.book.dropped
        for plan_id in dropped[self._dropped_seen :]:
            self.risk.on_plan_dropped(plan_id)
        self._dropped_seen = len(dropped)

    def decide(self, submit: Callable[[Sequence[OrderRequest]], None]) -> None:
        """Steps (c) and (d): guards, ``on_fill``, ``on_bar``; approved orders go to ``submit``."""
        t, at = self.t, int(self.timeline.at[self.t])
        self._tell_what_ended()
        leaves = self.told_to_leave
        self.told_to_leave = None
        if self.timeline.has_close[t] and self.risk.on_mark(
            at, self.equity, bool(self.timeline.day_end[t]), bool(self.timeline.week_end[t])
        ):
            leaves = self.risk.flatten_reason
        if leaves is not None:
            for review in self.risk.flatten(at, self.account_view(), leaves):
                submit(review.orders)
        fills = self.simulator.execution.fills
        while self._delivered < len(fills):
            fill = fills[self._delivered]
            self._delivered += 1
            self._act(self._ask_on_fill(fill), at, submit)
        row = int(self._row_at[t])
        if row == NO_ROW:
            return
        awake = self._is_awake(t, at)
        if not (awake or self._dense):
            return
        self._cursor.now, self._cursor.row = at, row
        intents = self._ask_on_bar(at)
        if intents:
            if not awake:
                raise PlaybookContractError(
                    f"{self._playbook.name}: {type(intents[0]).__name__} at {utc_text(at)}, a bar "
                    "outside its wake mask; mark that row in wake_flat or wake_in_position"
                )
            self._act(intents, at, submit)

    def _is_awake(self, t: int, at: int) -> bool:
        """Whether the playbook asked for this row; drops the appointments that are met."""
        kept = bool(self._wake_instants) and self._wake_instants[0] <= at
        while self._wake_instants and self._wake_instants[0] <= at:
            heapq.heappop(self._wake_instants)
        return kept or bool(self._wakes()[t])

    def _wakes(self) -> Any:
        """The mask in force: some instruments may be flat while another is not."""
        plans = len(self.simulator.book.plans)
        if plans == 0:
            return self._wake_flat
        return self._wake_in_position if plans == len(self.simulator.names) else self._wake_either

    def _ask_on_bar(self, at: int) -> Sequence[Intent]:
        try:
            intents = self._playbook.on_bar(self._market, self.account_view())
        except RiskoffError:
            raise
        except (Exception, SystemExit) as error:
            raise self._failure("on_bar", at, error) from error
        return self._sequence("on_bar", at, intents)

    def _ask_on_fill(self, fill: Fill) -> Sequence[Intent]:
        try:
            intents = self._playbook.on_fill(fill, self.account_view())
        except RiskoffError:
            raise
        except (Exception, SystemExit) as error:
            raise self._failure("on_fill", fill.at, error) from error
        return self._sequence("on_fill", fill.at, intents)

    def _sequence(self, method: str, at: int, intents: Any) -> Sequence[Intent]:
        if isinstance(intents, list | tuple):
            return intents
        raise PlaybookContractError(
            f"playbook {self._playbook.name}: {method} returned {intents!r} at {utc_text(at)}; "
            "return a list or tuple of intents, empty for none"
        )

    def _failure(self, method: str, at: int, error: BaseException) -> PlaybookError:
        names = ", ".join(self.simulator.names)
        return PlaybookError(
            f"playbook {self._playbook.name}: {method} raised {type(error).__name__}: {error} "
            f"({names}, bar closing {utc_text(at)})"
        )

    def _act(
        self, intents: Iterable[Intent], at: int, submit: Callable[[Sequence[OrderRequest]], None]
    ) -> None:
        """Hand intents to risk one by one, and carry out what follows from each."""
        for intent in intents:
            try:
                effects = self.risk.handle(intent, at=at, account=self.account_view())
            except PlaybookContractError as error:
                raise PlaybookContractError(
                    f"playbook {self._playbook.name}, {utc_text(at)}: {error}"
                ) from error
            submit(effects.orders)
            self.overlays += effects.overlays
            if effects.wake_at is not None:
                heapq.heappush(self._wake_instants, effects.wake_at)
            if effects.sent is not None:
                self.simulator.transfers.send(at, effects.sent.destination, effects.sent.amount)

    # -- the next instant ---------------------------------------------------------------------

    def next_index(self, at_most: int = NO_LIMIT) -> int:
        """Return the next index to visit; the timeline's length when nothing is left.

        ``at_most`` is an index that must be visited whatever happens. Asked again before the visit,
        the equity peak is that before the index returned last.
        """
        following = self.t + 1 if self._own is None else self._own_from(self.t + 1)
        simulator = self.simulator
        if (
            self._dense
            or self.t < 0
            or not simulator.is_settled()
            or simulator.collateral.has_several_cross_perps()
            or not self._levels.collect(simulator)
        ):
            return following
        if self._scanned_from == self.t:
            self.risk.peak = self._peak_here
        self._scanned_from, self._peak_here = self.t, self.risk.peak
        for k in range(len(self._liquidation)):
            self._liquidation[k] = simulator.collateral.liquidation_level(k, self.t)
        tape, levels, ledger = self._tape, self._levels, simulator.ledger
        index, peak = next_instant(
            self.t,
            min(self._appointment(), at_most),
            self._wakes(),
            tape.open_price,
            tape.low,
            tape.high,
            tape.mark_open,
            tape.mark_low,
            tape.mark_high,
            tape.mark,
            tape.due,
            tape.has_close,
            tape.day_end,
            simulator.quantities,
            simulator.averages,
            simulator.margined,
            self._liquidation,
            levels.count,
            levels.kind,
            levels.side,
            levels.price,
            levels.reach,
            ledger.cash(),
            self.risk.loss_floor,
            self.risk.halt_drawdown,
            self.risk.peak,
        )
        self.risk.peak = peak
        return int(index)

    def _appointment(self) -> int:
        """Index of the next instant that someone asked for: time stop, release, arriving cash."""
        release = self._first_of(self._closes, self.risk.next_release_at)
        arrival = self.simulator.transfers.next_at
        if arrival != FAR_FUTURE:
            first = max(self.timeline.index_at_or_after(arrival), self.t + 1)
            release = min(release, self._own_from(first))
        if not self._wake_instants:
            return release
        return min(release, self._first_of(self._decisions, self._wake_instants[0]))

    def _own_from(self, index: int) -> int:
        """First of the session's own instants at or after an index."""
        if self._own is None:
            return index
        place = int(np.searchsorted(self._own, index))
        return int(self._own[place]) if place < len(self._own) else len(self.timeline)

    def _first_of(self, indices: Any, instant: int) -> int:
        """First of ascending indices that lies after ``t`` and not before an instant."""
        first = max(self.timeline.index_at_or_after(instant), self.t + 1)
        place = int(np.searchsorted(indices, first))
        return int(indices[place]) if place < len(indices) else len(self.timeline)

    # -- views --------------------------------------------------------------------------------

    def exposure(self, t: int) -> SleeveExposure:
        """Return what the account is worth and holds at the marks of an instant not yet visited.

        Nothing may have happened since the last visit.
        """
        view = self.account_view(t, self.simulator.equity_at(t))
        return self.risk.exposure(int(self.timeline.at[t]), view)

    def account_view(self, t: int | None = None, equity: float | None = None) -> AccountView:
        """Return the account as the playbook and risk may see it, now unless ``t`` is given."""
        simulator, ledger = self.simulator, self.simulator.ledger
        t = self.t if t is None else t
        positions = Positions()
        pending = set()
        gross = 0.0
        plans = simulator.book.plans
        for k, name in enumerate(simulator.names if plans else ()):
            plan = plans.get(name)
            if plan is None:
                continue
            if plan.entry.is_working:
                pending.add(name)
            if simulator.positions[k].quantity == 0.0:
                continue
            view = self._position_view(k, plan, t)
            dict.__setitem__(positions, name, view)
            gross += abs(view.quantity) * view.mark
        return AccountView(
            now=int(self.timeline.at[t]),
            equity=self.equity if equity is None else equity,
            venue_cash=ledger.venue_cash,
            brokerage_cash=ledger.brokerage_cash,
            free_venue_cash=simulator.collateral.free_venue_cash(t),
            gross_notional=gross,
            positions=positions,
            pending=frozenset(pending),
            transit_cash=ledger.transit_cash,
        )

    def _position_view(self, k: int, plan: WorkingPlan, t: int) -> PositionView:
        simulator = self.simulator
        position = simulator.positions[k]
        mark = float(self.timeline.paths[k].mark[t])
        # In the order of its fields; keywords cost as much as the rest at every bar.
        return PositionView(
            plan.instrument,
            plan.plan_id,
            position.quantity,
            position.average_entry,
            mark,
            position.quantity * (mark - position.average_entry),
            NAN if plan.stop is None else plan.stop.request.price,
            position.isolated_margin,
            simulator.collateral.liquidation_level(k, t),
            position.entered_at,
            plan.initial_risk(position.average_entry),
            plan.leaving(abs(position.quantity)) if plan.exits else 0.0,
        )


def _readable(dataset: Dataset, requirements: Requirements) -> frozenset[ChannelKey]:
    """Return the channels that a playbook may read: options would show what is listed later."""
    named = requirements.channels | requirements.optional
    kinds = {name: item.kind for name, item in dataset.instruments.items()}
    option = InstrumentKind.OPTION
    return frozenset(key for key in named if kinds.get(key.instrument) is not option)


def start_cash(simulator: Simulator, at: int, *, venue: float, brokerage: float) -> None:
    """Deposit the starting balances."""
    for wallet, amount in ((Wallet.VENUE, venue), (Wallet.BROKERAGE, brokerage)):
        if amount > 0:
            simulator.ledger.deposit(at, wallet, amount)
