"""Keep the plans that risk has approved and that are not finished."""

import math
from dataclasses import dataclass

from engine.fast_init import fast_init
from engine.records import Decision
from engine.risk.sizing_request import OWNED
from engine.trailing_stop import TrailingStop


@fast_init
@dataclass(frozen=True, slots=True)
class ApprovedPlan:
    """Hold the size and terms of an approved plan that is not finished.

    Attributes
    ----------
    quantity : base units, unsigned: its position and the rest of its working tranche
    entry : price at which the newest tranche was sized, quote
    reserve : price at which the newest tranche sets cash aside, quote
    planned : base units of the whole plan before multipliers
    used : sum of the fractions of its tranches
    ordered : base units of its market and stop entries so far, as approved
    is_leaving : an order that closes the whole plan works
    trailing : terms of the stop that follows the price; a moved stop keeps them
    """

    plan_id: int
    approved_at: int
    direction: int
    quantity: float
    entry: float
    reserve: float
    leverage_setting: int
    slippage_multiplier: float
    size_multiplier: float
    planned: float
    used: float
    setup: str
    is_leaving: bool = False
    trailing: TrailingStop | None = None
    ordered: float = 0.0


class ApprovedPlans(dict[str, ApprovedPlan]):
    """Map each instrument to its approved plan; plan ids count from 1.

    Attributes
    ----------
    next_id : id of the next new plan
    """

    def __init__(self) -> None:
        super().__init__()
        self.next_id = 1

    def keep(self, instrument: str, plan: ApprovedPlan) -> None:
        """Store the plan of an instrument, new or changed."""
        self[instrument] = plan
        self.next_id = max(self.next_id, plan.plan_id + 1)

    def forget(self, plan_id: int) -> None:
        """Remove a plan that is finished or never held anything."""
        for name in [name for name, plan in self.items() if plan.plan_id == plan_id]:
            del self[name]


def owned_plan(decision: Decision, quantity: float) -> ApprovedPlan:
    """Return the plan of an instrument that is paid in full or lent and held without a stop."""
    return ApprovedPlan(
        plan_id=decision.plan_id,
        approved_at=decision.decided_at,
        direction=decision.direction,
        quantity=quantity,
        entry=decision.entry_estimate,
        reserve=decision.entry_estimate,
        leverage_setting=OWNED,
        slippage_multiplier=1.0,
        size_multiplier=1.0,
        planned=math.nan,
        used=1.0,
        setup="",
    )
