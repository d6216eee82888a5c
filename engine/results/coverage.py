"""What the data of a run lack inside the traded window, in plain sentences."""

import numpy as np
from numpy.typing import NDArray

from data_feeds.align import gaps
from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.dataset import Dataset
from data_feeds.instrument import InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind, utc_text
from data_feeds.timeframe import HOUR_NS, Timeframe
from engine.events import NOT_BEGUN
from engine.results.records import FinishedRun, RunRecord

# What most venues use; taken where the records are too few to show a step of their own.
USUAL_FUNDING_STEP_NS = 8 * HOUR_NS
# Venues stamp a settlement some milliseconds late.
STAMP_TOLERANCE_NS = 60 * 10**9
SHOWN_HOLES = 3
# What an absent channel means to a playbook that asks for it.
ASKED_FOR = {
    ChannelKind.OPEN_INTEREST: "conditions on open interest are unknown",
    ChannelKind.LIQUIDATIONS: "conditions on liquidation prints are unknown",
}
Hole = tuple[int, int]


def lacking(record: RunRecord) -> list[str]:
    """Say what begins inside the window, what a traded perp lacks, and what follows.

    Funding moves cash, so it is always told; the other kinds only when the playbook asks for them.
    """
    run = record.run
    sentences = _late(record)
    asked = {(k.instrument, k.kind) for k in run.requirements.channels | run.requirements.optional}
    for name in run.requirements.traded:
        if run.dataset.instruments[name].kind is not InstrumentKind.PERP:
            continue
        held = {key.kind: c for key, c in run.dataset.channels.items() if key.instrument == name}
        sentences += _funding(name, held.get(ChannelKind.FUNDING), record)
        sentences += [
            f"{name} has no {kind.value.replace('_', ' ')} in the data: {consequence}."
            for kind, consequence in ASKED_FOR.items()
            if (name, kind) in asked and not held.get(kind)
        ]
    return sentences


def funding_holes(event_at: NDArray[np.int64], start: int, end: int) -> list[Hole]:
    """Return the parts of the window without funding records, ns UTC.

    Records are compared inside the window with their most frequent step there; a hole is longer
    than one step. It begins a step after the record before it, or at ``start``, and ends at the
    record after it, or at ``end``.
    """
    inside = event_at[(event_at >= start) & (event_at <= end)]
    step = _step(inside) or _step(event_at) or USUAL_FUNDING_STEP_NS
    edges = np.concatenate(([start], inside, [end]))
    long = np.flatnonzero(np.diff(edges) > step + STAMP_TOLERANCE_NS)
    # Nothing was due at the start itself, a step after a record something was.
    return [(int(edges[i]) + (step if i else 0), int(edges[i + 1])) for i in long]


def _late(record: RunRecord) -> list[str]:
    """Say of each weight that begins late how long it stayed in cash, and how often it was due."""
    run, sentences = record.run, []
    for key in sorted(run.requirements.late):
        bars = run.dataset.channels.get(key)
        if bars is None or len(bars) == 0 or bars["opened_at"][0] <= record.start:
            continue
        refused = sum(
            d.instrument == key.instrument and d.blocked_by == NOT_BEGUN
            for d in run.outcome.decisions
        )
        wallet = run.dataset.instruments[key.instrument].wallet
        times = "once" if refused == 1 else f"{refused} times"
        sentences.append(
            f"{key.instrument} begins on {utc_text(int(bars['opened_at'][0]))}: before that its "
            f"weight stayed in cash of the {wallet} wallet ({times} asked for)."
        )
    return sentences


def missing_bars(record: RunRecord) -> str:
    """Return how many bars of each traded instrument are missing inside the window."""
    run = record.run
    parts = []
    for name in run.requirements.traded:
        if name in record.options:
            continue
        key = _finest_bars(run.dataset, name)
        if key is not None:
            count = _missing(run, key, record.start, record.end)
            words = {0: "no bar", 1: "1 bar"}.get(count, f"{count:,} bars")
            parts.append(f"{words} of {name} {key.timeframe} missing in the window")
    return "; ".join(parts)


def _funding(name: str, channel: Channel | None, record: RunRecord) -> list[str]:
    if not channel:
        return [f"{name} has no funding in the data: no funding was paid or received."]
    holes = funding_holes(channel["event_at"], record.start, record.end)
    sentences = [
        f"{name}: funding is missing from {utc_text(started)} to {utc_text(ended)}; none was paid "
        "there."
        for started, ended in holes[:SHOWN_HOLES]
    ]
    if len(holes) > SHOWN_HOLES:
        more = len(holes) - SHOWN_HOLES
        sentences.append(f"{name}: funding is missing in {more} more stretches of the window.")
    return sentences


def _step(event_at: NDArray[np.int64]) -> int:
    """Return the most frequent distance of records to the minute, 0 for fewer than two."""
    if len(event_at) < 2:
        return 0
    minutes = np.rint(np.diff(event_at) / STAMP_TOLERANCE_NS).astype(np.int64)
    steps, counts = np.unique(minutes, return_counts=True)
    return int(steps[np.argmax(counts)]) * STAMP_TOLERANCE_NS


def _finest_bars(dataset: Dataset, instrument: str) -> ChannelKey | None:
    keys = [
        key
        for key, channel in dataset.channels.items()
        if key.instrument == instrument and key.kind is ChannelKind.BARS and len(channel)
    ]
    return min(keys, key=lambda key: Timeframe(key.timeframe), default=None)


def _missing(run: FinishedRun, key: ChannelKey, start: int, end: int) -> int:
    """Count missing bars: those of an exchange by its sessions, others by their timeframe."""
    channel = run.dataset.channels[key]
    calendar = run.dataset.instruments[key.instrument].calendar
    if calendar != ALWAYS_OPEN:
        overlapping = (
            g for g in gaps(channel, calendar) if g.started_at < end > start < g.ended_at
        )
        return sum(gap.missing for gap in overlapping)
    length = Timeframe(key.timeframe).ns
    if key in run.requirements.late:
        start = max(start, int(channel["opened_at"][0]))
    inside = (channel["opened_at"] >= start) & (channel["closed_at"] <= end)
    covered_to = np.concatenate(([start], channel["closed_at"][inside]))
    next_from = np.concatenate((channel["opened_at"][inside], [end]))
    return int(((next_from - covered_to) // length).sum())
