"""What playbook C reads, one row a session."""

from dataclasses import replace

import numpy as np

from engine.api import Condition, Dataset, Signals, Truth, session_state, signals
from strategies.hedged_rebalance.hedging import Flags, HedgeRules, hedge_levels
from strategies.hedged_rebalance.params import HedgedParams

TIERS = ("normal", "cautious", "defensive", "halt")
SHOWN = (
    "single_risk_book",
    "correlation_compressed",
    "vix_elevated",
    "vix_off_peak",
    "step_macro",
    "step_leadership",
    "step_crypto",
    "step_correlation",
)


def prepare_signals(params: HedgedParams, data: Dataset) -> Signals:
    """Return the hedge's level, the calendar, and the conditions behind them."""
    state = session_state(data, params.state, data.channels[params.clock_key])
    read = {name: state.conditions[name] for name in SHOWN}
    tier = state.tier
    warns = tier >= TIERS.index(params.hedge_from)
    if params.hedge_on_early_warning:
        warns |= read["single_risk_book"].truth == Truth.TRUE
    rules = HedgeRules(params.calm_sessions, params.add_rest, params.add_steps)
    levels = hedge_levels(warns, is_calm(read) & ~warns, rules)
    return Signals(
        state.decided_at,
        {
            "hedge": levels,
            "due": signals.period_starts(state.decided_at, params.rebalance).astype(np.float64),
            "tier": tier.astype(np.float64),
            "year": state.dates.astype("datetime64[Y]").astype(np.float64),
        },
        conditions=tuple(replace(item, required=False) for item in read.values()),
        notable=np.concatenate(([False], np.diff(levels) != 0)),
    )


def is_calm(read: dict[str, Condition]) -> Flags:
    """Return whether correlation and volatility are normal; unknown is not."""
    loose = read["correlation_compressed"].truth == Truth.FALSE
    quiet = read["vix_elevated"].truth == Truth.FALSE
    calm: Flags = loose & (quiet | (read["vix_off_peak"].truth == Truth.TRUE))
    return calm
