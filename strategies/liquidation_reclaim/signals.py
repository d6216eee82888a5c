"""The signals that ``prepare`` returns: values, conditions and masks of every decision row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.api import (
    Condition,
    Dataset,
    DrawnAs,
    DrawnValue,
    Signals,
    Truth,
    leave_out,
    signals,
)
from strategies.liquidation_reclaim import bar_readings, context_conditions, entry_conditions
from strategies.liquidation_reclaim.entry_conditions import RECLAIM
from strategies.liquidation_reclaim.frame import Flags, Floats, Frame, Rows, build_frame
from strategies.liquidation_reclaim.params import ReclaimParams
from strategies.liquidation_reclaim.plan import reclaim_plan, stop_level

_MINUTE_NS = 60 * 10**9
# The distance of a trailing stop, quote; prepared only where one is asked for.
TRAIL = "trail"
LEVELS = {
    "broken_support": "broken level",
    "first_flush_low": "extreme of the first flush",
    "bounce_high": "extreme of the bounce",
    "flush_low": "extreme of the sequence",
}
STAGES = DrawnValue(
    "state",
    "stages of the flush",
    DrawnAs.STAGES,
    stages={
        signals.FlushState.FIRST_FLUSH: "first flush",
        signals.FlushState.BOUNCE: "bounce",
        signals.FlushState.SECOND_FLUSH: "second flush",
        signals.FlushState.RECLAIMED: "reclaim",
    },
)


@dataclass(frozen=True)
class _Judged:
    """All conditions; those that decide size and exits also by name."""

    all: tuple[Condition, ...]
    with_trend: Condition
    spike: Condition
    false_recovery: Condition
    thin: Condition

    def entry(self, frame: Frame) -> Flags:
        """Return the rows at which every required condition holds in a running sequence.

        A reclaim implies a running sequence and is a single bar of it. A run that leaves the
        reclaim out therefore enters at the first such row of each sequence.
        """
        required = [item.truth == Truth.TRUE for item in self.all if item.required]
        state = frame.sequence.state
        runs = (state >= signals.FlushState.FIRST_FLUSH) & (state <= signals.FlushState.RECLAIMED)
        held: Flags = np.logical_and.reduce(required) & runs
        if any(item.name == RECLAIM and item.left_out for item in self.all):
            return _first_of_each(held, frame.origin)
        return held


def _first_of_each(flags: Flags, origin: Rows) -> Flags:
    """Return the first flagged row of each origin."""
    rows = np.flatnonzero(flags)
    _, places = np.unique(origin[rows], return_index=True)
    first = np.zeros(len(flags), dtype=np.bool_)
    first[rows[places]] = True
    return first


def prepare_signals(
    params: ReclaimParams, data: Dataset, ignored: frozenset[str] = frozenset()
) -> Signals:
    """Return the signals of a dataset; row *t* depends on rows known at *t*.

    Conditions in ``ignored`` count as true; the sequence does not wait for an ignored stage.
    """
    frame = build_frame(params, data, ignored)
    bases = bar_readings.perp_bases(frame)
    judged = _judge(frame, bases, ignored)
    entry = judged.entry(frame)
    sequence = frame.sequence
    leave = (judged.false_recovery.truth == Truth.TRUE) & params.false_recovery_exit
    level_broken = judged.all[0].truth == Truth.TRUE
    values = _values(frame, judged, entry)
    return Signals(
        decided_at=frame.decided_at,
        values=values,
        conditions=judged.all,
        wake_flat=entry,
        wake_in_position=leave,
        notable=level_broken | (sequence.state != signals.FlushState.IDLE),
        setup=_setup_names(frame),
        remarks=bar_readings.remarks(frame, bases),
        state_names=tuple(state.words for state in signals.FlushState),
        plan=reclaim_plan(params, values, entry, leave),
        drawn=_drawn(params),
    )


def _drawn(params: ReclaimParams) -> tuple[DrawnValue, ...]:
    """Return the levels of a sequence and its stages; one of the levels is that to reclaim."""
    levels = (
        DrawnValue(
            name,
            f"{title}, to reclaim" if name == params.reclaim_level else title,
            DrawnAs.LEVEL,
        )
        for name, title in LEVELS.items()
    )
    return (*levels, STAGES)


def _judge(
    frame: Frame, bases: Mapping[str, bar_readings.BarReading], ignored: frozenset[str]
) -> _Judged:
    evidence = entry_conditions.evidence_conditions(frame, bases)
    trend = context_conditions.trend_conditions(frame)
    thin = context_conditions.thin_conditions(frame)
    spike, recovery = (
        context_conditions.volatility_condition(frame),
        context_conditions.false_recovery(frame),
    )
    everything = [
        *entry_conditions.level_conditions(frame),
        *entry_conditions.first_flush_conditions(frame),
        *evidence,
        entry_conditions.liquidation_driven(frame, evidence),
        *entry_conditions.sequence_conditions(frame),
        *context_conditions.open_interest_conditions(frame),
        *trend,
        *context_conditions.macro_conditions(frame),
        *thin,
        spike,
        recovery,
    ]
    # Only required conditions can be left out, and only the entry depends on them.
    return _Judged(leave_out(everything, ignored), trend[0], spike, recovery, thin[0])


def _values(frame: Frame, judged: _Judged, entry: Flags) -> dict[str, NDArray[Any]]:
    """Return the numbers that ``on_bar`` and the reader of a journal need."""
    params, sequence = frame.params, frame.sequence
    thin = judged.thin.truth == Truth.TRUE
    stop = stop_level(params, sequence.flush_low, frame.previous_atr)
    trail = {} if params.trailing_atr is None else {TRAIL: params.trailing_atr * frame.previous_atr}
    return trail | {
        "entry": entry,
        "close": frame.bars["close"],
        "stop": stop,
        "size_multiplier": context_conditions.size_multiplier(
            frame, judged.with_trend, judged.spike
        ),
        "slippage_multiplier": np.where(thin, params.thin_slippage, 1.0),
        "sequence": _sequence_minute(frame),
        "state": sequence.state,
        "rows_since": sequence.rows_since.astype(np.int32),
        "previous_atr": frame.previous_atr,
        "support": sequence.support,
        "broken_support": sequence.broken_support,
        "first_flush_low": sequence.first_flush_low,
        "bounce_high": sequence.bounce_high,
        "second_flush_low": sequence.second_flush_low,
        "flush_low": sequence.flush_low,
        "reclaim_level": sequence.reclaim_level,
        "reclaim": sequence.is_reclaim,
        "open_interest_base": frame.open_interest,
    }


def _sequence_minute(frame: Frame) -> Floats:
    """Return the running sequence's first flush in minutes since the epoch, NaN where none runs."""
    minute = (frame.decided_at[frame.origin] // _MINUTE_NS).astype(np.float64)
    return np.where(frame.active, minute, np.nan)


def setup_name(minute: float) -> str:
    """Return a sequence's name: the instant its first flush was known, ``2026-02-05T14:00Z``.

    >>> setup_name(0.0)
    '1970-01-01T00:00Z'
    """
    return str(np.datetime64(int(minute), "m")) + "Z"


def _setup_names(frame: Frame) -> NDArray[np.object_]:
    """Return the name of the running sequence at each row, "" where none runs.

    Rows of one sequence share one text.
    """
    starts = frame.active & (frame.sequence.origin == np.arange(len(frame.active)))
    minutes = frame.decided_at[starts] // _MINUTE_NS
    names = np.array(["", *(setup_name(minute) for minute in minutes.tolist())], dtype=np.object_)
    # The running sequence is the one that started last.
    return names[np.where(frame.active, np.cumsum(starts), 0)]
