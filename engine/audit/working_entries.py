"""The entry orders of an account's sleeves that still work at an instant."""

from dataclasses import dataclass

from engine.records import UNSET, Fill, FillStage, OrderRow


@dataclass(frozen=True)
class EntryOrder:
    """One entry order of the sleeve at a place, with the estimate it was sized at and its fills."""

    place: int
    order: OrderRow
    estimate: float
    fills: tuple[Fill, ...]

    def works(self, at: int) -> bool:
        """Return whether the order has been decided and has not ended when an instant decides."""
        order = self.order
        return order.decided_at <= at and (order.ended_at == UNSET or order.ended_at > at)

    def rest(self, at: int) -> float:
        """Return the units that are not filled when an instant decides; opens come after that."""
        filled = (
            abs(fill.quantity)
            for fill in self.fills
            if fill.at < at or (fill.at == at and fill.stage == FillStage.RANGE)
        )
        return max(self.order.quantity - sum(filled), 0.0)
