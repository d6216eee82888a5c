"""The rival of a row inside sell-offs: a static book of the row's own beta.

A sell-off is a window that was chosen because the market fell, so inside it anything that holds
cash beats the market: random timers do in nearly every such window. The rival holds the share of
the market that the row holds on average, ``b x benchmark + (1 - b) x bill``, on every day. Its b is
measured over the whole run, with hindsight; it is a reference and nobody could have traded it. It
pays no costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, midnight_ns
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from data_feeds.load import load_dataset
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.trading_end import ended_by
from engine.benchmark.daily_returns import benchmark_name, mixed_returns
from engine.sell_off_report.run_days import RunDays

Floats = NDArray[np.float64]
# A close may lie behind a weekend and holidays.
BEFORE_NS = 10 * DAY_NS


@dataclass(frozen=True)
class BenchmarkDays:
    """The benchmark's daily returns on the days of one run, and its excess over the bill."""

    name: str
    total: Floats
    excess: Floats


def benchmark_days(
    source: Catalog | Dataset, weights: Mapping[str, float], run: RunDays
) -> BenchmarkDays:
    """Return weights that are restored every day, without costs, on the days of a run.

    Raises
    ------
    CoverageError : the data hold no daily bars of an instrument over the run's days.
    """
    start = run.folder.start
    end = midnight_ns(run.days[-1]) + DAY_NS
    keys = [
        ChannelKey(name, kind, timeframe)
        for name in weights
        for kind, timeframe in ((ChannelKind.BARS, "1d"), (ChannelKind.DIVIDENDS, ""))
    ]
    dataset = load_dataset(source, (), start - BEFORE_NS, end, optional=keys)
    for name in weights:
        bars = dataset.channels.get(ChannelKey(name, ChannelKind.BARS, "1d"))
        if bars is None or not _covers(bars, start, _priced_until(dataset, name, end)):
            raise CoverageError(
                f"{name}/bars/1d: the benchmark of the sell-offs does not cover {run.name}, "
                f"{run.days[0]} to {run.days[-1]}; give data that do, or a run inside them"
            )
    index = pd.DatetimeIndex(run.days.astype("datetime64[ns]"))
    idle = pd.Series(run.bill, index=index)
    until = min(end, run.folder.end)
    mixed = mixed_returns(dataset, weights, index, start, until=until, idle=idle)
    total = np.asarray(mixed, dtype=np.float64)
    return BenchmarkDays(benchmark_name(weights), total, total - run.bill)


def _priced_until(dataset: Dataset, name: str, end: int) -> int:
    """Return the instant up to which bars are due: the end, or that of a delisted instrument."""
    ended_at = ended_by(dataset.instruments[name], end)
    return end if ended_at is None else ended_at


def _covers(bars: Channel, start: int, end: int) -> bool:
    """Return whether bars reach both ends of a window; without them a return would read 0."""
    if not len(bars):
        return False
    begins, ends = int(bars["opened_at"][0]), int(bars["closed_at"][-1])
    return begins <= start + BEFORE_NS and ends >= end - BEFORE_NS


def beta(excess: Floats, benchmark: Floats) -> float:
    """Return the slope of daily excess returns on the benchmark's; 0 where that never moves.

    >>> round(beta(np.array([0.01, -0.02, 0.0]), np.array([0.02, -0.04, 0.0])), 9)
    0.5
    """
    moves = benchmark - benchmark.mean()
    squares = float(moves @ moves)
    return float(moves @ (excess - excess.mean())) / squares if squares > 0 else 0.0
