"""Everything that a run's YAML can say.

Models are frozen, unknown keys are refused, defaults live here and nowhere else, ``None`` means
off. Fields ending in ``_bps`` are basis points; the properties without the suffix are the fractions
that the engine uses.
"""

from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from data_feeds.options.model import OptionModel
from data_feeds.strict_model import SortedModel
from engine.config.field_types import Duration, NameSet, UtcDatetime
from engine.config.market import MarketStateConfig
from engine.config.venue import VenueConfig


class DataConfig(SortedModel):
    """Which data, and which window of them is traded."""

    source: str = Field(
        "embedded", description="'embedded' (reconstructions), or the folder of a catalog"
    )
    start: UtcDatetime = Field(description="First instant traded, UTC; warm-up lies before it")
    end: UtcDatetime = Field(description="Last instant traded, UTC")
    extra_lag: Duration | None = Field(
        None, description="Delay added to available_at of every series, e.g. 1d"
    )
    max_gap_bars: int | None = Field(
        None,
        ge=0,
        description="Refuse a window with a longer run of missing bars (an exchange misses bars of "
        "its sessions); null: report only",
    )

    @model_validator(mode="after")
    def _ends_after_start(self) -> "DataConfig":
        if self.end <= self.start:
            raise ValueError(f"end {self.end:%Y-%m-%d} must lie after start {self.start:%Y-%m-%d}")
        return self


class PlaybookConfig(SortedModel):
    """Which rules, with which parameters."""

    name: str = Field(
        description="liquidation_reclaim, package.module:Class, or an entry point's name"
    )
    params: dict[str, Any] = Field(
        default_factory=dict, description="The playbook's own parameters; see `riskoff strategies`"
    )
    ignore: NameSet = Field(
        (),
        description="Required conditions treated as true: not the rules any more, but what each of "
        "them earns; see `riskoff attribute`",
    )


class MarginMode(StrEnum):
    """Whether a perp position is backed by its own margin or by the whole venue wallet."""

    ISOLATED = "isolated"
    CROSS = "cross"


class AccountTerms(SortedModel):
    """How perps are margined, cash is sent, and interest is paid."""

    margin_mode: MarginMode = Field(MarginMode.ISOLATED, description="isolated or cross")
    leverage_setting: int | None = Field(
        None,
        ge=1,
        le=125,
        description="Initial-margin setting of perp entries; null: the risk module chooses it",
    )
    transfer_days: int = Field(
        1,
        ge=0,
        le=10,
        description="New York business days that cash takes between the wallets; 0: at once",
    )
    interest_series: str | None = Field(
        None, description="Annual percent series paid on brokerage cash, e.g. DGS3MO; null: none"
    )
    venue_interest_series: str | None = Field(
        None,
        description="Annual percent series paid on the venue wallet's cash, isolated margins "
        "included, unrealized profits not; null: none, as most venues pay none",
    )

    @property
    def paid_series(self) -> frozenset[str]:
        """Names of the series that cash of either wallet earns."""
        return frozenset({self.interest_series, self.venue_interest_series} - {None})  # type: ignore[arg-type]


class AccountConfig(AccountTerms):
    """Starting cash of the two wallets, and the terms of the account."""

    venue_cash: float = Field(100_000.0, ge=0, description="Venue wallet at the start, quote")
    brokerage_cash: float = Field(0.0, ge=0, description="Brokerage wallet at the start, quote")

    @model_validator(mode="after")
    def _has_cash(self) -> "AccountConfig":
        if self.venue_cash + self.brokerage_cash == 0:
            raise ValueError("venue_cash and brokerage_cash are both 0; give one of them cash")
        return self


class GuardScope(StrEnum):
    """What a tripped guard does."""

    BLOCK_ENTRIES = "block_entries"
    FLATTEN = "flatten"


class LossLimitConfig(SortedModel):
    """Stop for the rest of a period after losing a fraction of the equity that it began with."""

    limit: float = Field(gt=0, lt=1, description="Loss as a fraction of the period's start")
    scope: GuardScope = Field(GuardScope.FLATTEN, description="block_entries or flatten")


