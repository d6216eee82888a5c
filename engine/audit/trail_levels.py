"""The level of a trailing stop, worked out again from bars, terms and handed distances.

For a long the level is the highest value so far of best price less distance, rounded up to the
tick; for a short the mirror image. ``docs/fills.md`` has the rules inside a bar.
"""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence

from engine.audit.audited_run import AuditedRun
from engine.audit.due_fills import Bar
from engine.audit.findings import FindingRecorder, when
from engine.audit.venue_formulas import against_trader, is_beyond, on_grid
from engine.records import NAN, UNSET, OrderRole, OrderRow
from engine.trailing_stop import StopMoves, TrailDistance

ORDERS, DISTANCES = "orders", "trail_distances"


class ReplayedTrail:
    """One trailing stop along the bars of its position.

    ``level`` is the level in force, ``best`` the best price so far (``best_at``: the close of its
    bar), both quote.
    """

    def __init__(self, order: OrderRow, tick: float, handed: Sequence[TrailDistance]) -> None:
        self.order = order
        self.level, self.best, self.best_at = order.price, NAN, UNSET
        self._way = -order.side
        self._tick = tick
        self._handed_at = [row.at for row in handed]
        self._handed = [row.distance for row in handed]

    @property
    def is_inside(self) -> bool:
        """True when the stop moves inside bars."""
        return self.order.trail_moved == StopMoves.INSIDE_BARS.value

    def continues(self, older: "ReplayedTrail") -> None:
        """Take over the best price of the order that this one replaces."""
        self.best, self.best_at = older.best, older.best_at

    def keep(self, level: float) -> None:
        """Move to a level if it lies nearer to the price."""
        self.level = self._nearest(self.level, level)

    def within(self, bar: Bar) -> float:
        """Return the level at which a bar, or a part of one, meets the stop."""
        if not self.is_inside or not bar.is_traded:
            return self.level
        opened = self._nearest(self.level, self._at(self._better(bar.open), bar.opened_at))
        farthest = self._better(bar.open, bar.extreme(self._way))
        highest = self._nearest(opened, self._at(farthest, bar.opened_at))
        adverse = bar.extreme(-self._way)
        if is_beyond(adverse, opened, -self._way) or not is_beyond(adverse, highest, -self._way):
            return opened if is_beyond(adverse, opened, -self._way) else highest
        levels = [opened, _on_tick(adverse, self._way, self._tick)]
        if not self._is_active(self._better(bar.open)):
            # The lowest level that the stop can have on its way: it begins at the activation.
            levels.append(self._at(self.order.trail_beyond, bar.opened_at))
        return self._nearest(*levels)

    def pass_range(self, bar: Bar) -> None:
        """Move by the prices of a bar, or of the part of it after an entry."""
        if self.is_inside and bar.is_traded:
            self._see(bar.extreme(self._way), bar.closed_at)
            self.level = self._nearest(self.level, self._at(self.best, bar.opened_at))

    def pass_close(self, bar: Bar) -> None:
        """Move at the close of a bar with trades."""
        if bar.is_traded:
            if not self.is_inside:
                self._see(bar.close, bar.closed_at)
            self.level = self._nearest(self.level, self._at(self.best, bar.closed_at))

    def _see(self, price: float, at: int) -> None:
        if math.isnan(self.best) or self._way * price > self._way * self.best:
            self.best, self.best_at = price, at

    def _better(self, *prices: float) -> float:
        """Return the best of the best price so far and other prices."""
        known = [price for price in (self.best, *prices) if not math.isnan(price)]
        return max(known) if self._way > 0 else min(known)

    def _nearest(self, *levels: float) -> float:
        """Return the level nearest to the price; NaN is no level."""
        known = [level for level in levels if not math.isnan(level)]
        return max(known) if self._way > 0 else min(known)

    def _is_active(self, best: float) -> bool:
        return math.isnan(self.order.trail_beyond) or (
            self._way * best >= self._way * self.order.trail_beyond
        )

    def _at(self, best: float, known_at: int) -> float:
        """Return the level at a best price by the distance known at an instant, NaN for none."""
        if math.isnan(best) or not self._is_active(best):
            return NAN
        distance = self._distance(best, known_at)
        if not distance > 0:
            return NAN
        return _on_tick(best - self._way * distance, self._way, self._tick)

    def _distance(self, best: float, known_at: int) -> float:
        order = self.order
        if not order.trail_signal:
            share = order.trail_fraction
            return order.trail_distance if math.isnan(share) else best * share
        row = bisect_right(self._handed_at, known_at)
        return self._handed[row - 1] if row else NAN


