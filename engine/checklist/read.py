"""The market state of some days, from a catalog or a dataset."""

import numpy as np

from data_feeds.calendar import local_instants
from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from data_feeds.load import load_dataset
from data_feeds.schema import Provenance
from data_feeds.timeframe import DAY_NS
from engine.config.market import MarketStateConfig
from engine.signals.market.build import HISTORY_DAYS, market_state, state_channels
from engine.signals.market.grid import NEW_YORK
from engine.state import MarketState


def read_state(
    source: Catalog | Dataset, config: MarketStateConfig, first: np.datetime64, last: np.datetime64
) -> tuple[MarketState, Provenance]:
    """Return the state of the days from ``first`` to ``last``, and the weakest label read.

    Raises
    ------
    CoverageError : the source holds none of the channels that the state reads.
    """
    start, end = local_instants(np.array([first, last]), config.decide_at, NEW_YORK)
    data = load_dataset(
        source,
        (),
        int(start),
        int(end),
        HISTORY_DAYS * DAY_NS,
        optional=state_channels(config),
    )
    if not any(len(channel) for channel in data.channels.values()):
        names = ", ".join(sorted({key.instrument for key in state_channels(config)}))
        raise CoverageError(
            f"none of the checklist's channels has rows before {last}; it reads: {names}"
        )
    return market_state(data, config, first, last), data.provenance