class DailyLossConfig(LossLimitConfig):
    """The limit of an account day."""

    limit: float = Field(0.03, gt=0, lt=1, description="Loss as a fraction of the day's start")


class WeeklyLossConfig(LossLimitConfig):
    """The limit of an account week, Monday to Sunday."""

    limit: float = Field(0.06, gt=0, lt=1, description="Loss as a fraction of the week's start")


class DrawdownRung(SortedModel):
    """From this drawdown on, new positions are scaled by ``multiplier``."""

    drawdown: float = Field(gt=0, lt=1, description="Fall from the equity peak, fraction")
    multiplier: float = Field(gt=0, le=1, description="Factor on the size of new positions")


class DrawdownConfig(SortedModel):
    """A ladder of reductions, then a halt."""

    ladder: tuple[DrawdownRung, ...] = Field(
        (DrawdownRung(drawdown=0.05, multiplier=0.5), DrawdownRung(drawdown=0.10, multiplier=0.25)),
        description="Rungs by ascending drawdown",
    )
    halt_at: float = Field(0.15, gt=0, lt=1, description="Drawdown that flattens and halts")
    halt_days: int | None = Field(
        10, ge=1, description="Days until trading resumes with a fresh peak; null: never"
    )

    @model_validator(mode="after")
    def _rungs_ascend(self) -> "DrawdownConfig":
        levels = [rung.drawdown for rung in self.ladder]
        if levels != sorted(set(levels)) or (levels and levels[-1] >= self.halt_at):
            raise ValueError("ladder drawdowns must rise and stay below halt_at")
        return self


class MarketTiersConfig(SortedModel):
    """Factor on the size of new positions in each risk tier of the market; 0 blocks them."""

    normal: float = Field(1.0, ge=0, le=1, description="Nothing stands out")
    cautious: float = Field(0.75, ge=0, le=1, description="Not calm, or two steps of the checklist")
    defensive: float = Field(0.5, ge=0, le=1, description="The checklist hedges, or a trend broke")
    halt: float = Field(0.0, ge=0, le=1, description="A liquidity shock in which everything falls")

    @model_validator(mode="after")
    def _worse_is_smaller(self) -> "MarketTiersConfig":
        factors = (self.normal, self.cautious, self.defensive, self.halt)
        if list(factors) != sorted(factors, reverse=True):
            raise ValueError("factors must not rise from normal to cautious, defensive and halt")
        return self


class PortfolioConfig(SortedModel):
    """Caps on everything held together; null is off.

    ``asset_cap``, ``crypto_cap`` and ``net_cap`` bound plans with stops and target weights alike,
    the others a book of target weights.
    """

    target_volatility: float | None = Field(
        None, gt=0, le=2, description="Annual volatility of the book, a fraction; 252 sessions"
    )
    decay: float = Field(0.94, gt=0, lt=1, description="Weight of the session before in EWMA")
    asset_cap: float | None = Field(
        None, gt=0, le=10, description="Largest notional of one instrument / equity"
    )
    crypto_cap: float | None = Field(
        None, ge=0, le=10, description="Largest notional of perps and spot together / equity"
    )
    crypto_beta_cap: float | None = Field(
        None, ge=0, le=10, description="Largest beta of the book to its first crypto market by name"
    )
    net_cap: float | None = Field(
        None, gt=0, le=125, description="Largest abs(longs - shorts) / equity, notionals"
    )


