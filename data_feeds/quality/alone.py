"""What one channel gives away: holes, idle bars, missing settlements, spikes nobody confirms."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from data_feeds.align import Instants, Values, gaps, zero_volume_runs
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.quality.finding import (
    DEFAULT_LIMITS,
    ROWS_AROUND,
    Finding,
    FindingKind,
    Flags,
    Limits,
    finding_at,
    runs,
)
from data_feeds.schema import Channel
from data_feeds.timeframe import DAY_NS, HOUR_NS, MINUTE_NS, Timeframe

# A normal distribution's standard deviation over its median absolute deviation.
_SIGMA_PER_MAD = 1.4826
# What most perps do, at 00:00, 08:00 and 16:00 UTC; taken where settlements do not say otherwise.
_DEFAULT_FUNDING_NS = 8 * HOUR_NS


def hole_findings(channel: Channel, instrument: Instrument) -> list[Finding]:
    """Return missing rows and, unless it is an index, bars without volume."""
    found = [
        Finding(channel.key, FindingKind.GAP, gap.started_at, gap.ended_at, gap.missing)
        for gap in gaps(channel, instrument.calendar)
    ]
    if instrument.kind is InstrumentKind.INDEX:
        return found
    return found + [
        Finding(channel.key, FindingKind.ZERO_VOLUME, run.started_at, run.ended_at, run.missing)
        for run in zero_volume_runs(channel)
    ]


def funding_findings(funding: Channel, bars: Sequence[Channel]) -> list[Finding]:
    """Return settlements that are missing between the others, and where bars reach beyond them.

    The interval is the median of the 21 steps around, because venues change it; of fewer than three
    settlements it is taken to be 8 hours, and without any the slots are those of 00:00 UTC. Slots
    under bars are ``missing_funding``: a position held there paid nothing. Slots where the
    instrument has no bars either are a ``gap``. Without any bars all count as ``missing_funding``.
    """
    held = [channel for channel in bars if len(channel)]
    found = []
    for slots, step in _missing_slots(funding["event_at"], held):
        covered = _is_covered(slots, held)
        for first, stop in runs(np.ones(len(slots), dtype=np.bool_), covered[1:] != covered[:-1]):
            kind = FindingKind.MISSING_FUNDING if covered[first] else FindingKind.GAP
            ended = int(slots[stop - 1]) + step
            found.append(Finding(funding.key, kind, int(slots[first]), ended, stop - first))
    return found


def _missing_slots(event: Instants, bars: Sequence[Channel]) -> Iterator[tuple[Instants, int]]:
    """Yield absent settlements of each hole with the interval there, the edges of the bars too."""
    start = min((int(channel["opened_at"][0]) for channel in bars), default=0)
    end = max((int(channel["closed_at"][-1]) for channel in bars), default=0)
    if len(event) == 0:
        step = _DEFAULT_FUNDING_NS
        yield np.arange(-(-start // step) * step, end, step), step
        return
    steps = np.diff(event)
    usual = _usual_steps(steps)
    first, last = (int(usual[i]) if len(usual) else _DEFAULT_FUNDING_NS for i in (0, -1))
    if bars:
        yield np.arange(event[0] - first, start - 1, -first)[::-1], first
    # Venues stamp a settlement some milliseconds late; half an interval is never jitter.
    missing = np.rint(steps / usual).astype(np.int64) - 1
    for i in np.flatnonzero(missing > 0):
        yield event[i] + usual[i] * np.arange(1, missing[i] + 1), int(usual[i])
    if bars:
        yield np.arange(event[-1] + last, end, last), last


def _usual_steps(steps: Instants) -> Instants:
    """Return the median of the steps around each one, rounded to a minute; at least a minute."""
    if len(steps) < 2:
        return np.full(len(steps), _DEFAULT_FUNDING_NS)
    half = ROWS_AROUND // 2
    # A hole at either end must not stand for the steps beyond that end.
    ends = (np.full(half, steps[:2].min()), np.full(half, steps[-2:].min()))
    padded = np.concatenate((ends[0], steps, ends[1]))
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, ROWS_AROUND), axis=1)
    rounded = np.rint(middle / MINUTE_NS).astype(np.int64) * MINUTE_NS
    usual: Instants = np.maximum(rounded, MINUTE_NS)
    return usual


def _is_covered(at: Instants, bars: Sequence[Channel]) -> Flags:
    """Return whether any bar is open at each instant; true everywhere without bars."""
    covered = np.full(len(at), not bars)
    for channel in bars:
        row = np.searchsorted(channel["opened_at"], at, side="right") - 1
        covered |= (row >= 0) & (channel["closed_at"][row] > at)
    return covered


def spike_findings(
    bars: Channel, limits: Limits = DEFAULT_LIMITS, others: Iterable[Channel] = ()
) -> list[Finding]:
    """Return single bars whose high or low lies far beyond the closes before and after.

    Far is beyond both limits; the robust standard deviation of a bar's return is 1.4826 times the
    median absolute log return of the surrounding week, or of 21 bars if that is longer. ``others``
    are bars or marks of second sources, equally long: a move that one of them shows too, in its
    bars of the same three instants, is the market's and no finding. They are iterated for each bar
    that is far off, not before. A bar with both sides off is one finding, of the larger side.
    """
    if len(bars) < 3:
        return []
    up, down = _reaches(bars)
    change = np.abs(np.diff(np.log(bars["close"])))
    opened = bars["opened_at"]
    half = max(7 * DAY_NS, ROWS_AROUND * Timeframe(bars.key.timeframe).ns) // 2
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
    """Return how far highs and lows lie beyond both closes beside them; no first and last bar."""
    close = bars["close"]
    top, bottom = np.maximum(close[:-2], close[2:]), np.minimum(close[:-2], close[2:])
    return bars["high"][1:-1] / top - 1, bars["low"][1:-1] / bottom - 1


def _shows(other: Channel, three: Instants, move: float, share: float) -> bool:
    """Return whether another source has the three bars and made enough of the middle one's move."""
    rows = np.searchsorted(other["opened_at"], three)
    if rows[-1] == len(other) or (other["opened_at"][rows] != three).any():
        return False
    up, down = _reaches(other.take(rows))
    theirs = float(up[0] if move > 0 else down[0])
    return bool(np.log1p(theirs) / np.log1p(move) >= share)
