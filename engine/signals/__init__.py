"""Causal signals: the value of row *t* depends on what was known at row *t*; pure functions."""

from engine.signals.asof import derived_as_of, unknown_ages, unknown_values
from engine.signals.context import (
    SeriesChange,
    Trend,
    evenings,
    series_change,
    thin_window,
    trend,
    unknown_change,
)
from engine.signals.evidence import (
    Evidence,
    count_evidence,
    last_seen,
    not_both,
    resolve,
    seen_since,
)
from engine.signals.flush import FlushRules, FlushSequences, FlushState, flush_sequences
from engine.signals.positioning import liquidation_multiple, open_interest_base, premium
from engine.signals.realized_volatility import (
    realized_volatilities,
    realized_volatility,
    windowed_volatility,
)
from engine.signals.rebalance_dates import Calendar, begun, outside_band, period_starts
from engine.signals.synchronous_beta import lagged_beta
from engine.signals.windows import (
    multiple_of_mean_before,
    multiple_of_previous_mean,
    previous,
    previous_low,
    rolling_highest,
    rolling_lowest,
    rolling_sum,
    rolling_tiles,
    wilder_atr,
    window_tiles,
    windowed_highest,
    windowed_lowest,
    windowed_sum,
)

__all__ = [
    "Calendar",
    "Evidence",
    "FlushRules",
    "FlushSequences",
    "FlushState",
    "SeriesChange",
    "Trend",
    "begun",
    "count_evidence",
    "derived_as_of",
    "evenings",
    "flush_sequences",
    "lagged_beta",
    "last_seen",
    "liquidation_multiple",
    "multiple_of_mean_before",
    "multiple_of_previous_mean",
    "not_both",
    "open_interest_base",
    "outside_band",
    "period_starts",
    "premium",
    "previous",
    "previous_low",
    "realized_volatilities",
    "realized_volatility",
    "resolve",
    "rolling_highest",
    "rolling_lowest",
    "rolling_sum",
    "rolling_tiles",
    "seen_since",
    "series_change",
    "thin_window",
    "trend",
    "unknown_ages",
    "unknown_change",
    "unknown_values",
    "wilder_atr",
    "window_tiles",
    "windowed_highest",
    "windowed_lowest",
    "windowed_sum",
    "windowed_volatility",
]