class RiskConfig(SortedModel):
    """Sizing caps and guards; a cap of null is off."""

    risk_fraction: float = Field(
        0.01, gt=0, le=0.2, description="Equity lost, costs included, when the stop is hit"
    )
    target_volatility: float | None = Field(
        0.8,
        gt=0,
        le=5,
        description="Annual volatility of the position as a fraction of equity: 0.8 is 80%",
    )
    volatility_window: Duration = Field("3d", description="Window of realized volatility")
    leverage_cap: float | None = Field(
        3.0, gt=0, le=125, description="Gross notional / equity: 3 is three times the equity"
    )
    notional_cap: float | None = Field(None, gt=0, description="Largest position, quote")
    participation_cap: float | None = Field(
        0.02, gt=0, le=1, description="Largest position as a share of recent mean bar volume"
    )
    participation_window: Duration = Field("1d", description="Window of the mean bar volume")
    max_leverage_setting: int = Field(20, ge=1, le=125, description="Highest setting risk chooses")
    liquidation_distance: float | None = Field(
        2.0, gt=1, description="Liquidation lies at least this many stop distances away"
    )
    daily_loss: DailyLossConfig | None = Field(
        default_factory=DailyLossConfig, description="Daily loss limit; null: off"
    )
    weekly_loss: WeeklyLossConfig | None = Field(None, description="Weekly loss limit; null: off")
    drawdown: DrawdownConfig | None = Field(
        default_factory=DrawdownConfig, description="Drawdown ladder and halt; null: off"
    )
    cool_down: Duration | None = Field(
        "12h", description="No entry after a losing exit for this long"
    )
    max_trades_per_day: int | None = Field(3, ge=1, description="Entries per account day")
    portfolio: PortfolioConfig = Field(
        default_factory=PortfolioConfig, description="Caps on the weights of a rebalancing"
    )
    hedge_budget: float | None = Field(
        0.02,
        gt=0,
        lt=1,
        description="Equity that bought options may cost in a calendar year: premium paid less "
        "what came back; null: no limit",
    )
    market_tiers: MarketTiersConfig | None = Field(
        None, description="Factors by the market's risk tier (see the checklist); null: off"
    )


class ReportConfig(SortedModel):
    """What the tearsheet compares with, and what ratios are in excess of."""

    benchmark: str | dict[str, float] | None = Field(
        None,
        description="Instrument held as benchmark, or weights such as {SPY: 0.6, IEF: 0.4} that "
        "every day restores; null: the traded one",
    )
    periods_per_year: int | None = Field(
        None,
        ge=1,
        description="Days a year of the daily returns; null: 365 when a traded instrument is open "
        "around the clock, otherwise 252",
    )
    bill_series: str | None = Field(
        "DGS3MO",
        description="Annual percent series of the bill that ratios are in excess of; where the "
        "data hold none, account.interest_series, else 0; null: 0",
    )

    @model_validator(mode="after")
    def _check_weights(self) -> "ReportConfig":
        weights = self.held
        if any(weight <= 0 for weight in weights.values()) or sum(weights.values()) > 1 + 1e-9:
            raise ValueError(
                f"benchmark weights must be above 0 and sum to 1 at most, not {dict(weights)}"
            )
        return self

    @property
    def held(self) -> dict[str, float]:
        """Weights of the benchmark by instrument; empty for the traded one."""
        if isinstance(self.benchmark, str):
            return {self.benchmark: 1.0}
        return dict(self.benchmark or {})


class RunMode(StrEnum):
    """Visit only the instants at which something can happen, or every one (the oracle)."""

    SPARSE = "sparse"
    DENSE = "dense"


class RunConfig(SortedModel):
    """One run: data, rules, account, venue, risk."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_\-]*$", description="Names the run folder")
    data: DataConfig
    playbook: PlaybookConfig
    account: AccountConfig = Field(default_factory=AccountConfig)
    venue: VenueConfig = Field(description="Inline, or the name of a file in configs/venues")
    risk: RiskConfig = Field(default_factory=RiskConfig)
    market: MarketStateConfig = Field(
        default_factory=MarketStateConfig,
        description="The market state that risk.market_tiers reads: inputs and thresholds",
    )
    options: OptionModel = Field(
        default_factory=OptionModel, description="How options that no file quotes are priced"
    )
    report: ReportConfig = Field(default_factory=ReportConfig)
    mode: RunMode = Field(RunMode.SPARSE, description="sparse or dense; both give the same result")
    seed: int = Field(0, ge=0, description="For anything drawn at random in reports")
    sleeve_of: str = Field(
        "", description="Folder of the account whose sleeve the run was; `riskoff account` sets it"
    )

    @property
    def bills(self) -> tuple[str, ...]:
        """Series that may be the bill, the first that the data hold; empty when none is wanted."""
        first, paid = self.report.bill_series, self.account.interest_series
        return () if first is None else tuple(dict.fromkeys(x for x in (first, paid) if x))
