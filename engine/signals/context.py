"""The market around a trade: the longer timeframe's trend, dollar and yields, thin hours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_feeds.align import as_of, resample_bars
from data_feeds.calendar import local_instants
from data_feeds.clock import HOUR_NS, NEW_YORK, utc_days, utc_index
from data_feeds.schema import Channel
from data_feeds.timeframe import Timeframe
from engine.signals.asof import derived_as_of, unknown_ages, unknown_values
from engine.signals.windows import Floats, rolling_sum

Instants = NDArray[np.int64]
Flags = NDArray[np.bool_]

_SATURDAY = 5
# The last complete bar is up to one bar old while the next one forms; two bars mean a hole.
_TREND_AGE_BARS = 2


@dataclass(frozen=True)
class Trend:
    """Close and mean of the last complete longer bar at each row; NaN before the first.

    ``age_ns`` is the age of that bar's close, -1 before the first.
    """

    close: Floats
    mean: Floats
    known: Flags
    age_ns: Instants


def trend(bars: Channel, timeframe: Timeframe, mean_bars: int, decided_at: Instants) -> Trend:
    """Return the close of the last complete longer bar and the mean of ``mean_bars`` closes.

    Above the mean the trend is up, below it down.

    Raises
    ------
    SchemaError : ``timeframe`` is not a whole multiple of the bars' own.
    """
    longer = resample_bars(bars, timeframe)
    max_age = _TREND_AGE_BARS * timeframe.ns
    close = derived_as_of(longer, longer["close"], decided_at, max_age)
    means = rolling_sum(longer["close"], mean_bars) / mean_bars
    mean = np.full(len(decided_at), np.nan)
    known = close.rows >= 0
    mean[known] = means[close.rows[known]]
    return Trend(close.values, mean, close.is_fresh & np.isfinite(mean), close.age_ns)


@dataclass(frozen=True)
class SeriesChange:
    """A series' change over some days, as known at each row.

    ``age_ns`` is the age of the latest value, -1 where there is none.
    """

    value: Floats
    known: Flags
    age_ns: Instants


def unknown_change(rows: int) -> SeriesChange:
    """Return the change of a series that is not in the data: unknown at every row."""
    known = np.broadcast_to(np.False_, rows)
    return SeriesChange(unknown_values(rows), known, unknown_ages(rows))


def series_change(
    series: Channel, decided_at: Instants, days_ns: int, max_age_ns: int, *, relative: bool
) -> SeriesChange:
    """Return the change from the value known ``days_ns`` ago to the value known now.

    The change is a fraction when ``relative``, else in the series' unit. It is unknown where either
    value is missing or older than ``max_age_ns``, counted from its reference date.
    """
    now = as_of(series, "value", decided_at, max_age_ns)
    then = as_of(series, "value", decided_at - days_ns, max_age_ns)
    change = now.values / then.values - 1 if relative else now.values - then.values
    return SeriesChange(change, now.is_fresh & then.is_fresh, now.age_ns)


def evenings(closed_at: Instants, clock: str) -> Instants:
    """Return a New York clock time on the UTC date of each session's close, never before it.

    A daily playbook decides then: the close is final and the day's releases are published.
    """
    dates = utc_days(closed_at)
    return np.maximum(local_instants(dates, clock, NEW_YORK), closed_at)


def thin_window(instants: Instants, *, weekend: bool, first_hour: int, last_hour: int) -> Flags:
    """Return whether each instant lies in a thin window.

    ``weekend``: Saturday and Sunday, UTC, count. The hours are New York's, ``[first, last)``.
    """
    # An hour has one weekday and one hour in New York, so rows of the same hour are judged once.
    hours = instants // HOUR_NS
    first = np.flatnonzero(np.concatenate((hours[:1] == hours[:1], hours[1:] != hours[:-1])))
    utc = utc_index(hours[first] * HOUR_NS)
    hour = utc.tz_convert(NEW_YORK).hour.to_numpy()
    thin = (hour >= first_hour) & (hour < last_hour)
    if weekend:
        thin |= utc.day_of_week.to_numpy() >= _SATURDAY
    return np.repeat(thin, np.diff(first, append=len(instants)))
