"""The markets whose sell-offs are found: one file each in ``configs/sell_offs``."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from engine.config.field_types import Text
from engine.config.locations import CONFIGS_FOLDER, find_config
from engine.config.named_file import NamedModel, load_named
from engine.episodes import DatedEvent, Day

KIND = "sell_offs"
WEIGHT_ROUNDING = 1e-9
SELL_OFFS_FOLDER = CONFIGS_FOLDER / KIND

Fraction = Annotated[float, Field(gt=0, lt=1)]


class SellOffMarket(NamedModel):
    """One market: its daily bars, the numbers of the dating rule, and dated events."""

    instrument: Text = Field(description="Instrument with daily bars")
    since: Day = Field(description="First UTC day of the closes that the rule reads")
    fall: Fraction = Field(description="Fraction below a closing high that confirms a sell-off")
    sensitivity: tuple[Fraction, ...] = Field(
        (), description="Other values of fall, whose counts are shown beside it; none is chosen"
    )
    rival: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        description="Weights of the benchmark whose static share a row is compared with inside "
        "sell-offs"
    )
    events: tuple[DatedEvent, ...] = Field(
        (), description="Dated events; one inside a sell-off names it, others stay outside tests"
    )

    @model_validator(mode="after")
    def _check_values(self) -> "SellOffMarket":
        if abs(sum(self.rival.values()) - 1) > WEIGHT_ROUNDING:
            raise ValueError(f"rival: weights must sum to 1, not to {sum(self.rival.values()):g}")
        for event in self.events:
            if event.day < self.since:
                raise ValueError(f"event of {event.day} ({event.text!r}) lies before {self.since}")
        return self


def load_market(path: Path) -> SellOffMarket:
    """Return the market that a YAML file describes.

    Raises
    ------
    YamlError : the file is missing or not the YAML we accept.
    ConfigError : the values cannot be used, or the name is not the file's; one line a problem.
    """
    return load_named(path, SellOffMarket)


def find_market(text: str) -> SellOffMarket:
    """Return the market that an argument means: a YAML file, or the name of a shipped one."""
    return load_market(find_config(text, KIND))


def shipped_markets() -> list[SellOffMarket]:
    """Return the markets that ship with riskoff, QQQ first."""
    markets = [load_market(path) for path in SELL_OFFS_FOLDER.glob("*.yaml")]
    return sorted(markets, key=lambda market: (market.since, market.name))
