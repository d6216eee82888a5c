"""Buy and hold of the benchmark as daily returns on the account's own days."""

import numpy as np
import pandas as pd

from data_feeds.dataset import Dataset
from data_feeds.schema import Channel, ChannelKind
from data_feeds.timeframe import DAY_NS, Timeframe
from engine.errors import ReportError


def benchmark_returns(
    dataset: Dataset, instrument: str, index: pd.DatetimeIndex, start: int
) -> "pd.Series[float]":
    """Return simple returns of holding the instrument, one for each day of ``index``.

    A day's price is the last close known at the midnight (UTC) that ends it; the first day is
    measured from the last close at ``start`` (ns UTC), or from the first open after it. Before the
    instrument has a price the return is 0.

    Raises
    ------
    ReportError : the data hold no bars of the instrument.
    """
    bars = benchmark_bars(dataset, instrument)
    ends = index.as_unit("ns").asi8 + DAY_NS
    instants = np.concatenate(([start], ends))
    place = np.searchsorted(bars["closed_at"], instants, side="right") - 1
    first_open = float(bars["open"][0])
    prices = np.where(place >= 0, bars["close"][np.maximum(place, 0)], first_open)
    return pd.Series(prices[1:] / prices[:-1] - 1, index=index, name=instrument)


def benchmark_bars(dataset: Dataset, instrument: str) -> Channel:
    """Return the instrument's finest bars.

    Raises
    ------
    ReportError : there are none; the text names the instruments that have bars.
    """
    held = [key for key in dataset.channels if key.kind is ChannelKind.BARS]
    keys = [key for key in held if key.instrument == instrument and len(dataset.channels[key])]
    if not keys:
        known = ", ".join(sorted({key.instrument for key in held})) or "none"
        raise ReportError(
            f"report.benchmark: no bars of {instrument!r} in the data of this run; with bars: "
            f"{known}"
        )
    return dataset.channels[min(keys, key=lambda key: Timeframe(key.timeframe))]
