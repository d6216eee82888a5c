"""The conditions of an entry, in the order in which they are checked."""

from collections.abc import Mapping

import numpy as np

from engine.api import (
    NOT_SO,
    Condition,
    Reason,
    Truth,
    condition,
    read_only,
    reason,
    signals,
)
from strategies.liquidation_reclaim.bar_readings import (
    BarReading,
    known_reading,
    plausible,
    unknown_reading,
)
from strategies.liquidation_reclaim.frame import Flags, Floats, Frame, Rows

FRACTION = "fraction"
QUOTE = "quote"
TIMES = "x"
ATR = "ATR"
RECLAIM = "reclaim"


def always(rows: int) -> Flags:
    """Return true for every row, read-only and without memory of its own."""
    return np.broadcast_to(np.True_, rows)


def _shown(
    name: str,
    holds: Flags,
    reading: BarReading,
    *,
    threshold: Floats | float,
    unit: str,
    description: str,
) -> Condition:
    """Return a condition that is shown and not required."""
    return condition(
        name,
        holds,
        known=reading.known,
        measured=reading.values,
        threshold=threshold,
        unit=unit,
        description=description,
        required=False,
        inputs=reading.inputs,
        age_ns=reading.age_ns,
    )


def level_conditions(frame: Frame) -> list[Condition]:
    """Return the conditions that this bar broke the level in force and flushed it."""
    sequence, params = frame.sequence, frame.params
    extreme = frame.bars["low"] if params.side > 0 else frame.bars["high"]
    depth, multiple = sequence.depth_atr, frame.volume_multiple
    deep = BarReading(depth, np.isfinite(depth))
    busy = BarReading(multiple, np.isfinite(multiple))
    with np.errstate(invalid="ignore"):
        broke = params.side * (sequence.support - extreme) > 0
        is_deep, is_busy = depth >= params.flush_atr, multiple >= params.volume_multiple
    flush_range = _shown(
        "flush_range",
        is_deep,
        deep,
        threshold=params.flush_atr,
        unit=ATR,
        description="this bar traded far beyond the lookback's extreme",
    )
    volume = _shown(
        "volume_multiple",
        is_busy,
        busy,
        threshold=params.volume_multiple,
        unit=TIMES,
        description="this bar's volume is a multiple of the mean before it",
    )
    return [
        _shown(
            "level_broken",
            broke,
            BarReading(extreme, np.isfinite(sequence.support)),
            threshold=sequence.support,
            unit=QUOTE,
            description="this bar traded beyond the lookback's extreme",
        ),
        flush_range,
        volume,
        _flush(flush_range, volume),
    ]


def _flush(deep: Condition, busy: Condition) -> Condition:
    # The parameters decide, since a run that leaves a stage out also starts without a flush.
    return condition(
        "flush",
        (deep.truth == Truth.TRUE) & (busy.truth == Truth.TRUE),
        known=(deep.truth != Truth.UNKNOWN) & (busy.truth != Truth.UNKNOWN),
        measured=signals.unknown_values(len(deep.truth)),
        threshold=np.nan,
        unit="",
        description="this bar is a flush: far beyond the extreme, with high volume",
        required=False,
        parts=(deep, busy),
    )


def first_flush_conditions(frame: Frame) -> list[Condition]:
    """Return the conditions on depth and volume of the running first flush, else of this bar."""
    depth = read_only(frame.sequence.depth_atr[frame.origin])
    multiple = read_only(frame.volume_multiple[frame.origin])
    params, inputs, age_ns = frame.params, (str(frame.channels.clock),), _age(frame, frame.origin)
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
            inputs=inputs,
            age_ns=age_ns,
            core=True,
        ),
        condition(
            "first_flush_volume",
            busy,
            known=np.isfinite(multiple),
            measured=multiple,
            threshold=params.volume_multiple,
            unit=TIMES,
            description="the first flush came with a multiple of the usual volume",
            inputs=inputs,
            age_ns=age_ns,
        ),
    ]


