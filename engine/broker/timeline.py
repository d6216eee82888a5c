"""The instants of a run, and every instrument's bars along them.

Instants are all bar opens and closes of the traded instruments, their funding and dividend
timestamps, between the window's start and end. Arrays are indexed by the instant, so broker
and search need no look-up of rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from data_feeds.align import MarkPath, as_of, marks_on_bars
from data_feeds.clock import utc_text
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.outages import opens_in_outage
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from data_feeds.trading_end import final_settlement
from engine.account_rates import ALL_AT_PAR, WalletRates
from engine.broker.account_days import days_covered, period_ends
from engine.broker.along_instants import NO_ROW, Rows, Spread, last_rows, places
from engine.broker.lending_rates import LendingRates, lending_rates
from engine.contracts import Contract, contract_of
from engine.equity_curve import NO_BILL, BillAccruals

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class InstrumentPath:
    """Holds one traded instrument along the instants, in arrays of equal length.

    ``opening`` and ``closing`` are rows of ``bars`` that open or close at an instant, -1 for none
    and for a bar that opened before the window; ``closed`` is the last row closed by then. Prices
    of bars without trades, and of bars that open in an outage, are NaN: nothing fills in them.
    ``mark`` is the last known mark (forward filled), which values the position; mark extremes may
    be finer than any decision can know and serve liquidations only, of a short in bars with trades
    only. ``half_spread`` is the cost of crossing an option's quote at an open, a fraction of its
    price (0 for all else). An option has no volume cap, no range, and no fee beside its spread.
    ``settles`` marks the close of an option's expiry, or the last close of an instrument that is
    delisted inside the window; there ``final_price`` is the price of the settlement, NaN for all
    else.
    """

    instrument: Instrument
    contract: Contract
    bars: Channel
    marks: MarkPath
    opening: Rows
    closing: Rows
    closed: Rows
    open_price: Floats
    low: Floats
    high: Floats
    close: Floats
    mark_open: Floats
    mark_low: Floats
    mark_high: Floats
    mark: Floats
    known_range: Floats
    known_volume: Floats
    funding_rate: Floats
    funding_mark: Floats
    funding_inferred: NDArray[np.bool_]
    dividend: Floats
    half_spread: Floats
    settles: NDArray[np.bool_]
    final_price: float
    is_option: bool

    @property
    def delisted_at(self) -> int:
        """Return the index at which a delisting settles positions, NO_ROW for none."""
        is_delisted = not np.isnan(self.final_price)
        return int(np.argmax(self.settles)) if is_delisted and self.settles.any() else NO_ROW

    @property
    def last_close(self) -> int:
        """Return the index at which the last bar inside the window closes, NO_ROW without one."""
        return int(max(np.flatnonzero(self.closing != NO_ROW), default=NO_ROW))


@dataclass(frozen=True)
class RateSeries:
    """Names the annual percent series of interest, bill and lending; None for none.

    ``rebate`` is the interest on the collateral of shorts, ``fees`` the borrow fee by instrument.
    """

    brokerage: str | None = None
    venue: str | None = None
    bill: str | None = None
    rebate: str | None = None
    fees: Mapping[str, str] = field(default_factory=dict)


NO_RATES = RateSeries()


@dataclass(frozen=True)
class Timeline:
    """Holds all instants (ns, UTC) and the paths of the traded instruments in a fixed order.

    ``has_close`` marks instants at which a bar closes (marks, guards, decisions); ``day_end`` the
    last such instant of each account day, ``week_end`` of each week from Monday on.
    ``interest_rate`` is the annual fraction paid on brokerage cash at a day's end (NaN elsewhere),
    ``venue_interest_rate`` that on the venue wallet's, and ``interest_days`` the days they cover.
    Ratios are in excess of ``bill``; it moves no cash. ``lending`` prices borrowed shares.
    ``wallet_rates`` is the account's currency per unit of each wallet's, (wallet, instant).
    """

    at: NDArray[np.int64]
    paths: tuple[InstrumentPath, ...]
    has_close: NDArray[np.bool_]
    day_end: NDArray[np.bool_]
    week_end: NDArray[np.bool_]
    interest_rate: Floats
    venue_interest_rate: Floats
    interest_days: Floats
    bill: BillAccruals
    lending: LendingRates
    wallet_rates: Floats

    def __len__(self) -> int:
        return len(self.at)

    def index_at_or_after(self, instant: int) -> int:
        """Return the first index whose instant is not before ``instant`` (may be the length)."""
        return int(np.searchsorted(self.at, instant, side="left"))


def execution_bars(dataset: Dataset, channels: Sequence[ChannelKey], instrument: str) -> Channel:
    """Return the finest declared bars of an instrument: those its orders fill in."""
    keys = [k for k in channels if k.instrument == instrument and k.kind is ChannelKind.BARS]
    if not keys:
        raise CoverageError(f"{instrument}: traded, but no bars of it are among the requirements")
    finest = min(keys, key=lambda key: Timeframe(key.timeframe))
    bars = dataset.channel(finest.instrument, finest.kind, finest.timeframe)
    late = bars["available_at"] > bars["closed_at"]
    if bool(late.any()):
        # The account is marked at closes: a price published later would be used before it is known.
        first = utc_text(int(bars["closed_at"][late][0]))
        raise CoverageError(
            f"{finest}: {int(late.sum())} bars are known only after their close, the first at "
            f"{first}; traded bars must be known at their close"
        )
    return bars


def build_timeline(
    dataset: Dataset,
    bars: Mapping[str, Channel],
    *,
    start: int,
    end: int,
    decided_at: NDArray[np.int64],
    rates: RateSeries = NO_RATES,
    currencies: WalletRates = ALL_AT_PAR,
    next_close: int | None = None,
) -> Timeline:
    """Return the timeline of a window.

    ``bars`` maps each traded instrument to the bars it fills in, in the order in which instruments
    are summed. Bars that open before ``start`` are never filled in; bars closing after ``end`` do
    not exist. ``decided_at`` are the decision rows; those inside the window are instants too.
    ``currencies`` values the wallets. ``next_close`` is the first close after the data, where the
    calendar tells it: it says whether the last close ends its day.
    """
    layouts = {name: _bars_in_window(channel, start, end) for name, channel in bars.items()}
    window_end = end
    # A decision after the last close counts, although no order can fill any more.
    decisions = _within(decided_at, start, end + 1)
    # No mark follows the last close, so later flows would not show and are not booked.
    end = max(
        (int(c["closed_at"][rows[-1]]) for c, rows in layouts.values() if len(rows)), default=start
    )
    instants = [channel["closed_at"][rows] for channel, rows in layouts.values()]
    instants += [channel["opened_at"][rows] for channel, rows in layouts.values()]
    instants += [
        _within(_event_times(dataset, name, kind), start, end)
        for name in bars
        for kind in (ChannelKind.FUNDING, ChannelKind.DIVIDENDS)
    ]
    instants.append(decisions)
    at = _merged(instants)
    at = at[at >= start]
    if not any(len(rows) for _, rows in layouts.values()):
        raise CoverageError("no bar of a traded instrument lies inside the window")
    paths = tuple(
        _lay_out(
            dataset, dataset.instruments[name], channel, rows, at, end=end, window_end=window_end
        )
        for name, (channel, rows) in layouts.items()
    )
    calendars = {path.instrument.calendar for path in paths}
    has_close = np.zeros(len(at), np.bool_)
    for channel, rows in layouts.values():
        has_close[places(at, channel["closed_at"][rows])] = True
    day_end, week_end = period_ends(at, has_close, calendars, next_close)
    known = partial(_known_rates, dataset, at, np.flatnonzero(day_end))
    days = days_covered(at, day_end, start)
    return Timeline(
        at,
        paths,
        has_close,
        day_end,
        week_end,
        known(rates.brokerage),
        known(rates.venue),
        days,
        _bill(at, day_end, rates.bill, known(rates.bill), days),
        lending_rates(at, day_end=day_end, rebate=rates.rebate, fees=rates.fees, known=known),
        currencies.table(at),
    )


def joint_ends(
    timelines: Sequence[Timeline],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return closes, ends of days and ends of weeks of accounts together.

    The timelines have the same instants; a close of one is a close of all.
    """
    calendars = {path.instrument.calendar for line in timelines for path in line.paths}
    has_close = np.logical_or.reduce([line.has_close for line in timelines])
    return has_close, *period_ends(timelines[0].at, has_close, calendars)


