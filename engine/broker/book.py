"""Working orders in plans: an entry with its stop, its targets and its exits."""

import math
from dataclasses import dataclass, field

from engine.broker.trailing import TrailingLevel
from engine.contracts import Contract
from engine.costs import floor_to_step
from engine.decision_terms import EndReason
from engine.records import NAN, OrderKind, OrderRequest, OrderRole, OrderRow, OrderStatus
from engine.scalars import scalar


@scalar
def risk_at_stop(distance: float, entered: float) -> float:
    """Return the loss of the entered units over the distance to the first stop, costs aside."""
    return distance * entered


@scalar
def share_left(fraction: float, entered: float, filled: float, lot_size: float) -> float:
    """Return the quantity that a target still closes of an entry, base units in whole lots."""
    return max(floor_to_step(fraction * entered, lot_size) - filled, 0.0)


@scalar
def farthest_share(held: float, waiting: float, lot_size: float) -> float:
    """Return the quantity of the farthest target: all that the nearer ones, ``waiting``, leave."""
    return floor_to_step(max(held - waiting, 0.0), lot_size) if waiting != 0.0 else held


@dataclass(slots=True)
class WorkingOrder:
    """Holds the state of one order; ``triggered`` marks a stop whose rest trades at market.

    ``trail`` is the moving level of a trailing stop.
    """

    order_id: int
    request: OrderRequest
    decided_at: int
    filled: float = 0.0
    triggered: bool = False
    status: OrderStatus = OrderStatus.WORKING
    ended_at: int = 0
    end_reason: EndReason = EndReason.WORKING
    trail: TrailingLevel | None = None

    @property
    def level(self) -> float:
        """Return the level in force, quote; NaN for a market order."""
        return self.request.price if self.trail is None else self.trail.level

    @property
    def is_working(self) -> bool:
        """Return whether the order can still fill."""
        return self.status is OrderStatus.WORKING

    @property
    def trades_at_market(self) -> bool:
        """Return whether the next open fills the order at any price."""
        return self.triggered or self.request.kind is OrderKind.MARKET

    def end(self, status: OrderStatus, at: int, reason: EndReason) -> None:
        """End the order; later calls change nothing."""
        if self.is_working:
            self.status, self.ended_at, self.end_reason = status, at, reason

    def row(self) -> OrderRow:
        """Return the order's table row."""
        request = self.request
        row = OrderRow(
            order_id=self.order_id,
            plan_id=request.plan_id,
            decision_id=request.decision_id,
            instrument=request.instrument,
            role=request.role.value,
            kind=request.kind.value,
            side=request.side,
            quantity=request.quantity,
            price=request.price,
            fraction=request.fraction,
            leverage_setting=request.leverage_setting,
            slippage_multiplier=request.slippage_multiplier,
            decided_at=self.decided_at,
            status=self.status.value,
            filled=self.filled,
            ended_at=self.ended_at,
            end_reason=self.end_reason.value,
            reason=request.reason,
            spend_limit=request.spend_limit,
            risk_limit=request.risk_limit,
        )
        return row if self.trail is None else self.trail.told_in(row)


@dataclass(slots=True)
class WorkingPlan:
    """Holds one position with its orders; an instrument has at most one plan.

    ``entry`` is the newest tranche's order, ``entered`` what all tranches have filled.
    ``outgoing_stop`` is a stop that was moved inside a bar. It stays in force until that bar
    closes; the new stop works from the next bar.
    """

    plan_id: int
    instrument: str
    direction: int
    entry: WorkingOrder
    stop: WorkingOrder | None = None
    outgoing_stop: WorkingOrder | None = None
    targets: list[WorkingOrder] = field(default_factory=list)
    exits: list[WorkingOrder] = field(default_factory=list)
    entered: float = 0.0
    first_stop: float = NAN

    def initial_risk(self, contract: Contract, average_entry: float) -> float:
        """Return R of the tranches filled so far: their loss at the first stop, costs aside."""
        return risk_at_stop(contract.unit_distance(average_entry, self.first_stop), self.entered)

    def leaving(self, held: float) -> float:
        """Return the part of ``held`` base units that working exits close, unsigned."""
        parts = [
            held if math.isnan(order.request.quantity) else order.request.quantity - order.filled
            for order in self.exits
            if order.is_working
        ]
        return min(sum(parts), held)

    def trailing(self, *, at_close: bool = False) -> list[TrailingLevel]:
        """Return the moving levels of working stops; a triggered stop moves no more.

        ``at_close``: an outgoing stop, which ends with its bar, does not move at the close.
        """
        return [
            stop.trail
            for stop in ((self.stop,) if at_close else (self.stop, self.outgoing_stop))
            if stop is not None
            and stop.trail is not None
            and stop.is_working
            and not stop.triggered
        ]

    def orders(self) -> list[WorkingOrder]:
        """Return all orders of the plan, stop and outgoing stop included."""
        stops = [] if self.stop is None else [self.stop]
        if self.outgoing_stop is not None:
            stops.append(self.outgoing_stop)
        return [self.entry, *stops, *self.targets, *self.exits]

    def working_targets(self) -> list[WorkingOrder]:
        """Return the working targets, nearest first."""
        live = [order for order in self.targets if order.is_working]
        return sorted(live, key=lambda order: self.direction * order.request.price)

    def target_quantity(self, order: WorkingOrder, held: float, lot_size: float) -> float:
        """Return the quantity that a target still closes, base units, unsigned.

        It is a fraction of the entry filled so far, in whole lots; the farthest target closes all
        that the nearer ones leave.
        """
        *nearer, farthest = self.working_targets()
        if order is not farthest:
            return min(self._share_left(order, lot_size), abs(held))
        waiting = sum(self._share_left(target, lot_size) for target in nearer)
        return farthest_share(abs(held), waiting, lot_size)

    def _share_left(self, target: WorkingOrder, lot_size: float) -> float:
        return share_left(target.request.fraction, self.entered, target.filled, lot_size)


