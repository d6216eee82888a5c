"""The units that an order had filled before a fill, derived from the tables of a run.

In a plan with a stop all market and stop fills of one side count; in another plan those of the same
order, and those of the plan's other orders in bars that opened on the same UTC day.
"""

from collections import defaultdict

from data_feeds.clock import DAY_NS
from engine.records import Fill, FillStage, OrderKind, OrderRole, OrderRow
from engine.run_folder.read import RunFolder


class FilledBefore:
    """Holds the market and stop fills of each plan and side."""

    def __init__(self, files: RunFolder) -> None:
        self._fills: dict[tuple[int, int], list[Fill]] = defaultdict(list)
        for fill in files.fills:
            order = files.order_by_id.get(fill.order_id)
            if order is not None and order.kind != OrderKind.LIMIT.value:
                self._fills[fill.plan_id, order.side].append(fill)
        stops = (order for order in files.orders if order.role == OrderRole.STOP.value)
        self._with_stop = frozenset(order.plan_id for order in stops)

    def units(
        self, order: OrderRow, opened_at: int, at: int, stage: str, fill_id: int = 0
    ) -> float:
        """Return the units before a fill at a stage of a bar; ``fill_id`` 0: before any of it."""
        found = 0.0
        for fill in self._fills[order.plan_id, order.side]:
            if fill_id:
                earlier = fill.fill_id < fill_id
            else:
                in_range_now = fill.stage == FillStage.RANGE.value and stage == FillStage.OPEN.value
                earlier = fill.at < at or (fill.at == at and in_range_now)
            same = fill.order_id == order.order_id or order.plan_id in self._with_stop
            if earlier and (same or fill.bar_opened_at // DAY_NS == opened_at // DAY_NS):
                found += abs(fill.quantity)
        return found
