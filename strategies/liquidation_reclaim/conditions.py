"""Every statement that the rules make about a bar, in the order in which they are asked."""

from dataclasses import dataclass

import numpy as np

from engine.api import Channel, Condition, condition, signals
from strategies.liquidation_reclaim.frame import Flags, Floats, Frame

FRACTION = "fraction"
QUOTE = "quote"
TIMES = "x"
ATR = "ATR"


def level_conditions(frame: Frame) -> list[Condition]:
    """Return what this bar alone did to the level in force: broke it, flushed it."""
    sequence, params = frame.sequence, frame.params
    extreme = frame.bars["low"] if params.side > 0 else frame.bars["high"]
    has_support = np.isfinite(sequence.support)
    has_depth, has_volume = np.isfinite(sequence.depth_atr), np.isfinite(frame.volume_multiple)
    with np.errstate(invalid="ignore"):
        broke = params.side * (sequence.support - extreme) > 0
        deep = sequence.depth_atr >= params.flush_atr
        busy = frame.volume_multiple >= params.volume_multiple
    return [
        condition(
            "level_broken",
            broke,
            known=has_support,
            measured=extreme,
            threshold=sequence.support,
            unit=QUOTE,
            description="this bar traded beyond the lookback's extreme",
            required=False,
        ),
        condition(
            "flush_range",
            deep,
            known=has_depth,
            measured=sequence.depth_atr,
            threshold=params.flush_atr,
            unit=ATR,
            description="this bar traded far beyond the lookback's extreme",
            required=False,
        ),
        condition(
            "volume_multiple",
            busy,
            known=has_volume,
            measured=frame.volume_multiple,
            threshold=params.volume_multiple,
            unit=TIMES,
            description="this bar's volume is a multiple of the mean before it",
            required=False,
        ),
        condition(
            "flush",
            sequence.is_flush,
            known=has_depth & has_volume,
            measured=sequence.depth_atr,
            threshold=params.flush_atr,
            unit=ATR,
            description="this bar is a flush: deep and busy at once",
            required=False,
        ),
    ]


def first_flush_conditions(frame: Frame) -> list[Condition]:
    """Return depth and volume of the running sequence's first flush, or of this bar if none."""
    depth = frame.sequence.depth_atr[frame.origin]
    multiple = frame.volume_multiple[frame.origin]
    params = frame.params
    with np.errstate(invalid="ignore"):
        deep, busy = depth >= params.flush_atr, multiple >= params.volume_multiple
    return [
        condition(
            "first_flush_range",
            deep,
            known=np.isfinite(depth),
            measured=depth,
            threshold=params.flush_atr,
            unit=ATR,
            description="the first flush traded far below support",
        ),
        condition(
            "first_flush_volume",
            busy,
            known=np.isfinite(multiple),
            measured=multiple,
            threshold=params.volume_multiple,
            unit=TIMES,
            description="the first flush came with a multiple of the usual volume",
        ),
    ]


def sequence_conditions(frame: Frame) -> list[Condition]:
    """Return bounce, second flush and reclaim; measured only while they are waited for or met."""
    sequence, params, bars = frame.sequence, frame.params, frame.bars
    state = sequence.state
    high, low = (bars["high"], bars["low"]) if params.side > 0 else (bars["low"], bars["high"])
    bounced = np.isfinite(sequence.bounce_high)
    flushed = np.isfinite(sequence.second_flush_low)
    # The first flush's own bar is too early to measure a bounce, the bounce's a second flush.
    waiting = state == signals.FlushState.FIRST_FLUSH
    retesting = state == signals.FlushState.BOUNCE
    asked = (state == signals.FlushState.SECOND_FLUSH) | sequence.is_reclaim
    return [
        _stage(
            "bounce",
            bounced,
            measured=np.where(waiting, high, sequence.bounce_high),
            threshold=sequence.bounce_level,
            description="price bounced off the first flush's low",
        ),
        _stage(
            "second_flush",
            flushed,
            measured=np.where(retesting, low, sequence.second_flush_low),
            threshold=sequence.second_flush_level,
            description="price came back to the first flush's low",
            required=params.entry_after == "second_flush",
        ),
        _stage(
            "reclaim",
            sequence.is_reclaim,
            measured=np.where(asked, bars["close"], np.nan),
            threshold=sequence.reclaim_level,
            description="this close is the first back beyond the reclaim level",
        ),
    ]


def _stage(
    name: str,
    holds: Flags,
    *,
    measured: Floats,
    threshold: Floats,
    description: str,
    required: bool = True,
) -> Condition:
    judged = np.isfinite(measured) & np.isfinite(threshold)
    return condition(
        name,
        holds,
        known=np.ones(len(holds), dtype=np.bool_),
        measured=np.where(judged, measured, np.nan),
        threshold=np.where(judged, threshold, np.nan),
        unit=QUOTE,
        description=description,
        required=required,
    )


