"""The markets whose paths are studied: series of values, each with the instant of knowing it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_feeds.align import as_of
from data_feeds.calendar import local_instants, sessions_between
from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS, NEW_YORK, utc_days
from data_feeds.dataset import Dataset
from data_feeds.load import load_dataset
from data_feeds.schema import Channel, ChannelKey, ChannelKind, Provenance
from engine.signals import derived_as_of, open_interest_base
from engine.statistics import Elapsed, Series, Sessions

PERP = "BTCUSDT-PERP"
SESSIONS = "XNYS"
# Days before the first event and after the last one that the longest path needs.
ROOM_NS = 45 * DAY_NS
# From Friday's close to Tuesday's over a holiday on Monday, and one day more.
CLOSURE_NS = 5 * DAY_NS

_BARS = ChannelKey(PERP, ChannelKind.BARS, "1h")
_MARK = ChannelKey(PERP, ChannelKind.MARK, "1h")


@dataclass(frozen=True)
class StudiedMarket:
    """One market and how its path is measured.

    Attributes
    ----------
    name, title : for tables and pictures
    key : the channel
    column : the column of values
    relative : moves are fractions; otherwise differences in the series' unit
    unit, scale : moves times ``scale`` are shown in ``unit``
    day_steps : steps of a day
    step_ns : length of a step; None: a step is a session of New York
    max_age_ns : a value known longer ago than this is missing
    origin : the step that moves start from: 0 the value known at the event, 1 the next close
    """

    name: str
    title: str
    key: ChannelKey
    column: str
    relative: bool
    unit: str
    scale: float
    day_steps: int
    step_ns: int | None
    max_age_ns: int
    origin: int = 0

    def offsets(self) -> NDArray[np.int64]:
        """Return the steps of the path: 2 days before to 10 after, or 10 sessions to 20."""
        first, last = (-2, 10) if self.step_ns is not None else (-10, 20)
        return np.arange(first * self.day_steps, last * self.day_steps + 1)

    @property
    def step_name(self) -> str:
        """Return the name of a step, for tables."""
        return "session" if self.step_ns is None else f"{self.step_ns // HOUR_NS}h"


def _series(name: str) -> ChannelKey:
    return ChannelKey(name, ChannelKind.SERIES)


def _of_sessions(
    name: str, title: str, key: ChannelKey, column: str, **shown: Any
) -> StudiedMarket:
    return StudiedMarket(
        name, title, key, column, day_steps=1, step_ns=None, max_age_ns=CLOSURE_NS, **shown
    )


def _of_perp(name: str, title: str, key: ChannelKey, column: str, **shown: Any) -> StudiedMarket:
    """Return a market around the clock whose values come at every step."""
    step_ns = shown.pop("step_ns", HOUR_NS)
    day_steps = DAY_NS // step_ns
    return StudiedMarket(
        name, title, key, column, day_steps=day_steps, step_ns=step_ns, max_age_ns=step_ns, **shown
    )


_PERCENT: dict[str, Any] = {"relative": True, "unit": "%", "scale": 100.0}
_NEXT: dict[str, Any] = {**_PERCENT, "origin": 1}
_POINTS: dict[str, Any] = {"relative": False, "unit": "bp", "scale": 100.0}
_RATE: dict[str, Any] = {"relative": False, "unit": "bp", "scale": 10_000.0}
_QQQ = ChannelKey("QQQ", ChannelKind.BARS, "1d")
_FUNDING = ChannelKey(PERP, ChannelKind.FUNDING)
_INTEREST = ChannelKey(PERP, ChannelKind.OPEN_INTEREST)

MARKETS = (
    _of_perp("BTC", "BTC perp", _BARS, "close", **_PERCENT),
    _of_sessions("QQQ", "QQQ", _QQQ, "close", **_PERCENT),
    # At a flush at noon QQQ may be half way through its fall; only the next close is tradable.
    _of_sessions("QQQ next", "QQQ from the next close", _QQQ, "close", **_NEXT),
    _of_sessions("DXY", "dollar, DXY", _series("DXY"), "value", **_PERCENT),
    _of_sessions("10Y", "10-year yield", _series("DGS10"), "value", **_POINTS),
    _of_perp("funding", "funding of 8 hours", _FUNDING, "rate", step_ns=8 * HOUR_NS, **_RATE),
    _of_perp("OI", "open interest, base", _INTEREST, "open_interest_base", **_PERCENT),
)


@dataclass(frozen=True)
class StudiedData:
    """The series behind one episode's paths; a market without rows has an empty series."""

    series: dict[str, Series]
    sessions: Sessions
    provenance: Provenance

    def ruler(self, market: StudiedMarket) -> Elapsed | Sessions:
        """Return the measure of a market's steps: sessions, or a fixed length of time."""
        return self.sessions if market.step_ns is None else Elapsed(market.step_ns)


def read_markets(source: Catalog | Dataset, start: int, end: int) -> StudiedData:
    """Return every market from some weeks before ``start`` to some after ``end``, ns UTC."""
    first, last = start - ROOM_NS, end + ROOM_NS
    keys = {market.key for market in MARKETS} | {_MARK}
    data = load_dataset(source, (), first, last, optional=keys)
    days = utc_days(np.array([first, last]))
    opened = local_instants(sessions_between(SESSIONS, days[0], days[1]), "00:00", NEW_YORK)
    series = {market.name: _read(data, market) for market in MARKETS}
    return StudiedData(series, Sessions(opened), data.provenance)


def _read(data: Dataset, market: StudiedMarket) -> Series:
    """Return a market's values, each with the instant from which it was the latest known."""
    channel = data.channels.get(market.key)
    if channel is None or len(channel) == 0:
        return Series(np.zeros(0, dtype=np.int64), np.zeros(0), market.max_age_ns)
    known_at = np.unique(channel["available_at"])
    if market.key.kind is ChannelKind.OPEN_INTEREST:
        values = _positions(data, channel, known_at)
    else:
        values = as_of(channel, market.column, known_at).values
    return Series(known_at, values, market.max_age_ns)


def _positions(data: Dataset, channel: Channel, known_at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return open interest in base units; in quote a falling price would look like closing."""
    prices = [data.channels[key] for key in (_MARK, _BARS) if key in data.channels]
    return derived_as_of(channel, open_interest_base(channel, *prices), known_at).values
