"""Trailing stops along the timeline: the level of each, moved bar by bar.

``resolve.trailed`` is the only rule for a move. The search repeats it for the instants that it
skips (:class:`SkippedTrails`); the simulator then catches up with the same compiled steps, so that
the levels of a sparse run equal those of a dense run to the last bit.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.broker import resolve
from engine.broker.along_instants import NO_ROW
from engine.broker.price_range import PriceRange
from engine.broker.timeline import InstrumentPath, Timeline
from engine.costs import ceil_to_step, floor_to_step
from engine.kept_code import kept
from engine.records import NAN, UNSET, OrderRow
from engine.trailing_stop import StopMoves, TrailDistance, TrailingStop

Floats = NDArray[np.float64]
# Returns a prepared signal over all instants: at each, the value of the latest decision row.
SignalValues = Callable[[str], Floats]


class DistanceTape(NamedTuple):
    """Holds the distance of one trailing stop by instant, quote.

    ``opened`` holds, at the close of a bar, the distance known at its open, ``closed`` that known
    at the instant. Both are empty where the terms of the stop give the distance.
    """

    opened: Floats
    closed: Floats


NO_TAPE = DistanceTape(np.empty(0), np.empty(0))


class TrailingLevel:
    """Holds the level of one trailing stop; ``raw`` is the level before rounding, quote.

    The level is rounded towards the price, so that the distance is never larger than the terms say.
    """

    __slots__ = ("best", "best_at", "direction", "raw", "tape", "terms", "tick")

    def __init__(
        self,
        terms: TrailingStop,
        *,
        direction: int,
        start: float,
        tick: float,
        tape: DistanceTape = NO_TAPE,
    ) -> None:
        self.terms, self.direction, self.tick, self.tape = terms, direction, tick, tape
        self.raw, self.best, self.best_at = start, NAN, UNSET

    @property
    def level(self) -> float:
        """Return the level in force, on the tick grid."""
        return self._rounded(self.raw)

    @property
    def moves_inside(self) -> bool:
        """Return whether the level moves inside bars."""
        return self.terms.moved is StopMoves.INSIDE_BARS

    @property
    def fraction(self) -> float:
        """Return the distance as a fraction of the price, NaN for a distance in quote."""
        return NAN if self.terms.fraction is None else self.terms.fraction

    @property
    def beyond(self) -> float:
        """Return the price from which the stop trails; an infinite one that is always reached."""
        return -self.direction * math.inf if self.terms.beyond is None else self.terms.beyond

    @property
    def fixed_distance(self) -> float:
        """Return the distance of the terms, quote; NaN where a signal or a fraction gives it."""
        return NAN if self.terms.distance is None else self.terms.distance

    def follow(self, older: "TrailingLevel") -> None:
        """Continue an older order of the same plan: its best price counts on."""
        self.best, self.best_at = older.best, older.best_at

    def level_within(self, part: PriceRange, t: int) -> float:
        """Return the level at which a part of a bar that closes at index ``t`` meets the stop.

        Inside a bar the order of the prices is unknown. The stop is met if any order of them can
        meet it, and at the worst level that such an order allows (``docs/fills.md``).
        """
        if not self.moves_inside:
            return self.level
        side, (extreme, adverse) = -self.direction, self._extremes(part)
        first = float(resolve.better_price(self.direction, self.best, part.last_from))
        start = self._rounded(self._moved(first, t))
        end = self._rounded(self._moved(resolve.better_price(self.direction, first, extreme), t))
        if resolve.stop_touched(side, start, adverse, adverse):
            return start
        if not resolve.stop_touched(side, end, adverse, adverse):
            return end
        # Prices rise just far enough to bring the level to the adverse extreme, then fall to it.
        lowest = [start, self._rounded(adverse)]
        if self.direction * (first - self.beyond) < 0:
            # It trails only once the price has been at ``beyond``.
            lowest.append(self._rounded(self._moved(self.beyond, t)))
        return max(lowest) if self.direction > 0 else min(lowest)

    def pass_part(self, part: PriceRange, t: int, at: int) -> None:
        """Move the level by the prices of a part of a bar that has not met it."""
        extreme, _ = self._extremes(part)
        if self.moves_inside and not math.isnan(extreme):
            self._see(extreme, at)
            self.raw = self._moved(self.best, t)

    def pass_close(self, close: float, t: int, at: int) -> None:
        """Move the level at the close of a bar with trades at index ``t``."""
        if math.isnan(close):
            return
        if not self.moves_inside:
            self._see(close, at)
        distance = self.fixed_distance if self.tape is NO_TAPE else float(self.tape.closed[t])
        self.raw = resolve.trailed(
            self.direction, self.raw, self.best, distance, self.fraction, self.beyond
        )

    def catch_up(self, path: InstrumentPath, first: int, last: int, at: NDArray[np.int64]) -> None:
        """Move the level over the bars that close at the indices ``first`` to ``last``."""
        extremes = path.high if self.direction > 0 else path.low
        # At closes only the distance known at the close counts.
        opened = self.tape.opened if self.moves_inside else self.tape.closed
        self.raw, self.best, index = _over_bars(
            first,
            last,
            self.direction,
            self.raw,
            self.best,
            self.fixed_distance,
            self.fraction,
            self.beyond,
            extremes if self.moves_inside else path.close,
            opened,
            self.tape.closed,
        )
        if index >= 0:
            self.best_at = int(at[index])

    def stop_at(self, level: float) -> None:
        """Record the level at which the stop was met; it moves no more."""
        self.raw = level

    def told_in(self, row: OrderRow) -> OrderRow:
        """Return an order's row with the terms of its trail and the level reached."""
        beyond = self.terms.beyond
        return replace(
            row,
            trail_moved=self.terms.moved,
            trail_distance=self.fixed_distance,
            trail_fraction=self.fraction,
            trail_signal=self.terms.signal or "",
            trail_beyond=NAN if beyond is None else beyond,
            last_level=self.level,
            best_price=self.best,
            best_at=self.best_at,
        )

    def _extremes(self, part: PriceRange) -> tuple[float, float]:
        """Return the favourable and the adverse extreme of a part of a bar."""
        return (part.high, part.low) if self.direction > 0 else (part.low, part.high)

    def _see(self, price: float, at: int) -> None:
        best = float(resolve.better_price(self.direction, self.best, price))
        if best != self.best and not math.isnan(best):
            self.best, self.best_at = best, at

    def _moved(self, best: float, t: int) -> float:
        """Return the level inside the bar that closes at ``t``, at a best price, not rounded."""
        distance = self.fixed_distance if self.tape is NO_TAPE else float(self.tape.opened[t])
        return float(
            resolve.trailed(self.direction, self.raw, best, distance, self.fraction, self.beyond)
        )

    def _rounded(self, level: float) -> float:
        towards = ceil_to_step if self.direction > 0 else floor_to_step
        return towards(level, self.tick)


