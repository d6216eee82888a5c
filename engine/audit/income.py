"""Payments of the market: slots of funding, dividends, interest, bill and transfers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from data_feeds.calendar import (
    FEDERAL_RESERVE,
    add_business_days,
    local_instants,
    zone_of,
)
from data_feeds.clock import DAY_NS, NEW_YORK, local_datetime, utc_index
from data_feeds.dataset import Dataset
from data_feeds.instrument import InstrumentKind, Wallet
from data_feeds.schema import ChannelKind
from engine.audit.channels import InstrumentData, closes, known_value
from engine.decision_terms import DecisionOutcome, IntentKind
from engine.records import FactKind
from engine.run_folder.read import RunFolder

NAN = float("nan")
PERCENT = 0.01


@dataclass(frozen=True, slots=True)
class PaymentSlot:
    """One instant at which a holder of the instrument pays or is paid.

    ``amount_per_unit`` is the settlement currency per unit of a long position, negative when a
    long pays.
    """

    at: int
    kind: FactKind
    instrument: str
    wallet: Wallet
    amount_per_unit: float
    price: float
    rate: float
    inferred: bool | None


@dataclass(frozen=True, slots=True)
class InterestSlot:
    """One end of a day: annual rate (a fraction), days covered, and the wallet that earns."""

    at: int
    rate: float
    days: float
    wallet: Wallet


def payment_slots(
    markets: Mapping[str, InstrumentData], start: int, end: int
) -> tuple[PaymentSlot, ...]:
    """Return every funding record and ex-date in ``[start, end)``, by time.

    ``end`` is the last bar close: no later mark would show a payment at it.
    """
    slots: list[PaymentSlot] = []
    for name, market in markets.items():
        slots += _funding_slots(name, market)
        slots += _dividend_slots(name, market)
    return tuple(sorted((s for s in slots if start <= s.at < end), key=lambda slot: slot.at))


def _funding_slots(name: str, market: InstrumentData) -> list[PaymentSlot]:
    channel = market.funding
    if channel is None or market.instrument.kind is not InstrumentKind.PERP:
        return []
    slots = []
    for at, rate in zip(channel["event_at"].tolist(), channel["rate"].tolist(), strict=True):
        mark, inferred = market.funding_mark(at)
        slots.append(
            PaymentSlot(
                at,
                FactKind.FUNDING,
                name,
                Wallet.VENUE,
                -market.rules.value(1.0, mark) * rate,
                mark,
                rate,
                inferred,
            )
        )
    return slots


def _dividend_slots(name: str, market: InstrumentData) -> list[PaymentSlot]:
    channel = market.dividends
    if channel is None or market.instrument.kind is not InstrumentKind.ETF:
        return []
    return [
        PaymentSlot(at, FactKind.DIVIDEND, name, Wallet.BROKERAGE, amount, NAN, NAN, None)
        for at, amount in zip(channel["event_at"].tolist(), channel["amount"].tolist(), strict=True)
    ]


def interest_slots(
    files: RunFolder, dataset: Dataset, markets: Sequence[InstrumentData]
) -> tuple[InterestSlot, ...]:
    """Return the ends of days at which cash earns interest, the brokerage's before the venue's.

    See :func:`day_ends`; the rate is the rate known at that instant.
    """
    account = files.config.account
    ends = day_ends(files, markets)
    return (
        *_slots(dataset, account.interest_series, Wallet.BROKERAGE, ends),
        *_slots(dataset, account.venue_interest_series, Wallet.VENUE, ends),
    )


def bill_slots(
    files: RunFolder, dataset: Dataset, markets: Sequence[InstrumentData]
) -> tuple[InterestSlot, ...]:
    """Return the accruals of the bill, of its own series or of the series that cash earns.

    An accrual pays nothing; its wallet has no meaning.
    """
    bill, paid = files.config.report.bill_series, files.config.account.interest_series
    if bill is None:
        return ()
    wanted = bill if dataset.has(bill, ChannelKind.SERIES) else paid
    return tuple(_slots(dataset, wanted, Wallet.BROKERAGE, day_ends(files, markets)))


def _slots(
    dataset: Dataset, series: str | None, wallet: Wallet, ends: Sequence[tuple[int, float]]
) -> list[InterestSlot]:
    if series is None or not dataset.has(series, ChannelKind.SERIES):
        return []
    channel = dataset.channel(series, ChannelKind.SERIES)
    return [InterestSlot(at, known_value(channel, at) * PERCENT, days, wallet) for at, days in ends]


def day_ends(files: RunFolder, markets: Sequence[InstrumentData]) -> list[tuple[int, float]]:
    """Return each end of a day with the days since the previous end or the window's start.

    A day ends at its last bar close, which shows when the next day's first bar closes.
    """
    at = closes(markets, files.start, files.end)
    days = account_days(at, markets)
    ends = [int(now) for now in at[:-1][days[1:] != days[:-1]]]
    pairs = zip([files.start, *ends], ends, strict=False)
    return [(now, (now - before) / DAY_NS) for before, now in pairs]


@dataclass(frozen=True, slots=True)
class TransferSlot:
    """Cash that moves between wallets at an instant; departures come before arrivals."""

    at: int
    order: int
    source: Wallet
    destination: Wallet
    amount: float


def transfer_slots(files: RunFolder) -> list[TransferSlot]:
    """Return departure and arrival of every approved transfer, without arrivals after the end.

    Cash arrives at 09:30 New York, ``transfer_days`` business days of exchange and Federal Reserve
    later; 0 days: at once.
    """
    slots = []
    last = int(files.curve.at[-1]) if len(files.curve.at) else files.end
    for row in files.decisions:
        if row.intent != IntentKind.TRANSFER or row.outcome != DecisionOutcome.APPROVED:
            continue
        into = Wallet(row.instrument)
        out = Wallet.BROKERAGE if into is Wallet.VENUE else Wallet.VENUE
        slots.append(TransferSlot(row.decided_at, -2, out, Wallet.TRANSIT, row.quantity))
        arrival = row.decided_at
        if files.config.account.transfer_days > 0:
            date = local_datetime(row.decided_at, ZoneInfo(NEW_YORK)).date()
            dates = add_business_days(
                FEDERAL_RESERVE,
                np.array([date], "datetime64[D]"),
                files.config.account.transfer_days,
            )
            arrival = int(local_instants(dates, "09:30", NEW_YORK)[0])
        if arrival <= last:
            slots.append(TransferSlot(arrival, -1, Wallet.TRANSIT, into, row.quantity))
    return slots


def account_days(at: NDArray[np.int64], markets: Sequence[InstrumentData]) -> NDArray[np.int64]:
    """Return the account day of each instant, of New York if all instruments trade there, else UTC.

    Midnight belongs to the day that it ends.
    """
    moments = utc_index(at - 1)
    if {zone_of(market.instrument.calendar) for market in markets} == {NEW_YORK}:
        moments = moments.tz_convert(NEW_YORK)
    days: NDArray[np.int64] = (
        moments.tz_localize(None).as_unit("ns").floor("D").as_unit("ns").asi8 // DAY_NS
    )
    return days
