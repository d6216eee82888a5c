"""The markets whose sell-offs are found: one file each in ``configs/sell_offs``."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from data_feeds.strict_model import SortedModel
from engine.config.locations import CONFIGS_FOLDER, find_config
from engine.config.problems import problem_lines, validate_strict
from engine.config.yaml_source import read_source
from engine.episodes import DatedEvent, Day, Text
from engine.errors import ConfigError

KIND = "sell_offs"
WEIGHT_ROUNDING = 1e-9
SELL_OFFS_FOLDER = CONFIGS_FOLDER / KIND

Fraction = Annotated[float, Field(gt=0, lt=1)]


class SellOffMarket(SortedModel):
    """One market: its daily bars, the numbers of the dating rule, and dated events.

    Attributes
    ----------
    since : first UTC day of the closes that the rule reads
    fall : fraction below a closing high that confirms a sell-off
    sensitivity : other values of ``fall``, whose counts are shown beside it; none of them is chosen
    rival : weights of the benchmark whose static share a row is compared with inside sell-offs
    events : dated events; one inside a sell-off names it, the others stay outside the tests
    """

    name: Text
    instrument: Text
    since: Day
    fall: Fraction
    sensitivity: tuple[Fraction, ...] = ()
    rival: dict[str, Annotated[float, Field(gt=0, le=1)]]
    events: tuple[DatedEvent, ...] = ()

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
    ConfigError : the values cannot be used; one line a problem.
    """
    source = read_source(path)
    try:
        market = validate_strict(SellOffMarket, source.data)
    except ValidationError as error:
        raise ConfigError("\n".join(problem_lines(error, SellOffMarket, source))) from error
    if market.name != path.stem:
        raise ConfigError(
            f"{source.where(('name',))}: name = {market.name!r}: must be the file's, {path.stem!r}"
        )
    return market


def find_market(text: str) -> SellOffMarket:
    """Return the market that an argument means: a YAML file, or the name of a shipped one."""
    return load_market(find_config(text, KIND))


def shipped_markets() -> list[SellOffMarket]:
    """Return the markets that ship with riskoff, QQQ first."""
    markets = [load_market(path) for path in SELL_OFFS_FOLDER.glob("*.yaml")]
    return sorted(markets, key=lambda market: (market.since, market.name))
