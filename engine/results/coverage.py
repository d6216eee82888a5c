"""The data that a run lacks inside the traded window, in sentences."""

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import MINUTE_NS, utc_text
from data_feeds.holes import settlement_holes, window_gaps
from data_feeds.instrument import InstrumentKind
from data_feeds.schema import Channel, ChannelKind
from data_feeds.trading_end import bars_due_until, ended_by
from engine.decision_terms import RefusalRule
from engine.results.finished import RunRecord
from engine.results.unpaid_funding import bound_sentence

SHOWN_HOLES = 3
# The effect of an absent channel on a playbook that asks for it.
ASKED_FOR = {
    ChannelKind.OPEN_INTEREST: "conditions on open interest are unknown",
    ChannelKind.LIQUIDATIONS: "conditions on liquidation prints are unknown",
}
Hole = tuple[int, int]


def lacking(record: RunRecord) -> list[str]:
    """Return sentences on late and delisted instruments and on missing data of traded perps.

    The playbook's own remarks come first. Missing funding is always reported, because funding
    moves cash; other kinds only if the playbook asks for them.
    """
    run = record.run
    sentences = [*run.signals.remarks, *_late(record), *_delisted(record)]
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
    """Return the parts of the window in which settlements are missing, ns UTC.

    A part begins with its first missing settlement, or at ``start`` without an earlier record, and
    ends at the next record, or at ``end``. ``data_feeds.holes`` defines the intervals.
    """
    found = []
    for hole in settlement_holes(event_at, start, end):
        # No settlement is due at the start itself: no position is held yet.
        due = hole.due_at[(hole.due_at > start) & (hole.due_at < end)]
        if len(due):
            is_first = len(event_at) == 0 or hole.ended_at <= event_at[0] + MINUTE_NS
            reaches_back = is_first or int(hole.due_at[0]) <= start
            found.append((start if reaches_back else int(due[0]), min(hole.ended_at, end)))
    return found


def _late(record: RunRecord) -> list[str]:
    """Return a sentence for each weight that begins late: its time in cash, its requests."""
    run, sentences = record.run, []
    for key in sorted(run.requirements.late):
        bars = run.dataset.channels.get(key)
        if bars is None or (len(bars) and bars["opened_at"][0] <= record.start):
            continue
        refused = sum(
            d.instrument == key.instrument and d.blocked_by == RefusalRule.NOT_BEGUN
            for d in run.outcome.decisions
        )
        wallet = run.dataset.instruments[key.instrument].wallet
        times = "once" if refused == 1 else f"{refused} times"
        begins = "begins after the window: its"
        if len(bars):
            begins = f"begins on {utc_text(int(bars['opened_at'][0]))}: before that its"
        sentences.append(
            f"{key.instrument} {begins} weight stayed in cash of the {wallet} wallet "
            f"({times} asked for)."
        )
    return sentences


def _delisted(record: RunRecord) -> list[str]:
    """Return a sentence for each instrument that is delisted inside the window."""
    run, sentences = record.run, []
    clock, held = run.requirements.clock.instrument, run.config.report.held
    for name in sorted({*run.requirements.traded, *held, clock}):
        item = run.dataset.instruments.get(name)
        ended = None if item is None else item.delisted
        if item is None or ended is None or ended_by(item, record.end) is None:
            continue
        why = f" ({ended.reason})" if ended.reason else ""
        parts = [f"{name} was delisted after {ended.last_day}{why}"]
        if name in run.requirements.traded or name in held:
            price = "its last close"
            if ended.final_price is not None:
                price = f"{ended.final_price:g} {item.quote}"
            whose = "positions" if name in run.requirements.traded else "the benchmark's holdings"
            parts.append(f"{whose} were settled at {price} when its last bar closed")
        if name == clock:
            parts.append("the rules decided nothing after that, because it was their clock")
        sentences.append(f"{'; '.join(parts)}.")
    return sentences


def missing_bars(record: RunRecord) -> str:
    """Return a text with the number of missing bars of each traded instrument."""
    run, parts = record.run, []
    for name in run.requirements.traded:
        if name in record.options:
            continue
        bars, item = record.traded_bars[name], run.dataset.instruments[name]
        key = bars.key
        inside = (bars["opened_at"] >= record.start) & (bars["closed_at"] <= record.end)
        if key in run.requirements.late and len(bars) == 0:
            parts.append(f"{name} {key.timeframe} begins after the window")
            continue
        due_until = bars_due_until(item, bars, record.end)
        holes = window_gaps(bars, item.calendar, _begins(name, record), due_until)
        count, held = sum(gap.missing for gap in holes), int(inside.sum())
        words = {0: "no bar", 1: "1 bar"}.get(count, f"{count:,} bars")
        share = f" ({held:,} of {held + count:,} are there)" if count else ""
        parts.append(f"{words} of {name} {key.timeframe} missing in the window{share}")
    return "; ".join(parts)


def _begins(name: str, record: RunRecord) -> int:
    """Return the instant from which rows are due, ns: the first bar of a late instrument."""
    bars = record.traded_bars[name]
    # No row is due before the first bar of a late instrument.
    if bars.key not in record.run.requirements.late:
        return record.start
    return max(record.start, int(bars["opened_at"][0])) if len(bars) else record.end


def _funding(name: str, channel: Channel | None, record: RunRecord) -> list[str]:
    run = record.run
    item = run.dataset.instruments[name]
    due_until = bars_due_until(item, record.traded_bars[name], record.end)
    if not channel:
        window = (_begins(name, record), due_until)
        bound = bound_sentence(item, run.dataset, run.outcome.fills, window)
        words = f"{name} has no funding in the data: no funding was paid or received."
        return [f"{words} {bound}".rstrip()]
    holes = funding_holes(channel["event_at"], _begins(name, record), due_until)
    sentences = [
        f"{name}: funding is missing from {utc_text(started)} to {utc_text(ended)}; none was paid "
        "there."
        for started, ended in holes[:SHOWN_HOLES]
    ]
    if len(holes) > SHOWN_HOLES:
        more = len(holes) - SHOWN_HOLES
        stretches = "1 more stretch" if more == 1 else f"{more} more stretches"
        sentences.append(f"{name}: funding is missing in {stretches} of the window.")
    return sentences
