"""The signals of playbook B, one row a session."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.api import (
    DAY_NS,
    Channel,
    Condition,
    Dataset,
    DrawnAs,
    DrawnValue,
    MarketState,
    Signals,
    Timeframe,
    Truth,
    condition,
    leave_out,
    session_state,
    signals,
)
from strategies.stabilization_swing.params import Leg, SwingParams

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

# Sessions that a holiday week adds to a window, and the state's shortest ones.
SPARE_SESSIONS = 15
# A week has five sessions and seven days.
DAYS_A_SESSION = 7 / 5


def prepare_signals(
    params: SwingParams, data: Dataset, ignored: frozenset[str] = frozenset()
) -> Signals:
    """Return conditions and levels for every session of the clock.

    Conditions in ``ignored`` count as true.
    """
    bars = data.channels[params.clock_key]
    state = session_state(data, params.state, bars)
    decided_at = state.decided_at
    fell = _drawdown(params, bars)
    asked = [fell, *_stabilization(params, state)]
    rules = leave_out([part for item in asked for part in _resolved(params, item)], ignored)
    leaving = [
        replace(state.conditions[name], required=False)
        for name in ("leaders_lower_low", "macro_pressure", "leadership_breaks")
    ]
    passes = np.logical_and.reduce([item.truth == Truth.TRUE for item in rules if item.required])
    # A window shorter than the warm-up fills earlier, yet no entry may come before its end.
    passes &= np.arange(len(bars)) >= warmup_sessions(params)
    lower_low, macro, breaks = (item.truth for item in leaving)
    leaves = params.leave_on_lower_low & (lower_low == Truth.TRUE)
    leaves |= params.leave_on_macro & (macro == Truth.TRUE)
    holds = breaks == Truth.FALSE
    values: dict[str, Floats] = {
        "stabilized": passes.astype(np.float64),
        "leadership_holds": (passes & holds).astype(np.float64),
        "leave_lower_low": (lower_low == Truth.TRUE).astype(np.float64),
        "leave_macro": (macro == Truth.TRUE).astype(np.float64),
    }
    entry = np.zeros(len(bars), dtype=np.bool_)
    for leg in params.legs:
        read = _leg(params, leg, data.channels[leg.key], decided_at)
        values |= {f"{leg.instrument} {name}": item for name, item in read.items()}
        first = params.tranches[0].trigger
        own = read[first] if first in read else values[first]
        entry |= (own > 0) & passes & np.isfinite(read["stop"])
    return Signals(
        decided_at,
        values,
        conditions=(*rules, *leaving),
        wake_flat=entry & ~leaves,
        wake_in_position=np.ones(len(bars), dtype=np.bool_),
        notable=entry,
        drawn=tuple(item for leg in params.legs for item in _drawn(params, leg)),
    )


def _drawn(params: SwingParams, leg: Leg) -> list[DrawnValue]:
    """Return the levels of a leg that the page of a run draws."""
    levels = {"stop": f"stop below the low of {params.low} sessions"}
    if params.trail is not None:
        levels["trail"] = f"trail below the low of {params.trail} sessions"
    return [
        DrawnValue(f"{leg.instrument} {name}", title, DrawnAs.LEVEL, leg.instrument)
        for name, title in levels.items()
    ]


def _drawdown(params: SwingParams, bars: Channel) -> Condition:
    """Return the condition that the clock's index recently fell far enough below its high."""
    close = bars["close"]
    fall = close / signals.rolling_highest(close, params.drawdown_high) - 1
    worst = signals.rolling_lowest(fall, params.drawdown_memory)
    return condition(
        "drawdown",
        worst <= -params.drawdown,
        known=np.isfinite(worst),
        measured=worst,
        threshold=-params.drawdown,
        unit="fraction",
        description=f"{params.clock} fell from its high of {params.drawdown_high} sessions",
        inputs=(str(params.clock_key),),
    )


def _stabilization(params: SwingParams, state: MarketState) -> list[Condition]:
    asked = (
        ("macro_stabilized", params.needs_macro),
        ("lower_lows_stopped", params.needs_leadership),
        ("vix_off_peak", params.needs_volatility),
    )
    return [replace(state.conditions[name], required=used) for name, used in asked]


def _resolved(params: SwingParams, item: Condition) -> list[Condition]:
    """Return the condition as required, and beside it the known one where unknown passes.

    Where unknown blocks, it stays unknown, which is not true.
    """
    if not item.required or params.unknown == "block":
        return [item]
    holds = signals.resolve(item.truth, unknown_passes=True)
    gate = replace(
        item,
        truth=np.where(holds, Truth.TRUE, Truth.FALSE).astype(np.int8),
        description=f"{item.description}; unknown passes",
    )
    return [gate, replace(item, name=f"{item.name}_known", required=False)]


def _leg(params: SwingParams, leg: Leg, bars: Channel, decided_at: Rows) -> dict[str, Floats]:
    """Return a leg's close, stop, trail and triggers as known at each session."""
    per_session = 1 if leg.timeframe == "1d" else None

    def window(sessions: int) -> int:
        if per_session is not None:
            return sessions
        return round(sessions * DAYS_A_SESSION * DAY_NS / Timeframe(leg.timeframe).ns)

    def known(values: Floats) -> Floats:
        found = signals.derived_as_of(bars, values, decided_at, 4 * DAY_NS)
        return np.where(found.is_fresh, found.values, np.nan)

    close, low = bars["close"], bars["low"]
    mean = signals.rolling_sum(close, window(params.mean)) / window(params.mean)
    highest = signals.previous(signals.rolling_highest(close, window(params.high)))
    floor = 1 - params.buffer
    trail = params.trail
    return {
        "close": known(close),
        "stop": known(signals.rolling_lowest(low, window(params.low))) * floor,
        "trail": np.full(len(decided_at), np.nan)
        if trail is None
        else known(signals.rolling_lowest(low, window(trail))) * floor,
        "above_mean": known((close > mean).astype(np.float64) + 0 * mean),
        "new_high": known((close > highest).astype(np.float64) + 0 * highest),
    }


def warmup_sessions(params: SwingParams) -> int:
    """Return the sessions before the window that its first row may depend on."""
    state = params.state
    longest = max(
        params.drawdown_high + params.drawdown_memory,
        params.longest,
        state.rates.extreme + state.rates.slope,
        state.leadership.low,
        state.leadership.breadth_mean,
        state.leadership.relative,
    )
    return longest + SPARE_SESSIONS
