"""The availability of an instrument for a new entry: flat, pending, held, cooling, halted."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from engine.decision_terms import GuardEventKind, GuardName
from engine.records import (
    FAR_FUTURE,
    Fill,
    FillStage,
    GuardEvent,
    OrderRole,
    OrderRow,
    SimulationOutcome,
)
from engine.run_folder.schema import AccountInterval

FLAT_QUANTITY = 1e-12


class Availability(StrEnum):
    """The reasons against a new entry, the strongest first; ``FLAT`` is none."""

    IN_POSITION = "in_position"
    PENDING = "pending"
    HALT = "halt"
    COOL_DOWN = "cool_down"
    FLAT = "flat"


class InstantStep(IntEnum):
    """The steps of one instant, in order; a decision sees the steps before ``DECISION``."""

    BARS_CLOSE = 0
    GUARDS = 1
    DECISION = 2
    BARS_OPEN = 3


@dataclass(frozen=True, slots=True)
class _StateSpan:
    """One reason for a state, from a step of one instant to a step of another."""

    start: tuple[int, int]
    stop: tuple[int, int]
    state: Availability
    plan_id: int
    detail: str


_STRENGTH = {state: rank for rank, state in enumerate(Availability)}


class AvailabilityHistory:
    """The account states of one instrument over a run."""

    def __init__(self, outcome: SimulationOutcome, instrument: str, start: int, end: int) -> None:
        self.instrument = instrument
        self._start, self._end = start, end
        fills = [fill for fill in outcome.fills if fill.instrument == instrument]
        orders = [order for order in outcome.orders if order.instrument == instrument]
        spans = [
            *_position_spans(fills),
            *_pending_spans(orders, {fill.order_id: fill for fill in fills}),
            *_guard_spans(outcome.guard_events, outcome.fills),
        ]
        self._changes = self._sweep(spans)

    def at_decision(self, at: int) -> AccountInterval:
        """Return the interval that holds at a decision of an instant."""
        key = (at, InstantStep.DECISION.value)
        place = bisect_right(self._changes, key, key=itemgetter(0)) - 1
        return self._changes[max(place, 0)][1]

    def at_decisions(
        self, at: NDArray[np.int64]
    ) -> tuple[list[AccountInterval], NDArray[np.int64]]:
        """Return intervals, and the place of the one that holds at a decision of each instant."""
        # A change in a step after the decision counts from the next nanosecond on.
        since = [when + (step > InstantStep.DECISION.value) for (when, step), _ in self._changes]
        places = np.searchsorted(np.array(since, np.int64), at, side="right") - 1
        return [interval for _, interval in self._changes], np.maximum(places, 0)

    def intervals(self) -> list[AccountInterval]:
        """Return the intervals longer than zero, in order; equal neighbours are merged."""
        merged: list[AccountInterval] = []
        for _, interval in self._changes:
            if interval.until_at <= interval.from_at:
                continue
            if merged and _same_state(merged[-1], interval):
                merged[-1] = replace(merged[-1], until_at=interval.until_at)
            else:
                merged.append(interval)
        return merged

    def _sweep(self, spans: Sequence[_StateSpan]) -> list[tuple[tuple[int, int], AccountInterval]]:
        begin = (self._start, -1)
        keys = sorted({begin, *(s.start for s in spans), *(s.stop for s in spans)})
        keys = [key for key in keys if begin <= key and key[0] <= self._end]
        starting = sorted(spans, key=lambda span: span.start)
        changes: list[tuple[tuple[int, int], AccountInterval]] = []
        active: list[_StateSpan] = []
        following = 0
        for index, key in enumerate(keys):
            while following < len(starting) and starting[following].start <= key:
                active.append(starting[following])
                following += 1
            active = [span for span in active if span.stop > key]
            until = keys[index + 1][0] if index + 1 < len(keys) else self._end
            ruling = min(active, key=lambda span: _STRENGTH[span.state], default=None)
            changes.append((key, self._interval(key[0], until, ruling)))
        return changes

    def _interval(self, from_at: int, until_at: int, ruling: _StateSpan | None) -> AccountInterval:
        if ruling is None:
            return AccountInterval(from_at, until_at, self.instrument, Availability.FLAT, 0, "")
        return AccountInterval(
            from_at, until_at, self.instrument, ruling.state, ruling.plan_id, ruling.detail
        )


def _position_spans(fills: Iterable[Fill]) -> list[_StateSpan]:
    spans = []
    opened: tuple[int, int] | None = None
    plan_id = 0
    for fill in fills:
        key = (fill.at, _fill_phase(fill))
        if opened is None:
            opened, plan_id = key, fill.plan_id
        if abs(fill.position_after) <= FLAT_QUANTITY:
            spans.append(_StateSpan(opened, key, Availability.IN_POSITION, plan_id, ""))
            opened = None
    if opened is not None:
        spans.append(_StateSpan(opened, (FAR_FUTURE, 0), Availability.IN_POSITION, plan_id, ""))
    return spans


def _fill_phase(fill: Fill) -> int:
    at_open = fill.stage == FillStage.OPEN.value
    return (InstantStep.BARS_OPEN if at_open else InstantStep.BARS_CLOSE).value


def _pending_spans(orders: Iterable[OrderRow], last_fills: Mapping[int, Fill]) -> list[_StateSpan]:
    """Return the spans of working entry orders: from decision to last fill or cancellation."""
    spans = []
    for order in orders:
        if order.role != OrderRole.ENTRY.value:
            continue
        fill = last_fills.get(order.order_id)
        phase = InstantStep.BARS_CLOSE.value if fill is None else _fill_phase(fill)
        start = (order.decided_at, InstantStep.BARS_OPEN.value)
        stop = (order.ended_at, phase) if order.ended_at > 0 else (FAR_FUTURE, 0)
        if stop > start:
            spans.append(_StateSpan(start, stop, Availability.PENDING, order.plan_id, ""))
    return spans


def _guard_spans(events: Sequence[GuardEvent], fills: Iterable[Fill]) -> list[_StateSpan]:
    """Return the spans of guards: from a trip to the release, or to ``until`` if that is earlier.

    A cool-down begins with the fill that closes the plan; a fill at an open comes after the
    decision of its instant.
    """
    flat_from = {f.at: _fill_phase(f) for f in fills if abs(f.position_after) <= FLAT_QUANTITY}
    spans = []
    for index, event in enumerate(events):
        if event.event != GuardEventKind.TRIPPED:
            continue
        released = next(
            (
                e.at
                for e in events[index + 1 :]
                if e.guard == event.guard and e.event == GuardEventKind.RELEASED
            ),
            FAR_FUTURE,
        )
        until = min(released, event.until if event.until > 0 else FAR_FUTURE)
        cooling = event.guard == GuardName.COOL_DOWN
        state = Availability.COOL_DOWN if cooling else Availability.HALT
        phase = (
            flat_from.get(event.at, InstantStep.GUARDS.value)
            if cooling
            else InstantStep.GUARDS.value
        )
        spans.append(
            _StateSpan(
                (event.at, phase),
                (until, InstantStep.GUARDS.value),
                state,
                0,
                event.guard,
            )
        )
    return spans


def _same_state(left: AccountInterval, right: AccountInterval) -> bool:
    return (left.state, left.plan_id, left.detail) == (right.state, right.plan_id, right.detail)