def sequence_conditions(frame: Frame) -> list[Condition]:
    """Return the conditions of bounce, second flush and reclaim, measured while expected or met.

    The age of a met stage is that of the bar that set its extreme; a reclaim is of this bar.
    """
    sequence, params, bars = frame.sequence, frame.params, frame.bars
    state = sequence.state
    high, low = (bars["high"], bars["low"]) if params.side > 0 else (bars["low"], bars["high"])
    bounced = np.isfinite(sequence.bounce_high)
    flushed = np.isfinite(sequence.second_flush_low)
    # A bounce is measured from the bar after the first flush, a second flush after the bounce.
    waiting = state == signals.FlushState.FIRST_FLUSH
    retesting = state == signals.FlushState.BOUNCE
    inputs = (str(frame.channels.clock),)
    fresh_low = waiting & (params.side * (high - sequence.bounce_level) >= 0)
    return [
        _stage(
            "bounce",
            bounced,
            measured=np.where(waiting & ~fresh_low, high, sequence.bounce_high),
            threshold=sequence.bounce_level,
            description="price bounced off the first flush's low",
            inputs=inputs,
            age_ns=_age(frame, _set_at(sequence.bounce_high)),
            reasons=(
                reason("this bar's low is new, and counts as later than its high", fresh_low),
            ),
        ),
        _stage(
            "second_flush",
            flushed,
            measured=np.where(retesting, low, sequence.second_flush_low),
            threshold=sequence.second_flush_level,
            description="price came back to the first flush's low",
            inputs=inputs,
            age_ns=_age(frame, _set_at(sequence.second_flush_low)),
            required=params.entry_after == "second_flush",
        ),
        _reclaim(frame),
    ]


def _reclaim(frame: Frame) -> Condition:
    """Return the condition that this close is the first one back beyond the level."""
    sequence, close, state = frame.sequence, frame.bars["close"], frame.sequence.state
    waits = state == signals.FlushState.SECOND_FLUSH
    beyond = waits & (frame.params.side * (close - sequence.reclaim_level) > 0)
    done = (state == signals.FlushState.RECLAIMED) & ~sequence.is_reclaim
    at = np.where(done, frame.decided_at[np.maximum(sequence.reclaim_row, 0)], np.int64(NOT_SO))
    return _stage(
        RECLAIM,
        sequence.is_reclaim,
        measured=np.where((waits & ~beyond) | sequence.is_reclaim, close, np.nan),
        threshold=sequence.reclaim_level,
        description="this close is the first back beyond the reclaim level",
        inputs=(str(frame.channels.clock),),
        age_ns=None,
        core=True,
        reasons=(
            reason("the second flush's own bar never lost the level, so it regains none", beyond),
            reason("waits for the bounce", state == signals.FlushState.FIRST_FLUSH),
            reason("waits for the second flush", state == signals.FlushState.BOUNCE),
            reason("no sequence is running", ~frame.active),
            Reason("reclaimed already", at),
        ),
    )


def _stage(
    name: str,
    holds: Flags,
    *,
    measured: Floats,
    threshold: Floats,
    description: str,
    inputs: tuple[str, ...],
    age_ns: Rows | None,
    required: bool = True,
    core: bool = False,
    reasons: tuple[Reason, ...] = (),
) -> Condition:
    judged = np.isfinite(measured) & np.isfinite(threshold)
    return condition(
        name,
        holds,
        known=always(len(holds)),
        measured=read_only(np.where(judged, measured, np.nan)),
        threshold=read_only(np.where(judged, threshold, np.nan)),
        unit=QUOTE,
        description=description,
        required=required,
        inputs=inputs,
        age_ns=age_ns,
        core=core,
        reasons=reasons,
    )


def _age(frame: Frame, rows: Rows) -> Rows:
    """Return the age of the closes of other rows' bars at each row, ns."""
    age_ns: Rows = frame.decided_at - frame.decided_at[rows]
    return age_ns


def _set_at(level: Floats) -> Rows:
    """Return the row whose bar set a running extreme, the row itself where there is none yet."""
    rows = np.arange(len(level), dtype=np.int64)
    moved = level != signals.previous(level)
    return np.where(np.isfinite(level), np.maximum.accumulate(np.where(moved, rows, 0)), rows)


def evidence_conditions(frame: Frame, bases: Mapping[str, BarReading]) -> list[Condition]:
    """Return the signs of a liquidation-driven move, as known at each bar; absent data: unknown.

    ``bases`` are those of :func:`perp_bases`.
    """
    return [_prints(frame), _interest_drop(frame), _crowd(frame), *_discounts(frame, bases)]


