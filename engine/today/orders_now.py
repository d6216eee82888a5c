"""The orders that a run leaves at its end: those to send, those that work, those refused."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from data_feeds.clock import utc_text
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel
from data_feeds.timeframe import Timeframe
from engine.decision_terms import RISK_ADDING, DecisionOutcome, EndReason, IntentKind
from engine.formatting import json_number
from engine.records import Decision, OrderKind, OrderRole, OrderRow, OrderStatus, SimulationOutcome
from engine.today.answer_data import CashToSend, OrderNow
from engine.today.instants import next_open

# Ends that the rules decide, of orders that rest at the venue.
_CANCELLED = {EndReason.EXIT_REQUESTED.value, EndReason.MOVED.value}
_SIDES = {1: "buy", -1: "sell"}


def working_orders(outcome: SimulationOutcome) -> list[OrderRow]:
    """Return the orders that can still fill when the run ends."""
    return [order for order in outcome.orders if order.status == OrderStatus.WORKING.value]


def is_to_send(order: OrderRow, decided_at: int) -> bool:
    """Return whether an order goes out at the next open rather than resting at the venue since.

    It waits for an open, or the rules wrote it at their last decision row.
    """
    return order.kind == OrderKind.MARKET.value or order.decided_at >= decided_at


def trailing_stops(outcome: SimulationOutcome) -> list[OrderRow]:
    """Return the working stops that trail the price."""
    return [order for order in working_orders(outcome) if order.trail_moved]


def refusals(outcome: SimulationOutcome, decided_at: int) -> Iterator[str]:
    """Yield a sentence for each request for more risk that risk refused at an instant."""
    for decision in outcome.decisions:
        is_refused = decision.outcome is not DecisionOutcome.APPROVED
        if decision.decided_at == decided_at and is_refused and decision.intent in RISK_ADDING:
            yield (
                f"{decision.intent} {decision.instrument}: {decision.outcome} by "
                f"{decision.blocked_by} ({decision.reason})"
            )


def transfers(outcome: SimulationOutcome, decided_at: int) -> Iterator[CashToSend]:
    """Yield each transfer between the wallets that was approved at an instant."""
    for decision in outcome.decisions:
        is_sent = decision.outcome is DecisionOutcome.APPROVED
        if decision.decided_at == decided_at and is_sent and decision.intent is IntentKind.TRANSFER:
            yield CashToSend(decision.instrument, decision.quantity, decision.reason)


class OrdersNow:
    """Describes the working orders of a finished run.

    Parameters
    ----------
    outcome : of the run to its last bar
    bars, instruments : of the traded instruments, by name
    at : the asked instant, ns UTC
    earlier : levels of the trailing stops one close earlier, by order number
    """

    def __init__(
        self,
        outcome: SimulationOutcome,
        bars: Mapping[str, Channel],
        instruments: Mapping[str, Instrument],
        at: int,
        earlier: Mapping[int, float],
    ) -> None:
        self._outcome, self._earlier = outcome, earlier
        self._working = working_orders(outcome)
        self._decisions = {item.decision_id: item for item in outcome.decisions}
        self._bars, self._instruments, self._at = bars, instruments, at
        # The position after the last fill of each instrument.
        self._held = {fill.instrument: abs(fill.position_after) for fill in outcome.fills}

    def split(self, decided_at: int) -> tuple[tuple[OrderNow, ...], tuple[OrderNow, ...]]:
        """Return the orders to send and the orders that work, given the last decision row.

        The stop and the targets of an entry to send are shown with the entry.
        """
        entering = {
            order.plan_id
            for order in self._working
            if order.role == OrderRole.ENTRY.value and is_to_send(order, decided_at)
        }
        to_send: list[OrderNow] = []
        working: list[OrderNow] = []
        for order in self._working:
            if order.plan_id in entering and order.role != OrderRole.ENTRY.value:
                continue
            told = self._told(order)
            if is_to_send(order, decided_at) or order.order_id in self._earlier:
                told = replace(told, moved_from=_number(self._moved_from(order)))
            is_sent = is_to_send(order, decided_at) or told.moved_from is not None
            (to_send if is_sent else working).append(told)
        return tuple(to_send), tuple(working)

    def to_cancel(self, decided_at: int) -> tuple[OrderNow, ...]:
        """Return the resting orders that the rules ended at their last decision row.

        A stop that another one replaces is moved, not cancelled.
        """
        return tuple(
            self._told(order)
            for order in self._outcome.orders
            if order.ended_at == decided_at > order.decided_at
            and order.status == OrderStatus.CANCELLED.value
            and order.end_reason in _CANCELLED
            and order.role != OrderRole.STOP.value
        )

    def _moved_from(self, order: OrderRow) -> float:
        """Return the level that a stop had before its last move, NaN without one."""
        if order.order_id in self._earlier:
            before = self._earlier[order.order_id]
            return math.nan if before == order.last_level else before
        if order.role != OrderRole.STOP.value:
            return math.nan
        replaced = [
            other.price if math.isnan(other.last_level) else other.last_level
            for other in self._outcome.orders
            if (other.plan_id, other.role) == (order.plan_id, order.role)
            and other.end_reason == EndReason.MOVED.value
            and other.ended_at == order.decided_at
        ]
        return replaced[-1] if replaced else math.nan

    def _told(self, order: OrderRow) -> OrderNow:
        bars = self._bars[order.instrument]
        since = max(int(bars["closed_at"][-1]), order.decided_at)
        calendar = self._instruments[order.instrument].calendar
        price = order.price if math.isnan(order.last_level) else order.last_level
        opens_at = next_open(calendar, Timeframe(bars.key.timeframe).ns, since)
        is_part = order.role == OrderRole.TARGET.value or not math.isnan(order.quantity)
        left = order.quantity - order.filled
        told = OrderNow(
            instrument=order.instrument,
            role=order.role,
            side=_SIDES[order.side],
            kind=order.kind,
            quantity=_number(left if is_part else self._held.get(order.instrument, math.nan)),
            price=_number(price),
            decided_at=utc_text(order.decided_at),
            opens_at=utc_text(opens_at),
            has_opened=opens_at < self._at,
            reason=order.reason,
            closes_position=not is_part,
            fraction=_number(order.fraction),
        )
        decision = self._decisions.get(order.decision_id)
        if decision is None or order.role != OrderRole.ENTRY.value:
            return told
        return self._sized(told, order, decision)

    def _sized(self, told: OrderNow, order: OrderRow, decision: Decision) -> OrderNow:
        """Return an entry with its stop, its targets and how its size came about."""
        plan = [other for other in self._working if other.plan_id == order.plan_id]
        stops = [o.price for o in plan if o.role == OrderRole.STOP.value]
        targets = [(o.price, o.fraction) for o in plan if o.role == OrderRole.TARGET.value]
        risk = decision.risk_per_unit * order.quantity
        return replace(
            told,
            stop=_number(stops[0]) if stops else None,
            targets=tuple(targets),
            entry_estimate=_number(decision.entry_estimate),
            risk_at_stop=_number(risk),
            binding_cap=str(decision.binding_cap),
            caps=tuple((str(cap), size) for cap, size in decision.caps if math.isfinite(size)),
            multiplier=_number(decision.multiplier),
            leverage_setting=decision.leverage_setting or None,
            tier=str(decision.tier),
            market_tier=str(decision.market_tier),
        )


def _number(value: float) -> float | None:
    return json_number(float(value))
