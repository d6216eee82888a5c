"""The definition of a hole: missing rows that the rows around them show to be due.

The index, ``data list``, ``data verify``, ``max_gap_bars`` of an import and of a run, and the
coverage lines of a run use this definition. A hole is a fact, not an error. There is no hole before
a channel's first row or after its last row, because nothing shows that rows were due.

- **Bars around the clock** miss whole timeframes between two bars.
- **Daily bars of an exchange** miss sessions.
- **Shorter bars of an exchange** miss bars of their own grid that would open in a session.
- **Funding** misses settlements of the interval in force, see :func:`point_holes`.
- **Open interest and liquidations** miss points of the intervals that their own steps show.
- **A series** has weekends and holidays: its hole is a step of at least ten usual steps; the usual
  step is the median of the 21 steps around. Dividends and splits have no schedule and no holes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from data_feeds.calendar import (
    ALWAYS_OPEN,
    hours_between,
    session_bounds,
    sessions_around,
    sessions_between,
)
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS, Instants, utc_days
from data_feeds.schema import Channel, ChannelKind
from data_feeds.timeframe import Timeframe

# (step in ns, how many follow each other): the distances between a channel's points.
Steps = Sequence[tuple[int, int]]

POINTS = (ChannelKind.FUNDING, ChannelKind.OPEN_INTEREST, ChannelKind.LIQUIDATIONS)
_BARS = (ChannelKind.BARS, ChannelKind.MARK)
# A series misses its holidays; a hole is a step of this many usual ones.
_SERIES_HOLE_STEPS = 10
_STEPS_AROUND = 21
# A weekend with holidays around it.
LONGEST_CLOSURE_NS = 5 * DAY_NS

# Settlement intervals of perp venues; no venue settles less often than every eight hours.
FUNDING_INTERVALS_NS = (HOUR_NS, 2 * HOUR_NS, 4 * HOUR_NS, 8 * HOUR_NS)
USUAL_FUNDING_NS = 8 * HOUR_NS
# Daily and half-daily sums of funding, accepted if most steps of a file have that length.
_FUNDING_SUMS_NS = (12 * HOUR_NS, 24 * HOUR_NS)
# In an interpretation of the steps a hole costs 1 and a change of interval costs this: at an end of
# the rows three steps of a longer interval are an interval, in the middle six; fewer are holes.
_CHANGE_COST = 2.5
# Of two interpretations with equal cost, the one with fewer missing rows counts.
_ROW_COST = 1e-6
# A step that is no multiple of the interval.
_MISFIT_COST = 3.0
# This many equal steps in a row show an interval of open interest or liquidations.
_SHOWN_STEPS = 3


@dataclass(frozen=True, order=True)
class Gap:
    """Rows missing in ``[started_at, ended_at)``: how many, and between which instants."""

    started_at: int
    ended_at: int
    missing: int


@dataclass(frozen=True)
class PointHole:
    """Instants of the missing points between two existing points."""

    due_at: Instants
    ended_at: int

    @property
    def gap(self) -> Gap:
        """Gap from the first missing point to the next existing point."""
        return Gap(int(self.due_at[0]), self.ended_at, len(self.due_at))


def gaps(channel: Channel, calendar: str = ALWAYS_OPEN) -> list[Gap]:
    """Return the holes inside a channel, in order of time."""
    kind = channel.key.kind
    if len(channel) < 2:
        return []
    if kind in _BARS:
        return bar_gaps(channel, calendar)
    if kind is ChannelKind.SERIES:
        return _series_gaps(channel["event_at"])
    if kind in POINTS:
        first_at = int(to_the_minute(channel["event_at"][:1])[0])
        return [hole.gap for hole in point_holes(kind, first_at, steps_of(channel["event_at"]))]
    return []


# Bars ---------------------------------------------------------------------------------------------


def bar_gaps(channel: Channel, calendar: str) -> list[Gap]:
    """Return the holes between consecutive bars; only their times are read."""
    step = Timeframe(channel.key.timeframe).ns
    if calendar != ALWAYS_OPEN and step <= DAY_NS:
        if step == DAY_NS:
            return _session_gaps(channel, calendar)
        return _gaps_in_sessions(channel, calendar, step)
    started, ended = channel["closed_at"][:-1], channel["opened_at"][1:]
    missing = (ended - started) // step
    return [
        Gap(int(started[i]), int(ended[i]), int(missing[i])) for i in np.flatnonzero(missing > 0)
    ]


def _session_gaps(channel: Channel, calendar: str) -> list[Gap]:
    """Return runs of exchange sessions without a bar."""
    # East of Greenwich a session can open on the UTC day before; its middle does not.
    middle = (channel["opened_at"] + channel["closed_at"]) // 2
    days = utc_days(middle)
    sessions = sessions_between(calendar, days[0], days[-1])
    found = np.searchsorted(sessions, days)
    holes = np.flatnonzero(np.diff(found) > 1)
    closed, opened = channel["closed_at"], channel["opened_at"]
    return [
        Gap(int(closed[i]), int(opened[i + 1]), int(found[i + 1] - found[i] - 1)) for i in holes
    ]


def _gaps_in_sessions(channel: Channel, calendar: str, step: int) -> list[Gap]:
    """Return the missing bars shorter than a day: grid bars that would open in a session.

    Each bar gives the grid of its own session. A session without bars takes the grid of the
    previous bar, counted from the open, so that clock changes do not move it.
    """
    opened, closed = channel["opened_at"], channel["closed_at"]
    # Nearly all bars touch the next bar and have no hole.
    torn = np.flatnonzero(opened[1:] > closed[:-1])
    if len(torn) == 0:
        return []
    hours = hours_between(calendar, int(opened[0]), int(closed[-1]))
    found = []
    for i in torn.tolist():
        before, after = int(opened[i]), int(opened[i + 1])
        due = _on_grid(hours, (before, after), (before, after), step)
        due = due[(due >= before + step) & (due <= after - step)]
        if len(due):
            found.append(Gap(int(due[0]), after, len(due)))
    return found


def _on_grid(
    hours: Instants, span: tuple[int, int], beside: tuple[int, int], step: int
) -> Instants:
    """Return the openings of grid bars in the sessions that a stretch of time touches.

    ``hours`` are the exchange's opening and closing instants in pairs. ``beside`` are the openings
    of the bars before and after the stretch; they give the grid.
    """
    before, after = beside
    first = int(np.searchsorted(hours[:, 1], span[0], side="right"))
    stop = int(np.searchsorted(hours[:, 0], span[1]))
    last, following = _phase(hours, before, step), _phase(hours, after, step)
    # Clock changes move a UTC grid against the session, unless its step divides an hour.
    is_utc = last != following and (after - before) % step == 0
    due: list[Instants] = []
    for opens, closes in hours[first:stop].tolist():
        phase = (before - opens) % step if is_utc else last
        # The session of the bar after the hole has that bar's grid.
        phase = following if opens <= after < closes else phase
        due.append(np.arange(opens + phase, closes, step))
    return np.concatenate(due) if due else np.empty(0, np.int64)


def _phase(hours: Instants, at: int, step: int) -> int:
    """Return a bar's offset on its grid, counted from the exchange's last opening."""
    row = max(int(np.searchsorted(hours[:, 0], at, side="right")) - 1, 0)
    opens = int(hours[row, 0]) if len(hours) else 0
    return (at - opens) % step


def window_gaps(channel: Channel, calendar: str, start: int, end: int) -> list[Gap]:
    """Return the holes of bars inside a window, and those at its edges.

    Only bars due wholly inside ``[start, end]`` count. An edge farther away than the longest
    closure of a market is no hole: the instrument began later or ended earlier.
    """
    rows = np.flatnonzero((channel["opened_at"] >= start) & (channel["closed_at"] <= end))
    if len(rows) == 0:
        return []
    step, around = Timeframe(channel.key.timeframe).ns, range(int(rows[0]), int(rows[-1]) + 1)
    found = gaps(channel.take(slice(around.start, around.stop)), calendar)
    opened, closed = int(channel["opened_at"][rows[0]]), int(channel["closed_at"][rows[-1]])
    reach = max(step, DAY_NS if calendar == ALWAYS_OPEN else LONGEST_CLOSURE_NS)
    if 0 < opened - start <= reach:
        due = _due_at_edge(calendar, (start, opened), opened, step)
        found += [Gap(start, opened, due)] if due else []
    if 0 < end - closed <= reach:
        due = _due_at_edge(calendar, (closed, end), int(channel["opened_at"][rows[-1]]), step)
        found += [Gap(closed, end, due)] if due else []
    return sorted(found)


def _due_at_edge(calendar: str, span: tuple[int, int], beside: int, step: int) -> int:
    """Return the number of bars due wholly inside a stretch that a bar borders."""
    start, end = span
    if calendar == ALWAYS_OPEN or step > DAY_NS:
        return (end - start) // step
    hours = hours_between(calendar, start, end)
    if step == DAY_NS:
        opens, closes = session_bounds(calendar, sessions_around(calendar, start, end))
    else:
        opens = _on_grid(hours, span, (beside, beside), step)
        last = hours[np.searchsorted(hours[:, 0], opens, side="right") - 1, 1]
        closes = np.minimum(opens + step, last)
    return int(((opens >= start) & (closes <= end)).sum())


# Points -------------------------------------------------------------------------------------------


def to_the_minute(at: Instants) -> Instants:
    """Return instants rounded to a minute, because venues stamp settlements milliseconds late."""
    rounded: Instants = (at + MINUTE_NS // 2) // MINUTE_NS * MINUTE_NS
    return rounded


def steps_of(event_at: Instants) -> list[tuple[int, int]]:
    """Return the distances between points, rounded to a minute, with equal neighbours counted."""
    steps = np.diff(to_the_minute(event_at))
    steps = steps[steps > 0]
    if len(steps) == 0:
        return []
    first = np.flatnonzero(np.concatenate(([True], steps[1:] != steps[:-1])))
    counts = np.diff(np.append(first, len(steps)))
    return list(zip(steps[first].tolist(), counts.tolist(), strict=True))


def joined_steps(steps: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return steps after merging equal neighbours."""
    joined: list[tuple[int, int]] = []
    for step, count in steps:
        if joined and joined[-1][0] == step:
            joined[-1] = (step, joined[-1][1] + count)
        else:
            joined.append((step, count))
    return joined


