"""Buy and hold of the benchmark as daily returns on the account's own days."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from data_feeds.dataset import Dataset
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import DAY_NS, Timeframe
from engine.errors import ReportError
from engine.reporting.text import percent


def benchmark_name(weights: Mapping[str, float]) -> str:
    """Return what is held in words.

    >>> benchmark_name({"QQQ": 1.0}), benchmark_name({"SPY": 0.6, "IEF": 0.4})
    ('QQQ', '60% SPY, 40% IEF')
    """
    if list(weights.values()) == [1.0]:
        return next(iter(weights))
    return ", ".join(f"{percent(weight, 0)} {name}" for name, weight in weights.items())


def mixed_returns(
    dataset: Dataset, weights: Mapping[str, float], index: pd.DatetimeIndex, start: int
) -> "pd.Series[float]":
    """Return simple returns of weights that every day of ``index`` restores; the rest is idle cash.

    See :func:`benchmark_returns`.
    """
    parts = [
        weight * benchmark_returns(dataset, name, index, start) for name, weight in weights.items()
    ]
    return sum(parts[1:], start=parts[0]).rename(benchmark_name(weights))


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
    bars = benchmark_bars(dataset, instrument, index)
    ends = index.as_unit("ns").asi8 + DAY_NS
    instants = np.concatenate(([start], ends))
    place = np.searchsorted(bars["closed_at"], instants, side="right") - 1
    first_open = float(bars["open"][0])
    prices = np.where(place >= 0, bars["close"][np.maximum(place, 0)], first_open)
    return pd.Series(prices[1:] / prices[:-1] - 1, index=index, name=instrument)


def benchmark_bars(
    dataset: Dataset, instrument: str, days: pd.DatetimeIndex | None = None
) -> Channel:
    """Return the instrument's bars that close on the most of some days; of equal ones the finest.

    The finest of all may be a few weeks of minutes.

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
    wanted = np.empty(0, np.int64) if days is None else days.as_unit("ns").asi8 // DAY_NS

    def covers(key: ChannelKey) -> int:
        closed = (dataset.channels[key]["closed_at"] - 1) // DAY_NS
        return int(np.isin(wanted, closed).sum())

    return dataset.channels[min(keys, key=lambda key: (-covers(key), Timeframe(key.timeframe)))]
