"""The comparison of a bar's fills with the fills that the rules ask for."""

from dataclasses import dataclass

from engine.audit.due_fills import Bar, DueFill, DueKey
from engine.audit.fills import FILLS, LOT_SLACK, OPEN, RANGE, VENUE_MADE
from engine.audit.findings import FindingRecorder, when
from engine.audit.plans import ReplayedPlan
from engine.records import Fill

# The id that stands for the order by which the venue closes a position.
VENUE_ORDER = 0


@dataclass(frozen=True)
class FillComparison:
    """Compares the fills of one instrument."""

    instrument: str
    lot: float
    recorder: FindingRecorder

    def compare(self, plan: ReplayedPlan, bar: Bar, due: dict[DueKey, DueFill]) -> None:
        """Check that each due fill is there in its size, and that there is no other."""
        roles = {order.order_id: order.role for order in plan.orders}
        for stage in (OPEN, RANGE):
            for fill in plan.fills.get((bar.opened_at, stage), ()):
                order_id = VENUE_ORDER if fill.role in VENUE_MADE else fill.order_id
                owed = due.pop((stage, order_id), None)
                if owed is None or (owed.role and owed.role != fill.role):
                    self.refuse(fill)
                elif abs(abs(fill.quantity) - owed.quantity) > self.lot * LOT_SLACK:
                    line = self.recorder.line(FILLS, f"fill {fill.fill_id}")
                    line.number("size", owed.quantity, abs(fill.quantity))
        plan.walked.add(bar.opened_at)
        for (stage, order_id), owed in due.items():
            what = "the venue" if order_id == VENUE_ORDER else f"order {order_id}"
            self.recorder.line(
                FILLS, f"bar of {self.instrument} opened {when(bar.opened_at)}"
            ).differs(
                f"plan {plan.plan_id}: what is touched fills",
                expected=f"{roles.get(order_id, owed.role)} of {owed.quantity:,.8g} in the "
                f"{stage}: {owed.why}",
                found=f"{what} has no such fill",
            )

    def refuse(self, fill: Fill) -> None:
        """Record a fill that the rules did not ask for."""
        self.recorder.line(FILLS, f"fill {fill.fill_id}").differs(
            "nothing else fills",
            expected=f"no {fill.role} in the {fill.stage} of {when(fill.bar_opened_at)}",
            found=f"found {fill.quantity:,.8g} at {fill.price:,.8g}",
        )
