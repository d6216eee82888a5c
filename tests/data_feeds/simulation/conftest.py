"""Fixtures: the reconstructions, generated once."""

import pytest

from data_feeds.align import resample_bars
from data_feeds.dataset import Dataset
from data_feeds.embedded import embedded_catalog
from data_feeds.schema import Channel
from data_feeds.simulation.reconstruction import PERP, TIMEFRAME
from data_feeds.timeframe import Timeframe


@pytest.fixture(scope="session")
def made() -> Dataset:
    """Return all channels of the embedded catalog, in memory."""
    catalog = embedded_catalog()
    channels = {entry.key: catalog.read(entry.key) for entry in catalog.entries()}
    return Dataset(catalog.instruments(), channels)


@pytest.fixture(scope="session")
def perp(made: Dataset) -> Channel:
    return made.bars(PERP, TIMEFRAME)


@pytest.fixture(scope="session")
def days(perp: Channel) -> Channel:
    return resample_bars(perp, Timeframe("1d"))
