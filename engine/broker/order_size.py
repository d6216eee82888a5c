"""The units that a market or stop order has filled before, for costs that grow with its size.

In a plan with a stop all tranches are one order, and so are all orders that close it, however far
apart they fill. In a plan without a stop (weights) an order counts its own fills, and those of the
plan's other orders of the same side in bars that open on the same UTC day. Limit fills pay no
slippage and do not count. Different plans, and different sleeves, do not count together.
"""

import math
from dataclasses import dataclass, field

from data_feeds.clock import DAY_NS
from engine.broker.book import Book, WorkingOrder


@dataclass(slots=True)
class FilledUnits:
    """Holds what one side of a plan has filled: by order, and by order on the latest day."""

    day: int = -1
    by_order: dict[int, float] = field(default_factory=dict)
    on_day: dict[int, float] = field(default_factory=dict)


class OrderSizes:
    """Counts the fills of market and stop orders by plan and side."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._sides: dict[tuple[int, int], FilledUnits] = {}

    def earlier(self, order: WorkingOrder, bar_opened_at: int) -> float:
        """Return the units filled before that count with a fill of ``order`` in a bar."""
        request = order.request
        side = self._sides.get((request.plan_id, request.side))
        if side is None:
            return 0.0
        plan = self._book.plans.get(request.instrument)
        if plan is not None and not math.isnan(plan.first_stop):
            return sum(side.by_order.values())
        own = side.by_order.get(order.order_id, 0.0)
        if side.day != bar_opened_at // DAY_NS:
            return own
        others = (units for name, units in side.on_day.items() if name != order.order_id)
        return own + sum(others)

    def add(self, order: WorkingOrder, bar_opened_at: int, quantity: float) -> None:
        """Count a fill of a market or stop order, unsigned units."""
        request, name = order.request, order.order_id
        side = self._sides.setdefault((request.plan_id, request.side), FilledUnits())
        if side.day != bar_opened_at // DAY_NS:
            side.day = bar_opened_at // DAY_NS
            side.on_day.clear()
        side.by_order[name] = side.by_order.get(name, 0.0) + quantity
        side.on_day[name] = side.on_day.get(name, 0.0) + quantity
