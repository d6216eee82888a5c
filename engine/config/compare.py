"""Define the model of a comparison: playbooks as rows, episodes as columns."""

from typing import Annotated, ClassVar

from pydantic import Field, field_validator, model_validator

from data_feeds.options.model import OptionModel
from data_feeds.strict_model import SortedModel
from engine.config.account import NAME
from engine.config.field_types import Duration
from engine.config.market import MarketStateConfig
from engine.config.models import (
    DataConfig,
    PlaybookConfig,
    ReportConfig,
    RiskConfig,
    RunConfig,
    RunMode,
    WalletsConfig,
)
from engine.config.venue import VenueConfig

MAX_ROWS, MAX_EPISODES = 40, 12
SHORT_NAME = Annotated[str, Field(pattern=NAME, max_length=40)]


class RowConfig(SortedModel):
    """Describe one playbook or baseline with its account and risk rules."""

    title: str = Field(min_length=1, max_length=60, description="Name on the page")
    baseline: bool = Field(False, description="Shown below the playbooks, without their details")
    playbook: PlaybookConfig
    account: WalletsConfig = Field(default_factory=WalletsConfig)
    risk: RiskConfig = Field(default_factory=RiskConfig)
    report: ReportConfig = Field(default_factory=ReportConfig)


class CompareConfig(SortedModel):
    """Describe a matrix of runs: every row over every episode."""

    shown_as_written: ClassVar[frozenset[str]] = frozenset({"rows"})

    name: str = Field(pattern=NAME, description="Names the folder")
    title: str = Field("", max_length=100, description="Heading of the page; empty: the name")
    source: str = Field(
        "embedded", description="'embedded' (reconstructions), or the folder of a catalog"
    )
    extra_lag: Duration | None = Field(
        None, description="Delay added to available_at of every series, e.g. 1d"
    )
    episodes: tuple[str, ...] = Field(
        min_length=1,
        max_length=MAX_EPISODES,
        description="Names of shipped episodes, or YAML files of your own",
    )
    rows: dict[SHORT_NAME, RowConfig] = Field(
        min_length=1, max_length=MAX_ROWS, description="Playbooks and baselines by name"
    )
    reference: str = Field(description="Row from which the differences of the others are measured")
    venue: VenueConfig = Field(description="Inline, or the name of a file in configs/venues")
    market: MarketStateConfig = Field(
        default_factory=MarketStateConfig,
        description="The market state of the page's strips, and of risk.market_tiers",
    )
    options: OptionModel = Field(
        default_factory=OptionModel, description="Pricing of options that no file quotes"
    )
    level: float = Field(0.9, gt=0.5, lt=1, description="Nominal coverage of the intervals")
    replications: int = Field(2_000, ge=100, le=100_000, description="Resamples behind an interval")
    seed: int = Field(0, ge=0, description="Seed of the resamples")

    @field_validator("episodes")
    @classmethod
    def _differ(cls, episodes: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(episodes)) < len(episodes):
            raise ValueError(f"names an episode twice: {', '.join(episodes)}; name each once")
        return episodes

    @model_validator(mode="after")
    def _refers_to_a_row(self) -> "CompareConfig":
        if self.reference not in self.rows:
            raise ValueError(
                f"reference {self.reference!r} is no row; name one of: {', '.join(self.rows)}"
            )
        return self

    def run(self, row: str, episode: str, data: DataConfig) -> RunConfig:
        """Return the run of one cell, named after its row and its episode."""
        item = self.rows[row]
        return RunConfig(
            name=f"{row}-{episode}",
            data=data,
            playbook=item.playbook,
            account=item.account,
            venue=self.venue,
            risk=item.risk,
            market=self.market,
            options=self.options,
            report=item.report,
            mode=RunMode.SPARSE,
            seed=self.seed,
        )
