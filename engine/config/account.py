"""Define the models of an account of several playbooks: shares of capital, joint limits."""

import math
import re
from typing import Any

from pydantic import Field, field_validator

from data_feeds.options.model import OptionModel
from data_feeds.strict_model import SortedModel
from engine.config.market import MarketStateConfig
from engine.config.models import (
    AccountTerms,
    DailyLossConfig,
    DataConfig,
    DrawdownConfig,
    PlaybookConfig,
    ReportConfig,
    RiskConfig,
    RunConfig,
    RunMode,
    WalletsConfig,
    WeeklyLossConfig,
)
from engine.config.venue import VenueConfig

NAME = r"^[a-z0-9][a-z0-9_\-]*$"
# Names of other columns in the account's tables.
TAKEN = ("at",)


class AccountRiskConfig(SortedModel):
    """Set caps and guards on the sum of all sleeves, above those of each sleeve; null is off."""

    leverage_cap: float | None = Field(
        None, gt=0, le=125, description="Gross notional of all sleeves / the account's equity"
    )
    net_cap: float | None = Field(
        None, gt=0, le=125, description="Largest abs(longs - shorts) / equity, notionals"
    )
    asset_cap: float | None = Field(
        None, gt=0, le=10, description="Largest notional of one instrument in all sleeves / equity"
    )
    crypto_cap: float | None = Field(
        None, ge=0, le=10, description="Largest notional of perps and spot together / equity"
    )
    daily_loss: DailyLossConfig | None = Field(None, description="Daily loss limit; null: off")
    weekly_loss: WeeklyLossConfig | None = Field(None, description="Weekly loss limit; null: off")
    drawdown: DrawdownConfig | None = Field(None, description="Drawdown ladder and halt; null: off")


class SleeveConfig(SortedModel):
    """Describe one playbook with its own cash, risk rules and positions."""

    share: float = Field(gt=0, le=1, description="Share of the account's capital")
    at_venue: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the sleeve's cash in the venue wallet at the start; the rest is at "
        "the brokerage",
    )
    playbook: PlaybookConfig
    risk: RiskConfig = Field(default_factory=RiskConfig)


class AccountConfig(SortedModel):
    """Describe one account of several playbooks."""

    name: str = Field(pattern=NAME, description="Names the folder")
    data: DataConfig
    capital: float = Field(
        gt=0, description="Cash of the whole account at the start, in account.currency"
    )
    sleeves: dict[str, SleeveConfig] = Field(
        description="Sleeves by name; at one instant they decide in the order of their names",
        min_length=1,
    )
    account: AccountTerms = Field(default_factory=AccountTerms)
    venue: VenueConfig = Field(description="Inline, or the name of a file in configs/venues")
    risk: AccountRiskConfig = Field(default_factory=AccountRiskConfig)
    market: MarketStateConfig = Field(
        default_factory=MarketStateConfig,
        description="The market state that market_tiers of the sleeves read",
    )
    options: OptionModel = Field(
        default_factory=OptionModel, description="Pricing of options that no file quotes"
    )
    report: ReportConfig = Field(default_factory=ReportConfig)
    mode: RunMode = Field(RunMode.SPARSE, description="sparse or dense; both give the same result")
    seed: int = Field(0, ge=0, description="Seed of random draws in reports")

    @field_validator("sleeves")
    @classmethod
    def _check_sleeves(cls, sleeves: dict[str, SleeveConfig]) -> dict[str, SleeveConfig]:
        for name in sleeves:
            if not re.fullmatch(NAME, name) or name in TAKEN:
                raise ValueError(
                    f"{name!r} names a sleeve; write lower-case letters, digits, - and _, "
                    f"and not {', '.join(TAKEN)}"
                )
        total = math.fsum(sleeve.share for sleeve in sleeves.values())
        if abs(total - 1) > 1e-9:
            raise ValueError(f"shares add up to {total:g}; they must add up to 1")
        return sleeves

    def sleeve(self, name: str, *, rivals: int, account: str = "") -> RunConfig:
        """Return the run of one sleeve.

        ``rivals`` is the largest number of sleeves, itself included, that trade one of its markets;
        the sleeve may fill that part of the participation cap in all its markets. ``account`` names
        the account's folder, empty before it is known.
        """
        sleeve, cap = self.sleeves[name], self.venue.participation_cap
        cash = self.capital * sleeve.share
        terms: dict[str, Any] = self.account.model_dump()
        return RunConfig(
            name=f"{self.name}-{name}",
            data=self.data,
            playbook=sleeve.playbook,
            account=WalletsConfig(
                **terms,
                venue_cash=cash * sleeve.at_venue,
                brokerage_cash=cash * (1 - sleeve.at_venue),
            ),
            venue=self.venue.model_copy(
                update={"participation_cap": None if cap is None else cap / rivals}
            ),
            risk=sleeve.risk,
            market=self.market,
            options=self.options,
            report=self.report,
            mode=self.mode,
            seed=self.seed,
            sleeve_of=account,
        )
