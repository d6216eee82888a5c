"""The factor by which the cash of a wallet cuts the entries of one open, derived again.

All entries that one open fills out of one wallet are cut by the same factor.
"""

import math
from bisect import bisect_right
from collections import defaultdict

from data_feeds.instrument import Wallet
from engine.audit.audited_run import AuditedRun
from engine.audit.backing import PositionBacking
from engine.audit.borrowed_shorts import cash_share
from engine.audit.channels import InstrumentData
from engine.audit.due_fills import Bar, bar_of, meets_open, touches
from engine.audit.fills import LOT_SLACK, OPEN, RANGE, capacity, slipped, within_risk
from engine.audit.instrument_states import InstrumentStates
from engine.audit.replay import taker_rate
from engine.audit.venue_formulas import whole_steps
from engine.records import UNSET, Fill, OrderKind, OrderRole, OrderRow

ENTRY = OrderRole.ENTRY.value
LEAVING = (OrderRole.EXIT.value, OrderRole.GUARD.value)


class SharedCash:
    """Computes the factor of each wallet at each open."""

    def __init__(self, run: AuditedRun, backing: PositionBacking, states: InstrumentStates) -> None:
        self._run = run
        self._backing = backing
        self._states = states
        self._factors: dict[tuple[Wallet, int], float] = {}
        self._entries: dict[str, list[OrderRow]] = defaultdict(list)
        self._leaves: set[tuple[int, int]] = set()
        self._first_stop: dict[int, float] = {}
        for order in run.files.orders:
            if order.role == OrderRole.STOP.value:
                self._first_stop.setdefault(order.plan_id, order.price)
            if order.role == ENTRY:
                self._entries[order.instrument].append(order)
            elif order.role in LEAVING:
                self._leaves.add((order.plan_id, order.decided_at))
        self._fills_at: dict[tuple[str, int], list[Fill]] = defaultdict(list)
        self._fills_of: dict[int, list[Fill]] = defaultdict(list)
        for fill in run.files.fills:
            self._fills_at[fill.instrument, fill.at].append(fill)
            self._fills_of[fill.order_id].append(fill)

    def factor(self, name: str, at: int) -> float:
        """Return the share of an instrument's entry that its wallet can pay at an open, 0 to 1."""
        wallet = self._run.markets[name].instrument.wallet
        if (wallet, at) not in self._factors:
            self._factors[wallet, at] = self._work_out(wallet, at)
        return self._factors[wallet, at]

    def _work_out(self, wallet: Wallet, at: int) -> float:
        needs, some = [], ""
        for name, market in self._run.markets.items():
            row = market.row_by_open.get(at)
            if market.instrument.wallet is not wallet or row is None:
                continue
            bar, order = bar_of(market, row), self._newest(name, at)
            if order is None or not (bar.is_traded and self._works(order, at)):
                continue
            if self._meets(order, market, bar):
                needs.append(self._need(order, market, bar))
                some = name
        if len(needs) < 2:
            # A single entry is bounded by the free cash when it is processed.
            return 1.0
        state = self._states.before_entries(at)
        free = max(self._backing.free_cash(some, state, at), 0.0)
        total = math.fsum(needs)
        return 1.0 if total <= free else free / total

    def _newest(self, name: str, at: int) -> OrderRow | None:
        """Return the last entry of an instrument decided by an instant; earlier ones have ended."""
        place = bisect_right(self._entries[name], at, key=lambda order: order.decided_at)
        return self._entries[name][place - 1] if place else None

    def _works(self, order: OrderRow, at: int) -> bool:
        """Return whether an order still worked when the entries of an open were processed."""
        if order.ended_at != at:
            return order.ended_at == UNSET or order.ended_at > at
        now = self._fills_at[order.instrument, at]
        if any(fill.order_id == order.order_id and fill.stage == OPEN for fill in now):
            return True
        # A decision or a closing fill of this instant that cancels the entry comes before it.
        closed = any(fill.plan_id == order.plan_id and fill.role != ENTRY for fill in now)
        return not closed and (order.plan_id, at) not in self._leaves

    def _meets(self, order: OrderRow, market: InstrumentData, bar: Bar) -> bool:
        """Return whether the open fills an order; any open fills the rest of a touched stop."""
        if meets_open(order, bar):
            return True
        if order.kind != OrderKind.STOP.value:
            return False
        earlier = market.rows_inside(order.decided_at, bar.opened_at)
        return any(
            order.decided_at <= past.opened_at < bar.opened_at
            and past.is_traded
            and (touches(order, past) or meets_open(order, past))
            for past in (bar_of(market, int(row)) for row in earlier)
        )

    def _need(self, order: OrderRow, market: InstrumentData, bar: Bar) -> float:
        """Return the cash for a whole entry: margin or price, and a taker's fee."""
        files, at, instrument = self._run.files, bar.opened_at, market.instrument
        filled = sum(
            abs(fill.quantity)
            for fill in self._fills_of[order.order_id]
            if fill.at < at or (fill.at == at and fill.stage == RANGE)
        )
        closed = sum(
            abs(fill.quantity)
            for fill in self._fills_at[order.instrument, at]
            if fill.stage == OPEN and fill.role != ENTRY
        )
        room = capacity(OPEN, market, bar.row, files) - closed
        wanted = min(order.quantity - filled, room)
        if wanted < instrument.lot_size * (1 - LOT_SLACK):
            return 0.0
        price = bar.open
        if order.kind != OrderKind.LIMIT.value:
            _, price = slipped(
                order, bar.open, wanted, stage=OPEN, market=market, row=bar.row, files=files
            )
        share = cash_share(order, instrument, files.config.account.short_sales)
        each = market.rules.value(1.0, price) * (share + taker_rate(instrument, files))
        lot = instrument.lot_size
        if not math.isnan(order.spend_limit):
            wanted = min(wanted, whole_steps(order.spend_limit / each, lot) * lot)
        if not math.isnan(order.risk_limit):
            wanted = min(wanted, self._risked(order, market, bar, filled))
        return wanted * each

    def _risked(self, order: OrderRow, market: InstrumentData, bar: Bar, filled: float) -> float:
        """Return the size that the limit of R allows an entry at an open, base units."""
        stop = self._first_stop.get(order.plan_id, math.nan)
        held = self._states.before_entries(bar.opened_at).holding(order.instrument)
        used = market.rules.loss(filled, held.average, stop) if filled else 0.0
        return within_risk(order, bar.open, market, stop=stop, used=used)
