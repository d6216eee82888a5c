"""Conditions that can stop or shrink a trade once the sequence is complete."""

import numpy as np

from engine.api import (
    ChannelKey,
    Condition,
    Timeframe,
    Truth,
    condition,
    read_only,
    reason,
    signals,
)
from strategies.liquidation_reclaim.entry_conditions import FRACTION, QUOTE, TIMES, always
from strategies.liquidation_reclaim.frame import Flags, Floats, Frame, Rows

AGAINST_TREND_SIZE = 0.5


def open_interest_conditions(frame: Frame) -> list[Condition]:
    """Return the condition that open interest fell from before the first flush, and its gate."""
    params = frame.params
    change = frame.interest_since(frame.reference)
    # An observation from before the flush cannot show a reset.
    newer = frame.open_interest_row > frame.open_interest_row[frame.reference]
    known = frame.active & newer & np.isfinite(change)
    with np.errstate(invalid="ignore"):
        holds = change <= -params.open_interest_reset
    reset = condition(
        "open_interest_reset",
        holds,
        known=known,
        measured=change,
        threshold=-params.open_interest_reset,
        unit=FRACTION,
        description="open interest in base units fell since before the first flush",
        required=False,
        inputs=(str(frame.channels.open_interest),),
        age_ns=frame.open_interest_age,
    )
    return [reset, _gate(reset, "open_interest_gate", params.open_interest_unknown == "pass")]


def trend_conditions(frame: Frame) -> list[Condition]:
    """Return the condition that the trade follows the dominant trend, and the gate on it.

    An unknown trend counts as opposite to the trade.
    """
    params = frame.params
    found = signals.trend(
        frame.bars, Timeframe(params.trend_timeframe), params.trend_bars, frame.decided_at
    )
    rows = np.arange(len(frame.bars))
    if params.trend_read == "before_first_flush":
        rows = np.where(frame.active, frame.reference, rows)
    close, mean = read_only(found.close[rows]), read_only(found.mean[rows])
    known = found.known[rows]
    read = found.age_ns[rows]
    age_ns = np.where(read < 0, -1, read + frame.decided_at - frame.decided_at[rows])
    with np.errstate(invalid="ignore"):
        holds = params.side * (close - mean) > 0
    with_trend = condition(
        "with_trend",
        holds,
        known=known,
        measured=close,
        threshold=mean,
        unit=QUOTE,
        description=f"the trade goes with the trend of complete {params.trend_timeframe} bars",
        required=False,
        inputs=(str(frame.channels.clock),),
        age_ns=age_ns,
    )
    if params.against_trend != "refuse":
        return [with_trend]
    return [with_trend, _gate(with_trend, "trend_gate", False)]


def macro_conditions(frame: Frame) -> list[Condition]:
    """Return the conditions that dollar and yields press in the move's direction, and the gate."""
    params, channels = frame.params, frame.channels
    dollar = _pressing(frame, "dollar", channels.dollar, params.dollar_rise, relative=True)
    yields = _pressing(frame, "yields", channels.yields, params.yield_rise, relative=False)
    truth = signals.not_both(dollar.truth, yields.truth)
    if not params.macro_gate:
        return [dollar, yields]
    unknown_passes = params.macro_unknown == "pass"
    age_ns = _oldest(dollar, yields)
    gate = condition(
        "macro_gate",
        signals.resolve(truth, unknown_passes=unknown_passes),
        known=always(len(truth)),
        measured=signals.unknown_values(len(truth)),
        threshold=np.nan,
        unit="",
        description="dollar and yields do not both move against the trade; unknown "
        + ("passes" if unknown_passes else "blocks"),
        inputs=(*dollar.inputs, *yields.inputs),
        age_ns=age_ns,
        parts=(dollar, yields),
    )
    macro = Condition(
        "macro_calm",
        truth,
        gate.measured,
        gate.threshold,
        "",
        "dollar and yields do not both move against the trade",
        required=False,
        inputs=gate.inputs,
        age_ns=age_ns,
        parts=gate.parts,
    )
    return [dollar, yields, macro, gate]


def thin_conditions(frame: Frame) -> list[Condition]:
    """Return the condition that the next open lies in a thin window, and the gate on it."""
    params = frame.params
    first, last = params.thin_hours
    thin = signals.thin_window(
        frame.decided_at, weekend=params.thin_weekend, first_hour=first, last_hour=last
    )
    found = [
        _flag("thin_window", thin, "weekend or late US day: expect thin books", required=False)
    ]
    if params.thin_action == "refuse":
        found.append(_flag("thin_gate", ~thin, "not in a thin window", required=True))
    return found


