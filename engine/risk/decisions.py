"""Decisions and the orders that they approve: the paperwork of the risk module."""

import math
from dataclasses import dataclass

from engine.intents import Enter
from engine.records import Decision, OrderKind, OrderRequest, OrderRole
from engine.risk.guards import Guards
from engine.risk.plan_levels import PlanLevels
from engine.risk.sizing import OWNED, Sizing
from engine.risk.tiers import MarketTiers

APPROVED, REJECTED, BLOCKED = "approved", "rejected", "blocked"
NO_PLAN = 0


@dataclass(frozen=True, slots=True)
class Review:
    """What became of one intent: the decision, and the orders it approves (none otherwise)."""

    decision: Decision
    orders: tuple[OrderRequest, ...]


@dataclass(frozen=True, slots=True)
class ApprovedPlan:
    """What an approved plan may still commit, and what its later orders repeat.

    ``quantity`` is what it may hold: what it holds and the tranche that works. ``entry`` is the
    price that the tranche was sized at, ``reserve`` the one at which it sets cash aside.
    ``planned`` is the whole plan before multipliers, ``used`` the sum of its tranches' fractions.
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


@dataclass(frozen=True, slots=True)
class DecisionDraft:
    """What is known of a decision before its outcome; prices in quote, NaN where there is none."""

    at: int
    instrument: str
    intent: str
    direction: int
    equity: float
    reason: str
    setup: str = ""
    plan_id: int = NO_PLAN
    entry: float = math.nan
    stop: float = math.nan


class DecisionBook:
    """Writes decisions in order, with ids from 1 and the tiers of that moment."""

    def __init__(self, guards: Guards, market: MarketTiers) -> None:
        self._guards = guards
        self._market = market
        self.rows: list[Decision] = []

    def approve(
        self,
        draft: DecisionDraft,
        quantity: float,
        *,
        plan_id: int,
        sizing: Sizing | None = None,
        multiplier: float = 1.0,
        leverage_setting: int = OWNED,
    ) -> Decision:
        """Return an approved decision of ``quantity`` base units, unsigned."""
        return self._write(
            draft,
            outcome=APPROVED,
            blocked_by="",
            reason=draft.reason,
            plan_id=plan_id,
            quantity=quantity,
            sizing=sizing,
            multiplier=multiplier,
            leverage_setting=leverage_setting if sizing is None else sizing.leverage_setting,
        )

    def refuse(
        self,
        draft: DecisionDraft,
        rule: str,
        why: str,
        *,
        outcome: str = REJECTED,
        sizing: Sizing | None = None,
        multiplier: float = 1.0,
    ) -> Review:
        """Return a decision without orders; its reason is ``why``, then what was asked for."""
        decision = self._write(
            draft,
            outcome=outcome,
            blocked_by=rule,
            reason=f"{why} (asked: {draft.reason})",
            plan_id=draft.plan_id,
            quantity=0.0,
            sizing=sizing,
            multiplier=multiplier,
            leverage_setting=OWNED if sizing is None else sizing.leverage_setting,
        )
        return Review(decision, ())

    def _write(
        self,
        draft: DecisionDraft,
        *,
        outcome: str,
        blocked_by: str,
        reason: str,
        plan_id: int,
        quantity: float,
        sizing: Sizing | None,
        multiplier: float,
        leverage_setting: int,
    ) -> Decision:
        decision = Decision(
            decision_id=len(self.rows) + 1,
            plan_id=plan_id,
            decided_at=draft.at,
            instrument=draft.instrument,
            intent=draft.intent,
            direction=draft.direction,
            outcome=outcome,
            blocked_by=blocked_by,
            reason=reason,
            equity=draft.equity,
            drawdown=self._guards.drawdown(draft.equity),
            tier=self._guards.tier(draft.equity)[0],
            entry_estimate=draft.entry,
            stop=draft.stop,
            risk_per_unit=math.nan if sizing is None else sizing.risk_per_unit,
            caps=() if sizing is None else sizing.caps,
            binding_cap="" if sizing is None else sizing.binding_cap,
            multiplier=multiplier,
            quantity=quantity,
            leverage_setting=leverage_setting,
            setup=draft.setup,
            market_tier=self._market.at(draft.at)[0],
        )
        self.rows.append(decision)
        return decision


def entry_orders(
    intent: Enter, decision: Decision, levels: PlanLevels, *, risk_limit: float
) -> tuple[OrderRequest, ...]:
    """Return the orders of an approved entry: entry, stop, targets in the intent's order.

    ``risk_limit`` is the risk asked for, quote. It bounds a limit that may fill at a worse price
    than it was sized at.
    """
    bounded = intent.kind is OrderKind.LIMIT and levels.entry != levels.order
    entry = tranche_order(
        decision,
        kind=intent.kind,
        price=levels.order,
        slippage_multiplier=intent.slippage_multiplier,
        risk_limit=risk_limit if bounded else math.nan,
    )
    slippage = intent.slippage_multiplier
    stop = closing_order(decision, OrderRole.STOP, price=levels.stop, slippage_multiplier=slippage)
    targets = tuple(
        closing_order(
            decision,
            OrderRole.TARGET,
            price=price,
            fraction=target.fraction,
            slippage_multiplier=slippage,
        )
        for price, target in zip(levels.targets, intent.targets, strict=True)
    )
    return (entry, stop, *targets)


def owned_plan(decision: Decision, quantity: float) -> ApprovedPlan:
    """Return the plan of something paid in full and held without a stop."""
    return ApprovedPlan(
        plan_id=decision.plan_id,
        approved_at=decision.decided_at,
        direction=1,
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


def tranche_order(
    decision: Decision,
    *,
    slippage_multiplier: float = 1.0,
    kind: OrderKind = OrderKind.MARKET,
    price: float = math.nan,
    spend_limit: float = math.nan,
    risk_limit: float = math.nan,
) -> OrderRequest:
    """Return the order that buys a tranche, the first one included."""
    return OrderRequest(
        plan_id=decision.plan_id,
        decision_id=decision.decision_id,
        instrument=decision.instrument,
        role=OrderRole.ENTRY,
        kind=kind,
        side=decision.direction,
        quantity=decision.quantity,
        price=price,
        fraction=math.nan,
        leverage_setting=decision.leverage_setting,
        slippage_multiplier=slippage_multiplier,
        reason=decision.reason,
        spend_limit=spend_limit,
        risk_limit=risk_limit,
    )


_CLOSING_KIND = {
    OrderRole.STOP: OrderKind.STOP,
    OrderRole.TARGET: OrderKind.LIMIT,
    OrderRole.EXIT: OrderKind.MARKET,
    OrderRole.GUARD: OrderKind.MARKET,
}


def closing_order(
    decision: Decision,
    role: OrderRole,
    *,
    price: float = math.nan,
    quantity: float = math.nan,
    fraction: float = math.nan,
    slippage_multiplier: float = 1.0,
) -> OrderRequest:
    """Return an order that reduces the decision's plan; quantity NaN closes what it holds."""
    return OrderRequest(
        plan_id=decision.plan_id,
        decision_id=decision.decision_id,
        instrument=decision.instrument,
        role=role,
        kind=_CLOSING_KIND[role],
        side=-decision.direction,
        quantity=quantity,
        price=price,
        fraction=fraction,
        leverage_setting=decision.leverage_setting,
        slippage_multiplier=slippage_multiplier,
        reason=decision.reason,
    )
