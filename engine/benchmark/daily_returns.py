"""Compute the benchmark's returns on the account's days, with income and costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS, index_ns
from data_feeds.dataset import Dataset
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from data_feeds.trading_end import FinalSettlement, final_settlement
from engine.account_rates import PAR, RateSteps
from engine.errors import ReportError
from engine.formatting import percent

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HeldBenchmark:
    """Daily simple returns of the benchmark, and of the bill on the same days."""

    returns: "pd.Series[float]"
    bill: "pd.Series[float]"

    @property
    def excess(self) -> "pd.Series[float]":
        """Return the daily returns in excess of the bill."""
        return (self.returns - self.bill).rename(self.name)

    @property
    def name(self) -> str:
        """Return the benchmark in words."""
        return str(self.returns.name)

    @property
    def excess_return(self) -> float:
        """Return the gain over the same money in bills, a fraction of the money at the start."""
        wealth = np.concatenate(([1.0], np.cumprod(1 + self.returns.to_numpy())))
        return float(wealth[-1] - 1 - wealth[:-1] @ self.bill.to_numpy())


def benchmark_name(weights: Mapping[str, float]) -> str:
    """Return the benchmark's weights in words.

    >>> benchmark_name({"QQQ": 1.0}), benchmark_name({"SPY": 0.6, "IEF": 0.4})
    ('QQQ', '60% SPY, 40% IEF')
    """
    if list(weights.values()) == [1.0]:
        return next(iter(weights))
    return ", ".join(f"{percent(weight, 0)} {name}" for name, weight in weights.items())


def mixed_returns(
    dataset: Dataset,
    weights: Mapping[str, float],
    index: pd.DatetimeIndex,
    start: int,
    *,
    until: int | None = None,
    costs: Mapping[str, float] | None = None,
    idle: "pd.Series[float] | None" = None,
    rates: Mapping[str, RateSteps] | None = None,
) -> "pd.Series[float]":
    """Return simple returns of weights that are restored on every day of ``index``.

    Parameters
    ----------
    dataset, index, start, until : see :func:`benchmark_returns`
    weights : of the equity at each day's start, by instrument
    costs : fraction of the notional that a purchase or sale loses, by instrument: paid on the
        first purchases and on the trades that restore the weights
    idle : daily return of the cash that the weights leave, a fraction; None: zero
    rates : the account's currency per unit of each instrument's quote; None: par
    """
    names, lost = list(weights), costs or {}
    share = np.array([weights[name] for name in names])
    cost = np.array([lost.get(name, 0.0) for name in names])
    valued = rates or {}
    begins, over = _instants(index, start)[:-1], np.full(len(names), len(index))
    moves = np.zeros((len(names), len(index)))
    for k, name in enumerate(names):
        moves[k] = benchmark_returns(
            dataset, name, index, start, valued.get(name, PAR), until=until
        )
        settled = _settlement(dataset, benchmark_bars(dataset, name, index), index, until)
        if settled is not None:
            # The first day that begins after the settlement.
            over[k] = np.searchsorted(begins, settled.at)
    free = np.zeros(len(index)) if idle is None else idle.to_numpy()
    grown, paid = np.ones(len(index)), np.zeros(len(index))
    bounds = sorted({0, *over.tolist(), len(index)})
    for first, stop in pairwise(bounds):
        days = slice(first, stop)
        # The money of a delisted instrument is cash from then on.
        own = np.where(over > first, share, 0.0)
        rest = (1 - own.sum()) * free[days]
        grown[days] = 1 + own @ moves[:, days] + rest
        drifted = own[:, np.newaxis] * (1 + moves[:, days])
        # Nothing drifts once all money is lost.
        np.divide(drifted, grown[days], out=drifted, where=grown[days] > 0)
        traded = abs(drifted - own[:, np.newaxis])
        # A settlement costs nothing.
        traded[over == stop, -1] = 0.0
        paid[days] = cost @ traded
    # The last day restores no weight; the first purchases come before the first day.
    paid[-1:] = 0.0
    grown = grown * (1 - paid)
    grown[:1] /= 1 + cost @ share
    return pd.Series(grown - 1, index=index, name=benchmark_name(weights))


def benchmark_returns(
    dataset: Dataset,
    instrument: str,
    index: pd.DatetimeIndex,
    start: int,
    rate: RateSteps = PAR,
    *,
    until: int | None = None,
) -> "pd.Series[float]":
    """Return simple returns of holding the instrument, one for each day of ``index``.

    A day's price is the last close known at the midnight (UTC) that ends it; the first day is
    measured from the last close at ``start`` (ns UTC), or from the first open after it. Before the
    instrument has a price the return is 0. Dividends are earned and funding is paid on the day of
    their instant where the data hold them; prices that are adjusted for dividends contain them. A
    delisted instrument is settled as a position in it would be, and returns 0 from then on.
    ``rate`` is the account's currency per unit of quote: a day's price and income count at the rate
    known at its end. ``until`` is the end of the run's window (ns UTC), before which a delisting
    must lie to be known; None: the end of the last day.

    Raises
    ------
    ReportError : the data hold no bars of the instrument.
    """
    bars = benchmark_bars(dataset, instrument, index)
    instants = _instants(index, start)
    place = np.searchsorted(bars["closed_at"], instants, side="right") - 1
    known = np.maximum(place, 0)
    prices = np.where(place >= 0, bars["close"][known], float(bars["open"][0]))
    first_open = int(bars["opened_at"][0])
    priced_at = np.where(place >= 0, bars["closed_at"][known], first_open)
    # Income due at the instant of the purchase belongs to the holder before it.
    priced_at[0] += 1
    income = _income(dataset, bars, np.maximum.accumulate(priced_at))
    # A currency that moves before the instrument has a price is no return of the instrument.
    value = rate.at(np.where(place >= 0, instants, max(first_open, start)))
    settled = _settlement(dataset, bars, index, until)
    if settled is None:
        grown = (prices[1:] + income) * value[1:] / (prices[:-1] * value[:-1])
        return pd.Series(grown - 1, index=index, name=instrument)
    prices = np.where(instants >= settled.at, settled.price, prices)
    is_over = instants[:-1] >= settled.at
    before = np.where(is_over, 1.0, prices[:-1] * value[:-1])
    grown = np.where(is_over, 1.0, (prices[1:] + income) * value[1:] / before)
    return pd.Series(grown - 1, index=index, name=instrument)


def _instants(index: pd.DatetimeIndex, start: int) -> NDArray[np.int64]:
    """Return the start and each day's end: a day without a row belongs to the next row's."""
    return np.concatenate(([start], index_ns(index) + DAY_NS)).astype(np.int64)


def _settlement(
    dataset: Dataset, bars: Channel, index: pd.DatetimeIndex, until: int | None
) -> FinalSettlement | None:
    """Return the settlement of a holding by the end of the window, None without one."""
    held = dataset.instruments.get(bars.key.instrument)
    if held is None or held.delisted is None or not len(index):
        return None
    end = int(index_ns(index)[-1]) + DAY_NS
    return final_settlement(held, bars, end if until is None else min(until, end))


def _income(dataset: Dataset, bars: Channel, priced_at: NDArray[np.int64]) -> Floats:
    """Return dividends less funding of one unit between each two prices, quote."""
    name, total = bars.key.instrument, np.zeros(len(priced_at) - 1)
    held = dataset.instruments.get(name)
    if held is not None and held.dividend_adjusted:
        return total
    for kind, column in ((ChannelKind.DIVIDENDS, "amount"), (ChannelKind.FUNDING, "rate")):
        channel = dataset.channels.get(ChannelKey(name, kind))
        if channel is None or not len(channel):
            continue
        at, amount = channel["event_at"], channel[column].astype(np.float64)
        if kind is ChannelKind.FUNDING:
            place = np.searchsorted(bars["closed_at"], at, side="right") - 1
            amount = -amount * bars["close"][np.maximum(place, 0)]
        day = np.searchsorted(priced_at, at, side="right") - 1
        inside = (day >= 0) & (day < len(total))
        np.add.at(total, day[inside], amount[inside])
    return total


def benchmark_bars(
    dataset: Dataset, instrument: str, days: pd.DatetimeIndex | None = None
) -> Channel:
    """Return the instrument's bars that cover the most of some days; of equal ones the finest.

    The finest bars alone may cover a few weeks only.

    Raises
    ------
    ReportError : the data hold no bars of it; the text names the instruments that have bars.
    """
    held = [key for key in dataset.channels if key.kind is ChannelKind.BARS]
    keys = [key for key in held if key.instrument == instrument and len(dataset.channels[key])]
    if not keys:
        known = ", ".join(sorted({key.instrument for key in held})) or "none"
        raise ReportError(
            f"report.benchmark: no bars of {instrument!r} in the data of this run; with bars: "
            f"{known}"
        )
    wanted = np.empty(0, np.int64) if days is None else index_ns(days) // DAY_NS

    def covers(key: ChannelKey) -> int:
        closed = (dataset.channels[key]["closed_at"] - 1) // DAY_NS
        return int(np.isin(wanted, closed).sum())

    return dataset.channels[min(keys, key=lambda key: (-covers(key), Timeframe(key.timeframe)))]
