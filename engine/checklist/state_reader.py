"""The market state of some days, from a catalog or a dataset."""

import numpy as np

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from data_feeds.schema import Provenance
from engine.config.market import MarketStateConfig
from engine.market_state import MarketState
from engine.run_data import state_data
from engine.signals.market.build import market_state, state_channels


def read_state(
    source: Catalog | Dataset, config: MarketStateConfig, first: np.datetime64, last: np.datetime64
) -> tuple[MarketState, Provenance]:
    """Return the state of the days from ``first`` to ``last``, and the weakest label read.

    Raises
    ------
    CoverageError : the source holds none of the channels that the state reads.
    """
    data = state_data(source, config, first, last)
    if not any(len(channel) for channel in data.channels.values()):
        names = ", ".join(sorted({key.instrument for key in state_channels(config)}))
        raise CoverageError(
            f"none of the checklist's channels has rows before {last}; it reads: {names}"
        )
    return market_state(data, config, first, last), data.provenance