def liquidation_driven(frame: Frame, evidence: list[Condition]) -> Condition:
    """Return the condition that enough of the known signs have shown since the first flush."""
    params = frame.params
    count = signals.count_evidence(evidence, frame.origin)
    needed = np.minimum(params.min_evidence, count.known)
    nothing_known = (count.known == 0) & (params.min_evidence > 0)
    holds = np.where(nothing_known, params.evidence_unknown == "pass", count.held >= needed)
    return condition(
        "liquidation_driven",
        holds,
        known=always(len(holds)),
        measured=read_only(count.held.astype(np.float64)),
        threshold=read_only(needed.astype(np.float64)),
        unit="signs",
        description="enough signs of forced selling since the first flush",
        inputs=tuple(dict.fromkeys(text for item in evidence for text in item.inputs)),
        age_ns=_oldest_known(evidence),
        reasons=tuple(
            Reason(
                item.name,
                signals.last_seen(item.truth == Truth.TRUE, frame.origin, frame.decided_at),
            )
            for item in evidence
        ),
    )


def _oldest_known(evidence: list[Condition]) -> Rows:
    """Return the age of the oldest sign that is known at each row, ns, -1 where none is."""
    oldest = signals.unknown_ages(len(evidence[0].truth))
    for item in evidence:
        if item.age_ns is not None and (item.truth != Truth.UNKNOWN).any():
            age_ns = np.where(item.truth == Truth.UNKNOWN, -1, item.age_ns)
            oldest = np.maximum(oldest, age_ns, out=age_ns)
    return oldest


def _prints(frame: Frame) -> Condition:
    """Return the condition on forced closes of the flushed side."""
    params, channel = frame.params, frame.channel(frame.channels.liquidations)
    reading = unknown_reading(frame, frame.channels.liquidations)
    if channel is not None:
        window_ns = params.bars(params.volume_window) * params.clock.ns
        multiple = signals.liquidation_multiple(channel, params.side, window_ns)
        reading = known_reading(frame, channel, multiple, params.liquidation_max_age)
    with np.errstate(invalid="ignore"):
        printed = reading.values >= params.liquidation_multiple
    return _shown(
        "liquidation_prints",
        printed,
        reading,
        threshold=params.liquidation_multiple,
        unit=TIMES,
        description="forced closes are a multiple of their earlier mean",
    )


def _interest_drop(frame: Frame) -> Condition:
    """Return the condition on the fall of open interest over its window, in bars of the clock."""
    params = frame.params
    bars = params.bars(params.open_interest_window)
    change = frame.interest_since(np.arange(len(frame.bars), dtype=np.int64) - bars)
    with np.errstate(invalid="ignore"):
        dropped = change <= -params.open_interest_drop
    return _shown(
        "open_interest_drop",
        dropped,
        BarReading(
            change,
            np.isfinite(change),
            frame.open_interest_age,
            (str(frame.channels.open_interest),),
        ),
        threshold=-params.open_interest_drop,
        unit=FRACTION,
        description="open interest in base units fell",
    )


def _crowd(frame: Frame) -> Condition:
    """Return the condition that the side selling into the move pays funding (shorts: buying)."""
    params, channel = frame.params, frame.channel(frame.channels.funding)
    reading = unknown_reading(frame, frame.channels.funding)
    if channel is not None:
        reading = known_reading(frame, channel, channel["rate"], params.funding_max_age)
    with np.errstate(invalid="ignore"):
        paid = params.side * reading.values < params.funding_below
    return _shown(
        "negative_funding" if params.side > 0 else "positive_funding",
        paid,
        reading,
        threshold=params.side * params.funding_below,
        unit=FRACTION,
        description=f"{'shorts' if params.side > 0 else 'longs'} paid the last settled funding",
    )


def _discounts(frame: Frame, bases: Mapping[str, BarReading]) -> list[Condition]:
    """Return the conditions on the last price against mark and spot at the same instant."""
    params = frame.params
    found = []
    for name, basis in bases.items():
        gap = plausible(frame, basis)
        with np.errstate(invalid="ignore"):
            ahead = params.side * gap.values <= -params.discount
        found.append(
            _shown(
                f"discount_to_{name}" if params.side > 0 else f"premium_to_{name}",
                ahead,
                gap,
                threshold=-params.side * params.discount,
                unit=FRACTION,
                description=f"the last price is beyond the {name} in the direction of the move",
            )
        )
    return found
