"""Check that the market's risk tier scales sizes and blocks entries."""

import numpy as np
import pytest

from data_feeds.clock import HOUR_NS
from engine.config.models import MarketTiersConfig
from engine.decision_terms import RiskTier
from engine.intents import Enter, Exit
from engine.market_state import TIERS, MarketState
from engine.risk import MarketTiers, RiskModule
from tests.engine.risk.conftest import NOW, account, config, inputs, perp


def state(*tiers: RiskTier) -> MarketState:
    """Return a state with a row every ten hours, the last one ten hours before ``NOW``."""
    rows = len(tiers)
    at = NOW - np.arange(rows, 0, -1, dtype=np.int64) * 10 * HOUR_NS
    nothing = np.zeros(rows, np.int8)
    places = np.array([TIERS.index(tier) for tier in tiers], np.int8)
    dates = np.arange(rows).astype("datetime64[D]")
    return MarketState(dates, at, {}, {}, nothing, nothing, nothing, places)


def module(market: MarketTiers) -> RiskModule:
    return RiskModule(
        config({"risk_fraction": 0.01}),
        {"BTC": perp()},
        {"BTC": inputs()},
        start_equity=100_000.0,
        ny_days=False,
        market=market,
    )


def entered(market: MarketTiers):
    return (
        module(market)
        .handle(Enter("BTC", 1, 29_000.0, "x"), at=NOW, account=account())
        .reviews[0]
        .decision
    )


@pytest.mark.parametrize(
    ("tier", "quantity"),
    [(RiskTier.NORMAL, 1.0), (RiskTier.CAUTIOUS, 0.75), (RiskTier.DEFENSIVE, 0.5)],
)
def test_a_tier_scales_the_size(tier: RiskTier, quantity: float) -> None:
    # 1% of 100,000 / 1,000 = 1 BTC, times the factor.
    decision = entered(MarketTiers(state(RiskTier.HALT, tier), MarketTiersConfig()))
    assert (decision.outcome, decision.quantity) == ("approved", quantity)
    assert (decision.tier, decision.market_tier) == ("normal", tier.value)


def test_a_halt_blocks_entries_and_nothing_else() -> None:
    market = MarketTiers(state(RiskTier.HALT), MarketTiersConfig())
    decision = entered(market)
    assert (decision.outcome, decision.blocked_by) == ("blocked", "market halt")
    leaving = (
        module(market).handle(Exit("BTC", "out"), at=NOW, account=account()).reviews[0].decision
    )
    assert leaving.blocked_by == "no position"


def test_the_row_known_then_counts_and_before_the_first_it_is_cautious() -> None:
    tiers = MarketTiers(state(RiskTier.NORMAL, RiskTier.DEFENSIVE), MarketTiersConfig())
    assert tiers.at(NOW) == ("defensive", 0.5)
    assert tiers.at(NOW - 10 * HOUR_NS) == ("defensive", 0.5)
    assert tiers.at(NOW - 10 * HOUR_NS - 1) == ("normal", 1.0)
    assert tiers.at(NOW - 30 * HOUR_NS) == ("cautious", 0.75)


def test_the_stricter_of_account_and_market_counts() -> None:
    rules = config({"risk_fraction": 0.01, "drawdown": {"halt_at": 0.3}})
    risk = RiskModule(
        rules,
        {"BTC": perp()},
        {"BTC": inputs()},
        start_equity=106_000.0,
        ny_days=False,
        market=MarketTiers(state(RiskTier.CAUTIOUS), MarketTiersConfig()),
    )
    # 100,000 is 5.7% below the start: the ladder's 0.5, not 0.5 x 0.75.
    decision = (
        risk.handle(Enter("BTC", 1, 29_000.0, "x"), at=NOW, account=account()).reviews[0].decision
    )
    assert (decision.tier, decision.market_tier, decision.multiplier) == (
        "cautious",
        "cautious",
        0.5,
    )


def test_without_market_tiers_nothing_is_read() -> None:
    decision = entered(MarketTiers(None, None))
    assert (decision.market_tier, decision.multiplier) == ("", 1.0)


def test_factors_that_rise_are_refused() -> None:
    with pytest.raises(ValueError, match="must not rise"):
        MarketTiersConfig(cautious=0.3, defensive=0.5)
