"""Scale sizes by the market's risk tier at a decision."""

from dataclasses import dataclass
from typing import Literal

from engine.config.models import MarketTiersConfig
from engine.decision_terms import RiskTier
from engine.market_state import TIERS, MarketState


@dataclass(frozen=True, slots=True)
class MarketTiers:
    """Hold the factor of each tier over a market state; without a state it is 1.

    The tier of an instant is that of the newest row known then. Before the first row it is unknown
    and counts as cautious.
    """

    state: MarketState | None
    config: MarketTiersConfig | None

    def at(self, instant: int) -> tuple[RiskTier | Literal[""], float]:
        """Return the market tier ("" where none is read) and its factor on new positions."""
        if self.state is None or self.config is None:
            return "", 1.0
        row = self.state.row_at(instant)
        tier = RiskTier.CAUTIOUS if row < 0 else TIERS[int(self.state.tier[row])]
        return tier, float(getattr(self.config, tier.value))

    def blocked_by(self, instant: int) -> str:
        """Return the tier that forbids entries, ``market halt`` for example, or an empty text."""
        tier, factor = self.at(instant)
        return f"market {tier}" if factor == 0 else ""


NO_MARKET_TIERS = MarketTiers(None, None)
