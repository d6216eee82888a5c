"""The signals of playbook C, one row a session."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.api import (
    DAY_NS,
    Condition,
    Dataset,
    DrawnAs,
    DrawnValue,
    MarketState,
    RiskTier,
    Signals,
    Truth,
    condition,
    session_state,
    signals,
)
from strategies.hedged_rebalance.hedge_levels import (
    Flags,
    Floats,
    HedgeRules,
    hedge_levels,
    sessions_wanted,
    wanted_contracts,
)
from strategies.hedged_rebalance.params import HedgedParams, PutHedge
from strategies.target_weights import NEW_YORK, begun_signals

TIERS = tuple(RiskTier)
# Largest age of the close that chooses strikes: a long weekend.
MAX_AGE_NS = 4 * DAY_NS
DRAWN = (
    DrawnValue("hedge", "share of the hedges that is on", DrawnAs.PANEL, unit="fraction"),
    DrawnValue(
        "tier",
        "risk tier of the market",
        DrawnAs.STAGES,
        stages={place: str(tier) for place, tier in enumerate(TIERS) if tier != RiskTier.NORMAL},
    ),
)
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
    keys = {name: params.key(name) for name in params.weights}
    begun = begun_signals(data, keys, state.decided_at)
    trades_crypto = np.zeros(len(tier), dtype=np.bool_)
    for name in params.crypto_assets:
        trades_crypto |= begun[f"begun {name}"] > 0
    calm = is_calm(read, trades_crypto) & ~warns
    levels = hedge_levels(warns, calm, rules)
    contracts = _contracts(params.hedges.puts, data, state, levels)
    return Signals(
        state.decided_at,
        {
            "hedge": levels,
            "due": signals.period_starts(state.decided_at, params.rebalance, zone=NEW_YORK).astype(
                np.float64
            ),
            "tier": tier.astype(np.float64),
            "year": state.dates.astype("datetime64[Y]").astype(np.float64),
            **({} if contracts is None else {"put_age": sessions_wanted(contracts)}),
            **_betas(params, data, state),
            **begun,
        },
        conditions=(
            *_switches(params, state, calm, levels),
            *(replace(item, required=False) for item in read.values()),
        ),
        notable=np.concatenate(([False], np.diff(levels) != 0)),
        contract=contracts,
        drawn=DRAWN,
    )


def _switches(
    params: HedgedParams, state: MarketState, calm: Flags, levels: Floats
) -> list[Condition]:
    """Return conditions for readers: the tier that hedges, calm, and whether a hedge is on."""
    tier, needed = state.tier.astype(np.float64), float(TIERS.index(params.hedge_from))
    nothing = np.full(len(levels), np.nan)
    shown = [state.conditions[name] for name in SHOWN]
    # Ages of the conditions known on each session; later rows must not decide which count.
    ages = [
        np.where(item.truth == Truth.UNKNOWN, -1, item.age_ns)
        for item in shown
        if item.age_ns is not None
    ]
    age_ns = np.stack(ages).max(axis=0)
    rows = (
        (
            "tier_hedges",
            tier >= needed,
            tier,
            needed,
            "tier",
            f"the market's risk tier is {params.hedge_from} or worse: hedges go on",
        ),
        ("calm", calm, nothing, np.nan, "", "no warning, correlation and volatility are normal"),
        ("hedged", levels > 0, levels, 0.0, "share", "something is hedged"),
    )
    return [
        condition(
            name,
            holds,
            known=np.ones(len(levels), dtype=np.bool_),
            measured=measured,
            threshold=threshold,
            unit=unit,
            description=description,
            required=False,
            inputs=tuple(dict.fromkeys(text for item in shown for text in item.inputs)),
            age_ns=age_ns,
        )
        for name, holds, measured, threshold, unit, description in rows
    ]


def _contracts(
    puts: PutHedge | None, data: Dataset, state: MarketState, levels: Floats
) -> NDArray[np.str_] | None:
    if puts is None:
        return None
    bars = data.channels[puts.key]
    spot = signals.derived_as_of(bars, bars["close"], state.decided_at, MAX_AGE_NS)
    closes = np.where(spot.is_fresh, spot.values, np.nan)
    return wanted_contracts(levels, closes, state.dates, puts.rule, puts.roll_days)


def _betas(params: HedgedParams, data: Dataset, state: MarketState) -> dict[str, Floats]:
    """Return the signal ``beta NAME`` of each risk asset to the fund sold short, NaN if unknown."""
    short, found = params.hedges.short, {}
    if short is None:
        return {}
    fund = data.channels[params.key(short.instrument)]
    for name in params.risk_assets:
        betas = signals.lagged_beta(data.channels[params.key(name)], fund, short.closes)
        known = signals.derived_as_of(fund, betas, state.decided_at, MAX_AGE_NS)
        found[f"beta {name}"] = np.where(known.is_fresh, known.values, np.nan)
    return found


def is_calm(read: dict[str, Condition], trades_crypto: Flags) -> Flags:
    """Return whether correlation and volatility are normal; unknown counts as not normal.

    ``trades_crypto``: whether any crypto weight of the book has a price yet. Before that the
    correlation is unknown and does not concern the book, so volatility alone decides.
    """
    correlation = read["correlation_compressed"].truth
    loose = (correlation == Truth.FALSE) | ((correlation == Truth.UNKNOWN) & ~trades_crypto)
    quiet = read["vix_elevated"].truth == Truth.FALSE
    calm: Flags = loose & (quiet | (read["vix_off_peak"].truth == Truth.TRUE))
    return calm