def _on_tick(level: float, way: int, tick: float) -> float:
    """Return a level rounded to the tick towards the price, as the decimal that bars hold."""
    return round(against_trader(level, way, tick), 10)


def trails_of(
    orders: Sequence[OrderRow], tick: float, handed: Mapping[int, Sequence[TrailDistance]]
) -> dict[int, ReplayedTrail]:
    """Return the trailing stops among the orders of a plan, each at its start."""
    return {
        order.order_id: ReplayedTrail(order, tick, handed.get(order.order_id, ()))
        for order in orders
        if order.trail_moved
    }


def check_trail(trail: ReplayedTrail, tick: float, recorder: FindingRecorder) -> None:
    """Check the level that an order ended with, and the best price behind it."""
    recorder.count("trailing stops")
    order, line = trail.order, recorder.line(ORDERS, f"order {trail.order.order_id}")
    line.near("last level of a trailing stop", trail.level, order.last_level, 1e-6 * tick)
    line.number("best price of a trailing stop", trail.best, order.best_price)
    line.instant("bar of the best price", trail.best_at, order.best_at)


def check_trail_terms(run: AuditedRun) -> None:
    """Check the terms of every order, and the rows of distances that signals gave."""
    handed = handed_distances(run)
    terms: dict[int, str] = {}
    for order in run.files.orders:
        line = run.recorder.line(ORDERS, f"order {order.order_id}")
        given = [not math.isnan(order.trail_distance), not math.isnan(order.trail_fraction)]
        given.append(bool(order.trail_signal))
        if not order.trail_moved:
            empty = not any(given) and math.isnan(order.last_level)
            line.equal("columns of an order that does not trail", True, empty)
        else:
            line.equal("role of a trailing stop", OrderRole.STOP.value, order.role)
            line.equal("distances of a trailing stop", 1, sum(given))
            market = run.markets.get(order.instrument)
            if market is not None and not on_grid(order.last_level, market.instrument.tick_size):
                line.equal("last level on the tick grid", "a multiple", order.last_level)
        if order.role == OrderRole.STOP.value:
            mine = _terms(order)
            first = terms.setdefault(order.plan_id, mine)
            line.equal("terms of the plan's first stop", first, mine)
        _check_handed(run, order, handed.pop(order.order_id, []))
    for number in handed:
        run.recorder.line(DISTANCES, f"order {number}").equal("its order", "an order", "none")


def _terms(order: OrderRow) -> str:
    """Return the terms of a trailing stop as text, in which NaN equals itself."""
    numbers = (order.trail_distance, order.trail_fraction, order.trail_beyond)
    return f"{order.trail_moved} {order.trail_signal} {numbers}"


def handed_distances(run: AuditedRun) -> dict[int, list[TrailDistance]]:
    """Return the rows of distances by order, in the order of the file."""
    rows: dict[int, list[TrailDistance]] = defaultdict(list)
    for row in run.files.trail_distances:
        rows[row.order_id].append(row)
    return rows


def _check_handed(run: AuditedRun, order: OrderRow, rows: Sequence[TrailDistance]) -> None:
    """Check that a signal's distances begin with the order and have a row at each decision."""
    if not (rows or order.trail_signal):
        return
    line = run.recorder.line(DISTANCES, f"order {order.order_id}")
    run.recorder.count("distances of trailing stops", len(rows))
    ended = run.last_at if order.ended_at == UNSET else order.ended_at
    decided = [order.decided_at, *run.files.decision_instants(order.decided_at + 1, ended)]
    wanted = decided if order.trail_signal else []
    if not line.equal("rows of its distance", len(wanted), len(rows)):
        return
    for at, row in zip(wanted, rows, strict=True):
        if row.at != at:
            line.instant(f"instant of the distance at {when(row.at)}", at, row.at)
