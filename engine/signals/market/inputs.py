"""Prices and series as known at each day's instant; nothing here is computed from two rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data_feeds.align import as_of
from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.dataset import Dataset
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import DAY_NS, Timeframe, parse_duration
from engine.config.market import MarketStateConfig
from engine.signals.market.grid import Floats, Grid
from engine.signals.market.readings import Reading, missing
from engine.signals.windows import previous

Flags = NDArray[np.bool_]

HOUR = "1h"
SHORTEST = "5m"
DAY = "1d"
# A perp's close of the session's instant may lack its last bars.
_NEAR_CLOSE_NS = DAY_NS // 24 * 2
_LARGEST_STRETCH = 1.05


@dataclass(frozen=True)
class MarketInputs:
    """A dataset on a grid, under the names of a config."""

    data: Dataset
    grid: Grid
    config: MarketStateConfig

    @cached_property
    def max_age_ns(self) -> int:
        """Age beyond which an equity close or a series is stale, ns."""
        return parse_duration(self.config.max_age)

    @cached_property
    def crypto_max_age_ns(self) -> int:
        """Age beyond which a value of the perp is stale, ns."""
        return parse_duration(self.config.crypto_max_age)

    def held(self, key: ChannelKey) -> Channel | None:
        """Return a channel, None where the data do not hold it."""
        if not self.data.has(key.instrument, key.kind, key.timeframe):
            return None
        return self.data.channels[key]

    def missing(self, *inputs: str) -> Reading:
        """Return a number that is known on no day."""
        return missing(len(self.grid), *inputs)

    def of_sessions(self, values: Floats, *inputs: str, read: Flags | None = None) -> Reading:
        """Return a number of each session, on days, as old as the close of the newest one.

        ``read`` says at which sessions there was a price to read, by default where every input has
        one; at the others nothing is fresh: the age is -1.
        """
        if read is None:
            read = np.logical_and.reduce([np.isfinite(self.session_close(n)) for n in inputs])
        here = self.grid.on_days(read.astype(np.float64)) > 0
        age_ns = np.where(here, self.grid.session_age_ns(), -1)
        return Reading(self.grid.on_days(values), age_ns, inputs)

    def series(self, names: Sequence[str]) -> Reading:
        """Return the first series of several that the data name, as known each day; NaN when stale.

        One that has no row yet is not passed over for the next: what it will hold would decide.
        """
        for name in names:
            channel = self.named_series(name)
            if channel is not None:
                found = as_of(channel, "value", self.grid.decided_at, self.max_age_ns)
                return Reading(
                    np.where(found.is_fresh, found.values, np.nan), found.age_ns, (name,)
                )
        return self.missing(names[0])

    def named_series(self, name: str) -> Channel | None:
        """Return a series that the data name, with or without rows."""
        return self.data.channels.get(ChannelKey(name, ChannelKind.SERIES))

    def session_bars(self, name: str) -> dict[str, Floats]:
        """Return open, high, low, close of each session, NaN where it was not known that day."""
        columns = ("open", "high", "low", "close")
        rows = len(self.grid.sessions)
        channel = self.held(ChannelKey(name, ChannelKind.BARS, DAY))
        if channel is None:
            return {column: np.full(rows, np.nan) for column in columns}
        place = np.searchsorted(channel["closed_at"], self.grid.session_closed_at)
        place = np.minimum(place, len(channel) - 1)
        here = channel["closed_at"][place] == self.grid.session_closed_at
        here &= channel["available_at"][place] <= self.grid.session_decided_at
        return {column: np.where(here, channel[column][place], np.nan) for column in columns}

    def session_close(self, name: str) -> Floats:
        """Return an equity's close of each session, NaN where it was not known that day."""
        return self.session_bars(name)["close"]

    def without_holes(self, channel: Channel, values: Floats, bars: int) -> Floats:
        """Return values of windows of ``bars`` bars, NaN where bars are missing in the window.

        A window that spans a hole of months would mix two markets; up to a twentieth may be
        missing. Exchange hours have nights between them and are left as they are.
        """
        if self.data.instruments[channel.key.instrument].calendar != ALWAYS_OPEN:
            return values
        opened = previous(channel["opened_at"].astype(np.float64), bars - 1)
        spanned = channel["closed_at"] - opened
        whole = spanned <= bars * Timeframe(channel.key.timeframe).ns * _LARGEST_STRETCH
        return np.where(whole, values, np.nan)

    @cached_property
    def bitcoin_hours(self) -> Channel | None:
        """The perp's hourly bars."""
        return self.held(ChannelKey(self.config.inputs.bitcoin, ChannelKind.BARS, HOUR))

    @cached_property
    def bitcoin(self) -> Reading:
        """Bitcoin's price at each day's instant: the perp's, before its bars the daily one."""
        parts = [
            (self.bitcoin_hours, self.config.inputs.bitcoin),
            (
                self.held(ChannelKey(self.config.inputs.bitcoin_daily, ChannelKind.BARS, DAY)),
                self.config.inputs.bitcoin_daily,
            ),
        ]
        reading = self.missing()
        for channel, name in reversed(parts):
            if channel is None:
                continue
            found = as_of(channel, "close", self.grid.decided_at, self.crypto_max_age_ns)
            reading = Reading(
                np.where(found.is_fresh, found.values, reading.value),
                np.where(found.is_fresh, found.age_ns, reading.age_ns),
                (*reading.inputs, name),
            )
        return reading

    @cached_property
    def bitcoin_at_closes(self) -> tuple[Floats, Flags]:
        """Bitcoin at the New York close of each session, and whether it was known that day.

        Without the perp's hours the daily bar that ends at the next UTC midnight stands in: three
        or four hours later, known only the day after.
        """
        closed_at = self.grid.session_closed_at
        price = np.full(len(closed_at), np.nan)
        if self.bitcoin_hours is not None:
            found = as_of(self.bitcoin_hours, "close", closed_at, _NEAR_CLOSE_NS)
            price = np.where(found.is_fresh, found.values, np.nan)
        at_once = np.isfinite(price)
        daily = self.held(ChannelKey(self.config.inputs.bitcoin_daily, ChannelKind.BARS, DAY))
        if daily is not None:
            midnight = (closed_at // DAY_NS + 1) * DAY_NS
            place = np.minimum(np.searchsorted(daily["closed_at"], midnight), len(daily) - 1)
            same = (daily["closed_at"][place] == midnight) & (
                daily["available_at"][place] <= self.grid.session_decided_at + DAY_NS // 2
            )
            price = np.where(at_once | ~same, price, daily["close"][place])
        return price, at_once
