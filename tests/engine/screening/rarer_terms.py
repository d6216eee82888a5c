"""Rarer parts of random cases: a venue's own margin rules, steps, many targets, market tiers."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from data_feeds.clock import DAY_NS
from data_feeds.instrument import Instrument
from data_feeds.trading_terms import TradingTerms
from engine.bracket_plan import BracketPlan
from engine.config.models import MarketTiersConfig, RunConfig
from engine.market_state import TIERS, MarketState

DAYS = 60


def with_own_terms(rng: np.random.Generator, instrument: Instrument) -> Instrument:
    """Steps of other sizes, and margin rules of the instrument itself."""
    changes: dict[str, object] = {}
    if rng.random() < 0.4:
        changes |= {
            "tick_size": float(rng.choice([0.1, 0.25, 0.5])),
            "lot_size": float(rng.choice([0.001, 0.1, 10.0])),
            "min_notional": float(rng.choice([0.0, 5_000.0])),
        }
    if rng.random() < 0.5:
        changes["terms"] = (_margin_rules(rng),)
    return instrument.model_copy(update=changes)


def _margin_rules(rng: np.random.Generator) -> TradingTerms:
    # Steps over the whole notional need the entry's notional as their base.
    base, steps = [("mark", "marginal"), ("entry", "marginal"), ("entry", "whole")][
        int(rng.integers(0, 3))
    ]
    return TradingTerms(
        since="2020-01-01",
        source="test",
        maintenance_base=base,
        maintenance_steps=steps,
        liquidation=str(rng.choice(["market", "bankruptcy", "bankruptcy"])),
        initial_margin=[None, 0.01, 0.1, 0.3][int(rng.integers(0, 4))],
    )


def with_rarer_levels(
    rng: np.random.Generator, plan: BracketPlan, close: np.ndarray
) -> BracketPlan:
    """Up to eight targets of unequal parts, levels off the tick grid, and levels not known."""
    count, exits_again = len(plan.rows), bool(rng.random() < 0.4)
    stop = plan.stop
    if rng.random() < 0.4:
        stop = np.maximum(stop + rng.uniform(-0.4, 0.4, count), 1.0)
        stop = np.where(rng.random(count) < 0.05, np.nan, stop)
    plan = replace(plan, stop=stop, exits_again=exits_again)
    if rng.random() < 0.6 or not count:
        return plan
    goals = int(rng.integers(4, 9))
    entry = close[plan.rows] if plan.price is None else plan.price
    steps = np.sort(rng.uniform(0.3, 9, (count, goals)), axis=1)
    targets = entry[:, None] + plan.direction * steps
    targets = np.where(rng.random((count, goals)) < 0.02, np.nan, targets)
    fractions = rng.dirichlet(np.ones(goals)).tolist()
    return replace(plan, targets=targets, fractions=tuple(fractions))


def with_market_tiers(
    rng: np.random.Generator, config: RunConfig, start: int
) -> tuple[RunConfig, MarketState | None]:
    """Factors on new positions by a tier that changes from day to day, unknown at first."""
    if rng.random() < 0.7:
        return config, None
    risk = config.risk.model_copy(update={"market_tiers": MarketTiersConfig()})
    decided = start + DAY_NS * (np.arange(DAYS, dtype=np.int64) + 1)
    tier = rng.integers(0, len(TIERS), DAYS).astype(np.int8)
    none = np.zeros(DAYS, np.int8)
    values: Mapping[str, np.ndarray] = {}
    dates = decided.astype("datetime64[ns]").astype("datetime64[D]")
    state = MarketState(dates, decided, values, {}, none, none, none, tier)
    return config.model_copy(update={"risk": risk}), state