@dataclass(frozen=True)
class _Reading:
    """Values at each row and whether they are known and fresh."""

    values: Floats
    known: Flags


def evidence_conditions(frame: Frame) -> list[Condition]:
    """Return the signs of a liquidation-driven move, as known at each bar; absent data: unknown."""
    params, side = frame.params, frame.params.side
    prints, interest, funding = _prints(frame), _interest_change(frame), _funding(frame)
    with np.errstate(invalid="ignore"):
        printed = prints.values >= params.liquidation_multiple
        dropped = interest.values <= -params.open_interest_drop
        paid = side * funding.values < params.funding_below
    found = [
        condition(
            "liquidation_prints",
            printed,
            known=prints.known,
            measured=prints.values,
            threshold=params.liquidation_multiple,
            unit=TIMES,
            description="forced closes are a multiple of their mean before",
            required=False,
        ),
        condition(
            "open_interest_drop",
            dropped,
            known=interest.known,
            measured=interest.values,
            threshold=-params.open_interest_drop,
            unit=FRACTION,
            description="open interest in base units fell",
            required=False,
        ),
        condition(
            "negative_funding" if side > 0 else "positive_funding",
            paid,
            known=funding.known,
            measured=funding.values,
            threshold=side * params.funding_below,
            unit=FRACTION,
            description="the last settled funding rate shows the crowd on the side of the move",
            required=False,
        ),
    ]
    for name, key in (("mark", frame.channels.mark), ("spot", frame.channels.spot)):
        gap = _premium(frame, frame.channel(key))
        with np.errstate(invalid="ignore"):
            cheap = side * gap.values <= -params.discount
        found.append(
            condition(
                f"discount_to_{name}" if side > 0 else f"premium_to_{name}",
                cheap,
                known=gap.known,
                measured=gap.values,
                threshold=-side * params.discount,
                unit=FRACTION,
                description=f"the last price runs ahead of the {name} in the move's direction",
                required=False,
            )
        )
    return found


def liquidation_driven(frame: Frame, evidence: list[Condition]) -> Condition:
    """Return whether enough signs showed since the first flush, of those the data could show."""
    params = frame.params
    count = signals.count_evidence(evidence, frame.origin)
    needed = np.minimum(params.min_evidence, count.known)
    nothing_known = (count.known == 0) & (params.min_evidence > 0)
    holds = np.where(nothing_known, params.evidence_unknown == "pass", count.held >= needed)
    return condition(
        "liquidation_driven",
        holds,
        known=np.ones(len(holds), dtype=np.bool_),
        measured=count.held.astype(np.float64),
        threshold=needed.astype(np.float64),
        unit="signs",
        description="enough signs of forced selling showed since the first flush",
    )


def _unknown(frame: Frame) -> _Reading:
    rows = len(frame.bars)
    return _Reading(np.full(rows, np.nan), np.zeros(rows, dtype=np.bool_))


def _prints(frame: Frame) -> _Reading:
    channel = frame.channel(frame.channels.liquidations)
    if channel is None:
        return _unknown(frame)
    params = frame.params
    window_ns = params.bars(params.volume_window) * params.clock.ns
    multiple = signals.liquidation_multiple(channel, params.side, window_ns)
    max_age = params.nanoseconds(params.liquidation_max_age)
    found = signals.derived_as_of(channel, multiple, frame.decided_at, max_age)
    return _Reading(found.values, found.is_fresh)


def _interest_change(frame: Frame) -> _Reading:
    """Fall of open interest over its window, in bars of the clock."""
    bars = frame.params.bars(frame.params.open_interest_window)
    change = frame.open_interest / signals.previous(frame.open_interest, bars) - 1
    return _Reading(change, np.isfinite(change))


def _funding(frame: Frame) -> _Reading:
    channel = frame.channel(frame.channels.funding)
    if channel is None:
        return _unknown(frame)
    max_age = frame.params.nanoseconds(frame.params.funding_max_age)
    found = signals.derived_as_of(channel, channel["rate"], frame.decided_at, max_age)
    return _Reading(found.values, found.is_fresh)


def _premium(frame: Frame, reference: Channel | None) -> _Reading:
    if reference is None:
        return _unknown(frame)
    gap = signals.premium(frame.bars, reference)
    max_age = frame.params.nanoseconds(frame.params.discount_max_age)
    found = signals.derived_as_of(reference, gap, frame.decided_at, max_age)
    return _Reading(found.values, found.is_fresh)
