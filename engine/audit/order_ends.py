"""The check of how and when each order of a plan ended."""

from engine.audit.findings import FindingRecorder, when
from engine.audit.plans import ReplayedPlan
from engine.records import UNSET, OrderStatus

ORDERS = "orders"


def check_ends(plan: ReplayedPlan, recorder: FindingRecorder) -> None:
    """Check that the rules end each order as and when it ended, or leave it working."""
    for order in plan.orders:
        recorder.count("ends of orders")
        end = plan.ends.get(order.order_id)
        status = OrderStatus.WORKING.value if end is None else end.status
        at = UNSET if end is None else end.at
        if (order.status, order.ended_at) != (status, at):
            why = "nothing ended it" if end is None else end.why
            recorder.line(ORDERS, f"order {order.order_id}").differs(
                f"how the {order.role} ends",
                expected=f"{status}, ended {when(at)}: {why}",
                found=f"found {order.status}, ended {when(order.ended_at)}",
            )
