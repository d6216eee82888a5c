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
    """A row over an episode, as a run."""

    row: str
    episode: str
    config: RunConfig


def row_title(item: RowConfig) -> str:
    """Return what a row is called: with conditions left out it is not the playbook's own rules."""
    return item.title + without(item.playbook.ignore)


def episodes_of(config: CompareConfig) -> tuple[Episode, ...]:
    """Return the episodes of a comparison in its order.

    Raises
    ------
    ConfigError, YamlError : one is unknown or cannot be read, or two have one name
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
    """Return the data of a cell: the episode's days, both included."""
    return DataConfig(
        source=config.source,
        start=_moment(episode.start_at),
        end=_moment(episode.end_at),
        extra_lag=config.extra_lag,
    )


def _moment(at: int) -> datetime:
    return utc_datetime(at)
