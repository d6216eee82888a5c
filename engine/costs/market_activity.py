"""The daily volume and the volatility of an instrument, as known at each instant."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from data_feeds.calendar import ALWAYS_OPEN, hours_between
from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.instrument import InstrumentKind
from data_feeds.schema import Channel
from data_feeds.trading_slots import TradingSlots, trading_slots
from engine.costs.slippage_model import NO_ACTIVITY, Activity

Floats = NDArray[np.float64]

VOLUME_DAYS = 30
VOLATILITY_DAYS = 20
# Values of fewer days are unknown.
MINIMUM_DAYS = 10
# An hour older than this is no news: longer than any closure of an exchange.
HOUR_KEEPS_NS = 7 * DAY_NS
# Calendar days that hold 30 sessions and one more, holidays included.
HISTORY_DAYS = {True: VOLUME_DAYS + 2, False: 52}


@dataclass(frozen=True)
class MarketActivity:
    """Hold the activity of one instrument at the ends of its days and hours.

    Attributes
    ----------
    day_ends : int64 ns UTC; the values of a row are known from then on
    daily_volume : median volume of the complete days among the last 30, NaN with fewer than 10
    usual_volatility : root of the mean squared log return of the last 20 days, NaN with fewer than
        10 returns; a return needs two complete days that follow each other
    hour_ends : int64 ns UTC
    hour_volatility : Parkinson's estimate from an hour's range, scaled to a day's trading time
    day_bars : timeframe that each day was read from, "" for an incomplete day
    """

    day_ends: NDArray[np.int64]
    daily_volume: Floats
    usual_volatility: Floats
    hour_ends: NDArray[np.int64]
    hour_volatility: Floats
    day_bars: NDArray[np.str_]

    def at(self, instant: int, *, own_volatility: float = 0.0) -> Activity:
        """Return the activity known at an instant.

        ``own_volatility`` is that of the bar that a fill lies in, where it counts.
        """
        day = int(np.searchsorted(self.day_ends, instant, side="right")) - 1
        if day < 0 or self._last_known[day] < 0:
            return NO_ACTIVITY
        row = int(self._last_known[day])
        usual = float(self.usual_volatility[row])
        recent = max(usual, own_volatility)
        hour = int(np.searchsorted(self.hour_ends, instant, side="right")) - 1
        if hour >= 0 and self.hour_ends[hour] > instant - HOUR_KEEPS_NS:
            recent = max(recent, float(self.hour_volatility[hour]))
        return Activity(float(self.daily_volume[row]), recent, usual, row == day)

    @cached_property
    def _last_known(self) -> NDArray[np.int64]:
        """The last row up to each day with a volume and a volatility, -1 for none."""
        known = (self.daily_volume > 0) & ~np.isnan(self.usual_volatility)
        rows = np.where(known, np.arange(len(known)), -1)
        latest: NDArray[np.int64] = np.maximum.accumulate(rows) if len(rows) else rows
        return latest

    def timeframes(self, start: int, end: int) -> Mapping[str, int]:
        """Return the number of complete days of a window by the timeframe they were read from."""
        inside = (self.day_ends > start) & (self.day_ends <= end) & (self.day_bars != "")
        names, counts = np.unique(self.day_bars[inside], return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))


def market_activity(slots: TradingSlots) -> MarketActivity:
    """Return volume and volatility of an instrument; every row uses its own and earlier days."""
    returns = np.full(len(slots.day_close), np.nan)
    returns[1:] = np.diff(np.log(slots.day_close))
    squares = returns * returns
    return MarketActivity(
        day_ends=slots.day_ends,
        daily_volume=_over_days(slots.day_volume, VOLUME_DAYS, median=True),
        usual_volatility=np.sqrt(_over_days(squares, VOLATILITY_DAYS, median=False)),
        hour_ends=slots.hour_ends,
        hour_volatility=parkinson(slots.hour_range) / np.sqrt(slots.hour_share),
        day_bars=slots.day_bars,
    )


def parkinson(log_range: Floats) -> Floats:
    """Return the volatility over the stretch that a range covers: ``ln(high/low) / sqrt(4 ln 2)``.

    Parkinson, The extreme value method, Journal of Business 53 (1980).
    """
    scaled: Floats = log_range / np.sqrt(4 * np.log(2))
    return scaled


def bar_volatility(bars: Channel, row: int, calendar: str) -> float:
    """Return a bar's own volatility scaled to a day's trading time; 0 for a bar up to an hour."""
    opened, closed = int(bars["opened_at"][row]), int(bars["closed_at"][row])
    if closed - opened <= HOUR_NS:
        return 0.0
    day = DAY_NS
    if calendar != ALWAYS_OPEN:
        hours = hours_between(calendar, opened, closed)
        met = (hours[:, 0] < closed) & (hours[:, 1] > opened)
        day = int((hours[met, 1] - hours[met, 0]).sum())
    if day <= 0:
        return 0.0
    log_range = math.log(float(bars["high"][row]) / float(bars["low"][row]))
    return log_range / math.sqrt(4 * math.log(2)) / math.sqrt(min((closed - opened) / day, 1.0))


def _over_days(values: Floats, days: int, *, median: bool) -> Floats:
    """Return the median or mean of the numbers among the last days, NaN with fewer than 10."""
    padded = np.concatenate((np.full(days - 1, np.nan), values))
    found = np.full(len(values), np.nan)
    if len(values) == 0:
        return found
    windows = sliding_window_view(padded, days)
    enough = np.flatnonzero((~np.isnan(windows)).sum(axis=1) >= MINIMUM_DAYS)
    measure = np.nanmedian if median else np.nanmean
    if len(enough):
        found[enough] = measure(windows[enough], axis=1)
    return found


def load_activity(
    source: Catalog | Dataset, instruments: Iterable[str], start: int, end: int
) -> dict[str, MarketActivity]:
    """Return the activity of instruments in a window, from all bars that the source holds.

    Bars from 30 days before the window are read where they exist; an instrument without bars is
    left out.
    """
    held = source.instruments if isinstance(source, Dataset) else source.instruments()
    found = {}
    for name in sorted(set(instruments) & set(held)):
        if held[name].kind is InstrumentKind.OPTION:
            continue
        history = HISTORY_DAYS[held[name].calendar == ALWAYS_OPEN] * DAY_NS
        slots = trading_slots(source, name, start - history, end)
        found[name] = market_activity(slots)
    return found


def activity_digest(activity: Mapping[str, MarketActivity]) -> str:
    """Return sha256 over the values of all instruments."""
    digest = hashlib.sha256()
    for name, item in sorted(activity.items()):
        digest.update(name.encode())
        parts = (item.day_ends, item.daily_volume, item.usual_volatility)
        for values in (*parts, item.hour_ends, item.hour_volatility):
            digest.update(f"{len(values)}".encode())
            digest.update(values.tobytes())
    return digest.hexdigest()
