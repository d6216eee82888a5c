"""What the bar walk looks at: a bar with its mark, a plan with its orders, the fills it owes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.audit.fills import OPEN, RANGE
from engine.audit.folder import NEVER
from engine.audit.formulas import is_beyond
from engine.events import Fill, OrderKind, OrderRow, OrderStatus

DueKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the walk with its mark path."""

    row: int
    opened_at: int
    closed_at: int
    open: float
    high: float
    low: float
    volume: float
    mark_open: float
    mark_high: float
    mark_low: float

    def extreme(self, side: int) -> float:
        """The farthest last price going up (+1) or down (-1)."""
        return self.high if side > 0 else self.low

    def mark_extreme(self, side: int) -> float:
        """The farthest mark going up (+1) or down (-1)."""
        return self.mark_high if side > 0 else self.mark_low


@dataclass
class Due:
    """Fills a bar owes: (stage, order id), the liquidation as order 0."""

    needed: dict[DueKey, str] = field(default_factory=dict)
    allowed: set[DueKey] = field(default_factory=set)

    def need(self, stage: str, order_id: int, why: str) -> None:
        """Ask for a fill."""
        self.needed[(stage, order_id)] = why

    def allow(self, stage: str, orders: Iterable[OrderRow]) -> None:
        """Permit fills that the rules leave open."""
        self.allowed.update((stage, order.order_id) for order in orders)


@dataclass
class Plan:
    """The orders of one plan, and what has happened to them so far in the walk."""

    plan_id: int
    orders: tuple[OrderRow, ...]
    fills: Mapping[int, Sequence[Fill]]
    triggered: set[int] = field(default_factory=set)

    def of(self, *roles: str) -> list[OrderRow]:
        """Orders of some roles."""
        return [order for order in self.orders if order.role in roles]

    def in_bar(self, bar: Bar) -> Sequence[Fill]:
        """The plan's fills in a bar."""
        return self.fills.get(bar.opened_at, ())

    def filled_before(self, order: OrderRow, bar: Bar, *, through_open: bool) -> float:
        """Base units of an order filled before a bar, or through its open."""
        return sum(
            abs(fill.quantity)
            for opened, fills in self.fills.items()
            for fill in fills
            if fill.order_id == order.order_id
            and (
                opened < bar.opened_at
                or (through_open and opened == bar.opened_at and fill.stage == OPEN)
            )
        )


def works_at_open(order: OrderRow, plan: Plan, bar: Bar) -> bool:
    """Whether an order works when a bar opens, fills of that bar included."""
    if order.decided_at > bar.opened_at or order.status == OrderStatus.REJECTED.value:
        return False
    if order.ended_at == NEVER or order.ended_at > bar.opened_at:
        return True
    return any(fill.order_id == order.order_id for fill in plan.in_bar(bar))


def works_in_range(order: OrderRow, plan: Plan, bar: Bar) -> bool:
    """Whether an order works until a bar closes, fills of that bar included."""
    if order.decided_at > bar.opened_at or order.status == OrderStatus.REJECTED.value:
        return False
    if order.ended_at == NEVER or order.ended_at >= bar.closed_at:
        return True
    return any(fill.order_id == order.order_id and fill.stage == RANGE for fill in plan.in_bar(bar))


def is_over(order: OrderRow, bar: Bar) -> bool:
    """Whether an order had ended when a bar opens."""
    return order.ended_at != NEVER and order.ended_at <= bar.opened_at


def goes(order: OrderRow) -> int:
    """Direction in which the price must move to reach an order: stops with, limits against it."""
    return order.side if order.kind == OrderKind.STOP.value else -order.side


def meets_open(order: OrderRow, bar: Bar) -> bool:
    """Whether the open fills an order: at any price, or because its level is crossed."""
    return order.kind == OrderKind.MARKET.value or is_beyond(bar.open, order.price, goes(order))


def touches(order: OrderRow, bar: Bar) -> bool:
    """Whether a bar reaches the level of an order."""
    return order.kind != OrderKind.MARKET.value and is_beyond(
        bar.extreme(goes(order)), order.price, goes(order)
    )
