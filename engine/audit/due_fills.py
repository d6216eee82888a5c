"""The bars of the walk with their marks, and the fills that are due in each."""

from dataclasses import dataclass, field, replace

from engine.audit.channels import InstrumentData
from engine.audit.venue_formulas import STEP_SLACK, is_beyond
from engine.records import OrderKind, OrderRow

DueKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the walk with its mark path, or the part of it after an entry.

    In a bar that is not traded only a liquidation fills.
    """

    row: int
    opened_at: int
    closed_at: int
    open: float
    high: float
    low: float
    close: float
    is_traded: bool
    mark_open: float
    mark_high: float
    mark_low: float
    mark_close: float

    def extreme(self, side: int) -> float:
        """Return the farthest last price going up (+1) or down (-1)."""
        return self.high if side > 0 else self.low

    def mark_extreme(self, side: int) -> float:
        """Return the farthest mark going up (+1) or down (-1)."""
        return self.mark_high if side > 0 else self.mark_low

    def holds(self, level: float) -> bool:
        """Return whether a level lies inside the range."""
        return self.low <= level <= self.high


def bar_of(market: InstrumentData, row: int) -> Bar:
    """Return one bar with its mark.

    A broker covers a short in the market: a bar without trades has no mark that liquidates.
    """
    mark = market.mark
    stands = 1.0 if market.instrument.is_margined or market.traded[row] else float("nan")
    return Bar(
        row,
        int(market.bars["opened_at"][row]),
        int(market.bars["closed_at"][row]),
        market.price(row, "open"),
        market.price(row, "high"),
        market.price(row, "low"),
        market.price(row, "close"),
        bool(market.traded[row]),
        stands * float(mark.open[row]),
        stands * float(mark.high[row]),
        stands * float(mark.low[row]),
        float(mark.close[row]),
    )


def rest_after(bar: Bar, level: float) -> Bar:
    """Return the certain part of a bar after prices met a level inside it.

    Prices come from the open. If they rose to the level, the high comes later; the low may have
    come before, so the rest reaches down only to the close or the level. A fall is the mirror
    image. An open at the level leaves the whole bar. The mark is assumed to be at the level at the
    same moment.
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
    """A fill that the rules ask for: unsigned base units, and the reason.

    ``role`` is that of the venue's own order; "" for an order of the run.
    """

    quantity: float
    why: str
    role: str = ""


@dataclass
class BarStage:
    """One stage of one bar: the volume that is left (base units), and the fills that are due.

    A due fill is named by (stage, order id); order 0 is the venue's own.
    """

    bar: Bar
    name: str
    at: int
    room: float
    due: dict[DueKey, DueFill] = field(default_factory=dict)

    def owe(self, order_id: int, quantity: float, why: str, role: str = "") -> None:
        """Ask for a fill; ``role`` is that of the venue's own order."""
        self.due[(self.name, order_id)] = DueFill(quantity, why, role)


def goes(order: OrderRow) -> int:
    """Return the direction in which prices reach an order: +1 up, -1 down."""
    return order.side if order.kind == OrderKind.STOP.value else -order.side


def meets_open(order: OrderRow, bar: Bar) -> bool:
    """Return whether the open fills an order: a market order, or a crossed level."""
    return order.kind == OrderKind.MARKET.value or is_beyond(bar.open, order.price, goes(order))


def touches(order: OrderRow, bar: Bar, clearance: float = 0.0) -> bool:
    """Return whether a bar reaches an order; a limit must be passed by ``clearance`` (quote)."""
    if order.kind == OrderKind.MARKET.value:
        return False
    way = goes(order)
    if clearance > 0 and order.kind == OrderKind.LIMIT.value:
        return way * (bar.extreme(way) - order.price) >= clearance * (1 - STEP_SLACK)
    return is_beyond(bar.extreme(way), order.price, way)
