"""Volume, last price and range of an instrument's complete days and hours, from its stored bars.

Each day and each hour is read from the finest stored bars that cover all of it, so the values do
not depend on the bars that a run trades on. A day with a hole in every timeframe has no value. A
day is a UTC day around the clock and a session at an exchange; hours count from its open. Where the
finest bars are longer than an hour, each bar takes the place of an hour. A bar that becomes known
after its close counts as missing: every value is known when its day or hour ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_feeds.calendar import (
    ALWAYS_OPEN,
    hours_between,
    session_bounds,
    sessions_around,
)
from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS, Instants
from data_feeds.dataset import Dataset
from data_feeds.load import held_keys, load_dataset
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe

Floats = NDArray[np.float64]
# Bars read at once: 1m bars of years must not lie in memory together.
ROWS_AT_ONCE = 200_000


@dataclass(frozen=True)
class TradingSlots:
    """Hold the days of a stretch, one row each, and its complete hours in order of time.

    Attributes
    ----------
    day_ends : int64 ns UTC
    day_volume : units of the instrument, NaN for an incomplete day
    day_close : last price, NaN for an incomplete day
    day_bars : timeframe that the day was read from, "" for an incomplete day
    hour_ends : int64 ns UTC, hours and longer bars, increasing
    hour_range : ln(high / low)
    hour_share : length of the hour or bar as a fraction of its day's trading time
    """

    day_ends: Instants
    day_volume: Floats
    day_close: Floats
    day_bars: NDArray[np.str_]
    hour_ends: Instants
    hour_range: Floats
    hour_share: Floats


def trading_slots(source: Catalog | Dataset, instrument: str, start: int, end: int) -> TradingSlots:
    """Return the days of an instrument that begin inside ``[start, end)``, and their hours.

    No bar that closes after ``end`` is read.
    """
    instruments = source.instruments if isinstance(source, Dataset) else source.instruments()
    grid = _Grid(instruments[instrument].calendar, start, end)
    for key in _finest_first(source, instrument):
        for first, last in grid.unfilled(Timeframe(key.timeframe)):
            span = (start, end) if isinstance(source, Dataset) else (first, min(last, end))
            found = load_dataset(source, (), *span, optional=[key]).channels.get(key)
            if found is not None and len(found):
                grid.fill(found)
            if isinstance(source, Dataset):
                break
    return grid.slots()


def _finest_first(source: Catalog | Dataset, instrument: str) -> list[ChannelKey]:
    """Return the stored bars of an instrument up to a day long, the finest first."""
    keys = [
        key
        for key in held_keys(source)
        if key.instrument == instrument
        and key.kind is ChannelKind.BARS
        and Timeframe(key.timeframe).ns <= DAY_NS
    ]
    return sorted(keys, key=lambda key: Timeframe(key.timeframe))


class _Grid:
    """The days and hours of a stretch, filled from the finest timeframe to the longest."""

    def __init__(self, calendar: str, start: int, end: int) -> None:
        dates = sessions_around(calendar, start, end)
        opens, closes = session_bounds(calendar, dates)
        inside = (opens >= start) & (opens < end)
        self._opens, self._closes = opens[inside], closes[inside]
        self._traded_ns = self._closes - self._opens
        if calendar != ALWAYS_OPEN and len(self._opens):
            self._traded_ns = self._without_breaks(calendar)
        count = -(-(self._closes - self._opens) // HOUR_NS)
        self._first_hour = np.concatenate(([0], np.cumsum(count)))
        day = np.repeat(np.arange(len(count)), count)
        within = np.arange(len(day)) - self._first_hour[day]
        self._hour_day = day
        self._hour_ends = np.minimum(self._opens[day] + (within + 1) * HOUR_NS, self._closes[day])
        self._hour_ns = self._hour_ends - (self._opens[day] + within * HOUR_NS)
        self._volume = np.full(len(count), np.nan)
        self._close = np.full(len(count), np.nan)
        self._bars = np.full(len(count), "", np.dtype("U8"))
        self._range = np.full(len(day), np.nan)
        # Bars longer than an hour: end, range, share.
        self._long: list[tuple[Instants, Floats, Floats]] = []

    def _without_breaks(self, calendar: str) -> Instants:
        hours = hours_between(calendar, int(self._opens[0]), int(self._closes[-1]))
        day = np.searchsorted(self._opens, hours[:, 0], side="right") - 1
        held = (day >= 0) & (hours[:, 1] <= self._closes[np.maximum(day, 0)])
        lengths = (hours[:, 1] - hours[:, 0])[held]
        total = np.bincount(day[held], lengths, len(self._opens))
        return total.astype(np.int64)

    def unfilled(self, step: Timeframe) -> Iterator[tuple[int, int]]:
        """Return stretches of at most ``ROWS_AT_ONCE`` bars that hold a day without a value."""
        days = max(1, ROWS_AT_ONCE * step.ns // DAY_NS)
        for first in range(0, len(self._opens), days):
            last = min(first + days, len(self._opens)) - 1
            if bool(np.isnan(self._volume[first : last + 1]).any()):
                yield int(self._opens[first]), int(self._closes[last])

    def fill(self, bars: Channel) -> None:
        """Set the days and hours that the bars cover and that no finer bars have set."""
        known = bars["available_at"] <= bars["closed_at"]
        day = np.searchsorted(self._opens, bars["opened_at"], side="right") - 1
        inside = known & (day >= 0)
        inside &= bars["closed_at"] <= self._closes[np.maximum(day, 0)]
        rows, day = np.flatnonzero(inside), day[inside]
        if len(rows) == 0:
            return
        length = (bars["closed_at"] - bars["opened_at"])[rows]
        self._fill_days(bars, rows, day, length)
        if Timeframe(bars.key.timeframe).ns > HOUR_NS:
            share = length / self._traded_ns[day]
            extent = np.log(bars["high"][rows] / bars["low"][rows])
            self._long.append((bars["closed_at"][rows], extent, np.minimum(share, 1.0)))
        else:
            self._fill_hours(bars, rows, day, length)

    def _fill_days(
        self, bars: Channel, rows: NDArray[np.intp], day: Instants, length: Instants
    ) -> None:
        count = len(self._opens)
        covered = np.bincount(day, length, count)
        volume = np.bincount(day, bars["volume"][rows], count)
        last = np.zeros(count, np.intp)
        last[day] = rows
        new = np.isnan(self._volume) & (covered > 0) & (covered >= self._traded_ns)
        self._volume[new] = volume[new]
        self._close[new] = bars["close"][last[new]]
        self._bars[new] = bars.key.timeframe

    def _fill_hours(
        self, bars: Channel, rows: NDArray[np.intp], day: Instants, length: Instants
    ) -> None:
        hour = self._first_hour[day] + (bars["opened_at"][rows] - self._opens[day]) // HOUR_NS
        whole = bars["closed_at"][rows] <= self._hour_ends[hour]
        rows, hour, length = rows[whole], hour[whole], length[whole]
        if len(rows) == 0:
            return
        begins = np.flatnonzero(np.concatenate(([True], hour[1:] != hour[:-1])))
        held = hour[begins]
        covered = np.add.reduceat(length, begins)
        high = np.maximum.reduceat(bars["high"][rows], begins)
        low = np.minimum.reduceat(bars["low"][rows], begins)
        new = (covered == self._hour_ns[held]) & np.isnan(self._range[held])
        self._range[held[new]] = np.log(high[new] / low[new])

    def slots(self) -> TradingSlots:
        """Return the filled days and hours."""
        found = ~np.isnan(self._range)
        share = self._hour_ns / self._traded_ns[self._hour_day]
        ends = [self._hour_ends[found], *(part[0] for part in self._long)]
        extents = [self._range[found], *(part[1] for part in self._long)]
        shares = [share[found], *(part[2] for part in self._long)]
        # Of bars that end together the first is the finest.
        at, first = np.unique(np.concatenate(ends), return_index=True)
        return TradingSlots(
            day_ends=self._closes,
            day_volume=self._volume,
            day_close=self._close,
            day_bars=self._bars,
            hour_ends=at,
            hour_range=np.concatenate(extents)[first],
            hour_share=np.concatenate(shares)[first],
        )
