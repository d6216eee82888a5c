"""The context of matching one plan against one stage of one bar, and the venue's own orders."""

from engine.broker.book import WorkingOrder, WorkingPlan
from engine.broker.execution import Execution, FillMoment, fill_moment
from engine.broker.price_range import PriceRange
from engine.broker.timeline import InstrumentPath
from engine.ledger import Position
from engine.records import NAN, FillStage, OrderKind, OrderRequest, OrderRole


class MatchContext:
    """Holds the plan and position of an instrument with the bar and stage they are matched against.

    Most matches fill nothing, so ``when`` and ``room`` are computed on first use.
    """

    __slots__ = (
        "_execution",
        "_room",
        "_when",
        "k",
        "opened_at",
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
        plan: WorkingPlan,
    ) -> None:
        self.k, self.t, self.row, self.stage = k, t, row, stage
        self.path, self.position, self.plan = path, position, plan
        self._execution = execution
        self.opened_at = int(path.bars["opened_at"][row])
        self._when: FillMoment | None = None
        self._room: float | None = None

    def may_fill(self, order: WorkingOrder) -> bool:
        """Return whether an order works and was decided at or before the open of this bar."""
        return order.is_working and order.decided_at <= self.opened_at

    def stop(self) -> WorkingOrder | None:
        """Return the stop in force during this bar: the last one decided by its open."""
        for order in (self.plan.stop, self.plan.outgoing_stop):
            if order is not None and self.may_fill(order):
                return order
        return None

    def stop_level(self, stop: WorkingOrder, part: PriceRange) -> float:
        """Return the level at which a part of the bar meets a stop, quote."""
        return stop.level if stop.trail is None else stop.trail.level_within(part, self.t)

    @property
    def when(self) -> FillMoment:
        """Return the instant, bar and stage of a fill made here."""
        if self._when is None:
            self._when = fill_moment(self.path, self.t, self.row, self.stage)
        return self._when

    @property
    def room(self) -> float:
        """Return the volume that this stage of the bar can still fill, base units."""
        if self._room is None:
            self._room = self._execution.capacity(self.path, self.when)
        return self._room

    def use(self, quantity: float) -> None:
        """Subtract filled volume from ``room``."""
        self._room = self.room - quantity


def venue_order(
    context: MatchContext, role: OrderRole, kind: OrderKind, price: float, reason: str
) -> OrderRequest:
    """Return an order of the venue that closes the whole position."""
    quantity, entry = context.position.quantity, context.plan.entry.request
    return OrderRequest(
        plan_id=context.plan.plan_id,
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
