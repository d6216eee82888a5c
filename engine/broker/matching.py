"""What one bar does to one instrument's orders: the order of time inside a bar.

``resolve`` says what is touched; this module says in which order, ``execution`` at which price.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.broker import resolve
from engine.broker.book import Book, Plan, WorkingOrder
from engine.broker.collateral import Collateral
from engine.broker.execution import Execution, Moment, moment
from engine.broker.sharing import EntryAsk, affordable, common_factors
from engine.broker.timeline import InstrumentPath
from engine.costs import floor_to_step
from engine.events import NAN, FillStage, OrderKind, OrderRequest, OrderRole, OrderStatus
from engine.ledger import Ledger, Position


@dataclass(frozen=True, slots=True)
class ClosedPlan:
    """A plan that is flat again, with its net cash (fees and funding included), quote."""

    at: int
    plan_id: int
    net_pnl: float


class Turn:
    """One instrument's turn at one stage of one bar.

    Most turns fill nothing, so where and how much can fill is worked out on first use. ``room`` is
    the volume still to be had, base units.
    """

    __slots__ = (
        "_execution",
        "_room",
        "_when",
        "k",
        "path",
        "plan",
        "position",
        "row",
        "stage",
        "t",
    )

    def __init__(
        self,
        execution: Execution,
        *,
        k: int,
        t: int,
        row: int,
        stage: FillStage,
        path: InstrumentPath,
        position: Position,
        plan: Plan,
    ) -> None:
        self.k, self.t, self.row, self.stage = k, t, row, stage
        self.path, self.position, self.plan = path, position, plan
        self._execution = execution
        self._when: Moment | None = None
        self._room: float | None = None

    def may_fill(self, order: WorkingOrder) -> bool:
        """Whether an order works and was decided before this bar opened, or as it did."""
        opened_at = int(self.path.bars["opened_at"][self.row])
        return order.is_working and order.decided_at <= opened_at

    def stop(self) -> WorkingOrder | None:
        """Return the stop that this bar honours: the last one decided by its open."""
        for order in (self.plan.stop, self.plan.outgoing_stop):
            if order is not None and self.may_fill(order):
                return order
        return None

    @property
    def when(self) -> Moment:
        """The instant, bar and stage that a fill of this turn carries."""
        if self._when is None:
            self._when = moment(self.path, self.t, self.row, self.stage)
        return self._when

    @property
    def room(self) -> float:
        """Volume that this stage of the bar can still fill."""
        if self._room is None:
            self._room = self._execution.capacity(self.path, self.when)
        return self._room

    def use(self, quantity: float) -> None:
        """Take filled volume out of the room."""
        self._room = self.room - quantity


class Matcher:
    """Matches the live plan of an instrument against a bar's open and range."""

    def __init__(
        self, book: Book, execution: Execution, collateral: Collateral, ledger: Ledger
    ) -> None:
        self.closed_plans: list[ClosedPlan] = []
        self._book = book
        self._execution = execution
        self._collateral = collateral
        self._ledger = ledger

    # The range of a bar that closes.

    def stop_is_touched(self, turn: Turn) -> bool:
        """Whether the bar's range reaches the protective stop that works for this bar."""
        stop, t = turn.stop(), turn.t
        return (
            stop is not None
            and not stop.triggered
            and bool(
                resolve.stop_touched(
                    stop.request.side, stop.request.price, turn.path.low[t], turn.path.high[t]
                )
            )
        )

    def match_range(self, turn: Turn, *, targets: bool) -> None:
        """Match a bar's range against what closes the position; the adverse extreme comes first.

        Of stop and liquidation the one nearer to its own path's open wins; a stop that is touched
        keeps every target from filling.
        """
        path, t, stop = turn.path, turn.t, turn.stop()
        low, high = path.low[t], path.high[t]
        stop_hit = self.stop_is_touched(turn)
        stop_first = stop is not None and stop_hit and self._stop_is_nearer(turn, stop)
        if not stop_first and self._liquidation_is_touched(turn):
            self._liquidate_in_range(turn)
        elif stop is not None and stop_hit:
            self._trigger_stop(turn, stop, stop.request.price)
            # What the bar's volume leaves of a stop does not outlive the liquidation price.
            if turn.position.quantity != 0.0 and self._liquidation_is_touched(turn):
                self._liquidate_in_range(turn)
        elif targets and not (stop is not None and stop.triggered):
            for target in turn.plan.working_targets():
                request = target.request
                if (
                    turn.may_fill(target)
                    and resolve.limit_touched(request.side, request.price, low, high)
                    and _trades_at(request.price, low, high)
                ):
                    self._take_target(turn, target, request.price)

    def _liquidation_is_touched(self, turn: Turn) -> bool:
        path, t = turn.path, turn.t
        level = self._collateral.liquidation_level(turn.k, t)
        return bool(
            resolve.liquidation_touched(
                turn.position.quantity, level, path.mark_low[t], path.mark_high[t]
            )
        )

    def _liquidate_in_range(self, turn: Turn) -> None:
        """Liquidate at the level, or at the mark's open where that is worse.

        Another position's loss can put the level beyond this bar's open: then as at a gap.
        """
        level = self._collateral.liquidation_level(turn.k, turn.t)
        worst = min if turn.position.quantity > 0 else max
        self._liquidate(turn, level, worst(level, float(turn.path.marks.open[turn.row])))

    def settle(self, turn: Turn) -> None:
        """Close what is held of an option at its expiry, and end what works for it."""
        quantity = turn.position.quantity
        if quantity == 0.0:
            self._book.close_plan(turn.plan, turn.when.at, "expired")
            return
        request = _venue_order(turn, OrderRole.SETTLEMENT, OrderKind.MARKET, NAN, "expiry")
        order = self._book.submit(request, turn.when.at, turn.when.at)
        value = float(turn.path.mark[turn.t])
        self._execution.settle(
            turn.path, order, quantity=abs(quantity), value=value, when=turn.when
        )
        self._book.end(order, OrderStatus.FILLED, turn.when.at, "filled")
        self._close(turn, "expired")

    def match_resting_entry(self, turn: Turn) -> None:
        """Fill a limit or stop entry inside its bar; then its stop or liquidation may follow."""
        entry, t = turn.plan.entry, turn.t
        request = entry.request
        if entry.trades_at_market or not turn.may_fill(entry):
            return
        low, high = float(turn.path.low[t]), float(turn.path.high[t])
        if self._reaches(request, low, high) and _trades_at(request.price, low, high):
            self._enter(turn, request.price)
            if turn.position.quantity != 0.0:
                self.match_range(turn, targets=False)

    # The open of a bar.

    def match_open(self, turn: Turn) -> None:
        """Liquidation, stops, targets and exits at the open price, in this order."""
        position, plan = turn.position, turn.plan
        if position.quantity == 0.0:
            return
        mark_open = float(turn.path.mark_open[turn.t])
        level = self._collateral.liquidation_level(turn.k, turn.t)
        if resolve.liquidation_touched(position.quantity, level, mark_open, mark_open):
            self._liquidate(turn, level, mark_open)
            return
        price = float(turn.path.open_price[turn.t])
        if math.isnan(price):
            return
        stop = plan.stop
        if (
            stop is not None
            and stop.is_working
            and (
                stop.triggered
                or resolve.stop_touched(stop.request.side, stop.request.price, price, price)
            )
        ):
            self._trigger_stop(turn, stop, price)
            return
        for target in plan.working_targets():
            request = target.request
            if turn.may_fill(target) and resolve.limit_touched(
                request.side, request.price, price, price
            ):
                self._take_target(turn, target, price)
        for order in [order for order in plan.exits if order.is_working]:
            self._exit(turn, order, price)

    def match_open_entries(self, turns: Sequence[Turn]) -> None:
        """Fill the entries of one open; what a wallet cannot carry is cut by one factor for all.

        What protects an entry may already be crossed at this very open.
        """
        asks: list[tuple[Turn, EntryAsk | None]] = []
        for turn in turns:
            entry, price = turn.plan.entry, float(turn.path.open_price[turn.t])
            if not entry.is_working or math.isnan(price):
                continue
            if entry.trades_at_market or self._reaches(entry.request, price, price):
                asks.append((turn, self._ask(turn, price)))
        factors = common_factors(
            (turn.path.instrument.wallet, ask.need, self._collateral.free_for(turn.k, turn.t))
            for turn, ask in asks
            if ask is not None
        )
        for turn, ask in asks:
            raw = float(turn.path.open_price[turn.t])
            self._enter(turn, raw, ask, factors.get(turn.path.instrument.wallet, 1.0))
            self.match_open(turn)

    # Fills.

    def _reaches(self, request: OrderRequest, low: float, high: float) -> bool:
        kind = resolve.STOP if request.kind is OrderKind.STOP else resolve.LIMIT
        return bool(resolve.level_touched(kind, request.side, request.price, low, high))

    def _stop_is_nearer(self, turn: Turn, stop: WorkingOrder) -> bool:
        return not resolve.liquidation_comes_first(
            self._collateral.liquidation_level(turn.k, turn.t),
            turn.path.marks.open[turn.row],
            stop.request.price,
            turn.path.bars["open"][turn.row],
        )

    def _ask(self, turn: Turn, raw: float) -> EntryAsk | None:
        """Return what an entry asks of its wallet at a price, None where no volume is left."""
        entry, path, execution = turn.plan.entry, turn.path, self._execution
        quantity = min(entry.request.quantity - entry.filled, turn.room)
        if quantity <= 0:
            return None
        rests = entry.request.kind is OrderKind.LIMIT
        price = raw if rests else execution.taker_price(path, entry, raw, quantity, turn.when)[0]
        rate = execution.fee_rate(path, maker=False)
        per_unit = execution.cost_per_unit(path, entry, price, rate=rate)
        budget = entry.request.spend_limit
        lot = path.instrument.lot_size
        within = quantity if math.isnan(budget) else affordable(budget, per_unit, lot)
        return EntryAsk(quantity, min(quantity, within), per_unit)

    def _enter(
        self, turn: Turn, raw: float, ask: EntryAsk | None = None, factor: float = 1.0
    ) -> None:
        """Fill an entry as far as volume, budget and free cash carry it.

        ``factor`` is the share of every entry of this wallet that its cash carries at this open.
        """
        entry, path, plan = turn.plan.entry, turn.path, turn.plan
        rests = entry.request.kind is OrderKind.LIMIT
        # Once touched, what the bar's volume leaves of a stop entry trades at the next opens.
        entry.triggered = entry.request.kind is OrderKind.STOP
        ask = ask or self._ask(turn, raw)
        if ask is None:
            return
        lot, free = path.instrument.lot_size, self._collateral.free_for(turn.k, turn.t)
        afford = affordable(free, ask.per_unit, lot)
        if factor < 1:
            afford = min(afford, floor_to_step(ask.within_budget * factor, lot))
        carrier = "free cash" if afford < ask.within_budget else "the budget"
        quantity = min(ask.within_budget, afford)
        if quantity > 0:
            self._execution.fill(
                path, entry, quantity=quantity, raw=raw, when=turn.when, rests=rests
            )
            plan.entered += quantity
            turn.use(quantity)
        at = turn.when.at
        if quantity < ask.quantity:
            status = OrderStatus.CANCELLED if entry.filled > 0 else OrderStatus.REJECTED
            self._book.end(entry, status, at, f"{carrier} does not carry the rest")
        elif entry.filled >= entry.request.quantity * (1 - 1e-12):
            self._book.end(entry, OrderStatus.FILLED, at, "filled")
        if plan.entered == 0.0 and not entry.is_working:
            self._book.close_plan(plan, at, "entry rejected")

    def _trigger_stop(self, turn: Turn, stop: WorkingOrder, raw: float) -> None:
        """Fill a stop; what the bar's volume leaves over trades at the next opens.

        Its plan's other exits end with its first fill, and none of them fills any more.
        """
        plan, at = turn.plan, turn.when.at
        if not stop.triggered:
            stop.triggered = True
            if stop is plan.outgoing_stop:
                plan.stop, plan.outgoing_stop = stop, plan.stop
            for order in [plan.entry, *plan.exits]:
                self._book.end(order, OrderStatus.CANCELLED, at, "stop triggered")
        if turn.room > 0:
            moved = [] if plan.outgoing_stop is None else [plan.outgoing_stop]
            for order in [*plan.targets, *moved]:
                self._book.end(order, OrderStatus.CANCELLED, at, "stop triggered")
            plan.outgoing_stop = None
        self._reduce(turn, stop, raw, abs(turn.position.quantity), rests=False)

    def _take_target(self, turn: Turn, target: WorkingOrder, raw: float) -> None:
        held, lot = turn.position.quantity, turn.path.instrument.lot_size
        wanted = turn.plan.target_quantity(target, held, lot)
        if wanted <= 0 and target is turn.plan.working_targets()[-1]:
            return
        if wanted <= 0:
            # Its fraction is below one lot; the farthest target takes the rest.
            self._book.end(target, OrderStatus.CANCELLED, turn.when.at, "below one lot")
            return
        self._book.end(turn.plan.entry, OrderStatus.CANCELLED, turn.when.at, "target reached")
        self._reduce(turn, target, raw, wanted, rests=True)

    def _exit(self, turn: Turn, order: WorkingOrder, raw: float) -> None:
        held, requested = abs(turn.position.quantity), order.request.quantity
        wanted = held if math.isnan(requested) else min(requested - order.filled, held)
        self._reduce(turn, order, raw, wanted, rests=False)

    def _reduce(
        self, turn: Turn, order: WorkingOrder, raw: float, wanted: float, *, rests: bool
    ) -> None:
        """Close part of the position; end the order when done, the plan when nothing is left."""
        quantity = min(wanted, turn.room)
        if quantity <= 0:
            return
        self._execution.fill(
            turn.path, order, quantity=quantity, raw=raw, when=turn.when, rests=rests
        )
        turn.use(quantity)
        if quantity == wanted:
            self._book.end(order, OrderStatus.FILLED, turn.when.at, "filled")
        if turn.position.quantity == 0.0:
            self._book.end(order, OrderStatus.FILLED, turn.when.at, "filled")
            self._close(turn, f"flat after {order.request.role}")

    def _liquidate(self, turn: Turn, level: float, raw: float) -> None:
        """Close everything for the venue, whatever the volume, and cancel the plan's orders."""
        quantity = turn.position.quantity
        why = "maintenance margin breached"
        request = _venue_order(turn, OrderRole.LIQUIDATION, OrderKind.STOP, level, why)
        order = self._book.submit(request, turn.when.at, turn.when.at)
        self._execution.liquidate(turn.path, order, quantity=abs(quantity), raw=raw, when=turn.when)
        self._book.end(order, OrderStatus.FILLED, turn.when.at, "filled")
        self._close(turn, "liquidation")

    def _close(self, turn: Turn, reason: str) -> None:
        self._book.close_plan(turn.plan, turn.when.at, reason)
        net = self._ledger.plan_cash[turn.plan.plan_id]
        self.closed_plans.append(ClosedPlan(turn.when.at, turn.plan.plan_id, net))


def _venue_order(
    turn: Turn, role: OrderRole, kind: OrderKind, price: float, reason: str
) -> OrderRequest:
    """Return the order that closes everything without having been decided by anyone here."""
    quantity, entry = turn.position.quantity, turn.plan.entry.request
    return OrderRequest(
        plan_id=turn.plan.plan_id,
        decision_id=entry.decision_id,
        instrument=entry.instrument,
        role=role,
        kind=kind,
        side=-1 if quantity > 0 else 1,
        quantity=abs(quantity),
        price=price,
        fraction=NAN,
        leverage_setting=entry.leverage_setting,
        slippage_multiplier=entry.slippage_multiplier,
        reason=reason,
    )


def _trades_at(level: float, low: float, high: float) -> bool:
    """Whether a touched level lies inside the bar's range.

    It does not where the open already crossed it and the volume cap left something over: that rest
    waits for the next open.
    """
    return low <= level <= high