def without_extra(steps: Steps) -> list[tuple[int, int]]:
    """Return steps without extra points: an unscheduled settlement is no change of interval.

    Two unequal steps that add up to an interval become that interval, if six steps of it are on one
    side or three on either side.
    """
    found = list(steps)
    for i in range(len(found) - 1, 0, -1):
        (one, first), (other, second) = found[i - 1], found[i]
        if first != 1 or second != 1 or one == other:
            continue
        whole = one + other
        sides = [
            found[j][1] if 0 <= j < len(found) and found[j][0] == whole else 0
            for j in (i - 2, i + 1)
        ]
        if min(sides) >= _SHOWN_STEPS or max(sides) >= 2 * _SHOWN_STEPS:
            found[i - 1 : i + 1] = [(whole, 1)]
    return joined_steps(found)


def point_holes(kind: ChannelKind, first_at: int, steps: Steps) -> list[PointHole]:
    """Return the holes between consecutive points.

    An interpretation gives each step an interval, and a hole where the step is several intervals.
    The cheapest interpretation counts: a hole costs 1, a change of interval 2.5. So at an end of
    the rows three steps of a longer interval are that interval, in the middle of shorter steps six;
    fewer are holes. A shorter step is always a shorter interval. At equal cost the interpretation
    with fewer missing rows counts.

    Funding settles every 1, 2, 4 or 8 hours, or at the most frequent step below 8 hours. A longer
    step is a hole at any frequency, except in half-daily or daily sums without a shorter step.
    Other points have the intervals that three equal steps in a row show, or the most frequent step.
    """
    steps = without_extra(steps)
    intervals = local_intervals(kind, steps)
    found: list[PointHole] = []
    at = first_at
    for i, (step, count) in enumerate(steps):
        before = intervals[i - 1] if i else intervals[i]
        after = intervals[i + 1] if i + 1 < len(intervals) else intervals[i]
        if round(step / intervals[i]) > 1:
            for n in range(count):
                around = (
                    before if n == 0 else intervals[i],
                    intervals[i],
                    after if n == count - 1 else intervals[i],
                )
                due = _due_between(at, at + step, around)
                if len(due):
                    found.append(PointHole(due, at + step))
                at += step
        else:
            at += step * count
    return found


