"""Regime and driver: the thresholds of the labels over the conditions."""

from pydantic import model_validator

from data_feeds.strict_model import SortedModel
from engine.config.market.declaration import NOTE, sourced


class RegimeRules(SortedModel):
    """Thresholds to enter a regime, and the looser ones to stay in it."""

    shock_vix: float = sourced(35.0, "VIX from which a liquidity shock begins", gt=0)
    shock_vix_stay: float = sourced(28.0, "VIX from which a liquidity shock continues", gt=0)
    shock_spread: float = sourced(
        0.75,
        "Rise of the high-yield spread in two weeks that a liquidity shock needs, points",
        gt=0,
    )
    shock_correlation: float = sourced(
        0.75, "Mean pairwise correlation that replaces the spread's rise", gt=0, lt=1
    )
    break_drawdown: float = sourced(
        0.08,
        "Drawdown of the growth index from its year's high at which a trend break begins",
        gt=0,
    )
    break_drawdown_stay: float = sourced(0.05, "Drawdown from which a trend break continues", gt=0)
    break_mean: int = sourced(
        100, "Window of the mean below which the trend is broken, sessions", ge=20
    )
    event_vix: float = sourced(22.0, "VIX from which a volatility event begins", gt=0)
    event_bitcoin_fall: float = sourced(
        0.08,
        "Bitcoin's fall within a day that begins a volatility event, too",
        f"chosen; {NOTE}, section 3, tells of moves of 2 to 3% that become 8 to 12%",
        gt=0,
        lt=1,
    )
    event_vix_stay: float = sourced(19.0, "VIX from which a volatility event continues", gt=0)
    dwell: int = sourced(3, "Fewest days of a regime, unless a worse one begins", ge=1)
    driver: float = sourced(1.0, "Score from which a driver is named", gt=0)
    trend_bars: int = sourced(20, "Bars of the mean of each trend", ge=2)

    @model_validator(mode="after")
    def _leaving_is_looser(self) -> "RegimeRules":
        pairs = (
            ("shock_vix", self.shock_vix, self.shock_vix_stay),
            ("break_drawdown", self.break_drawdown, self.break_drawdown_stay),
            ("event_vix", self.event_vix, self.event_vix_stay),
        )
        for name, enter, stay in pairs:
            if stay > enter:
                raise ValueError(f"{name}_stay {stay} must not lie above {name} {enter}")
        return self
