"""Regime and driver: the thresholds of the labels over the conditions."""

from pydantic import model_validator

from data_feeds.strict_model import SortedModel
from engine.config.market.declaration import NOTE, sourced


class RegimeRules(SortedModel):
    """Thresholds to enter a regime, and the looser ones to stay in it."""

    shock_vix: float = sourced(35.0, "VIX of a liquidity shock", gt=0)
    shock_vix_stay: float = sourced(28.0, "VIX above which the shock goes on", gt=0)
    shock_spread: float = sourced(0.75, "High-yield spread's rise in two weeks, points", gt=0)
    shock_correlation: float = sourced(
        0.75, "Mean pairwise correlation that stands for the spread's rise", gt=0, lt=1
    )
    break_drawdown: float = sourced(0.08, "Growth index below its year's high", gt=0)
    break_drawdown_stay: float = sourced(0.05, "Drawdown above which the break goes on", gt=0)
    break_mean: int = sourced(100, "Mean below which the trend is broken, sessions", ge=20)
    event_vix: float = sourced(22.0, "VIX of a volatility event", gt=0)
    event_bitcoin_fall: float = sourced(
        0.08,
        "Bitcoin's fall within a day that is an event too",
        f"chosen; {NOTE}, section 3, tells of moves of 2 to 3% that become 8 to 12%",
        gt=0,
        lt=1,
    )
    event_vix_stay: float = sourced(19.0, "VIX above which the event goes on", gt=0)
    dwell: int = sourced(3, "Days a regime lasts at least, unless a worse one comes", ge=1)
    driver: float = sourced(1.0, "Score from which a driver is named", gt=0)
    trend_bars: int = sourced(20, "Bars of the mean on each timeframe", ge=2)

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
