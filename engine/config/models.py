"""Define the models of a run's YAML.

Models are frozen, unknown keys are refused, all defaults are here, ``None`` means off. Fields
ending in ``_bps`` are basis points; the properties without the suffix are the fractions that the
engine uses.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field, PrivateAttr, model_validator

from data_feeds.options.model import OptionModel
from data_feeds.strict_model import SortedModel
from engine.config.currency_rates import AT_PAR, Currency, CurrencyRate
from engine.config.field_types import Duration, NameSet, UtcDatetime
from engine.config.market import MarketStateConfig
from engine.config.short_sale_terms import ShortSaleTerms
from engine.config.venue import VenueConfig
from engine.config.yaml_source import WrittenParams, given_params


class DataConfig(SortedModel):
    """Choose the data and the traded window."""

    source: str = Field(
        "embedded", description="'embedded' (reconstructions), or the folder of a catalog"
    )
    start: UtcDatetime = Field(description="First instant traded, UTC; the warm-up comes before it")
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
    """Choose the playbook and its parameters."""

    # The playbook's own model decides whether the order of its parameters has a meaning.
    shown_as_written = frozenset({"params"})

    name: str = Field(
        description="liquidation_reclaim, package.module:Class, or an entry point's name"
    )
    params: dict[str, Any] = Field(
        default_factory=dict, description="The playbook's own parameters; see `riskoff strategies`"
    )
    ignore: NameSet = Field(
        (),
        description="Required conditions treated as true, to measure what each of them earns; see "
        "`riskoff attribute`",
    )

    _written: WrittenParams | None = PrivateAttr(None)

    def with_params(self, params: Mapping[str, Any], written: WrittenParams) -> "PlaybookConfig":
        """Return the playbook with complete parameters that remembers where they were written."""
        complete = self.model_copy(update={"params": params})
        complete._written = written
        return complete

    @property
    def written(self) -> WrittenParams:
        """Return where the parameters were written, their own values if they come from no file."""
        if self._written is not None:
            return self._written
        return given_params(self.name, self.params)


class MarginMode(StrEnum):
    """Choose the margin of a perp position: its own, or the whole venue wallet."""

    ISOLATED = "isolated"
    CROSS = "cross"


class AccountTerms(SortedModel):
    """Set currencies, margin mode, transfer time, interest and short sales."""

    currency: Currency | None = Field(
        None, description="Currency of equity and limits; null: the run's only currency"
    )
    venue_currency: Currency | None = Field(
        None,
        description="Currency of the venue wallet; null: that in which the instruments traded "
        "there settle, else account.currency",
    )
    brokerage_currency: Currency | None = Field(
        None,
        description="Currency of the brokerage wallet; null: that in which the instruments traded "
        "there settle, else account.currency",
    )
    rates: dict[Currency, CurrencyRate] = Field(
        default_factory=dict,
        description="Value of each other currency in account.currency: par, a series, or the bars "
        "of an instrument; an account adds no two currencies without a line here",
    )
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
        description="New York business days of a transfer between the wallets; 0: at once",
    )
    interest_series: str | None = Field(
        None, description="Annual percent series paid on brokerage cash, e.g. DGS3MO; null: none"
    )
    venue_interest_series: str | None = Field(
        None,
        description="Annual percent series paid on the venue wallet's cash, isolated margins "
        "included, unrealized profits not; null: none (most venues pay none)",
    )
    short_sales: ShortSaleTerms | None = Field(
        None, description="Margin and carry of ETFs sold short; null: short sales are refused"
    )

    @property
    def paid_series(self) -> frozenset[str]:
        """Return the names of the series of interest on either wallet and of short sales."""
        wallets = (self.interest_series, self.venue_interest_series)
        lent = () if self.short_sales is None else self.short_sales.series
        return frozenset((*(series for series in wallets if series is not None), *lent))

    def rate_of(self, currency: str | None) -> CurrencyRate | None:
        """Return the rate of a currency, par for the account's own; None: no line gives it."""
        if currency is None or currency == self.currency:
            return AT_PAR
        return self.rates.get(currency)


class WalletsConfig(AccountTerms):
    """Set the starting cash of the two wallets and the terms of the account."""

    venue_cash: float = Field(
        100_000.0, ge=0, description="Venue wallet at the start, in the wallet's currency"
    )
    brokerage_cash: float = Field(
        0.0, ge=0, description="Brokerage wallet at the start, in the wallet's currency"
    )

    @model_validator(mode="after")
    def _has_cash(self) -> "WalletsConfig":
        if self.venue_cash + self.brokerage_cash == 0:
            raise ValueError("venue_cash and brokerage_cash are both 0; give one of them cash")
        return self


class GuardScope(StrEnum):
    """Choose the effect of a tripped guard."""

    BLOCK_ENTRIES = "block_entries"
    FLATTEN = "flatten"


