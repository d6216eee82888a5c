"""One plan by the rules: which of its orders work, and how each order must end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine.audit.due_fills import Bar, touches
from engine.audit.fills import LOT_SLACK
from engine.audit.trail_levels import ReplayedTrail
from engine.audit.venue_formulas import whole_steps
from engine.records import Fill, OrderRole, OrderRow, OrderStatus

LEAVING = (OrderRole.EXIT.value, OrderRole.GUARD.value)
FillsByStage = Mapping[tuple[int, str], Sequence[Fill]]


@dataclass(frozen=True, slots=True)
class OrderEnd:
    """The end of an order by the rules: status, instant and reason."""

    status: str
    at: int
    why: str


@dataclass
class ReplayedPlan:
    """The orders of one plan, in order of submission, and the state of each.

    ``entry`` is the newest tranche's order, ``entries`` are the orders of all tranches.
    ``outgoing`` is a stop that was moved inside a bar; it is valid until that bar ends.
    ``triggered`` holds touched stops; the rest of a touched stop trades at market. ``trails`` are
    the levels of trailing stops by order; a stop without one keeps its price.
    """

    plan_id: int
    orders: Sequence[OrderRow]
    fills: FillsByStage
    lot: float
    entry: OrderRow | None = None
    entries: list[OrderRow] = field(default_factory=list)
    stop: OrderRow | None = None
    outgoing: OrderRow | None = None
    targets: list[OrderRow] = field(default_factory=list)
    exits: list[OrderRow] = field(default_factory=list)
    triggered: set[int] = field(default_factory=set)
    filled: dict[int, float] = field(default_factory=dict)
    ends: dict[int, OrderEnd] = field(default_factory=dict)
    is_closed: bool = False
    trails: dict[int, ReplayedTrail] = field(default_factory=dict)
    submitted: int = 0
    walked: set[int] = field(default_factory=set)

    @property
    def entered(self) -> float:
        """The filled quantity of all tranches, base units."""
        return sum(self.filled.get(order.order_id, 0.0) for order in self.entries)

    @property
    def first_stop(self) -> float:
        """The level of the first stop, NaN without one."""
        stops = (order.price for order in self.orders if order.role == OrderRole.STOP.value)
        return next(stops, float("nan"))

    def works(self, order: OrderRow | None) -> bool:
        """Return whether an order can still fill."""
        return order is not None and order.order_id not in self.ends

    def end(self, order: OrderRow | None, status: OrderStatus, at: int, why: str) -> None:
        """Record how an order ends; the first end counts."""
        if order is not None and order.order_id not in self.ends:
            self.ends[order.order_id] = OrderEnd(status.value, at, why)

    def cancel(self, orders: Sequence[OrderRow | None], at: int, why: str) -> None:
        """Record the cancellation of orders."""
        for order in orders:
            self.end(order, OrderStatus.CANCELLED, at, why)

    def close(self, at: int, why: str) -> None:
        """Cancel every working order; the plan holds nothing and will hold nothing."""
        self.cancel([self.entry, self.stop, self.outgoing, *self.targets, *self.exits], at, why)
        self.is_closed = True

    def next_order(self, until: int) -> OrderRow | None:
        """Return the next order decided by an instant, None when there is none."""
        if self.submitted < len(self.orders):
            order = self.orders[self.submitted]
            if order.decided_at <= until:
                self.submitted += 1
                return order
        return None

    def submit(self, order: OrderRow, bar_opened_at: int) -> None:
        """Add a new order; ``bar_opened_at`` is the open of the bar in which it was decided."""
        at = order.decided_at
        if order.role == OrderRole.ENTRY.value:
            self.entry = order
            self.entries.append(order)
        elif order.role == OrderRole.STOP.value:
            self._move_stop(order, bar_opened_at)
        elif order.role == OrderRole.TARGET.value:
            self.targets.append(order)
        elif order.role in LEAVING:
            self.exits.append(order)
            self.cancel([self.entry], at, "an exit ends the rest of an entry")
            if self.entered == 0:
                self.close(at, "nothing was held")

    def _move_stop(self, order: OrderRow, bar_opened_at: int) -> None:
        old, at = self.stop, order.decided_at
        if old is not None and old.order_id in self.triggered:
            self.cancel([order], at, "the old stop has been touched")
            return
        if old is not None and old.decided_at <= bar_opened_at < at:
            self.outgoing = old
        else:
            self.cancel([old], at, "moved")
        if old is not None and {old.order_id, order.order_id} <= set(self.trails):
            self.trails[order.order_id].continues(self.trails[old.order_id])
        self.stop = order

    def at_level(self, stop: OrderRow, bar: Bar | None = None) -> OrderRow:
        """Return a stop at its level in force, or at that which a part of a bar meets."""
        trail = self.trails.get(stop.order_id)
        if trail is None:
            return stop
        return replace(stop, price=trail.level if bar is None else trail.within(bar))

    def stop_within(self, bar: Bar) -> OrderRow | None:
        """Return the stop in force at the level at which a part of a bar meets it."""
        stop = self.stop_in_force(bar.opened_at)
        return None if stop is None else self.at_level(stop, bar)

    def moving(self, *, at_close: bool = False) -> list[ReplayedTrail]:
        """Return the trails of stops that protect a position and have not been touched.

        A stop that was moved inside a bar ends with it and has no move ``at_close``.
        """
        return [
            self.trails[stop.order_id]
            for stop in ((self.stop,) if at_close else (self.stop, self.outgoing))
            if stop is not None
            and stop.order_id in self.trails
            and self.works(stop)
            and stop.order_id not in self.triggered
            and self.entered > 0
        ]

    def pass_range(self, bar: Bar) -> None:
        """Move the trails by the prices of a bar, or of a part of it.

        The new order of a stop moved inside the bar keeps the level that the old one reached.
        """
        for trail in self.moving():
            trail.pass_range(bar)
        if self.outgoing is not None and self.stop is not None:
            old, new = (self.trails.get(o.order_id) for o in (self.outgoing, self.stop))
            if old is not None and new is not None:
                new.keep(old.level)

    def retire_stop(self) -> None:
        """End a moved stop after its bar, at the instant of the last move."""
        if self.outgoing is not None and self.stop is not None:
            if self.stop.order_id in self.triggered:
                return
            self.cancel([self.outgoing], self.stop.decided_at, "moved")
            self.outgoing = None

    def stop_in_force(self, opened_at: int) -> OrderRow | None:
        """Return the stop of the bar that opened at an instant: the last decided by its open."""
        for order in (self.stop, self.outgoing):
            if order is not None and self.works(order) and order.decided_at <= opened_at:
                return order
        return None

    def working_targets(self) -> list[OrderRow]:
        """Return the targets that still work, nearest first."""
        working = [order for order in self.targets if self.works(order)]
        return sorted(working, key=lambda order: -order.side * order.price)

    def targets_met(self, bar: Bar, clearance: float) -> list[OrderRow]:
        """Return the targets that a bar, or a part of one, fills, nearest first."""
        return [
            target
            for target in self.working_targets()
            if target.decided_at <= bar.opened_at
            and touches(target, bar, clearance)
            and bar.holds(target.price)
        ]

    def targets_passed(self, bar: Bar, level: float, clearance: float) -> list[OrderRow]:
        """Return the targets that prices at a level inside a bar have left behind."""
        point = replace(bar, high=level, low=level)
        return [
            target
            for target in self.working_targets()
            if target.decided_at <= bar.opened_at and touches(target, point, clearance)
        ]

    def target_size(self, order: OrderRow, held: float) -> float:
        """Return the quantity that a target may still close of ``held`` base units.

        It is the target's fraction of the filled entry in whole lots; the farthest working target
        closes the rest.
        """
        wanted = {
            other.order_id: whole_steps(other.fraction * self.entered, self.lot) * self.lot
            - self.filled.get(other.order_id, 0.0)
            for other in self.working_targets()
        }
        if order is not self.working_targets()[-1]:
            return min(max(wanted[order.order_id], 0.0), held)
        others = sum(max(size, 0.0) for key, size in wanted.items() if key != order.order_id)
        return max(held - others, 0.0)

    def take(self, order: OrderRow, bar_opened_at: int, stage: str) -> list[Fill]:
        """Return the fills of an order at a stage of a bar, and count them as filled."""
        found = [
            fill
            for fill in self.fills.get((bar_opened_at, stage), ())
            if fill.order_id == order.order_id
        ]
        size = sum(abs(fill.quantity) for fill in found)
        self.filled[order.order_id] = self.filled.get(order.order_id, 0.0) + size
        return found

    def is_done(self, order: OrderRow, quantity: float) -> bool:
        """Return whether an order has filled a quantity."""
        return self.filled.get(order.order_id, 0.0) >= quantity - self.lot * LOT_SLACK

    def finish(self, order: OrderRow, at: int) -> None:
        """Record that an order is filled."""
        self.end(order, OrderStatus.FILLED, at, "all of it is filled")
