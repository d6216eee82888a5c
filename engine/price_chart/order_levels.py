"""Read the levels of a plan's orders over time: stops with every move, targets, entries."""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from data_feeds.instrument import Instrument
from data_feeds.outages import opens_in_outage
from data_feeds.schema import Channel
from engine.broker import resolve
from engine.broker.price_range import PriceRange
from engine.broker.trailing import NO_TAPE, DistanceTape, TrailingLevel
from engine.records import NAN, UNSET, Fill, FillStage, OrderKind, OrderRole, OrderRow
from engine.run_folder.read import RunFolder
from engine.trades import FLAT
from engine.trailing_stop import StopMoves, TrailDistance, TrailingStop

LEVEL_ROLES = (OrderRole.STOP.value, OrderRole.TARGET.value, OrderRole.ENTRY.value)


class TradedBars:
    """The bars of an instrument as its orders meet them: without prices where nothing trades."""

    def __init__(self, instrument: Instrument, bars: Channel) -> None:
        self.opened_at, self.closed_at = bars["opened_at"], bars["closed_at"]
        traded = (bars["volume"] > 0) & ~opens_in_outage(instrument.outages, self.opened_at)
        self.open, self.high, self.low, self.close = (
            np.where(traded, bars[name], np.nan) for name in ("open", "high", "low", "close")
        )

    def part(self, row: int, entered: Fill | None) -> PriceRange:
        """Return the prices of a bar, or of the part of it that follows an entry inside it."""
        opens, close = float(self.open[row]), float(self.close[row])
        low, high, first = float(self.low[row]), float(self.high[row]), opens
        if entered is not None and entered.stage == FillStage.RANGE.value:
            first = entered.raw_price
            low, high = resolve.range_after_entry(first, opens, close, low, high)
        return PriceRange(low, high, low, high, first, first)


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
    run: RunFolder, instrument: Instrument, bars: Channel, end: int
) -> list[OrderLevel]:
    """Return the levels of one instrument's orders, by plan and order.

    A stop or target is drawn from the first fill of its plan on, a resting entry from its decision
    on, each until its order ends; an order that works at the end of the run until ``end``.
    """
    fills: dict[int, list[Fill]] = defaultdict(list)
    for fill in run.fills:
        fills[fill.plan_id].append(fill)
    levels: list[OrderLevel] = []
    older: dict[int, TrailingLevel] = {}
    handed, traded = _handed(run.trail_distances), TradedBars(instrument, bars)
    for order in run.orders:
        if order.instrument != instrument.id or order.role not in LEVEL_ROLES:
            continue
        life = _life(order, fills[order.plan_id], end)
        if math.isnan(order.price) or life is None:
            continue
        if not order.trail_moved:
            levels.append(_level(order, *life, order.price))
            continue
        trail = _trail(order, instrument.tick_size, handed.get(order.order_id, ()), bars)
        if order.plan_id in older:
            trail.follow(older[order.plan_id])
        older[order.plan_id] = trail
        levels += _moves(order, trail, traded, fills[order.plan_id], life)
    return levels


def _life(order: OrderRow, fills: Sequence[Fill], end: int) -> tuple[int, int] | None:
    """Return the first and the last instant at which an order's level counts, None for none."""
    until = end if order.ended_at == UNSET else min(order.ended_at, end)
    if order.role == OrderRole.ENTRY.value:
        rests = order.kind != OrderKind.MARKET.value
        return (order.decided_at, until) if rests else None
    if not fills or until < fills[0].at:
        return None
    return max(order.decided_at, fills[0].at), until


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
    order: OrderRow,
    trail: TrailingLevel,
    bars: TradedBars,
    fills: Sequence[Fill],
    life: tuple[int, int],
) -> Iterator[OrderLevel]:
    """Yield the level of a trailing stop bar by bar, one stretch for each value.

    A stop that prices have met moves no more: what its bar did not fill follows at later opens. A
    bar that closes after the order's end moves nothing, because it was not known then.
    """
    (since, until), entered = life, fills[0]
    first = int(np.searchsorted(bars.closed_at, since, side="right"))
    if entered.stage == FillStage.RANGE.value and entered.at == since:
        first -= 1
    # The bar in which another order ended this one does not move it.
    side: Literal["left", "right"] = "left" if _ends_inside(order, fills) else "right"
    last = int(np.searchsorted(bars.closed_at, until, side=side))
    begin, level = since, trail.level
    for row in range(max(first, 0), last):
        at, is_met = int(bars.closed_at[row]), False
        part = bars.part(row, entered if at == entered.bar_closed_at else None)
        # An order that was decided inside the bar can be met only from the next open on.
        if order.decided_at <= bars.opened_at[row]:
            met = _met_level(order, trail, part, row)
            is_met = met is not None
            if met is not None:
                trail.stop_at(met)
        if not is_met:
            trail.pass_part(part, row, at)
            trail.pass_close(float(bars.close[row]), row, at)
        if trail.level != level:
            yield _level(order, begin, at, level)
            begin, level = at, trail.level
        if is_met:
            break
    yield _level(order, begin, until, level)


def _ends_inside(order: OrderRow, fills: Sequence[Fill]) -> bool:
    """Return whether another order of the plan ended this one inside a bar, by a range fill."""
    last = [
        fill for fill in fills if fill.at == order.ended_at and fill.stage == FillStage.RANGE.value
    ]
    ends = any(
        abs(fill.position_after) < FLAT or fill.role == OrderRole.STOP.value for fill in last
    )
    return ends and all(fill.order_id != order.order_id for fill in last)


def _met_level(order: OrderRow, trail: TrailingLevel, part: PriceRange, row: int) -> float | None:
    """Return the level at which a bar meets a stop at its open or inside it, None for a miss."""
    if resolve.stop_touched(order.side, trail.level, part.last_from, part.last_from):
        return trail.level
    level = trail.level_within(part, row)
    return level if resolve.stop_touched(order.side, level, part.low, part.high) else None
