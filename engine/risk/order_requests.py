"""Make the orders of an approved decision."""

import math

from engine.intents import Enter
from engine.records import Decision, OrderKind, OrderRequest, OrderRole
from engine.risk.plan_levels import PlanLevels
from engine.trailing_stop import TrailingStop


def entry_orders(
    intent: Enter, decision: Decision, levels: PlanLevels, *, risk_limit: float
) -> tuple[OrderRequest, ...]:
    """Return the orders of an approved entry: entry, stop, targets in the intent's order.

    ``risk_limit`` is the risk asked for, settlement currency. It bounds a limit entry that may fill
    at a worse price than the estimate it was sized at.
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
    stop = closing_order(
        decision,
        OrderRole.STOP,
        price=levels.stop,
        slippage_multiplier=slippage,
        trail=intent.trailing,
    )
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


def tranche_order(
    decision: Decision,
    *,
    slippage_multiplier: float = 1.0,
    kind: OrderKind = OrderKind.MARKET,
    price: float = math.nan,
    spend_limit: float = math.nan,
    risk_limit: float = math.nan,
) -> OrderRequest:
    """Return the order that opens a plan or adds a tranche to it."""
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
    trail: TrailingStop | None = None,
) -> OrderRequest:
    """Return an order that reduces the decision's plan; quantity NaN closes its position."""
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
        trail=trail,
    )
