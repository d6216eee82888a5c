"""The simulation of one account along the timeline: fills, funding, liquidations, equity.

One instant is :meth:`Simulator.close_bars`, :meth:`Simulator.mark`, decisions elsewhere, then
:meth:`Simulator.open_bars`.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from data_feeds.instrument import Wallet
from engine.account_rates import WALLETS
from engine.broker import resolve
from engine.broker.along_instants import NO_ROW
from engine.broker.book import Book, WorkingOrder
from engine.broker.collateral import Collateral
from engine.broker.execution import Execution
from engine.broker.final_closes import FinalCloses
from engine.broker.match_context import MatchContext
from engine.broker.matching import Matcher
from engine.broker.state_history import History
from engine.broker.timeline import Timeline
from engine.broker.trailing import TrailingLevel, TrailingStops
from engine.broker.transfers import Transfers
from engine.config.models import RunConfig
from engine.config.venue import LimitFill
from engine.contracts import margin_terms
from engine.costs.market_activity import MarketActivity
from engine.decision_terms import EndReason
from engine.ledger import Ledger
from engine.records import FAR_FUTURE, FillStage, OrderRequest, OrderRole

# Less than a cent earns no interest: it is the rounding residue of an empty wallet.
CENT = 0.01
AT_ONE = (1.0, 1.0, 1.0)
_NO_NAMES: frozenset[str] = frozenset()


class Simulator:
    """Simulates one account: working orders, positions, cash.

    ``quantities`` and ``averages`` mirror the ledger as arrays, one entry per traded instrument,
    for the search; ``kinds`` and ``sizes`` are those of ``contracts``, ``wallets`` the place of
    each instrument's wallet in ``WALLETS``. ``beyond`` is how far inside
    a bar a price must trade beyond a limit of each, quote. ``ends_flat`` closes each position at
    the last close of its instrument.
    """

    def __init__(
        self,
        timeline: Timeline,
        ledger: Ledger,
        config: RunConfig,
        activity: Mapping[str, MarketActivity] | None = None,
        *,
        ends_flat: bool = False,
    ) -> None:
        terms = [
            margin_terms(path.instrument, config.venue.costs_of(path.instrument))
            for path in timeline.paths
        ]
        self.timeline = timeline
        self.ledger = ledger
        self.book = Book()
        self.execution = Execution(ledger, config, self.book, activity or {})
        self.collateral = Collateral(timeline.paths, ledger, self.book, terms, config)
        self.shorts = self.collateral.shorts
        through = config.venue.limit_fill is LimitFill.THROUGH
        self.beyond = tuple(
            resolve.beyond_limit(path.instrument.tick_size, through=through)
            for path in timeline.paths
        )
        self.matcher = Matcher(self.book, self.execution, self.collateral, ledger, self.beyond)
        self.final_closes = FinalCloses(self.book, self.execution, self.matcher)
        # The index at which each instrument's positions are closed, NO_ROW for none.
        self.ends = [
            int(max(np.flatnonzero(path.closing != NO_ROW), default=NO_ROW))
            if ends_flat
            else NO_ROW
            for path in timeline.paths
        ]
        self.delistings = [path.delisted_at for path in timeline.paths]
        self.trailing = TrailingStops(timeline)
        self.transfers = Transfers(ledger, config.account.transfer_days)
        self._is_delisting = any(end != NO_ROW for end in self.delistings)
        self.names = tuple(path.instrument.id for path in timeline.paths)
        self.history = History(len(self.names))
        self._index = {name: k for k, name in enumerate(self.names)}
        self.positions = tuple(ledger.positions[name] for name in self.names)
        self.quantities = np.zeros(len(self.names))
        self.averages = np.zeros(len(self.names))
        self.contracts = tuple(position.contract for position in self.positions)
        self.kinds = np.array([int(contract.kind) for contract in self.contracts], np.int64)
        self.sizes = np.array([contract.size for contract in self.contracts])
        paying = [WALLETS.index(position.instrument.wallet) for position in self.positions]
        self.wallets = np.array(paying, np.int64)
        self._paying = tuple(paying)
        # Of plain floats: a step reads one instant of it.
        self.is_at_par = bool((timeline.wallet_rates == 1.0).all())
        self._rates = None if self.is_at_par else timeline.wallet_rates.T.tolist()
        self._plain = ([0.0] * len(self.names), [0.0] * len(self.names))
        closes = np.flatnonzero(timeline.has_close)
        # No mark follows the last close, so later flows would not show and are not booked.
        self._last_close = int(closes[-1]) if len(closes) else -1
        # Ledger versions: that of arrays and history, and that of the last mark.
        self._synced = self._marked = -1
        self._holding = False

    def submit(self, request: OrderRequest, t: int) -> WorkingOrder:
        """Register an approved order; an exit also cancels the rest of a working entry."""
        k, at, trail = self._index[request.instrument], int(self.timeline.at[t]), None
        if request.trail is not None:
            trail = self.trailing.begin(
                k, request.trail, direction=-request.side, start=request.price
            )
        # Only a stop that replaces another one asks whether its bar is open.
        opened_at = self._bar_opened_at(k, t) if request.role is OrderRole.STOP else at
        order = self.book.submit(request, at, opened_at, trail)
        if request.role is OrderRole.EXIT or request.role is OrderRole.GUARD:
            plan = self.book.plans[request.instrument]
            self.book.cancel(plan.entry, at, EndReason.EXIT_REQUESTED)
            if plan.entered == 0.0:
                self.book.close_plan(plan, at, EndReason.NOTHING_FILLED)
        return order

    def has_market_orders(self) -> bool:
        """Return whether an order waits for the next open at any price."""
        for plan in self.book.plans.values():
            for order in plan.orders():
                if order.is_working and order.trades_at_market:
                    return True
        return False

    def is_settled(self) -> bool:
        """Return whether the last mark includes every fact and no order waits for the next open.

        Instants may be skipped only then.
        """
        return (
            self._marked == self.ledger.version
            and not self.has_market_orders()
            and all(plan.outgoing_stop is None for plan in self.book.plans.values())
        )

    def trailing_levels(self) -> list[tuple[int, TrailingLevel]]:
        """Return the moving levels of stops that protect a position, with their instrument."""
        if not self.trailing.is_used:
            return []
        return [
            (k, level)
            for k, name in enumerate(self.names if self.book.plans else ())
            if self.positions[k].quantity != 0.0 and (plan := self.book.plans.get(name)) is not None
            for level in plan.trailing(at_close=True)
        ]

    def close_bars(self, t: int) -> None:
        """Do step (a): match resting orders and liquidation against bars that close at ``t``.

        Then the closes move the trailing stops, for the next bar.
        """
        self.trailing.catch_up(self.trailing_levels(), t - 1)
        # Cash that arrived between two instants was there when these bars closed.
        if self.transfers.next_at != FAR_FUTURE and t <= self._last_close:
            self.transfers.deliver(int(self.timeline.at[t]) - 1)
        contexts = []
        for k, path in enumerate(self.timeline.paths if self.book.plans else ()):
            row = int(path.closing[t])
            context = None if row == NO_ROW else self._context(k, t, row, FillStage.RANGE)
            if context is not None:
                contexts.append(context)
        if len(contexts) > 1:
            # A stop realizes its loss first: the wallet behind the other positions includes it.
            contexts.sort(key=lambda context: not self.matcher.stop_is_touched(context))
        for context in contexts:
            self.matcher.match_bar(context)
        # At the close: after the ranges of all bars, which no settlement can have decided.
        for context in contexts:
            if self.book.plans.get(context.path.instrument.id) is context.plan:
                self._close_at_end(context, t)
        self.trailing.pass_closes(self.trailing_levels(), t)

    def _close_at_end(self, context: MatchContext, t: int) -> None:
        """Close what is left of a plan where its instrument or the run ends."""
        if t == self.delistings[context.k]:
            self.final_closes.delist(context)
        elif context.path.settles[t]:
            self.final_closes.settle(context)
        elif t == self.ends[context.k]:
            self.final_closes.end_segment(context)

    def delisted_by(self, t: int) -> frozenset[str]:
        """Return the instruments whose last bar has closed by index ``t``, delistings alone."""
        if not self._is_delisting:
            return _NO_NAMES
        return frozenset(
            name
            for name, end in zip(self.names, self.delistings, strict=True)
            if end != NO_ROW and end <= t
        )

    def mark(self, t: int) -> float:
        """Do step (b): return equity at the marks of ``t``, in the account's currency."""
        ledger = self.ledger
        if ledger.version != self._synced:
            self.sync(t)
        self._marked = ledger.version
        if not self._holding:
            return self._cash_value(t)
        return self._equity(t, *self._plain)

    def equity_at(self, t: int) -> float:
        """Return equity at the marks of ``t``; unlike :meth:`mark`, change no state."""
        held = [position.quantity for position in self.positions]
        return self._equity(t, held, [position.average_entry for position in self.positions])

    def rates_at(self, t: int) -> Sequence[float]:
        """Return the account's currency per unit of each wallet's, in the order of ``WALLETS``."""
        return AT_ONE if self._rates is None else self._rates[t]

    def _cash_value(self, t: int) -> float:
        """Return the value of all cash, wallets in the order of ``WALLETS``."""
        venue, brokerage, transit = self.rates_at(t)
        ledger = self.ledger
        return (
            ledger.venue_cash * venue
            + ledger.brokerage_cash * brokerage
            + ledger.transit_cash * transit
        )

    def _equity(self, t: int, quantities: Sequence[float], averages: Sequence[float]) -> float:
        """Return the sum of ``resolve.account_equity``; for a few terms plain floats are faster."""
        equity, rates = self._cash_value(t), self.rates_at(t)
        for k, quantity in enumerate(quantities):
            if quantity != 0.0:
                mark = float(self.timeline.paths[k].mark[t])
                value = self.contracts[k].position_value(quantity, averages[k], mark)
                equity += value * rates[self._paying[k]]
        return equity

    def open_bars(self, t: int) -> None:
        """Do step (e): arrived cash, interest, carry, levels crossed at the open, entries."""
        timeline = self.timeline
        if self.transfers.next_at != FAR_FUTURE and t <= self._last_close:
            self.transfers.deliver(int(timeline.at[t]))
        self._pay_interest(t)
        self.shorts.pay(timeline, t)
        if not self.book.plans:
            return
        for k in range(len(timeline.paths)):
            self._pay_holder(k, t)
        contexts = []
        for k, path in enumerate(timeline.paths):
            row = int(path.opening[t])
            context = None if row == NO_ROW else self._context(k, t, row, FillStage.OPEN)
            if context is not None:
                self.book.retire_stop(context.plan)
                self.matcher.match_open(context)
                contexts.append(context)
        # Exits of every instrument come first: they free the cash that entries share.
        self.matcher.match_open_entries(contexts)

    def _pay_interest(self, t: int) -> None:
        """Credit the interest that each wallet's cash earned until this end of a day."""
        timeline, ledger = self.timeline, self.ledger
        if not timeline.day_end[t]:
            return
        venue, brokerage, _ = self.rates_at(t)
        at, days = int(timeline.at[t]), float(timeline.interest_days[t])
        rate = float(timeline.interest_rate[t])
        if not math.isnan(rate):
            lent = self.shorts.value(t)
            if (ledger.brokerage_cash - lent) * brokerage >= CENT:
                ledger.interest(at, annual_rate=rate, days=days, lent=lent)
        rate = float(timeline.venue_interest_rate[t])
        if ledger.venue_cash * venue >= CENT and not math.isnan(rate):
            ledger.interest(at, annual_rate=rate, days=days, wallet=Wallet.VENUE)

    def _bar_opened_at(self, k: int, t: int) -> int:
        """Return when the bar that is open at index ``t`` opened; the instant itself between bars.

        A bar that closes at the instant is not open any more.
        """
        path, at = self.timeline.paths[k], int(self.timeline.at[t])
        row = int(path.closed[t]) + 1
        return min(int(path.bars["opened_at"][row]), at) if row < len(path.bars) else at

    def _context(self, k: int, t: int, row: int, stage: FillStage) -> MatchContext | None:
        plan = self.book.plans.get(self.names[k])
        if plan is None:
            return None
        path, position = self.timeline.paths[k], self.positions[k]
        return MatchContext(
            self.execution, k=k, t=t, row=row, stage=stage, path=path, position=position, plan=plan
        )

    def _pay_holder(self, k: int, t: int) -> None:
        """Book funding and dividends of the position held before any fill of this instant."""
        quantity = self.positions[k].quantity
        if quantity == 0.0:
            return
        path, at = self.timeline.paths[k], self.timeline.at[t]
        if not math.isnan(path.funding_rate[t]):
            rate, mark = float(path.funding_rate[t]), float(path.funding_mark[t])
            self.ledger.funding(
                int(at),
                instrument=self.names[k],
                rate=rate,
                mark=mark,
                amount=self.contracts[k].funding(quantity, mark, rate),
                inferred=bool(path.funding_inferred[t]),
            )
        if not math.isnan(path.dividend[t]):
            per_share = float(path.dividend[t])
            self.ledger.dividend(int(at), instrument=self.names[k], per_share=per_share)

    def sync(self, t: int) -> None:
        """Update arrays and history with the state in force from the close of ``t`` on."""
        held, averages = self._plain
        for k, position in enumerate(self.positions):
            self.quantities[k] = held[k] = position.quantity
            self.averages[k] = averages[k] = position.average_entry
        ledger = self.ledger
        self._synced = ledger.version
        self._holding = any(held)
        self.history.record(t, ledger.balances(), ledger.booked.values(), held, averages)
