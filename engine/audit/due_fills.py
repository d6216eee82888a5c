"""What the bar walk looks at: a bar with its mark, and the fills it owes."""

from dataclasses import dataclass, field, replace

from engine.audit.channels import InstrumentData
from engine.audit.formulas import STEP_SLACK, is_beyond
from engine.records import OrderKind, OrderRow

DueKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the walk with its mark path, or the part of it after an entry."""

    row: int
    opened_at: int
    closed_at: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    mark_open: float
    mark_high: float
    mark_low: float
    mark_close: float

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


def bar_of(market: InstrumentData, row: int) -> Bar:
    """Return one bar with its mark."""
    mark = market.mark
    return Bar(
        row,
        int(market.bars["opened_at"][row]),
        int(market.bars["closed_at"][row]),
        market.price(row, "open"),
        market.price(row, "high"),
        market.price(row, "low"),
        market.price(row, "close"),
        market.price(row, "volume"),
        float(mark.open[row]),
        float(mark.high[row]),
        float(mark.low[row]),
        float(mark.close[row]),
    )


def rest_after(bar: Bar, level: float) -> Bar:
    """Return what is certain of a bar after prices met a level inside it.

    They come from the open. Having risen to the level, they had not been above it: the high is
    still to come; the low may be over, and only the close and the level itself bound what follows.
    A fall is the mirror image; an open at the level leaves the whole bar. The mark is taken to be
    at the level at the same moment.
    """
    rose, fell = bar.open < level, bar.open > level
    return replace(
        bar,
        open=level,
        high=max(level, bar.close) if fell else bar.high,
        low=min(level, bar.close) if rose else bar.low,
        mark_open=level,
        mark_high=max(level, bar.mark_close) if fell else bar.mark_high,
        mark_low=min(level, bar.mark_close) if rose else bar.mark_low,
    )


@dataclass(frozen=True, slots=True)
class DueFill:
    """A fill that the rules ask for: unsigned base units, and why."""

    quantity: float
    why: str


@dataclass
class BarStage:
    """One stage of one bar: volume still to be had (base units), and what it owes.

    Fills are named by (stage, order id), what the venue closes as order 0.
    """

    bar: Bar
    name: str
    at: int
    room: float
    due: dict[DueKey, DueFill] = field(default_factory=dict)

    def owe(self, order_id: int, quantity: float, why: str) -> None:
        """Ask for a fill."""
        self.due[(self.name, order_id)] = DueFill(quantity, why)


def goes(order: OrderRow) -> int:
    """Direction in which the price must move to reach an order: stops with, limits against it."""
    return order.side if order.kind == OrderKind.STOP.value else -order.side


def meets_open(order: OrderRow, bar: Bar) -> bool:
    """Whether the open fills an order: at any price, or because its level is crossed."""
    return order.kind == OrderKind.MARKET.value or is_beyond(bar.open, order.price, goes(order))


def touches(order: OrderRow, bar: Bar, clearance: float = 0.0) -> bool:
    """Return whether a bar reaches an order; a limit must be passed by ``clearance`` (quote)."""
    if order.kind == OrderKind.MARKET.value:
        return False
    way = goes(order)
    if clearance > 0 and order.kind == OrderKind.LIMIT.value:
        return way * (bar.extreme(way) - order.price) >= clearance * (1 - STEP_SLACK)
    return is_beyond(bar.extreme(way), order.price, way)
