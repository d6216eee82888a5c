"""The market state: when it is taken, what it reads, its thresholds and all its conditions."""

from pydantic import Field

from data_feeds.strict_model import SortedModel
from engine.config.field_types import Duration
from engine.config.market.correlation_conditions import CorrelationRules, correlation_conditions
from engine.config.market.crypto_conditions import CryptoRules, crypto_conditions
from engine.config.market.declaration import Declaration
from engine.config.market.leadership_conditions import (
    EventRules,
    LeadershipRules,
    earnings_conditions,
    leadership_conditions,
)
from engine.config.market.market_inputs import MarketInputsConfig
from engine.config.market.rates_conditions import RatesRules, rates_conditions
from engine.config.market.regime_rules import RegimeRules
from engine.config.market.step_conditions import ChecklistRules, early_warning
from engine.config.market.trend_conditions import trend_conditions
from engine.config.market.volatility_conditions import VolatilityRules, volatility_conditions


class MarketStateConfig(SortedModel):
    """The market state: when it is taken, what it reads, and its thresholds."""

    decide_at: str = Field(
        "18:30",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="New York time at which a day's state is taken",
    )
    max_age: Duration = Field(
        "6d", description="Age beyond which an equity close or series is stale"
    )
    crypto_max_age: Duration = Field("1d", description="Age beyond which a perp's value is stale")
    inputs: MarketInputsConfig = Field(default_factory=MarketInputsConfig)
    volatility: VolatilityRules = Field(default_factory=VolatilityRules)
    correlation: CorrelationRules = Field(default_factory=CorrelationRules)
    rates: RatesRules = Field(default_factory=RatesRules)
    leadership: LeadershipRules = Field(default_factory=LeadershipRules)
    crypto: CryptoRules = Field(default_factory=CryptoRules)
    events: EventRules = Field(default_factory=EventRules)
    regime: RegimeRules = Field(default_factory=RegimeRules)
    checklist: ChecklistRules = Field(default_factory=ChecklistRules)

    def conditions(self) -> tuple[Declaration, ...]:
        """Return every condition of the state but the steps, in the order of its columns."""
        return (
            *volatility_conditions(self.volatility, self.inputs),
            *correlation_conditions(self.correlation, self.inputs),
            *rates_conditions(self.rates),
            *leadership_conditions(self.leadership, self.inputs),
            *crypto_conditions(self.crypto),
            *trend_conditions(self.regime),
            *earnings_conditions(self.events),
            *early_warning(),
        )