def settlement_holes(event_at: Instants, start: int, end: int) -> list[PointHole]:
    """Return the missing settlements between records, and around them in ``[start, end)``.

    The first and the last interval continue to the edges. Without any record, settlements are due
    every 8 hours from midnight UTC.
    """
    if len(event_at) == 0:
        due = np.arange(-(-start // USUAL_FUNDING_NS) * USUAL_FUNDING_NS, end, USUAL_FUNDING_NS)
        return [PointHole(due, int(due[-1]) + USUAL_FUNDING_NS)] if len(due) else []
    event, steps = to_the_minute(event_at), without_extra(steps_of(event_at))
    usual = local_intervals(ChannelKind.FUNDING, steps) or [USUAL_FUNDING_NS]
    first, last = int(event[0]), int(event[-1])
    early = np.arange(first - usual[0], start - 1, -usual[0], dtype=np.int64)[::-1]
    late = np.arange(last + usual[-1], end, usual[-1], dtype=np.int64)
    found = [PointHole(early, first)] if len(early) else []
    found += point_holes(ChannelKind.FUNDING, first, steps)
    return found + ([PointHole(late, int(late[-1]) + usual[-1])] if len(late) else [])


def local_intervals(kind: ChannelKind, steps: Steps) -> list[int]:
    """Return the interval in force at each step, see :func:`point_holes`."""
    candidates = _candidates(kind, steps)
    if not candidates:
        return [step for step, _ in steps]
    cost = [0.0] * len(candidates)
    origin: list[list[int]] = []
    for step, count in steps:
        cheapest = min(range(len(cost)), key=cost.__getitem__)
        change = cost[cheapest] + (_CHANGE_COST if origin else 0.0)
        stays = [known <= change for known in cost]
        origin.append([c if stays[c] else cheapest for c in range(len(cost))])
        cost = [
            min(known, change) + count * _step_cost(step, interval)
            for known, interval in zip(cost, candidates, strict=True)
        ]
    chosen = [min(range(len(cost)), key=cost.__getitem__)] if steps else []
    for before in reversed(origin[1:]):
        chosen.append(before[chosen[-1]])
    return [candidates[c] for c in reversed(chosen)]


def _candidates(kind: ChannelKind, steps: Steps) -> list[int]:
    """Return the possible intervals of the steps, the longest first."""
    counts: dict[int, int] = {}
    for step, count in steps:
        counts[step] = counts.get(step, 0) + count
    usual = max(counts, key=lambda step: (counts[step], -step)) if counts else 0
    if kind is ChannelKind.FUNDING:
        found = set(FUNDING_INTERVALS_NS)
        if 0 < usual < USUAL_FUNDING_NS or (usual in _FUNDING_SUMS_NS and usual == min(counts)):
            found.add(usual)
        return sorted(found, reverse=True)
    if len(steps) > sum(counts.values()) / 2 > _STEPS_AROUND:
        # Irregular events have no interval.
        return []
    shown = {step for step, count in steps if count >= _SHOWN_STEPS}
    return sorted({*shown, usual} - {0}, reverse=True)


def _step_cost(step: int, interval: int) -> float:
    """Return the cost of assigning an interval to a step; infinite for a step too short."""
    times = round(step / interval)
    if times < 1:
        return float("inf")
    fits = abs(step - times * interval) <= MINUTE_NS
    hole = 1 + _ROW_COST * (times - 1) if times > 1 else 0.0
    return hole + (0.0 if fits else _MISFIT_COST)


def _due_between(start: int, end: int, around: tuple[int, int, int]) -> Instants:
    """Return the instants of points due between two existing points.

    ``around`` are the intervals before, at and after the step. If the interval changes within the
    step, it changes at a settlement of the longer interval: at the last possible one on a change to
    a shorter interval, at the first one on a change to a longer interval. So a row counts as
    missing only if it was certainly due.
    """
    before, own, after = around
    longer, shorter = max(around), min(around)
    if longer == shorter:
        times = round((end - start) / own)
        return start + own * np.arange(1, times, dtype=np.int64)
    if before > min(own, after):
        change = start + (end - start) // longer * longer
        early, late = longer, shorter
    else:
        change = end - (end - start) // longer * longer
        early, late = shorter, longer
    due = np.concatenate(
        (np.arange(start, change, early), np.arange(change, end, late, dtype=np.int64))
    )
    # Late stamps must not make a row due a minute before the next one.
    inside: Instants = due[(due > start) & (due < end - MINUTE_NS)]
    return inside


def _series_gaps(event_at: Instants) -> list[Gap]:
    """Return steps of at least ten usual steps; the usual step is the median of its neighbours."""
    facts = np.unique(event_at)
    steps = np.diff(facts)
    if len(steps) == 0:
        return []
    half = _STEPS_AROUND // 2
    # Beyond both ends lie steps that sort last, and the windows there have fewer rows.
    padded = np.pad(steps, half, constant_values=np.iinfo(np.int64).max)
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    at = np.arange(len(steps))
    rows = np.minimum(at, half) + np.minimum(at[::-1], half) + 1
    # Of two middle steps the shorter counts: a hole must not hide itself among few rows.
    usual = windows[at, (rows - 1) // 2]
    missing = steps // np.maximum(usual, 1) - 1
    return [
        Gap(int(facts[i] + usual[i]), int(facts[i + 1]), int(missing[i]))
        for i in np.flatnonzero(missing + 1 >= _SERIES_HOLE_STEPS)
    ]


def zero_volume_runs(channel: Channel) -> list[Gap]:
    """Return runs of bars without volume: outages, or values filled by the publisher."""
    if channel.key.kind is not ChannelKind.BARS:
        return []
    idle = np.concatenate(([False], channel["volume"] == 0, [False]))
    edges = np.flatnonzero(idle[1:] != idle[:-1])
    opened, closed = channel["opened_at"], channel["closed_at"]
    return [
        Gap(int(opened[a]), int(closed[b - 1]), int(b - a))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]
