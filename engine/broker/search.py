"""The sparse search: the next instant at which anything can happen.

It may return an instant too many, never one too few; a visit too many changes no result. Everything
it tests goes through ``resolve``, as the broker does.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.broker import resolve
from engine.broker.simulator import Simulator
from engine.broker.timeline import Timeline
from engine.records import OrderKind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
# One plan has an entry, a stop and a few targets; a longer list is visited bar by bar.
MAX_LEVELS = 8


@dataclass(frozen=True)
class SearchTape:
    """The timeline as the search reads it: (instrument, instant) arrays and masks."""

    open_price: Floats
    low: Floats
    high: Floats
    mark_open: Floats
    mark_low: Floats
    mark_high: Floats
    mark: Floats
    due: Bools
    has_close: Bools
    day_end: Bools


def search_tape(timeline: Timeline) -> SearchTape:
    """Return the arrays of a timeline; without copying for one instrument."""

    def stack(name: str) -> Floats:
        rows = [getattr(path, name) for path in timeline.paths]
        return rows[0][None, :] if len(rows) == 1 else np.stack(rows)

    due = np.stack(
        [~np.isnan(p.funding_rate) | ~np.isnan(p.dividend) | p.settles for p in timeline.paths]
    )
    return SearchTape(
        stack("open_price"),
        stack("low"),
        stack("high"),
        stack("mark_open"),
        stack("mark_low"),
        stack("mark_high"),
        stack("mark"),
        due,
        timeline.has_close,
        # Cash earns at ends of days, and nowhere else.
        timeline.day_end,
    )


@dataclass(slots=True)
class Levels:
    """Working stops and limits by instrument; ``count[k]`` rows of each array are in use.

    An open meets ``price``, a range ``reach``.
    """

    count: Ints
    kind: Ints
    side: Ints
    price: Floats
    reach: Floats

    @classmethod
    def empty(cls, instruments: int) -> "Levels":
        """Return room for ``MAX_LEVELS`` levels an instrument."""
        shape = (instruments, MAX_LEVELS)
        return cls(
            np.zeros(instruments, np.int64),
            np.zeros(shape, np.int64),
            np.zeros(shape, np.int64),
            np.full(shape, np.nan),
            np.full(shape, np.nan),
        )

    def collect(self, simulator: Simulator) -> bool:
        """Read what works now; False when an instrument has more levels than fit."""
        self.count[:] = 0
        for k, name in enumerate(simulator.names):
            plan = simulator.book.plans.get(name)
            if plan is None:
                continue
            held = simulator.positions[k].quantity != 0.0
            for order in plan.orders():
                # A stop or target sleeps until its entry has filled.
                if not order.is_working or (order is not plan.entry and not held):
                    continue
                if order.request.kind is OrderKind.MARKET:
                    continue
                i = self.count[k]
                if i == MAX_LEVELS:
                    return False
                side, price = order.request.side, order.request.price
                stop = order.request.kind is OrderKind.STOP
                kind = resolve.STOP if stop else resolve.LIMIT
                self.kind[k, i], self.side[k, i], self.price[k, i] = kind, side, price
                self.reach[k, i] = resolve.reach(kind, side, price, simulator.beyond[k])
                self.count[k] = i + 1
        return True


@njit(cache=True)
def _position_moved(  # noqa: PLR0917 - compiled code takes scalars and arrays
    k: int,
    i: int,
    quantity: float,
    liquidation: float,
    due: Bools,
    mark_open: Floats,
    mark_low: Floats,
    mark_high: Floats,
) -> bool:
    """Whether a cash flow is due on a position, or its liquidation price is reached."""
    if quantity == 0.0:
        return False
    opens = mark_open[k, i]
    return bool(
        due[k, i]
        or resolve.liquidation_touched(quantity, liquidation, mark_low[k, i], mark_high[k, i])
        or resolve.liquidation_touched(quantity, liquidation, opens, opens)
    )


@njit(cache=True)
def _level_reached(  # noqa: PLR0917 - compiled code takes scalars and arrays
    k: int,
    i: int,
    level_count: Ints,
    level_kind: Ints,
    level_side: Ints,
    level_price: Floats,
    level_reach: Floats,
    open_price: Floats,
    low: Floats,
    high: Floats,
) -> bool:
    """Whether a working stop or limit is reached by the bar that closes, or by the next open."""
    opens = open_price[k, i]
    for j in range(level_count[k]):
        kind, side = level_kind[k, j], level_side[k, j]
        if resolve.level_touched(kind, side, level_reach[k, j], low[k, i], high[k, i]):
            return True
        if resolve.level_touched(kind, side, level_price[k, j], opens, opens):
            return True
    return False


@njit(cache=True)
def next_instant(  # noqa: PLR0917 - compiled code takes scalars and arrays
    t: int,
    forced: int,
    wake: Bools,
    open_price: Floats,
    low: Floats,
    high: Floats,
    mark_open: Floats,
    mark_low: Floats,
    mark_high: Floats,
    mark: Floats,
    due: Bools,
    has_close: Bools,
    day_end: Bools,
    quantities: Floats,
    averages: Floats,
    margined: Bools,
    liquidation: Floats,
    level_count: Ints,
    level_kind: Ints,
    level_side: Ints,
    level_price: Floats,
    level_reach: Floats,
    cash: float,
    loss_floor: float,
    halt_drawdown: float,
    peak: float,
) -> tuple[int, float]:
    """Return (the next index after ``t`` that must be visited, the equity peak before it).

    ``forced`` is an index that must be visited whatever happens. The length of the timeline is
    returned when nothing can happen any more.
    """
    marks = np.empty(len(quantities))
    for i in range(t + 1, len(wake)):
        if i == forced or wake[i] or day_end[i]:
            return i, peak
        for k in range(len(quantities)):
            if _position_moved(
                k, i, quantities[k], liquidation[k], due, mark_open, mark_low, mark_high
            ) or _level_reached(
                k,
                i,
                level_count,
                level_kind,
                level_side,
                level_price,
                level_reach,
                open_price,
                low,
                high,
            ):
                return i, peak
            marks[k] = mark[k, i]
        if has_close[i]:
            equity = resolve.account_equity(cash, quantities, averages, margined, marks)
            highest = max(peak, equity)
            if equity <= loss_floor or equity <= highest * (1.0 - halt_drawdown):
                return i, peak
            peak = highest
    return len(wake), peak