class Book:
    """Holds all orders of a run in order of submission, and the open plan of each instrument."""

    def __init__(self) -> None:
        self.orders: list[WorkingOrder] = []
        self.plans: dict[str, WorkingPlan] = {}
        self.ended: list[WorkingOrder] = []
        self.dropped: list[int] = []

    def submit(
        self,
        request: OrderRequest,
        at: int,
        bar_opened_at: int,
        trail: TrailingLevel | None = None,
    ) -> WorkingOrder:
        """Register an order and add it to its plan.

        ``bar_opened_at`` is when the instrument's bar of this instant opened, ``at`` between bars.
        ``trail`` is the level of a trailing stop.
        """
        order = WorkingOrder(len(self.orders) + 1, request, at, trail=trail)
        self.orders.append(order)
        open_plan = self.plans.get(request.instrument)
        if request.role is OrderRole.ENTRY:
            if open_plan is not None and open_plan.plan_id == request.plan_id:
                open_plan.entry = order
                return order
            plan = WorkingPlan(request.plan_id, request.instrument, request.side, order)
            self.plans[request.instrument] = plan
            return order
        plan = self.plans[request.instrument]
        if request.role is OrderRole.STOP:
            if plan.stop is None:
                plan.first_stop = request.price
            elif plan.stop.triggered:
                # A triggered stop trades its rest at market and cannot be moved.
                self.cancel(order, at, EndReason.STOP_ALREADY_TRIGGERED)
                return order
            elif plan.stop.decided_at <= bar_opened_at < at:
                plan.outgoing_stop = plan.stop
            else:
                self.cancel(plan.stop, at, EndReason.MOVED)
            if trail is not None and plan.stop is not None and plan.stop.trail is not None:
                trail.follow(plan.stop.trail)
            plan.stop = order
        elif request.role is OrderRole.TARGET:
            plan.targets.append(order)
        else:
            plan.exits.append(order)
        return order

    def fill(self, order: WorkingOrder, at: int) -> None:
        """End an order of which all is filled."""
        self._end(order, OrderStatus.FILLED, at, EndReason.FILLED)

    def cancel(self, order: WorkingOrder, at: int, reason: EndReason) -> None:
        """End an order before all of it is filled."""
        self._end(order, OrderStatus.CANCELLED, at, reason)

    def cut(self, entry: WorkingOrder, at: int, reason: EndReason) -> None:
        """End an entry whose rest nothing pays for: rejected if nothing of it is filled."""
        status = OrderStatus.CANCELLED if entry.filled > 0 else OrderStatus.REJECTED
        self._end(entry, status, at, reason)

    def retire_stop(self, plan: WorkingPlan) -> None:
        """End the outgoing stop, as of the last move: its bar has closed."""
        stop = plan.stop
        if plan.outgoing_stop is not None and stop is not None and not stop.triggered:
            self.cancel(plan.outgoing_stop, stop.decided_at, EndReason.MOVED)
            plan.outgoing_stop = None

    def close_plan(self, plan: WorkingPlan, at: int, reason: EndReason) -> None:
        """Cancel a plan's working orders and remove it, into ``dropped`` if it never filled."""
        for order in plan.orders():
            self.cancel(order, at, reason)
        if plan.entered == 0.0:
            self.dropped.append(plan.plan_id)
        self.plans.pop(plan.instrument, None)

    def _end(self, order: WorkingOrder, status: OrderStatus, at: int, reason: EndReason) -> None:
        """End one order and queue the notice."""
        if order.is_working:
            order.end(status, at, reason)
            self.ended.append(order)
