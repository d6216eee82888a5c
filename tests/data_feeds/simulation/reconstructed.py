"""Helpers for the tests of the reconstructions."""

import numpy as np

from data_feeds.dataset import Dataset
from data_feeds.schema import Array, Channel, ChannelKind
from data_feeds.simulation.episode_parameters import EPISODES, EpisodeParameters
from data_feeds.simulation.factors import SERIES
from data_feeds.simulation.reconstruction import TIMEFRAME
from data_feeds.timeframe import Timeframe
from tests.data_feeds.factory import ns

BAR_NS = Timeframe(TIMEFRAME).ns
ONE_EPISODE = "2020"
BY_NAME = {episode.name: episode for episode in EPISODES}


def dates(instants: Array) -> Array:
    return instants.astype("datetime64[ns]").astype("datetime64[D]")


def daily(made: Dataset, name: str) -> tuple[Array, Array]:
    """Return dates and values of a series, or of an equity's closes."""
    if name in SERIES:
        channel = made.channel(name, ChannelKind.SERIES)
        return dates(channel["event_at"]), channel["value"]
    channel = made.bars(name, "1d")
    return dates(channel["closed_at"]), channel["close"]


def row_at(channel: Channel, column: str, at: str) -> int:
    (row,) = np.flatnonzero(channel[column] == ns(at))
    return int(row)


def episode_rows(channel: Channel, column: str, episode: EpisodeParameters) -> Array:
    at = channel[column]
    return np.flatnonzero((at >= ns(episode.start)) & (at < ns(episode.end)))