class LossLimitConfig(SortedModel):
    """Stop trading for the rest of a period after losing a fraction of its opening equity."""

    limit: float = Field(gt=0, lt=1, description="Loss as a fraction of the period's start")
    scope: GuardScope = Field(GuardScope.FLATTEN, description="block_entries or flatten")


class DailyLossConfig(LossLimitConfig):
    """Limit the loss of an account day."""

    limit: float = Field(0.03, gt=0, lt=1, description="Loss as a fraction of the day's start")


class WeeklyLossConfig(LossLimitConfig):
    """Limit the loss of an account week, Monday to Sunday."""

    limit: float = Field(0.06, gt=0, lt=1, description="Loss as a fraction of the week's start")


class DrawdownRung(SortedModel):
    """Scale new positions by ``multiplier`` from this drawdown on."""

    drawdown: float = Field(gt=0, lt=1, description="Fall from the equity peak, fraction")
    multiplier: float = Field(gt=0, le=1, description="Factor on the size of new positions")


class DrawdownConfig(SortedModel):
    """Reduce new positions in steps by drawdown, then halt."""

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
    """Scale new positions by the market's risk tier; a factor of 0 blocks them."""

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
    """Cap the whole book; null is off.

    ``asset_cap``, ``crypto_cap`` and ``net_cap`` bound plans with stops and target weights; the
    other caps bound target weights only.
    """

    target_volatility: float | None = Field(
        None, gt=0, le=2, description="Annual volatility of the book, a fraction; 252 sessions"
    )
    decay: float = Field(0.94, gt=0, lt=1, description="EWMA weight of the previous session")
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
    """Set sizing caps and guards; a cap of null is off."""

    risk_fraction: float = Field(
        0.01, gt=0, le=0.2, description="Loss at the stop as a fraction of equity, costs included"
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
    notional_cap: float | None = Field(None, gt=0, description="Largest position, account currency")
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
        description="Cost of bought options in a calendar year, a fraction of equity: premiums "
        "less proceeds; null: no limit",
    )
    market_tiers: MarketTiersConfig | None = Field(
        None, description="Factors by the market's risk tier (see the checklist); null: off"
    )


class ShadedSellOffs(SortedModel):
    """Name the market whose sell-offs are shaded on the run's page."""

    instrument: str = Field(description="Instrument with daily bars, such as QQQ")
    fall: float = Field(
        0.10,
        gt=0,
        lt=1,
        description="Fall below a closing high that confirms a sell-off: 0.1 is 10%",
    )


class ReportConfig(SortedModel):
    """Choose the tearsheet's benchmark, the bill of excess returns and the shaded sell-offs."""

    benchmark: str | dict[str, float] | None = Field(
        None,
        description="Instrument held as benchmark, or weights such as {SPY: 0.6, IEF: 0.4}, "
        "rebalanced daily; null: the traded one",
    )
    periods_per_year: int | None = Field(
        None,
        ge=1,
        description="Days a year of the daily returns; null: 365 when a traded instrument is open "
        "around the clock, otherwise 252",
    )
    bill_series: str | None = Field(
        "DGS3MO",
        description="Annual percent series of the bill that excess returns subtract; if the data "
        "lack it, account.interest_series, else 0; null: 0",
    )
    sell_offs: ShadedSellOffs | None = Field(
        None,
        description="Sell-offs to shade on the page's chart, found in the run's data; null: none",
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
        """Return the benchmark's weights by instrument, empty for the traded one."""
        if isinstance(self.benchmark, str):
            return {self.benchmark: 1.0}
        return dict(self.benchmark or {})


class RunMode(StrEnum):
    """Choose between visiting only instants of possible events and every instant (the oracle)."""

    SPARSE = "sparse"
    DENSE = "dense"


class RunConfig(SortedModel):
    """Describe one run: data, playbook, account, venue, risk."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_\-]*$", description="Names the run folder")
    data: DataConfig
    playbook: PlaybookConfig
    account: WalletsConfig = Field(default_factory=WalletsConfig)
    venue: VenueConfig = Field(description="Inline, or the name of a file in configs/venues")
    risk: RiskConfig = Field(default_factory=RiskConfig)
    market: MarketStateConfig = Field(
        default_factory=MarketStateConfig,
        description="The market state that risk.market_tiers reads: inputs and thresholds",
    )
    options: OptionModel = Field(
        default_factory=OptionModel, description="Pricing of options that no file quotes"
    )
    report: ReportConfig = Field(default_factory=ReportConfig)
    mode: RunMode = Field(RunMode.SPARSE, description="sparse or dense; both give the same result")
    seed: int = Field(0, ge=0, description="Seed of random draws in reports")
    sleeve_of: str = Field(
        "", description="Folder of the account that ran this sleeve; `riskoff account` sets it"
    )

    @property
    def bills(self) -> tuple[str, ...]:
        """Return the candidates for the bill series in order, empty when none is wanted."""
        first, paid = self.report.bill_series, self.account.interest_series
        return () if first is None else tuple(dict.fromkeys(x for x in (first, paid) if x))
