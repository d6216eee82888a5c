"""What the market state reads, and every threshold of its conditions."""

from pydantic import Field, model_validator

from data_feeds.strict_model import SortedModel
from engine.config.field_types import Duration, NameSet


class MarketInputsConfig(SortedModel):
    """Names of instruments and series; of several, each day takes the first that is not behind.

    A name that the data do not hold makes the conditions that read it *unknown*.
    """

    bitcoin: str = Field("BTCUSDT-PERP", description="Perp whose bars, funding and positions count")
    bitcoin_spot: str | None = Field(
        "BTCUSDT-SPOT", description="Spot market beside the perp; null: none"
    )
    bitcoin_daily: str | None = Field(
        "BTC-USD", description="Daily bars for history before the perp's; signals only; null: none"
    )
    index: str = Field("SPY", description="The broad index")
    growth: str = Field("QQQ", description="The growth-heavy index")
    small_caps: str = Field("IWM", description="Small companies, for concentration")
    semiconductors: str = Field("SMH", description="Semiconductors")
    software: str = Field("IGV", description="Software")
    leaders: NameSet = Field(
        ("SMH", "IGV", "NVDA", "MSFT"),
        description="Leaders; members without bars then are left out",
    )
    book: NameSet = Field(
        ("SPY", "QQQ", "SMH", "IGV"),
        description="Equities whose mean pairwise correlation, with bitcoin, is the book's",
    )
    vix: tuple[str, ...] = Field(("VIX", "VIXCLS"), description="VIX, index points")
    ten_year: tuple[str, ...] = Field(("DGS10",), description="10-year yield, percent")
    real_ten_year: tuple[str, ...] = Field(("DFII10",), description="Real 10-year yield, percent")
    two_year: tuple[str, ...] = Field(("DGS2",), description="2-year yield, percent")
    policy_rate: tuple[str, ...] = Field(
        ("DFF", "FEDFUNDS"), description="Effective federal funds rate, percent"
    )
    dollar: tuple[str, ...] = Field(("DXY", "DTWEXBGS"), description="Dollar index")
    credit: tuple[str, ...] = Field(("BAMLH0A0HYM2",), description="High-yield spread, percent")
    etf_flows: tuple[str, ...] = Field(("ETF_FLOWS",), description="Spot bitcoin ETF flows, USD")
    fear_greed: tuple[str, ...] = Field(("FEAR_GREED",), description="Fear & Greed, 0 to 100")
    implied_volatility: tuple[str, ...] = Field(("DVOL",), description="DVOL, percent a year")
    earnings: NameSet = Field(
        ("NVDA-EARNINGS", "MSFT-EARNINGS"),
        description="Series of each company's next earnings date, YYYYMMDD, known when announced",
    )

    @model_validator(mode="after")
    def _names_belong_together(self) -> "MarketInputsConfig":
        """Refuse another market beside the companions of the default one."""
        given = self.model_fields_set
        for name, companions in _COMPANIONS.items():
            if getattr(self, name) == type(self).model_fields[name].default:
                continue
            left = [companion for companion in companions if companion not in given]
            if left:
                raise ValueError(
                    f"{name} is {getattr(self, name)}, but {', '.join(left)} would stay those of "
                    f"{type(self).model_fields[name].default}; name them too (null or []: none)"
                )
        return self


# What is of the market that a name stands for, and must change with it.
_COMPANIONS = {
    "bitcoin": ("bitcoin_spot", "bitcoin_daily", "etf_flows", "implied_volatility"),
    "index": ("vix",),
}


class EventRules(SortedModel):
    """Events whose dates are known beforehand."""

    earnings_days: int = Field(5, ge=0, description="Days before a report that count as near")


class VolatilityRules(SortedModel):
    """Windows in sessions; volatilities are fractions a year."""

    short: int = Field(10, ge=2, description="Short window of realized volatility, sessions")
    month: int = Field(21, ge=2, description="Middle window, sessions")
    quarter: int = Field(63, ge=2, description="Long window, sessions")
    rising_multiple: float = Field(
        1.25, gt=1, description="Short over long realized volatility from which it is rising"
    )
    vix_elevated: float = Field(20.0, gt=0, description="VIX from which it is elevated, points")
    vix_jump: float = Field(
        0.25, gt=0, description="VIX change over a week that is a jump, fraction"
    )
    target_cap: float = Field(1.5, gt=0, description="Largest exposure of a volatility-target book")
    targets: tuple[float, float] = Field(
        (0.10, 0.15), description="Volatility targets of the books watched, fractions a year"
    )
    shed: float = Field(
        0.15,
        gt=0,
        lt=1,
        description="Share of its exposure a target book sheds in a week: pressure",
    )
    off_peak: float = Field(
        0.85, gt=0, lt=1, description="VIX over its month's high below which it is off its peak"
    )


class CorrelationRules(SortedModel):
    """Correlation of log returns, from one New York close to the next."""

    short: int = Field(21, ge=5, description="Short window, sessions")
    long: int = Field(63, ge=5, description="Long window, sessions")
    decay: float = Field(0.94, gt=0, lt=1, description="Weight of the day before in EWMA")
    level: float = Field(0.7, gt=-1, lt=1, description="Correlation that is compressed at once")
    percentile: float = Field(
        0.8, gt=0, lt=1, description="Percentile of its own history from which it is compressed"
    )
    history: int = Field(252, ge=60, description="Sessions of own history for percentiles")


