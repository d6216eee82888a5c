"""One instrument's context at one stage of one bar, and the orders that only the venue makes."""

from engine.broker.book import WorkingOrder, WorkingPlan
from engine.broker.execution import Execution, FillMoment, fill_moment
from engine.broker.timeline import InstrumentPath
from engine.ledger import Position
from engine.records import NAN, FillStage, OrderKind, OrderRequest, OrderRole


class MatchContext:
    """One instrument's context at one stage of one bar.

    Most contexts fill nothing, so where and how much can fill is worked out on first use. ``room`` is
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
        plan: WorkingPlan,
    ) -> None:
        self.k, self.t, self.row, self.stage = k, t, row, stage
        self.path, self.position, self.plan = path, position, plan
        self._execution = execution
        self._when: FillMoment | None = None
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
    def when(self) -> FillMoment:
        """The instant, bar and stage that a fill of this context carries."""
        if self._when is None:
            self._when = fill_moment(self.path, self.t, self.row, self.stage)
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


def venue_order(
    context: MatchContext, role: OrderRole, kind: OrderKind, price: float, reason: str
) -> OrderRequest:
    """Return the order that closes everything without having been decided by anyone here."""
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
