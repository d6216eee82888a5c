"""Read the levels of a plan's orders over time: stops with every move, targets, entries."""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data_feeds.schema import Channel
from engine.broker import resolve
from engine.broker.price_range import PriceRange
from engine.broker.trailing import NO_TAPE, DistanceTape, TrailingLevel
from engine.records import NAN, UNSET, Fill, FillStage, OrderKind, OrderRole, OrderRow
from engine.run_folder.read import RunFolder
from engine.trailing_stop import StopMoves, TrailDistance, TrailingStop

LEVEL_ROLES = (OrderRole.STOP.value, OrderRole.TARGET.value, OrderRole.ENTRY.value)


@dataclass(frozen=True)
class OrderLevel:
    """One level of an order over ``[from_at, until_at]``, ns UTC; the price is quote.

    ``role`` is stop, target or entry (a resting limit or stop order).
    """

    plan_id: int
    order_id: int
    role: OrderRole
    from_at: int
    until_at: int
    price: float


def order_levels(
    run: RunFolder, instrument: str, bars: Channel, tick: float, end: int
) -> list[OrderLevel]:
    """Return the levels of one instrument's orders, by plan and order.

    A stop or target is drawn from the first fill of its plan on, a resting entry from its decision
    on, each until its order ends; an order that works at the end of the run until ``end``.
    """
    first_fill: dict[int, Fill] = {}
    for fill in run.fills:
        first_fill.setdefault(fill.plan_id, fill)
    levels: list[OrderLevel] = []
    older: dict[int, TrailingLevel] = {}
    handed = _handed(run.trail_distances)
    for order in run.orders:
        if order.instrument != instrument or order.role not in LEVEL_ROLES:
            continue
        life = _life(order, first_fill.get(order.plan_id), end)
        if math.isnan(order.price) or life is None:
            continue
        if not order.trail_moved:
            levels.append(_level(order, *life, order.price))
            continue
        trail = _trail(order, tick, handed.get(order.order_id, ()), bars)
        if order.plan_id in older:
            trail.follow(older[order.plan_id])
        older[order.plan_id] = trail
        levels += _moves(order, trail, bars, first_fill[order.plan_id], life)
    return levels


def _life(order: OrderRow, entered: Fill | None, end: int) -> tuple[int, int] | None:
    """Return the first and the last instant at which an order's level counts, None for none."""
    until = end if order.ended_at == UNSET else min(order.ended_at, end)
    if order.role == OrderRole.ENTRY.value:
        rests = order.kind != OrderKind.MARKET.value
        return (order.decided_at, until) if rests else None
    if entered is None or until < entered.at:
        return None
    return max(order.decided_at, entered.at), until


def _level(order: OrderRow, begin: int, until: int, price: float) -> OrderLevel:
    role = OrderRole(order.role)
    return OrderLevel(order.plan_id, order.order_id, role, begin, until, price)


def _handed(rows: Sequence[TrailDistance]) -> Mapping[int, Sequence[TrailDistance]]:
    found: dict[int, list[TrailDistance]] = defaultdict(list)
    for row in rows:
        found[row.order_id].append(row)
    return found


def _trail(
    order: OrderRow, tick: float, handed: Sequence[TrailDistance], bars: Channel
) -> TrailingLevel:
    """Return the level of a trailing stop at its start, with the distances of its signal."""

    def given(value: float) -> float | None:
        return None if math.isnan(value) else value

    terms = TrailingStop(
        distance=None if order.trail_signal else given(order.trail_distance),
        fraction=given(order.trail_fraction),
        signal=order.trail_signal or None,
        beyond=given(order.trail_beyond),
        moved=StopMoves(order.trail_moved),
    )
    tape = NO_TAPE
    if order.trail_signal:
        known_at = [row.at for row in handed]
        values = [row.distance for row in handed]

        def known(at: int) -> float:
            place = bisect_right(known_at, at)
            return values[place - 1] if place else NAN

        times = (bars["opened_at"].tolist(), bars["closed_at"].tolist())
        tape = DistanceTape(*(np.array([known(at) for at in column]) for column in times))
    return TrailingLevel(terms, direction=-order.side, start=order.price, tick=tick, tape=tape)


def _moves(
    order: OrderRow, trail: TrailingLevel, bars: Channel, entered: Fill, life: tuple[int, int]
) -> Iterator[OrderLevel]:
    """Yield the level of a trailing stop bar by bar, one stretch for each value."""
    since, until = life
    closed_at = bars["closed_at"]
    first = int(np.searchsorted(closed_at, since, side="right"))
    if entered.stage == FillStage.RANGE.value and entered.at == since:
        first -= 1
    last = int(np.searchsorted(closed_at, until, side="left"))
    begin, level = since, trail.level
    for row in range(max(first, 0), last):
        at = int(closed_at[row])
        part = _part(bars, row, entered if at == entered.bar_closed_at else None)
        trail.pass_part(part, row, at)
        trail.pass_close(float(bars["close"][row]), row, at)
        if trail.level != level:
            yield _level(order, begin, at, level)
            begin, level = at, trail.level
    yield _level(order, begin, until, level)
    if order.ended_at == until and order.last_level != level:
        # The bar at whose close the order ended moved it once more.
        yield _level(order, until, until, order.last_level)


def _part(bars: Channel, row: int, entered: Fill | None) -> PriceRange:
    """Return the prices of a bar, or of the part of it that follows an entry inside it."""
    opens, close = float(bars["open"][row]), float(bars["close"][row])
    low, high = float(bars["low"][row]), float(bars["high"][row])
    if entered is not None and entered.stage == FillStage.RANGE.value:
        low, high = resolve.range_after_entry(entered.raw_price, opens, close, low, high)
    return PriceRange(low, high, low, high, opens, opens)