@kept
def _over_bars(  # noqa: PLR0917 - compiled code takes no keywords
    first: int,
    last: int,
    direction: int,
    raw: float,
    best: float,
    distance: float,
    fraction: float,
    beyond: float,
    prices: Floats,
    opened: Floats,
    closed: Floats,
) -> tuple[float, float, int]:
    """Return level, best price and the index of that price (-1: the one before) after bars."""
    found, has_tape = -1, len(closed) > 0
    for i in range(first, last + 1):
        if np.isnan(prices[i]):
            continue
        better = resolve.better_price(direction, best, prices[i])
        if better != best:
            best, found = better, i
        during = opened[i] if has_tape else distance
        after = closed[i] if has_tape else distance
        raw = resolve.trailed(direction, raw, best, during, fraction, beyond)
        raw = resolve.trailed(direction, raw, best, after, fraction, beyond)
    return raw, best, found


class TrailingStops:
    """Makes the trailing levels of a simulation and moves them along its instants.

    The session, which alone knows the signals, sets ``signal_values`` and ``decided``, the indices
    of the decision rows. ``is_used`` is False until an order trails.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.signal_values: SignalValues | None = None
        self.decided: NDArray[np.intp] = np.empty(0, np.intp)
        self.is_used = False
        self._timeline = timeline
        self._tapes: dict[tuple[int, str], DistanceTape] = {}
        # The index up to which every level includes the closes.
        self._passed = -1

    def begin(
        self, k: int, terms: TrailingStop | None, *, direction: int, start: float
    ) -> TrailingLevel | None:
        """Return the level of a new stop order of instrument ``k``, None if it does not trail."""
        if terms is None:
            return None
        self.is_used = True
        tape = NO_TAPE if terms.signal is None else self._tape(k, terms.signal)
        tick = self._timeline.paths[k].instrument.tick_size
        return TrailingLevel(terms, direction=direction, start=start, tick=tick, tape=tape)

    def catch_up(self, levels: Sequence[tuple[int, TrailingLevel]], last: int) -> None:
        """Move the levels by the bars that close up to index ``last`` and were not visited."""
        if last > self._passed:
            for k, level in levels:
                path = self._timeline.paths[k]
                level.catch_up(path, self._passed + 1, last, self._timeline.at)
            self._passed = last

    def pass_closes(self, levels: Sequence[tuple[int, TrailingLevel]], t: int) -> None:
        """Move the levels at the closes of index ``t``."""
        for k, level in levels:
            close = float(self._timeline.paths[k].close[t])
            level.pass_close(close, t, int(self._timeline.at[t]))
        self._passed = t

    def distances(self, orders: Sequence[OrderRow]) -> tuple[TrailDistance, ...]:
        """Return the distances that signals gave to the orders, a row for each decision."""
        rows: list[TrailDistance] = []
        at = self._timeline.at
        last_close = int(at[self._timeline.has_close][-1])
        for order in orders:
            if not order.trail_signal:
                continue
            values = self._values(order.trail_signal)
            first = self._timeline.index_at_or_after(order.decided_at)
            ended = last_close if order.ended_at == UNSET else order.ended_at
            later = self.decided[(self.decided > first) & (at[self.decided] <= ended)]
            rows += [
                TrailDistance(int(at[i]), order.order_id, float(values[i]))
                for i in (first, *later.tolist())
            ]
        return tuple(sorted(rows, key=lambda row: (row.at, row.order_id)))

    def _values(self, signal: str) -> Floats:
        assert self.signal_values is not None, "the session sets the signals"
        return self.signal_values(signal)

    def _tape(self, k: int, signal: str) -> DistanceTape:
        if (k, signal) not in self._tapes:
            path, closed = self._timeline.paths[k], self._values(signal)
            index = np.flatnonzero(path.closing != NO_ROW)
            opened = np.full(len(closed), np.nan)
            opened_at = path.bars["opened_at"][path.closing[index]]
            opened[index] = closed[np.searchsorted(self._timeline.at, opened_at)]
            self._tapes[k, signal] = DistanceTape(opened, closed)
        return self._tapes[k, signal]


class SkippedTrails(NamedTuple):
    """Holds the trailing stop of each instrument as the search moves it.

    ``used`` is False for an instrument without one. ``slack`` is one tick: levels are compared
    before they are rounded, so the search may return an instant at which the stop is just missed.
    ``opened`` and ``closed`` are (instrument, instant) arrays of distances, without instants where
    no signal gives a distance; NaN in ``distance`` refers to them.
    """

    used: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    direction: NDArray[np.int64]
    raw: Floats
    best: Floats
    distance: Floats
    fraction: Floats
    beyond: Floats
    slack: Floats
    opened: Floats
    closed: Floats


class SearchTrails:
    """Collects the working levels for the search; a tape is copied once for each new stop."""

    def __init__(self, instruments: int) -> None:
        def numbers() -> Floats:
            return np.full(instruments, np.nan)

        self._arrays = SkippedTrails(
            used=np.zeros(instruments, np.bool_),
            inside=np.zeros(instruments, np.bool_),
            direction=np.zeros(instruments, np.int64),
            raw=numbers(),
            best=numbers(),
            distance=numbers(),
            fraction=numbers(),
            beyond=numbers(),
            slack=numbers(),
            opened=np.empty((instruments, 0)),
            closed=np.empty((instruments, 0)),
        )
        self._loaded: dict[int, DistanceTape] = {}

    def collect(self, levels: Sequence[tuple[int, TrailingLevel]]) -> SkippedTrails | None:
        """Return the state of the levels, each with the index of its instrument; None without."""
        if not levels:
            return None
        trails = self._arrays
        trails.used[:] = False
        for k, level in levels:
            trails.used[k], trails.inside[k] = True, level.moves_inside
            trails.direction[k], trails.slack[k] = level.direction, level.tick
            trails.raw[k], trails.best[k] = level.raw, level.best
            trails.distance[k], trails.fraction[k] = level.fixed_distance, level.fraction
            trails.beyond[k] = level.beyond
            if level.tape is not NO_TAPE and self._loaded.get(k) is not level.tape:
                self._load(k, level.tape)
        return self._arrays

    def _load(self, k: int, tape: DistanceTape) -> None:
        opened, closed = self._arrays.opened, self._arrays.closed
        if opened.shape[1] == 0:
            shape = (len(self._arrays.used), len(tape.closed))
            opened, closed = np.full(shape, np.nan), np.full(shape, np.nan)
            self._arrays = self._arrays._replace(opened=opened, closed=closed)
        opened[k], closed[k] = tape.opened, tape.closed
        self._loaded[k] = tape


@kept
def trail_reached(  # noqa: PLR0917 - compiled code takes no keywords
    k: int,
    i: int,
    opens: float,
    low: float,
    high: float,
    close: float,
    trails: tuple[Any, ...],
) -> bool:
    """Move the trailing stop of ``k`` over the bar that closes at ``i``.

    ``trails`` are the fields of :class:`SkippedTrails`. Returns True when the bar or the next open
    may reach the stop.
    """
    used, inside, directions, raws, bests, distances = trails[:6]
    fractions, beyonds, slacks, opened, closed = trails[6:]
    if not used[k]:
        return False
    direction, slack = directions[k], directions[k] * slacks[k]
    side = -direction
    if not np.isnan(close):
        during, after = distances[k], distances[k]
        if closed.shape[1] > 0 and np.isnan(during) and np.isnan(fractions[k]):
            during, after = opened[k, i], closed[k, i]
        if inside[k]:
            extreme = high if direction > 0 else low
            bests[k] = resolve.better_price(direction, bests[k], extreme)
            raws[k] = resolve.trailed(
                direction, raws[k], bests[k], during, fractions[k], beyonds[k]
            )
        if resolve.stop_touched(side, raws[k] + slack, low, high):
            return True
        if not inside[k]:
            bests[k] = resolve.better_price(direction, bests[k], close)
        raws[k] = resolve.trailed(direction, raws[k], bests[k], after, fractions[k], beyonds[k])
    return bool(resolve.stop_touched(side, raws[k] + slack, opens, opens))