def volatility_condition(frame: Frame) -> Condition:
    """Return the condition that realized volatility is a multiple of its earlier level."""
    params = frame.params
    window, baseline = params.bars(params.spike_window), params.bars(params.spike_baseline)
    close, per_year = frame.bars["close"], params.clock.bars_per_year
    now, longer = signals.realized_volatilities(close, (window, baseline), per_year)
    ratio, before = np.full(len(close), np.nan), longer[: max(len(close) - window, 0)]
    np.divide(now[window:], before, out=ratio[window:], where=before > 0)
    read_only(ratio)
    with np.errstate(invalid="ignore"):
        spike = ratio >= params.spike_multiple
    return condition(
        "volatility_spike",
        spike,
        known=np.isfinite(ratio),
        measured=ratio,
        threshold=params.spike_multiple,
        unit=TIMES,
        description="realized volatility spiked: new sizes are smaller",
        required=False,
    )


def false_recovery(frame: Frame) -> Condition:
    """Return the condition that price moved on while open interest fell since the reclaim."""
    params, sequence = frame.params, frame.sequence
    rows = np.arange(len(frame.bars))
    after = (sequence.state == signals.FlushState.RECLAIMED) & ~sequence.is_reclaim
    reclaim = np.where(after, sequence.reclaim_row, rows)
    change = frame.interest_since(reclaim)
    newer = frame.open_interest_row > frame.open_interest_row[reclaim]
    close = frame.bars["close"]
    known = after & newer & np.isfinite(change)
    with np.errstate(invalid="ignore"):
        fell = change <= -params.false_recovery_drop
    still = known & fell & ~(params.side * (close - close[reclaim]) > 0)
    return condition(
        "false_recovery",
        fell & ~still,
        known=known,
        measured=np.where(still, np.nan, change) if known.any() else change,
        threshold=-params.false_recovery_drop,
        unit=FRACTION,
        description="after the reclaim, price moved further while open interest fell",
        required=False,
        inputs=(str(frame.channels.open_interest),),
        age_ns=frame.open_interest_age,
        reasons=(reason("price did not move on since the reclaim", still),),
    )


def _pressing(
    frame: Frame, name: str, key: ChannelKey, threshold: float, *, relative: bool
) -> Condition:
    """Return the condition that a series rose (for shorts: fell) over the macro window."""
    params = frame.params
    channel = frame.channel(key)
    change = (
        signals.unknown_change(len(frame.bars))
        if channel is None
        else signals.series_change(
            channel,
            frame.decided_at,
            params.nanoseconds(params.macro_days),
            params.nanoseconds(params.macro_max_age),
            relative=relative,
        )
    )
    verb = "rising" if params.side > 0 else "falling"
    with np.errstate(invalid="ignore"):
        pressing = params.side * change.value > threshold
    return condition(
        f"{name}_{verb}",
        pressing,
        known=change.known,
        measured=change.value,
        threshold=params.side * threshold,
        unit=FRACTION if relative else "points",
        description=f"{key.instrument} is {verb} over {params.macro_days}",
        required=False,
        inputs=(str(key),),
        age_ns=change.age_ns,
    )


def _gate(raw: Condition, name: str, unknown_passes: bool) -> Condition:
    """Return the required condition of a gate, with unknown resolved by the parameters."""
    return condition(
        name,
        signals.resolve(raw.truth, unknown_passes=unknown_passes),
        known=always(len(raw.truth)),
        measured=raw.measured,
        threshold=raw.threshold,
        unit=raw.unit,
        description=f"{raw.description}; unknown {'passes' if unknown_passes else 'blocks'}",
        inputs=raw.inputs,
        age_ns=raw.age_ns,
    )


def _oldest(first: Condition, second: Condition) -> Rows | None:
    """Return the larger of two ages at each row, -1 where an input is missing."""
    if first.age_ns is None or second.age_ns is None:
        return None
    either_missing = (first.age_ns < 0) | (second.age_ns < 0)
    return np.where(either_missing, -1, np.maximum(first.age_ns, second.age_ns))


def _flag(name: str, holds: Flags, description: str, *, required: bool) -> Condition:
    """Return a condition that is always known and compares nothing."""
    return condition(
        name,
        holds,
        known=always(len(holds)),
        measured=signals.unknown_values(len(holds)),
        threshold=np.nan,
        unit="",
        description=description,
        required=required,
    )


def size_multiplier(frame: Frame, with_trend: Condition, spike: Condition) -> Floats:
    """Return the factor on the size: smaller against the trend and in a volatility spike."""
    params = frame.params
    size = np.where(spike.truth == Truth.TRUE, params.spike_size, 1.0)
    if params.against_trend == "halve":
        size = size * np.where(with_trend.truth == Truth.TRUE, 1.0, AGAINST_TREND_SIZE)
    return np.asarray(size, dtype=np.float64)
