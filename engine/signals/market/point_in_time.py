"""Prices and series as known at each day's instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data_feeds.align import as_of
from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.clock import DAY_NS, parse_duration
from data_feeds.dataset import Dataset
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from engine.config.market import MarketStateConfig
from engine.signals.asof import derived_as_of
from engine.signals.market.grid import Floats, Grid
from engine.signals.market.readings import PreferredSources, Reading, missing
from engine.signals.market.rolling import log_returns
from engine.signals.windows import previous

Flags = NDArray[np.bool_]

HOUR = "1h"
SHORTEST = "5m"
DAY = "1d"
# The perp's last bars before a session's close may be missing; an older price is not used.
_NEAR_CLOSE_NS = DAY_NS // 24 * 2
_LARGEST_STRETCH = 1.05


@dataclass(frozen=True)
class MarketInputs:
    """Reads a dataset on a grid of days, by the names of a config."""

    data: Dataset
    grid: Grid
    config: MarketStateConfig

    @cached_property
    def max_age_ns(self) -> int:
        """Return the age beyond which an equity close or a series is stale, ns."""
        return parse_duration(self.config.max_age)

    @cached_property
    def crypto_max_age_ns(self) -> int:
        """Return the age beyond which a value of the perp is stale, ns."""
        return parse_duration(self.config.crypto_max_age)

    def bars(self, name: str | None, timeframe: str) -> Channel | None:
        """Return an instrument's bars, None where it has no name or the data do not hold them."""
        return None if name is None else self.held(ChannelKey(name, ChannelKind.BARS, timeframe))

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

        ``read`` marks the sessions that had a price to read, by default those where every input has
        one; at the others the age is -1.
        """
        if read is None:
            read = np.logical_and.reduce([np.isfinite(self.session_close(n)) for n in inputs])
        here = self.grid.on_days(read.astype(np.float64)) > 0
        age_ns = np.where(here, self.grid.session_age_ns(), -1)
        return Reading(self.grid.on_days(values), age_ns, inputs)

    def series(self, names: Sequence[str]) -> PreferredSources:
        """Return a series under its names, the preferred one first, each NaN where it is stale."""
        found = []
        for name in names:
            channel = self.named_series(name)
            if channel is not None:
                read = as_of(channel, "value", self.grid.decided_at, self.max_age_ns)
                value = np.where(read.is_fresh, read.values, np.nan)
                found.append(Reading(value, read.age_ns, (name,)))
        return PreferredSources(tuple(found) or (self.missing(*names[:1]),))

    def as_known(self, channel: Channel, derived: Floats, name: str) -> Reading:
        """Return a number made for each row of a series, as known each day, NaN when stale."""
        found = derived_as_of(channel, derived, self.grid.decided_at, self.max_age_ns)
        return Reading(np.where(found.is_fresh, found.values, np.nan), found.age_ns, (name,))

    def named_series(self, name: str) -> Channel | None:
        """Return a series that the data name, with or without rows; None where they do not."""
        return self.data.channels.get(ChannelKey(name, ChannelKind.SERIES))

    def names_bars(self, name: str) -> bool:
        """Return whether the data name daily bars of an equity, with or without rows."""
        return ChannelKey(name, ChannelKind.BARS, DAY) in self.data.channels

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

        A window across a hole of months would mix two markets; up to a twentieth may be missing.
        Bars of an exchange are returned unchanged, since nights lie between them.
        """
        if self.data.instruments[channel.key.instrument].calendar != ALWAYS_OPEN:
            return values
        opened = previous(channel["opened_at"].astype(np.float64), bars - 1)
        spanned = channel["closed_at"] - opened
        whole = spanned <= bars * Timeframe(channel.key.timeframe).ns * _LARGEST_STRETCH
        return np.where(whole, values, np.nan)

    @cached_property
    def bitcoin_hours(self) -> Channel | None:
        """Return the perp's hourly bars, None where the data do not hold them."""
        return self.held(ChannelKey(self.config.inputs.bitcoin, ChannelKind.BARS, HOUR))

    @cached_property
    def bitcoin(self) -> PreferredSources:
        """Return bitcoin's price at each day's instant: the perp's hours, else the daily bars."""
        names = self.config.inputs
        parts = (
            (self.bitcoin_hours, names.bitcoin),
            (
                self.bars(names.bitcoin_daily, DAY),
                names.bitcoin_daily or names.bitcoin,
            ),
        )
        found = []
        for channel, name in parts:
            if channel is None:
                found.append(self.missing(name))
                continue
            read = as_of(channel, "close", self.grid.decided_at, self.crypto_max_age_ns)
            value = np.where(read.is_fresh, read.values, np.nan)
            found.append(Reading(value, read.age_ns, (name,)))
        return PreferredSources(tuple(found))

    @cached_property
    def bitcoin_at_closes(self) -> tuple[Floats, Floats]:
        """Return bitcoin's price at each session's close, from hours and from daily bars.

        The daily bar is the one that ends at the next UTC midnight, three or four hours later; it
        becomes known only on the day after.
        """
        closed_at = self.grid.session_closed_at
        hourly, daily = np.full(len(closed_at), np.nan), np.full(len(closed_at), np.nan)
        if self.bitcoin_hours is not None:
            found = as_of(self.bitcoin_hours, "close", closed_at, _NEAR_CLOSE_NS)
            hourly = np.where(found.is_fresh, found.values, np.nan)
        days = self.bars(self.config.inputs.bitcoin_daily, DAY)
        if days is not None:
            midnight = (closed_at // DAY_NS + 1) * DAY_NS
            place = np.minimum(np.searchsorted(days["closed_at"], midnight), len(days) - 1)
            same = (days["closed_at"][place] == midnight) & (
                days["available_at"][place] <= self.grid.session_decided_at + DAY_NS // 2
            )
            daily = np.where(same, days["close"][place], np.nan)
        return hourly, daily

    @cached_property
    def bitcoin_moves(self) -> tuple[Floats, Flags]:
        """Return bitcoin's log return to each session's close, and whether it was known that day.

        Both prices of a return are from one source: the hours where they have both, else the days.
        """
        hourly, daily = (log_returns(price) for price in self.bitcoin_at_closes)
        at_once = np.isfinite(hourly)
        return np.where(at_once, hourly, daily), at_once
