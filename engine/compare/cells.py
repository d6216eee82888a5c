"""The cells of a comparison: one run for each row and episode."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from data_feeds.clock import utc_datetime
from engine.config.compare import CompareConfig, RowConfig
from engine.config.models import DataConfig, RunConfig
from engine.episodes import Episode, find_episode
from engine.errors import ConfigError
from engine.formatting import without


@dataclass(frozen=True)
class Cell:
    """The run of one row over one episode."""

    row: str
    episode: str
    config: RunConfig


def row_title(item: RowConfig) -> str:
    """Return a row's title, with the conditions that it leaves out."""
    return item.title + without(item.playbook.ignore)


def episodes_of(config: CompareConfig) -> tuple[Episode, ...]:
    """Return the episodes of a comparison in its order.

    Raises
    ------
    ConfigError, YamlError : an episode is unknown or cannot be read, or two have one name
    """
    episodes = tuple(find_episode(text) for text in config.episodes)
    for name, count in Counter(episode.name for episode in episodes).items():
        if count > 1:
            raise ConfigError(f"episodes: {count} of them are called {name!r}; rename one")
    return episodes


def cells_of(config: CompareConfig, episodes: Sequence[Episode]) -> tuple[Cell, ...]:
    """Return all cells, row by row."""
    return tuple(
        Cell(row, episode.name, config.run(row, episode.name, _window(config, episode)))
        for row in config.rows
        for episode in episodes
    )


def _window(config: CompareConfig, episode: Episode) -> DataConfig:
    """Return the data section of a cell: the episode's days, first and last included."""
    return DataConfig(
        source=config.source,
        start=_moment(episode.start_at),
        end=_moment(episode.end_at),
        extra_lag=config.extra_lag,
    )


def _moment(at: int) -> datetime:
    return utc_datetime(at)
