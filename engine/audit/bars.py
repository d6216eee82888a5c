"""What the bar walk looks at: a bar with its mark, and the fills it owes."""

from dataclasses import dataclass, field

from engine.audit.formulas import is_beyond
from engine.audit.market import Market
from engine.events import OrderKind, OrderRow

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

    @property
    def is_traded(self) -> bool:
        """Whether anything but a liquidation can fill in it."""
        return self.volume > 0

    def extreme(self, side: int) -> float:
        """The farthest last price going up (+1) or down (-1)."""
        return self.high if side > 0 else self.low

    def mark_extreme(self, side: int) -> float:
        """The farthest mark going up (+1) or down (-1)."""
        return self.mark_high if side > 0 else self.mark_low

    def holds(self, level: float) -> bool:
        """Whether a level lies inside the range."""
        return self.low <= level <= self.high


def bar_of(market: Market, row: int) -> Bar:
    """Return one bar with its mark."""
    mark = market.mark
    return Bar(
        row,
        int(market.bars["opened_at"][row]),
        int(market.bars["closed_at"][row]),
        market.price(row, "open"),
        market.price(row, "high"),
        market.price(row, "low"),
        market.price(row, "volume"),
        float(mark.open[row]),
        float(mark.high[row]),
        float(mark.low[row]),
    )


@dataclass(frozen=True, slots=True)
class Owed:
    """A fill that the rules ask for: unsigned base units, and why."""

    quantity: float
    why: str


@dataclass
class Turn:
    """One stage of one bar: volume still to be had (base units), and what it owes.

    Fills are named by (stage, order id), what the venue closes as order 0.
    """

    bar: Bar
    stage: str
    at: int
    room: float
    due: dict[DueKey, Owed] = field(default_factory=dict)

    def owe(self, order_id: int, quantity: float, why: str) -> None:
        """Ask for a fill."""
        self.due[(self.stage, order_id)] = Owed(quantity, why)


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
