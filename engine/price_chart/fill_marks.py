"""Mark every fill of an instrument with its reason, in the sentences of ``riskoff explain``."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from engine.answers.row_sentences import (
    cap_line,
    decision_lines,
    fill_lines,
    later_line,
    order_line,
    reason_line,
)
from engine.decision_terms import RISK_ADDING, DecisionOutcome, GuardEventKind
from engine.records import Fill, OrderRole
from engine.run_folder.read import Row, RunFolder, moment
from engine.trades import FLAT

# Fills of these orders are explained by the order: its decision was about the whole plan.
OF_ORDER = (OrderRole.STOP, OrderRole.TARGET, OrderRole.LIQUIDATION, OrderRole.SETTLEMENT)


@dataclass(frozen=True)
class FillMark:
    """One fill at its instant (ns UTC) and price (quote).

    ``side`` is +1 buy, -1 sell; ``adds`` says that the fill enlarges its position, which is
    ``direction`` (+1 long, -1 short). ``is_part`` says that the order was filled in several parts,
    or that a position is left after a fill that reduces it. ``reason`` is one sentence, ``cap`` the
    sentence that leads from a cap to the size of an entry ("" for none), ``lines`` order and fill.
    """

    fill_id: int
    order_id: int
    plan_id: int
    trade_id: int
    at: int
    price: float
    quantity: float
    role: OrderRole
    side: int
    direction: int
    adds: bool
    is_part: bool
    reason: str
    cap: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class EventMark:
    """One event of the account, or of one instrument ("" for none), with its sentence.

    ``kind`` is guard, refused (an entry, a tranche, a hedge, or a change of a weight in either
    direction) or option (a fill of an option contract, which has no chart). A refused order has the
    ``price`` that it expected, quote; None where it expected none.
    """

    at: int
    kind: str
    instrument: str
    text: str
    price: float | None = None


class FillMarks:
    """Makes the marks of a run; every table is read once."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    def of(self, instrument: str) -> list[FillMark]:
        """Return the marks of one instrument, by time."""
        return [self._mark(fill) for fill in self._run.fills if fill.instrument == instrument]

    def events(self, options: Collection[str] = ()) -> list[EventMark]:
        """Return guards, refused intents and the fills of option contracts, by time."""
        bought = [
            EventMark(mark.at, "option", name, f"{mark.reason} {mark.lines[-1]}")
            for name in options
            for mark in self.of(name)
        ]
        events = [*self._guards(), *self._refused(), *bought]
        return sorted(events, key=lambda event: (event.at, event.kind, event.instrument))

    def _guards(self) -> Iterator[EventMark]:
        for event, row in zip(self._run.guards, self._run.rows("guards"), strict=True):
            until = row["until"] if event.event == GuardEventKind.TRIPPED else None
            text = f"{event.guard} {event.event}" + (f" until {moment(until)}" if until else "")
            detail = f": {event.detail}" if event.detail else ""
            yield EventMark(event.at, "guard", "", text + detail)

    def _refused(self) -> Iterator[EventMark]:
        for decision, row in zip(self._run.decisions, self._decision_rows, strict=True):
            if decision.intent in RISK_ADDING and decision.outcome != DecisionOutcome.APPROVED:
                price = decision.entry_estimate
                yield EventMark(
                    decision.decided_at,
                    "refused",
                    decision.instrument,
                    decision_lines(row, self._run.drawdown_ladder)[0],
                    price if math.isfinite(price) else None,
                )

    def _mark(self, fill: Fill) -> FillMark:
        side = 1 if fill.quantity > 0 else -1
        before = fill.position_after - fill.quantity
        adds = abs(fill.position_after) > abs(before)
        direction = 1 if (fill.position_after if adds else before) > 0 else -1
        trade = self._trades.get(fill.plan_id, 0)
        reason, cap, lines = self._sentences(fill)
        return FillMark(
            fill_id=fill.fill_id,
            order_id=fill.order_id,
            plan_id=fill.plan_id,
            trade_id=trade,
            at=fill.at,
            price=fill.price,
            quantity=abs(fill.quantity),
            role=OrderRole(fill.role),
            side=side,
            direction=direction,
            adds=adds,
            is_part=self._counts[fill.order_id] > 1
            or (not adds and abs(fill.position_after) >= FLAT),
            reason=reason,
            cap=cap,
            lines=(*lines, self._fill_lines[fill.fill_id].strip()),
        )

    def _sentences(self, fill: Fill) -> tuple[str, str, list[str]]:
        """Return why a fill happened, the cap that set the size of an entry, and further lines."""
        order = self._orders.get(fill.order_id)
        if order is None:
            return fill.reason, "", []
        told, decision = order_line(order).strip(), self._decisions.get(order["decision_id"])
        if decision is None:
            return told, "", []
        opens = decision["decision_id"] in self._opening
        why = reason_line(decision) if opens else later_line(decision).strip()
        if fill.role in OF_ORDER:
            return told, "", [] if opens else [why]
        if fill.role != OrderRole.ENTRY:
            return why, "", [told]
        return why, cap_line(decision, self._run.drawdown_ladder), [told]

    @cached_property
    def _opening(self) -> frozenset[int]:
        """The decisions that opened a trade."""
        return frozenset(trade.decision_id for trade in self._run.trades)

    @cached_property
    def _decision_rows(self) -> list[Row]:
        return self._run.rows("journal_decisions")

    @cached_property
    def _decisions(self) -> Mapping[int, Row]:
        return {row["decision_id"]: row for row in self._decision_rows}

    @cached_property
    def _orders(self) -> Mapping[int, Row]:
        return {row["order_id"]: row for row in self._run.rows("orders")}

    @cached_property
    def _trades(self) -> Mapping[int, int]:
        return {trade.plan_id: trade.trade_id for trade in self._run.trades}

    @cached_property
    def _fill_lines(self) -> Mapping[int, str]:
        return fill_lines(self._run, self._run.rows("fills"))

    @cached_property
    def _counts(self) -> Mapping[int, int]:
        counts: dict[int, int] = {}
        for fill in self._run.fills:
            counts[fill.order_id] = counts.get(fill.order_id, 0) + 1
        return counts