class RatesRules(SortedModel):
    """Yields in percentage points, the dollar as a fraction; windows in sessions."""

    change: int = Field(5, ge=1, description="Sessions a change is measured over")
    yield_jump: float = Field(0.10, gt=0, description="Rise of a yield that is a jump, points")
    dollar_jump: float = Field(
        0.008, gt=0, description="Rise of the dollar that is a jump, fraction"
    )
    extreme: int = Field(21, ge=3, description="Window of the last extreme, sessions")
    quiet: int = Field(3, ge=1, description="Sessions without a new extreme: stopped worsening")
    slope: int = Field(5, ge=2, description="Window of the short-term slope, sessions")
    speed: float = Field(2.0, gt=0, description="z-score of a yield's change: fast repricing")
    path_window: int = Field(21, ge=1, description="Sessions the policy path's change is over")
    path_rise: float = Field(
        0.15, gt=0, description="Rise of 2-year yield over policy rate: hawkish, points"
    )
    spread_rise: float = Field(0.25, gt=0, description="Rise of the high-yield spread, points")
    history: int = Field(252, ge=60, description="Sessions that a usual change is measured over")


class LeadershipRules(SortedModel):
    """Leaders against the index; windows in sessions, changes as fractions."""

    relative: int = Field(10, ge=1, description="Sessions of the relative return")
    weak: float = Field(0.03, gt=0, description="Loss against the index that is weakness")
    breadth_mean: int = Field(20, ge=2, description="Mean that a member must hold, sessions")
    breadth: float = Field(
        0.4, gt=0, le=1, description="Share above its mean below which breadth fails"
    )
    low: int = Field(21, ge=3, description="Window of the lowest close, sessions")
    quiet: int = Field(5, ge=1, description="Sessions without a new low: lower lows have stopped")
    holds: float = Field(0.03, gt=0, description="Index within this of its month's high: it holds")
    concentration_window: int = Field(
        126, ge=10, description="Sessions of the concentration measure"
    )
    concentration: float = Field(
        0.10, gt=0, description="Lead of semiconductors and software over small companies: narrow"
    )


class CryptoRules(SortedModel):
    """What leveraged positions show; changes as fractions."""

    change: Duration = Field("7d", description="Window of the open interest and price change")
    interest_rise: float = Field(
        0.03, gt=0, description="Rise of open interest, base units: expanding"
    )
    price_fall: float = Field(0.03, gt=0, description="Fall of the price: a declining trend")
    day_fall: float = Field(0.03, gt=0, description="Fall within a day that is a falling price")
    day_rise: float = Field(
        0.02, gt=0, description="Rise within a day that may be a false recovery"
    )
    interest_fall: float = Field(0.03, gt=0, description="Fall of open interest that is a reset")
    liquidation_multiple: float = Field(
        3.0, gt=1, description="Longs liquidated in a day over their usual day: prints are rising"
    )
    liquidation_days: int = Field(30, ge=5, description="Days that a usual day is measured over")
    volume_multiple: float = Field(
        2.0, gt=1, description="A day's volume over its usual that stands for missing prints"
    )
    funding_days: int = Field(90, ge=10, description="Days of funding's own history")
    funding_low: float = Field(0.1, gt=0, lt=1, description="Percentile at which funding is low")
    basis_bound: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="A perp farther than this from spot is unknown: another market, fraction",
    )
    discount_bps: float = Field(
        5.0, gt=0, description="Discount to spot that is stress, basis points"
    )
    fear: float = Field(25.0, gt=0, description="Fear & Greed at or below which fear is extreme")
    outflow: float = Field(5e8, gt=0, description="ETF outflow over five days, USD")
    implied_jump: float = Field(0.2, gt=0, description="Rise of DVOL within a week, fraction")


class RegimeRules(SortedModel):
    """Thresholds to enter a regime, and the looser ones to stay in it."""

    shock_vix: float = Field(35.0, gt=0, description="VIX of a liquidity shock")
    shock_vix_stay: float = Field(28.0, gt=0, description="VIX above which the shock goes on")
    shock_spread: float = Field(
        0.75, gt=0, description="High-yield spread's rise in two weeks, points"
    )
    shock_correlation: float = Field(
        0.75, gt=0, lt=1, description="Mean pairwise correlation that stands for the spread's rise"
    )
    break_drawdown: float = Field(0.08, gt=0, description="Growth index below its year's high")
    break_drawdown_stay: float = Field(
        0.05, gt=0, description="Drawdown above which the break goes on"
    )
    break_mean: int = Field(
        100, ge=20, description="Mean below which the trend is broken, sessions"
    )
    event_vix: float = Field(22.0, gt=0, description="VIX of a volatility event")
    event_bitcoin_fall: float = Field(
        0.08, gt=0, lt=1, description="Bitcoin's fall within a day that is an event too"
    )
    event_vix_stay: float = Field(19.0, gt=0, description="VIX above which the event goes on")
    dwell: int = Field(
        3, ge=1, description="Days a regime lasts at least, unless a worse one comes"
    )
    driver: float = Field(1.0, gt=0, description="Score from which a driver is named")
    trend_bars: int = Field(20, ge=2, description="Bars of the mean on each timeframe")

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


class ChecklistRules(SortedModel):
    """How the steps make an action."""

    hedge_steps: int = Field(
        3,
        ge=1,
        le=4,
        description="Steps of four that must hold to hedge; of fewer known their share",
    )
    reduce_steps: int = Field(
        2, ge=1, le=4, description="Steps of four that must hold to reduce; of fewer, their share"
    )
    least_known: int = Field(
        3, ge=0, le=4, description="Steps that must be known to wait; below: cannot tell"
    )

    @model_validator(mode="after")
    def _hedging_takes_more(self) -> "ChecklistRules":
        if self.reduce_steps > self.hedge_steps:
            raise ValueError(
                f"reduce_steps {self.reduce_steps} must not exceed hedge_steps {self.hedge_steps}"
            )
        return self


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
