"""The audit's own daily volume and volatility of an instrument, day by day from its stored bars.

A day is a UTC day around the clock and a session at an exchange. A day or an hour is complete in a
timeframe whose bars cover all its trading time, each known at its close; the finest such timeframe
is read. Nothing here is rolled or vectorized: each value is worked out from the bars of its days.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from statistics import median

import numpy as np

from data_feeds.calendar import ALWAYS_OPEN, hours_between
from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument
from data_feeds.load import held_keys, load_dataset
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe

VOLUME_DAYS, RETURN_DAYS, FEWEST = 30, 20, 10
# Calendar days before the window that are read: 30 days, or 30 sessions with holidays.
HISTORY_DAYS = {True: 32, False: 52}
# Older hours are not read.
WEEK_NS = 7 * DAY_NS
PARKINSON = 4 * math.log(2)


@dataclass(frozen=True, slots=True)
class KnownActivity:
    """Volume (units a day) and volatilities (fractions a day) known at an instant; NaN for none.

    ``recent`` is the larger of the 20-day volatility and the last hour's.
    """

    volume: float
    usual: float
    recent: float


NOTHING_KNOWN = KnownActivity(math.nan, math.nan, math.nan)


class DailyActivity:
    """Works out the activity of one instrument at an instant."""

    def __init__(
        self, source: Catalog | Dataset, instrument: Instrument, start: int, end: int
    ) -> None:
        self._source = source
        self._name, self._calendar, self._end = instrument.id, instrument.calendar, end
        self._first = start - HISTORY_DAYS[self._calendar == ALWAYS_OPEN] * DAY_NS
        # Instance caches: the audit of a long run asks for the same days again and again.
        self._chunk = lru_cache(maxsize=24)(self._read)
        self._day = lru_cache(maxsize=None)(self._day_total)
        self._hour = lru_cache(maxsize=None)(self._hour_range)

    @cached_property
    def _keys(self) -> list[ChannelKey]:
        keys = [
            key
            for key in held_keys(self._source)
            if (key.instrument, key.kind) == (self._name, ChannelKind.BARS)
            and Timeframe(key.timeframe).ns <= DAY_NS
        ]
        return sorted(keys, key=lambda key: Timeframe(key.timeframe))

    def at(self, instant: int, own: float = 0.0) -> KnownActivity:
        """Return the activity known at an instant; ``own`` is the volatility of the fill's bar.

        Where too few days are known, the last day with enough stands in.
        """
        days = self._days_before(instant)
        for last in range(len(days), 0, -1):
            volume, usual = self._of_days(tuple(days[:last][-VOLUME_DAYS - 1 :]))
            if volume > 0 and not math.isnan(usual):
                hour = self._last_hour(instant)
                return KnownActivity(volume, usual, max(usual, hour, own))
        return NOTHING_KNOWN

    def own_volatility(self, bars: Channel, row: int) -> float:
        """Return a bar's own volatility a day; 0 for a bar of an hour or less."""
        opened, closed = int(bars["opened_at"][row]), int(bars["closed_at"][row])
        if closed - opened <= HOUR_NS:
            return 0.0
        day = DAY_NS
        if self._calendar != ALWAYS_OPEN:
            spans = hours_between(self._calendar, opened, closed).tolist()
            day = sum(e - s for s, e in spans if s < closed and e > opened)
        ratio = float(bars["high"][row]) / float(bars["low"][row])
        return math.log(ratio) / math.sqrt(PARKINSON * min((closed - opened) / day, 1.0))

    def _days_before(self, instant: int) -> list[tuple[int, int]]:
        """Return the days that ended by an instant."""
        return self._all_days[: bisect_right(self._day_ends, instant)]

    @cached_property
    def _day_ends(self) -> list[int]:
        return [end for _, end in self._all_days]

    @cached_property
    def _all_days(self) -> list[tuple[int, int]]:
        if not self._keys:
            return []
        first, last = self._first, self._end
        if self._calendar == ALWAYS_OPEN:
            begins = range(-(-first // DAY_NS) * DAY_NS, last, DAY_NS)
            return [(at, at + DAY_NS) for at in begins]
        days: list[tuple[int, int]] = []
        for opens, closes in hours_between(self._calendar, first, last).tolist():
            # A break at noon is no end of a day.
            if days and opens - days[-1][1] < 3 * HOUR_NS:
                days[-1] = (days[-1][0], closes)
            else:
                days.append((opens, closes))
        return [(s, e) for s, e in days if first <= s < last]

    def _of_days(self, days: tuple[tuple[int, int], ...]) -> tuple[float, float]:
        """Return the median volume of the last 30 days and the volatility of the last 20."""
        totals = [self._day(*day) for day in days]
        volumes = [found[0] for found in totals[-VOLUME_DAYS:] if found is not None]
        squares = [
            math.log(today[1] / before[1]) ** 2
            for before, today in pairwise(totals[-RETURN_DAYS - 1 :])
            if before is not None and today is not None
        ]
        if len(volumes) < FEWEST or len(squares) < FEWEST:
            return math.nan, math.nan
        return median(volumes), math.sqrt(sum(squares) / len(squares))

    def _day_total(self, opens: int, closes: int) -> tuple[float, float] | None:
        """Return volume and last price of a day, None for a day with a hole."""
        bars = self._complete(opens, closes, self._traded(opens, closes))
        if bars is None:
            return None
        return float(np.sum(bars["volume"])), float(bars["close"][-1])

    def _traded(self, opens: int, closes: int) -> int:
        if self._calendar == ALWAYS_OPEN:
            return closes - opens
        spans = hours_between(self._calendar, opens, closes).tolist()
        return int(sum(e - s for s, e in spans if s >= opens and e <= closes))

    def _last_hour(self, instant: int) -> float:
        """Return the volatility a day of the last complete hour or longer bar, 0 for none."""
        days = self._days_before(instant + DAY_NS)
        for opens, closes in reversed(days[-9:]):
            begins = range(opens, closes, HOUR_NS)
            for begin in reversed(begins):
                end = min(begin + HOUR_NS, closes)
                if end > instant or end <= instant - WEEK_NS:
                    continue
                found = self._hour(begin, end, opens, closes)
                if found is not None:
                    return found
        return 0.0

    def _hour_range(self, begin: int, end: int, opens: int, closes: int) -> float | None:
        """Return the volatility of an hour, or of the longer bar that ends with it."""
        bars, length = self._complete(begin, end, end - begin), end - begin
        if bars is None:
            bars, length = self._long_bar(end)
        if bars is None:
            return None
        ratio = float(np.max(bars["high"])) / float(np.min(bars["low"]))
        share = min(length / self._traded(opens, closes), 1.0)
        return math.log(ratio) / math.sqrt(PARKINSON * share)

    def _long_bar(self, end: int) -> tuple[Channel | None, int]:
        for key in self._keys:
            if Timeframe(key.timeframe).ns > HOUR_NS:
                rows = self._rows(key, end - DAY_NS, end)
                if len(rows) and int(rows["closed_at"][-1]) == end:
                    last = rows.take(slice(len(rows) - 1, len(rows)))
                    return last, end - int(last["opened_at"][0])
        return None, 0

    def _complete(self, begin: int, end: int, needed: int) -> Channel | None:
        """Return the finest bars that cover a stretch, None where all have holes."""
        for key in self._keys:
            rows = self._rows(key, begin, end)
            if len(rows) and int(np.sum(rows["closed_at"] - rows["opened_at"])) >= needed:
                return rows
        return None

    def _rows(self, key: ChannelKey, begin: int, end: int) -> Channel:
        """Return the bars inside a stretch that were known at their close."""
        months = 1 if Timeframe(key.timeframe).ns < HOUR_NS else 24
        size = months * 31 * DAY_NS
        parts = [self._chunk(key, n, size) for n in range(begin // size, (end - 1) // size + 1)]
        found = []
        for rows in parts:
            first = int(np.searchsorted(rows["opened_at"], begin, side="left"))
            stop = int(np.searchsorted(rows["closed_at"], end, side="right"))
            found.append(rows.take(slice(first, max(first, stop))))
        if len(found) == 1:
            return found[0]
        columns = {n: np.concatenate([r[n] for r in found]) for n in found[0].columns}
        return Channel(key, columns)

    def _read(self, key: ChannelKey, number: int, size: int) -> Channel:
        """Return the bars that open in one piece of time."""
        begin, end = number * size, (number + 1) * size
        # A bar that opens before the end of a piece may close after it.
        whole = load_dataset(self._source, (), begin, end + 2 * DAY_NS, optional=[key])
        rows = whole.channels[key]
        kept = (rows["opened_at"] >= begin) & (rows["opened_at"] < end)
        return rows.take(kept & (rows["available_at"] <= rows["closed_at"]))
