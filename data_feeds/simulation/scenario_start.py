"""The end of the data as a scenario's start: last values, recent volatility, intervals."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.clock import DAY_NS, MINUTE_NS, Dates, Instants, utc_days, utc_text
from data_feeds.dataset import Dataset
from data_feeds.errors import SchemaError
from data_feeds.schema import Array, Channel, ChannelKey, ChannelKind, Provenance, time_columns
from data_feeds.simulation.paths import Floats
from data_feeds.timeframe import Timeframe

BAR_KINDS = (ChannelKind.BARS, ChannelKind.MARK)
# Days and rows on which volatility, intervals and lags are measured.
RECENT_DAYS = 20
RECENT_ROWS = 30
# Points continue if they ended at most this many steps before the data; series at most this many
# days, because some are published weeks later, or three steps if longer.
_LATE_STEPS = 3
LATE_SERIES_DAYS = 45
# Least number of rows for a mean square.
_ENOUGH = 10


@dataclass(frozen=True)
class Daily:
    """Daily values in order of days."""

    days: Dates
    values: Floats

    def log_returns(self, rows: int) -> Floats:
        """Return at most the given number of last log returns."""
        returns: Floats = np.diff(np.log(np.maximum(self.values, 1e-12)))
        return returns[-rows:]

    @property
    def fall(self) -> float:
        """Log distance of the last value below the 60-day high, not negative."""
        recent = np.maximum(self.values[-60:], 1e-12)
        return float(np.log(recent.max() / recent[-1]))


def stream(seed: int, path: int, name: str) -> np.random.Generator:
    """Return a random generator that depends only on the seed, the path and a name."""
    return np.random.default_rng([seed, path, crc32(name.encode())])


def completed_at(channel: Channel) -> Instants:
    """Return the instant at which each row is complete: a bar's close, a point's event."""
    column = "closed_at" if channel.key.kind in BAR_KINDS else time_columns(channel.key.kind)[0]
    times: Instants = channel[column]
    return times


def end_of(dataset: Dataset) -> int:
    """Return the instant at which the last bar or point of a dataset is complete (ns, UTC).

    Raises
    ------
    SchemaError : the dataset holds no row.
    """
    ends = [int(completed_at(c)[-1]) for c in dataset.channels.values() if len(c)]
    if not ends:
        raise SchemaError("the dataset holds no row; a scenario needs data to continue")
    return max(ends)


def lag_ns(channel: Channel) -> int:
    """Return the usual time from completion to availability of recent rows, ns."""
    lags = (channel["available_at"] - completed_at(channel))[-RECENT_ROWS:]
    return int(np.median(lags))


def step_ns(channel: Channel, otherwise: int) -> int:
    """Return the usual time between recent points, whole minutes."""
    steps = np.diff(np.unique(channel["event_at"][-RECENT_ROWS:]))
    if len(steps) == 0:
        return otherwise
    return max(round(float(np.median(steps)) / MINUTE_NS), 1) * MINUTE_NS


def check_points(channel: Channel, begin: int) -> None:
    """Refuse a channel of points that ended before the data: no values justify a continuation.

    Raises
    ------
    SchemaError : the last point is older than three usual steps and than its kind's limit: a day,
        or 45 days for a series, the time of the slowest release.
    """
    is_series = channel.key.kind is ChannelKind.SERIES
    least = LATE_SERIES_DAYS * DAY_NS if is_series else DAY_NS
    limit = max(_LATE_STEPS * step_ns(channel, 0), least)
    last = int(channel["event_at"][-1])
    if begin - last > limit:
        raise SchemaError(
            f"{channel.key}: its last value is of {utc_text(last)}, more than "
            f"{limit / DAY_NS:.3g} days before the data end ({utc_text(begin)}); leave it out "
            "with dataset.only or cut the data there"
        )


def points_after(channel: Channel, end: int, otherwise: int) -> Instants:
    """Return the instants of a channel of points after its last point, until ``end``."""
    step = step_ns(channel, otherwise)
    return np.arange(int(channel["event_at"][-1]) + step, end + 1, step, dtype=np.int64)


def daily(dataset: Dataset, name: str) -> Daily | None:
    """Return daily values of a series, or closes of an instrument's longest bars."""
    series = dataset.channels.get(ChannelKey(name, ChannelKind.SERIES))
    bars = sorted(
        (key for key in dataset.channels if key.instrument == name and key.kind in BAR_KINDS),
        key=lambda key: (key.kind is ChannelKind.MARK, -Timeframe(key.timeframe).ns),
    )
    channel = series if series is not None else dataset.channels[bars[0]] if bars else None
    if channel is None or len(channel) < 2:
        return None
    values = channel["value" if series is not None else "close"]
    days = utc_days(channel[time_columns(channel.key.kind)[0]])
    last = np.flatnonzero(np.append(days[1:] != days[:-1], [True]))
    return Daily(days[last], values[last])


def size(changes: Floats, otherwise: float) -> float:
    """Return the root mean square of changes, or ``otherwise`` for too few changes."""
    if len(changes) < _ENOUGH:
        return otherwise
    found = float(np.sqrt(np.mean(changes**2)))
    return found if found > 0 else otherwise


def trades_around_the_clock(dataset: Dataset, name: str) -> bool:
    """Return whether an instrument's market never closes."""
    return dataset.instruments[name].calendar == ALWAYS_OPEN


def made(key: ChannelKey, times: tuple[Array, ...], values: dict[str, Array]) -> Channel:
    """Return a channel of synthetic rows."""
    named = dict(zip(time_columns(key.kind), times, strict=True))
    label = np.full(len(times[0]), Provenance.SYNTHETIC, dtype=np.int8)
    return Channel(key, {**named, **values, "label": label})


def on_tick(prices: dict[str, Array], first: float, tick: float) -> dict[str, Array]:
    """Return bars rounded to the tick, with ``first`` as first open and enclosing extremes."""
    digits = max(0, int(np.ceil(-np.log10(tick))) + 2)
    rounded = {
        name: np.maximum(np.round(np.round(values / tick) * tick, digits), tick)
        for name, values in prices.items()
    }
    if len(rounded["open"]):
        rounded["open"][0] = first
    top = np.maximum(rounded["open"], rounded["close"])
    bottom = np.minimum(rounded["open"], rounded["close"])
    rounded["high"] = np.maximum(rounded["high"], top)
    rounded["low"] = np.minimum(rounded["low"], bottom)
    return rounded
