"""The sell-offs of a market in a source of data: days, depth, cluster, names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data_feeds.calendar import sessions_between
from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, closing_days, midnight_ns
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from data_feeds.load import load_dataset
from data_feeds.schema import Channel, ChannelKey, ChannelKind, Provenance
from engine.episodes import DatedEvent
from engine.sell_offs.falls import Fall, cluster_numbers, date_falls
from engine.sell_offs.sell_off_market import SellOffMarket

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]
# After every instant that a catalog can hold, with room for the reader's own margins.
FAR_AHEAD = 2**62


@dataclass(frozen=True)
class TotalReturn:
    """Closes of one instrument with dividends reinvested, one a session that the data hold.

    Attributes
    ----------
    closed_at, known_at : instant of each close and the first instant of knowing it, ns UTC
    value : the close with the dividends since the first row, quote
    session : the number of each row's session on the instrument's calendar, from 0
    """

    instrument: str
    closed_at: Instants
    known_at: Instants
    value: Floats
    session: Instants

    @cached_property
    def days(self) -> list[date]:
        """Return the UTC day of each close; a close at midnight belongs to the day it ends."""
        days: list[date] = closing_days(self.closed_at).astype("datetime64[D]").tolist()
        return days

    @property
    def missing(self) -> int:
        """Return the number of sessions between the first and the last row without a row."""
        return int(self.session[-1] - self.session[0]) + 1 - len(self.session)

    def until(self, at: int) -> "TotalReturn":
        """Return the rows that were known at an instant, ns UTC."""
        held = slice(0, int(np.searchsorted(self.known_at, at, side="right")))
        return TotalReturn(
            self.instrument,
            self.closed_at[held],
            self.known_at[held],
            self.value[held],
            self.session[held],
        )


@dataclass(frozen=True)
class SellOff:
    """One sell-off of a market; its days are UTC days of closes.

    Attributes
    ----------
    number, cluster : counted from 1 in order of time; clusters are the unit of inference
    high, confirmed, low : days. The run-up from the high to the confirmation is hindsight
    last : the day of the end, or the data's last day while the sell-off is open
    confirmed_at : the first instant at which anyone could know of the sell-off, ns UTC
    ended_at : the first instant at which its end was known, ns UTC; None: open
    depth : lowest close / high - 1, negative
    from_first_row : the high is the first close of the data, so the fall may have begun earlier
    names : the dated events inside
    """

    number: int
    cluster: int
    high: date
    confirmed: date
    low: date
    last: date
    high_at: int
    confirmed_at: int
    last_at: int
    ended_at: int | None
    depth: float
    from_first_row: bool
    names: tuple[DatedEvent, ...]

    @property
    def is_open(self) -> bool:
        """Return whether the data end before the sell-off does."""
        return self.ended_at is None


@dataclass(frozen=True)
class FoundSellOffs:
    """Every sell-off of a market by one pair of numbers, and the dated events outside them."""

    market: SellOffMarket
    fall: float
    closes: TotalReturn
    sell_offs: tuple[SellOff, ...]
    outside: tuple[DatedEvent, ...]

    @property
    def clusters(self) -> int:
        """Return the number of clusters."""
        return self.sell_offs[-1].cluster if self.sell_offs else 0


def total_return(source: Catalog | Dataset, market: SellOffMarket) -> TotalReturn:
    """Return the market's daily closes since its first day, with the dividends that the data hold.

    A dividend counts at the close of the session of its ex-date, from the close before it:
    ``value = value[1] * (close + dividend) / close[1]``. Prices that are adjusted for dividends
    already contain them.

    Raises
    ------
    CoverageError : the data hold fewer than two daily bars of the market, or generated ones.
    """
    name = market.instrument
    bars_key = ChannelKey(name, ChannelKind.BARS, "1d")
    paid_key = ChannelKey(name, ChannelKind.DIVIDENDS)
    dataset = load_dataset(
        source, (), midnight_ns(market.since), FAR_AHEAD, optional=(bars_key, paid_key)
    )
    bars = dataset.channels.get(bars_key)
    if bars is None or len(bars) < 2:
        raise CoverageError(
            f"{bars_key}: no daily bars since {market.since}; the sell-offs of {market.name} are "
            "found in real data: make real-data, or `riskoff data fetch "
            "configs/data/twenty_years.yaml`"
        )
    if dataset.provenance is Provenance.SYNTHETIC:
        raise CoverageError(
            f"{bars_key}: generated rows; nothing in them happened. Give a catalog of real data "
            "with --data"
        )
    return reinvested_closes(dataset, name)


def reinvested_closes(dataset: Dataset, instrument: str) -> TotalReturn:
    """Return the daily closes of an instrument in a dataset, dividends reinvested."""
    held = dataset.instruments[instrument]
    bars = dataset.channels[ChannelKey(instrument, ChannelKind.BARS, "1d")]
    paid = dataset.channels.get(ChannelKey(instrument, ChannelKind.DIVIDENDS))
    if held.dividend_adjusted:
        paid = None
    closed = bars["closed_at"]
    days = closing_days(closed).astype("datetime64[D]")
    sessions = sessions_between(held.calendar, days[0], days[-1])
    value = _reinvested(bars, paid)
    return TotalReturn(instrument, closed, bars["available_at"], value, sessions.searchsorted(days))


def find_sell_offs(
    source: Catalog | Dataset, market: SellOffMarket, *, until: date | None = None
) -> FoundSellOffs:
    """Return every sell-off of a market in the data, none added and none dropped.

    ``until`` leaves out what was not known at the end of that UTC day.
    """
    closes = total_return(source, market)
    if until is not None:
        closes = closes.until(midnight_ns(until) + DAY_NS)
    return dated(market, closes, market.fall)


def dated(market: SellOffMarket, closes: TotalReturn, fall: float) -> FoundSellOffs:
    """Return the sell-offs of closes by a confirming fall, a fraction."""
    falls = date_falls(closes.value, fall=fall)
    clusters = cluster_numbers(falls, closes.session)
    days = closes.days
    found = tuple(
        _sell_off(place + 1, clusters[place], falls[place], closes, market.events)
        for place in range(len(falls))
    )
    naming = {event for item in found for event in item.names}
    outside = tuple(e for e in market.events if e not in naming and e.day <= days[-1])
    return FoundSellOffs(market, fall, closes, found, outside)


def _sell_off(
    number: int, cluster: int, item: Fall, closes: TotalReturn, events: Sequence[DatedEvent]
) -> SellOff:
    last = len(closes.value) - 1 if item.ended is None else item.ended
    high, confirmed, low, end = (
        closes.days[row] for row in (item.high, item.confirmed, item.low, last)
    )
    return SellOff(
        number=number,
        cluster=cluster,
        high=high,
        confirmed=confirmed,
        low=low,
        last=end,
        high_at=int(closes.closed_at[item.high]),
        confirmed_at=int(closes.known_at[item.confirmed]),
        last_at=int(closes.closed_at[last]),
        ended_at=None if item.ended is None else int(closes.known_at[item.ended]),
        depth=float(closes.value[item.low] / closes.value[item.high] - 1),
        from_first_row=item.high == 0,
        names=tuple(event for event in events if high < event.day <= end),
    )


def _reinvested(bars: Channel, paid: Channel | None) -> Floats:
    close, income = bars["close"], np.zeros(len(bars))
    if paid is not None and len(paid):
        place = np.searchsorted(bars["closed_at"], paid["event_at"])
        inside = (place > 0) & (place < len(close))
        np.add.at(income, place[inside], paid["amount"][inside])
    growth = np.concatenate((close[:1], (close[1:] + income[1:]) / close[:-1]))
    value: Floats = np.multiply.accumulate(growth)
    return value
