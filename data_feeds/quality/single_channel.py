"""Defects visible in one channel: holes, idle bars, missing settlements, spikes, jumps."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from data_feeds.align import Values
from data_feeds.calendar import ALWAYS_OPEN, in_session
from data_feeds.clock import DAY_NS, WEEK_NS, Instants
from data_feeds.errors import SchemaError
from data_feeds.gate.cross_checks import ask_adjusted
from data_feeds.gate.unit_check import ask_unit
from data_feeds.holes import gaps, settlement_holes, zero_volume_runs
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.quality.quality_finding import (
    DEFAULT_LIMITS,
    ROWS_AROUND,
    FindingKind,
    Flags,
    Limits,
    QualityFinding,
    finding_at,
    runs,
)
from data_feeds.schema import Channel, ChannelKind
from data_feeds.splits import common_jumps
from data_feeds.timeframe import Timeframe
from data_feeds.trading_end import until_delisting

# A normal distribution's standard deviation over its median absolute deviation.
_SIGMA_PER_MAD = 1.4826


def hole_findings(channel: Channel, instrument: Instrument) -> list[QualityFinding]:
    """Return missing rows and, except for an index, bars without volume."""
    found = [
        QualityFinding(channel.key, FindingKind.GAP, gap.started_at, gap.ended_at, gap.missing)
        for gap in gaps(channel, instrument.calendar)
    ]
    if instrument.kind is InstrumentKind.INDEX:
        return found
    return found + [
        QualityFinding(
            channel.key, FindingKind.ZERO_VOLUME, run.started_at, run.ended_at, run.missing
        )
        for run in zero_volume_runs(channel)
    ]


def session_findings(bars: Channel, instrument: Instrument) -> list[QualityFinding]:
    """Return one finding for all bars outside the exchange's sessions; none for daily bars."""
    if instrument.calendar == ALWAYS_OPEN or Timeframe(bars.key.timeframe).ns >= DAY_NS:
        return []
    outside = ~in_session(instrument.calendar, bars["opened_at"], bars["closed_at"])
    rows = np.flatnonzero(outside)
    if len(rows) == 0:
        return []
    started, ended = int(bars["opened_at"][rows[0]]), int(bars["closed_at"][rows[-1]])
    return [QualityFinding(bars.key, FindingKind.OUTSIDE_SESSION, started, ended, len(rows))]


def delisting_findings(channel: Channel, instrument: Instrument) -> list[QualityFinding]:
    """Return one finding for all bars or marks after the last day of a delisted instrument."""
    later = channel.take(slice(len(until_delisting(channel, instrument)), len(channel)))
    if len(later) == 0:
        return []
    started, ended = int(later["opened_at"][0]), int(later["closed_at"][-1])
    return [QualityFinding(channel.key, FindingKind.AFTER_DELISTING, started, ended, len(later))]


def funding_findings(funding: Channel, bars: Sequence[Channel]) -> list[QualityFinding]:
    """Return missing settlements between records, and beyond them as far as bars reach.

    The interval is the one in force around the hole, see ``data_feeds.holes``. A single settlement
    counts as 8-hourly; without any, settlements are due every 8 hours from 00:00 UTC. A missing
    settlement during bars is ``missing_funding``: a position held then paid nothing. A missing
    settlement without bars is a ``gap``. Without any bars all are ``missing_funding``.
    """
    held = [channel for channel in bars if len(channel)]
    found = []
    for slots, ended_at in _missing_slots(funding, held):
        covered = _is_covered(slots, held)
        ends = np.append(slots[1:], ended_at)
        for first, stop in runs(np.ones(len(slots), dtype=np.bool_), covered[1:] != covered[:-1]):
            kind = FindingKind.MISSING_FUNDING if covered[first] else FindingKind.GAP
            ended = int(ends[stop - 1])
            found.append(QualityFinding(funding.key, kind, int(slots[first]), ended, stop - first))
    return found


def _missing_slots(funding: Channel, bars: Sequence[Channel]) -> Iterator[tuple[Instants, int]]:
    """Yield the missing settlements of each hole, edges included, and the hole's end."""
    event = funding["event_at"]
    if bars:
        start = min(int(channel["opened_at"][0]) for channel in bars)
        end = max(int(channel["closed_at"][-1]) for channel in bars)
        holes = settlement_holes(event, start, end)
    else:
        holes = settlement_holes(event, int(event[0]), int(event[-1])) if len(event) else []
    for hole in holes:
        yield hole.due_at, hole.ended_at