def _merged(instants: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return distinct instants in order; a stable sort merges sorted pieces in one pass."""
    merged = np.concatenate(instants)
    merged.sort(kind="stable")
    first = np.ones(len(merged), np.bool_)
    first[1:] = merged[1:] != merged[:-1]
    return merged[first]


def _bars_in_window(channel: Channel, start: int, end: int) -> tuple[Channel, Rows]:
    inside = (channel["closed_at"] >= start) & (channel["closed_at"] <= end)
    return channel, np.flatnonzero(inside)


def _event_times(dataset: Dataset, instrument: str, kind: ChannelKind) -> NDArray[np.int64]:
    if not dataset.has(instrument, kind):
        return np.empty(0, np.int64)
    times: NDArray[np.int64] = dataset.channel(instrument, kind)["event_at"]
    return times


def _within(times: NDArray[np.int64], start: int, end: int) -> NDArray[np.int64]:
    return times[(times >= start) & (times < end)]


def _lay_out(
    dataset: Dataset,
    instrument: Instrument,
    bars: Channel,
    rows: Rows,
    at: NDArray[np.int64],
    *,
    end: int,
    window_end: int,
) -> InstrumentPath:
    """Return an instrument along the instants.

    No payment counts from ``end`` on, the last close of all; ``window_end`` is the window's own.
    """
    count = len(at)
    opening = np.full(count, NO_ROW, np.int64)
    closing = np.full(count, NO_ROW, np.int64)
    fillable = rows[bars["opened_at"][rows] >= at[0]]
    opening[places(at, bars["opened_at"][fillable])] = fillable
    closing[places(at, bars["closed_at"][fillable])] = fillable
    closed = last_rows(bars["closed_at"], at)
    mark_channel = _mark_channel(dataset, instrument, bars)
    marks = marks_on_bars(bars, mark_channel)
    traded = (bars["volume"] > 0) & ~opens_in_outage(instrument.outages, bars["opened_at"])
    filling = partial(_values_at, traded)
    # A venue liquidates at its mark; a broker covers a short in the market, so in bars with trades.
    standing = partial(_values_at, traded | instrument.is_margined)
    last_traded = np.maximum.accumulate(np.where(traded, np.arange(len(bars)), NO_ROW))
    # The last element stands for NO_ROW, for instruments that begin after the window.
    last_known = Spread(np.append(last_traded, NO_ROW)[closed])
    opens, closes = Spread(opening), Spread(closing)
    # An option has no range: its model prices open and close only.
    is_option = instrument.kind is InstrumentKind.OPTION
    relative_range = (
        np.zeros(len(bars)) if is_option else (bars["high"] - bars["low"]) / bars["close"]
    )
    ended = final_settlement(instrument, bars, window_end)
    settled_at = NO_ROW if ended is None else ended.at
    rate, funding_mark, inferred = _funding(dataset, instrument.id, bars, mark_channel, at, end=end)
    return InstrumentPath(
        instrument=instrument,
        contract=contract_of(instrument),
        bars=bars,
        marks=marks,
        opening=opening,
        closing=closing,
        closed=closed,
        open_price=opens.of(filling(bars["open"])),
        low=closes.of(filling(bars["low"])),
        high=closes.of(filling(bars["high"])),
        close=closes.of(filling(bars["close"])),
        mark_open=opens.of(standing(marks.open)),
        mark_low=closes.of(standing(marks.low)),
        mark_high=closes.of(standing(marks.high)),
        mark=Spread(closed).of(marks.close),
        known_range=np.nan_to_num(last_known.of(relative_range), copy=False),
        known_volume=np.nan_to_num(last_known.of(bars["volume"]), copy=False),
        funding_rate=rate,
        funding_mark=funding_mark,
        funding_inferred=inferred,
        dividend=_dividends(dataset, instrument.id, at, end),
        half_spread=_half_spreads(dataset, instrument, at),
        settles=at == (instrument.expires_at if is_option else settled_at),
        final_price=np.nan if ended is None else ended.price,
        is_option=is_option,
    )


def _values_at(rows: NDArray[np.bool_], values: Floats) -> Floats:
    """Return the values of some rows, NaN at all others."""
    return values if bool(rows.all()) else np.where(rows, values, np.nan)


def _mark_channel(dataset: Dataset, instrument: Instrument, bars: Channel) -> Channel | None:
    """Return the mark channel nearest to the bars' own timeframe, None if there is none."""
    if not contract_of(instrument).is_margined:
        return None
    keys = [
        key
        for key in dataset.channels
        if key.instrument == instrument.id and key.kind is ChannelKind.MARK
    ]
    if not keys:
        return None
    own = Timeframe(bars.key.timeframe)
    best = min(keys, key=lambda key: abs(Timeframe(key.timeframe).ns - own.ns))
    return dataset.channels[best]


def _funding(
    dataset: Dataset,
    name: str,
    bars: Channel,
    marks: Channel | None,
    at: NDArray[np.int64],
    *,
    end: int,
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return rate, mark and whether the mark is inferred, at funding instants (NaN elsewhere).

    The mark is the open of the mark bar that opens at that instant; without one, the last completed
    mark close; before any mark, the bars' last completed close. A record at the window's end is not
    due, because no mark follows.
    """
    rate = np.full(len(at), np.nan)
    price = np.full(len(at), np.nan)
    inferred = np.zeros(len(at), np.bool_)
    if not dataset.has(name, ChannelKind.FUNDING):
        return rate, price, inferred
    funding = dataset.channel(name, ChannelKind.FUNDING)
    due = (funding["event_at"] >= at[0]) & (funding["event_at"] < end)
    index = np.searchsorted(at, funding["event_at"][due])
    rate[index] = funding["rate"][due]
    instants = at[index]
    inferred[index] = True
    if marks is not None and len(marks):
        row = np.minimum(np.searchsorted(marks["opened_at"], instants), len(marks) - 1)
        opens_now = marks["opened_at"][row] == instants
        price[index] = np.where(opens_now, marks["open"][row], _last_close(marks, instants))
        inferred[index] = ~opens_now
    # Before the first mark the last price stands in, whether or not marks follow later.
    unknown = np.isnan(price) & ~np.isnan(rate)
    price[unknown] = _last_close(bars, at[unknown])
    return rate, price, inferred


def _last_close(bars: Channel, at: NDArray[np.int64]) -> Floats:
    """Return the close of the last bar completed by each instant, NaN before the first."""
    return Spread(np.searchsorted(bars["closed_at"], at, side="right") - 1).of(bars["close"])


def _dividends(dataset: Dataset, name: str, at: NDArray[np.int64], end: int) -> Floats:
    amount = np.full(len(at), np.nan)
    if dataset.has(name, ChannelKind.DIVIDENDS):
        channel = dataset.channel(name, ChannelKind.DIVIDENDS)
        due = (channel["event_at"] >= at[0]) & (channel["event_at"] < end)
        amount[np.searchsorted(at, channel["event_at"][due])] = channel["amount"][due]
    return amount


def _half_spreads(dataset: Dataset, instrument: Instrument, at: NDArray[np.int64]) -> Floats:
    spread = np.zeros(len(at))
    if instrument.kind is InstrumentKind.OPTION:
        quotes = dataset.channel(instrument.id, ChannelKind.SERIES)
        place = np.searchsorted(at, quotes["event_at"])
        inside = place < len(at)
        inside[inside] = at[place[inside]] == quotes["event_at"][inside]
        spread[place[inside]] = quotes["value"][inside]
    return spread


def _known_rates(
    dataset: Dataset, at: NDArray[np.int64], ends: NDArray[np.intp], series: str | None
) -> Floats:
    """Return the annual fraction known at each day's end, NaN elsewhere and without a series."""
    rate = np.full(len(at), np.nan)
    if series is not None:
        known = as_of(dataset.channel(series, ChannelKind.SERIES), "value", at[ends])
        rate[ends] = known.values / 100
    return rate


def _bill(
    at: NDArray[np.int64],
    day_end: NDArray[np.bool_],
    series: str | None,
    rate: Floats,
    days: Floats,
) -> BillAccruals:
    if series is None:
        return NO_BILL
    return BillAccruals(series, at[day_end], rate[day_end], days[day_end])
