"""Decide on exits, moved stops and the acts of guards; none of them is sized by caps."""

import math
from dataclasses import replace

from data_feeds.instrument import Instrument, InstrumentKind
from engine.costs import floor_to_step
from engine.decision_terms import GuardName, IntentKind, RefusalRule
from engine.intents import Add, Exit, MoveStop
from engine.records import OrderRole
from engine.risk.approved_plans import ApprovedPlans
from engine.risk.decisions import DecisionBook, DecisionDraft, Review
from engine.risk.order_requests import closing_order
from engine.risk.plan_levels import round_stop
from engine.risk.sizing_request import OWNED
from engine.views import AccountView, PositionView


class ExitReviewer:
    """Review intents that reduce a plan; the risk module shares its decisions and plans."""

    def __init__(self, book: DecisionBook, plans: ApprovedPlans) -> None:
        self._book = book
        self._plans = plans

    def flatten(self, at: int, account: AccountView, reason: GuardName) -> tuple[Review, ...]:
        """Return market exits for every position, and for entries that still work.

        ``reason`` is the guard that asks. For a plan without a position, the order only cancels its
        working orders.
        """
        reviews = []
        for name in sorted(set(account.positions) | account.pending):
            position, plan = account.position(name), self._plans.get(name)
            if position is not None:
                plan_id, direction = position.plan_id, direction_of(position)
                held = abs(position.quantity)
            elif plan is not None:
                plan_id, direction, held = plan.plan_id, plan.direction, 0.0
            else:
                continue
            draft = DecisionDraft(at, name, IntentKind.GUARD, direction, account.equity, reason)
            reviews.append(self._close(draft, OrderRole.GUARD, plan_id, held))
        return tuple(reviews)

    def exit(self, intent: Exit, instrument: Instrument, at: int, account: AccountView) -> Review:
        """Close a position or a part of it; without a position, cancel the working entry."""
        position, name = account.position(intent.instrument), instrument.id
        if position is None and name in account.pending and name in self._plans:
            return self._cancel_entry(intent, at=at, equity=account.equity)
        draft = position_draft(intent, IntentKind.EXIT, position, at, account.equity)
        if position is None:
            return self._book.refuse(draft, RefusalRule.NO_POSITION, "nothing to close")
        if not 0 < intent.fraction <= 1:
            return self._book.refuse(
                draft, RefusalRule.BAD_FRACTION, f"fraction {intent.fraction} of a plan"
            )
        held = abs(position.quantity)
        if intent.fraction == 1:
            return self._close(draft, OrderRole.EXIT, position.plan_id, held)
        return self._exit_part(draft, instrument, position.plan_id, intent.fraction, held)

    def _exit_part(
        self,
        draft: DecisionDraft,
        instrument: Instrument,
        plan_id: int,
        fraction: float,
        held: float,
    ) -> Review:
        """Close a fraction of a plan's position of ``held`` base units, unsigned."""
        if instrument.kind is InstrumentKind.OPTION:
            # The cost of hedges in a year is counted by whole plans.
            return self._book.refuse(
                draft, RefusalRule.BAD_FRACTION, "an option is sold as a whole"
            )
        part = floor_to_step(fraction * held, instrument.lot_size)
        if part < instrument.lot_size:
            why = f"{fraction:g} of {held:g} is below lot {instrument.lot_size:g}"
            return self._book.refuse(draft, RefusalRule.MINIMUM_SIZE, why)
        return self._close(draft, OrderRole.EXIT, plan_id, part, order_quantity=part)

    def move_stop(
        self, intent: MoveStop, instrument: Instrument, at: int, account: AccountView
    ) -> Review:
        """Move a plan's stop nearer to the price; refuse a move away from it."""
        position = account.position(intent.instrument)
        draft = position_draft(intent, IntentKind.MOVE_STOP, position, at, account.equity)
        if position is None:
            return self._book.refuse(draft, RefusalRule.NO_POSITION, "no stop to move")
        if math.isnan(position.stop):
            return self._book.refuse(draft, RefusalRule.NO_STOP, "the plan is held without a stop")
        if not (math.isfinite(intent.stop) and intent.stop > 0):
            return self._book.refuse(
                draft, RefusalRule.BAD_LEVEL, f"stop {intent.stop} is not a price"
            )
        stop = round_stop(intent.stop, draft.direction, instrument.tick_size)
        draft = replace(draft, stop=stop)
        if draft.direction * (stop - position.stop) <= 0:
            why = f"stop {stop:,.6g} would not lie nearer than {position.stop:,.6g}"
            return self._book.refuse(draft, RefusalRule.STOP_WOULD_WIDEN, why)
        held = abs(position.quantity)
        return self._close(draft, OrderRole.STOP, position.plan_id, held, price=stop)

    def _cancel_entry(self, intent: Exit, *, at: int, equity: float) -> Review:
        """Cancel the working entry of a plan without a position."""
        plan = self._plans[intent.instrument]
        draft = DecisionDraft(
            at, intent.instrument, IntentKind.EXIT, plan.direction, equity, intent.reason
        )
        return self._close(draft, OrderRole.EXIT, plan.plan_id, 0.0)

    def _close(
        self,
        draft: DecisionDraft,
        role: OrderRole,
        plan_id: int,
        quantity: float,
        *,
        order_quantity: float = math.nan,
        price: float = math.nan,
    ) -> Review:
        """Return an approved reduction of a plan with its one order."""
        plan = self._plans.get(draft.instrument)
        if plan is not None and role is not OrderRole.STOP and math.isnan(order_quantity):
            self._plans.keep(draft.instrument, replace(plan, is_leaving=True))
        decision = self._book.approve(
            draft,
            quantity,
            plan_id=plan_id,
            leverage_setting=OWNED if plan is None else plan.leverage_setting,
        )
        order = closing_order(
            decision,
            role,
            price=price,
            quantity=order_quantity,
            slippage_multiplier=1.0 if plan is None else plan.slippage_multiplier,
            trail=plan.trailing if plan is not None and role is OrderRole.STOP else None,
        )
        return Review(decision, (order,))


def direction_of(position: PositionView) -> int:
    """Return 1 for a long position, -1 for a short one."""
    return 1 if position.quantity > 0 else -1


def position_draft(
    intent: Add | Exit | MoveStop,
    kind: IntentKind,
    position: PositionView | None,
    at: int,
    equity: float,
) -> DecisionDraft:
    """Return the draft of a decision on a position, or on none."""
    return DecisionDraft(
        at,
        intent.instrument,
        kind,
        0 if position is None else direction_of(position),
        equity,
        intent.reason,
        plan_id=0 if position is None else position.plan_id,
    )
