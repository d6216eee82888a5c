"""The risk-off checklist: four reading steps, one action, and the risk tier that follows."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.conditions import Condition, Truth
from engine.config.market import ChecklistRules
from engine.config.market.step_conditions import STEP_CONDITIONS, early_warning
from engine.decision_terms import RiskTier
from engine.market_state import TIERS, Action, Regime
from engine.signals.market.declared import combinations_of

Labels = NDArray[np.int8]

STEPS = tuple(item.name for item in STEP_CONDITIONS)


def step_conditions(named: Mapping[str, Condition]) -> dict[str, Condition]:
    """Return the early warning and the four reading steps of the checklist.

    1. macro: yields jump and the dollar strengthens together, or the policy path turns hawkish fast
    2. leadership: leaders break against the index
    3. crypto structure: forced selling while the price falls
    4. correlation: the index and bitcoin both trend down and volatility is rising
    """
    return combinations_of((*early_warning(), *STEP_CONDITIONS), named)


def actions(named: Mapping[str, Condition], regime: Labels, rules: ChecklistRules) -> Labels:
    """Return the action of each day, step five of the checklist.

    Hedge: the share of the known steps that hold is at least ``hedge_steps`` / 4, or stocks and
    bitcoin both fall in a liquidity shock. Reduce: the share is at least ``reduce_steps`` / 4.
    Wait: otherwise. With fewer than ``least_known`` steps known the share is of all four, and a
    smaller share than reduce needs is *cannot tell*.
    """
    held, known = _counts(named)
    shock = (regime == Regime.LIQUIDITY_SHOCK) & (named["both_down"].truth == Truth.TRUE)
    few = known < rules.least_known
    # Shares are of the known steps: an unknown step counts neither for nor against.
    out_of = np.where(few, len(STEPS), known)
    hedges = shock | ((held > 0) & (held * len(STEPS) >= rules.hedge_steps * out_of))
    reduces = (held > 0) & (held * len(STEPS) >= rules.reduce_steps * out_of)
    quiet = np.where(few, Action.CANNOT_TELL, Action.WAIT)
    action = np.where(reduces, Action.REDUCE, quiet)
    return np.where(hedges, Action.HEDGE, action).astype(np.int8)


def known_steps(named: Mapping[str, Condition]) -> NDArray[np.int64]:
    """Return how many of the four steps are known on each day."""
    return _counts(named)[1]


def _counts(named: Mapping[str, Condition]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many steps hold, and how many are known."""
    truths = np.stack([named[name].truth for name in STEPS])
    return (truths == Truth.TRUE).sum(axis=0), (truths != Truth.UNKNOWN).sum(axis=0)


def tiers(named: Mapping[str, Condition], regime: Labels, action: Labels) -> Labels:
    """Return the risk tier of each day: the first row of this table that applies.

    ========== ==================================================================
    halt       liquidity shock, and the action is hedge
    defensive  liquidity shock; or the action is hedge; or a trend break and reduce
    cautious   any other regime than calm, unknown included; or reduce; or one book
    normal     otherwise
    ========== ==================================================================

    *Cannot tell* counts as reduce.
    """
    shock, broken = regime == Regime.LIQUIDITY_SHOCK, regime == Regime.TREND_BREAK
    hedge = action == Action.HEDGE
    reduce = (action == Action.REDUCE) | (action == Action.CANNOT_TELL)
    one_book = named["single_risk_book"].truth == Truth.TRUE
    table = (
        (shock & hedge, RiskTier.HALT),
        (shock | hedge | (broken & reduce), RiskTier.DEFENSIVE),
        ((regime != Regime.CALM) | reduce | one_book, RiskTier.CAUTIOUS),
    )
    places = [TIERS.index(tier) for _, tier in table]
    found = np.select([holds for holds, _ in table], places, TIERS.index(RiskTier.NORMAL))
    return found.astype(np.int8)