def _is_covered(at: Instants, bars: Sequence[Channel]) -> Flags:
    """Return a flag per instant: a bar is open then; all true without bars."""
    covered = np.full(len(at), not bars)
    for channel in bars:
        row = np.searchsorted(channel["opened_at"], at, side="right") - 1
        covered |= (row >= 0) & (channel["closed_at"][row] > at)
    return covered


def jump_findings(bars: Channel) -> list[QualityFinding]:
    """Return lasting price moves by a common split ratio without a recorded split."""
    return [
        QualityFinding(
            bars.key, FindingKind.JUMP, jump.started_at, jump.ended_at, 2, 1 / jump.ratio - 1
        )
        for jump in common_jumps(bars)
    ]


def unit_findings(channel: Channel, bars: Sequence[Channel]) -> list[QualityFinding]:
    """Return a finding if a channel's numbers look like another unit, by the gate's rules.

    Rates are checked alone, dividends with the longest bars. An import admits both after the user's
    confirmation, so stored rows may look so.
    """
    try:
        ask_unit(channel, "")
        if channel.key.kind is ChannelKind.DIVIDENDS and bars:
            ask_adjusted(max(bars, key=lambda rows: Timeframe(rows.key.timeframe)), channel)
    except SchemaError:
        first, last = int(channel["event_at"][0]), int(channel["event_at"][-1])
        return [QualityFinding(channel.key, FindingKind.DOUBTFUL_UNIT, first, last, len(channel))]
    return []


def spike_findings(
    bars: Channel, limits: Limits = DEFAULT_LIMITS, others: Iterable[Channel] = ()
) -> list[QualityFinding]:
    """Return single bars with a high or low far beyond the closes before and after.

    Far means beyond both limits. The robust standard deviation of a bar's return is 1.4826 times
    the median absolute log return of the surrounding week, or of 21 bars if that is longer.
    ``others`` are bars or marks of second sources with the same length. A move that one of them
    also shows, in its bars at the same three instants, is no finding. ``others`` are read only when
    a bar is far off. A bar that is off on both sides gives one finding, for the larger side.
    """
    if len(bars) < 3:
        return []
    up, down = _reaches(bars)
    change = np.abs(np.diff(np.log(bars["close"])))
    opened = bars["opened_at"]
    half = max(WEEK_NS, ROWS_AROUND * Timeframe(bars.key.timeframe).ns) // 2
    found = []
    for i in np.flatnonzero((up > limits.spike_rate) | (down < -limits.spike_rate)):
        row = int(i) + 1
        first, stop = np.searchsorted(opened, (opened[row] - half, opened[row] + half))
        sigma = _SIGMA_PER_MAD * float(np.median(change[max(first - 1, 0) : stop]))
        three = opened[row - 1 : row + 2]
        alone = [
            move
            for move in (max(float(up[i]), 0.0), min(float(down[i]), 0.0))
            if abs(move) > limits.spike_rate
            and abs(np.log1p(move)) > limits.spike_sigmas * sigma
            and not any(_shows(other, three, move, limits.confirmed_share) for other in others)
        ]
        if alone:
            worst = max(alone, key=abs)
            found.append(finding_at(bars, FindingKind.SPIKE, slice(row, row + 1), worst))
    return found


def _reaches(bars: Channel) -> tuple[Values, Values]:
    """Return how far highs and lows exceed both neighbouring closes; no first and last bar."""
    close = bars["close"]
    top, bottom = np.maximum(close[:-2], close[2:]), np.minimum(close[:-2], close[2:])
    return bars["high"][1:-1] / top - 1, bars["low"][1:-1] / bottom - 1


def _shows(other: Channel, three: Instants, move: float, share: float) -> bool:
    """Return whether another source has the three bars and enough of the middle bar's move."""
    rows = np.searchsorted(other["opened_at"], three)
    if rows[-1] == len(other) or (other["opened_at"][rows] != three).any():
        return False
    up, down = _reaches(other.take(rows))
    theirs = float(up[0] if move > 0 else down[0])
    return bool(np.log1p(theirs) / np.log1p(move) >= share)
