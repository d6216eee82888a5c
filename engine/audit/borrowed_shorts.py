"""The audit's own arithmetic of ETFs sold short at the brokerage: carry, margin, forced cover.

Rules: 12 CFR 220.12(c)(1) and FINRA Rule 4210(c)(3), as of 2024; see docs/audit.md.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import ChannelKind
from engine.audit.channels import InstrumentData, known_value
from engine.audit.income import PERCENT, day_ends
from engine.audit.venue_terms import annual_borrow_fee
from engine.config.short_sale_terms import ShortSaleTerms
from engine.records import OrderRow
from engine.run_folder.read import RunFolder

DAYS_A_YEAR = 360


@dataclass(frozen=True, slots=True)
class LendingSlot:
    """One end of a day: the rates known there, and the days since the end before.

    Rates are annual fractions, NaN for none. Shares that are lent at an end are paid for at the
    next one, at the rates of the first.
    """

    at: int
    instrument: str
    fee_rate: float
    rebate_rate: float
    days: float

    def fee(self, value: float, days: float) -> float:
        """Return the cash of the borrow fee on an unsigned value, zero or negative."""
        return -(value * self.fee_rate * days) / DAYS_A_YEAR

    def rebate(self, value: float, days: float) -> float:
        """Return the interest earned on an unsigned value; NaN without a rate."""
        return (value * self.rebate_rate * days) / DAYS_A_YEAR


def lending_slots(
    files: RunFolder, dataset: Dataset, markets: Sequence[InstrumentData]
) -> tuple[LendingSlot, ...]:
    """Return a slot for every fund that can be lent at each end of a day, by time."""
    terms = files.config.account.short_sales
    if terms is None:
        return ()
    return tuple(
        LendingSlot(
            at,
            market.instrument.id,
            _fee_rate(files, terms, dataset, market.instrument, at),
            _series_rate(dataset, terms.rebate_series, at),
            days,
        )
        for at, days in day_ends(files, markets)
        for market in markets
        if market.instrument.kind is InstrumentKind.ETF
    )


def _fee_rate(
    files: RunFolder, terms: ShortSaleTerms, dataset: Dataset, fund: Instrument, at: int
) -> float:
    series = terms.borrow_fee_series.get(fund.id)
    if series is not None:
        return _series_rate(dataset, series, at)
    written = terms.borrow_fee_bps.get(fund.id)
    return annual_borrow_fee(files.config.venue, fund) if written is None else written / 10_000


def _series_rate(dataset: Dataset, series: str | None, at: int) -> float:
    if series is None or not dataset.has(series, ChannelKind.SERIES):
        return math.nan
    return known_value(dataset.channel(series, ChannelKind.SERIES), at) * PERCENT


def is_lent(instrument: Instrument, quantity: float) -> bool:
    """Return whether a position is a short of borrowed shares."""
    return quantity < 0 and instrument.kind is InstrumentKind.ETF


def shorts_value(quantities: Mapping[str, float], marks: Mapping[str, float]) -> float:
    """Return the unsigned value of shorts, quote; ``quantities`` are negative."""
    return math.fsum(-quantity * marks[name] for name, quantity in quantities.items())


def cover_mark(quantity: float, cash: float, others: float, multiple: float) -> float:
    """Return the mark at which the cash is ``multiple`` x the value of all shorts.

    ``others`` is the value of the other shorts. From ``cash = m x (|q| x P + others)`` follows
    ``P = (cash - m x others) / (m x |q|)``; at or below zero any mark has reached it.
    """
    return (cash - multiple * others) / (multiple * abs(quantity))


def cash_share(order: OrderRow, instrument: Instrument, terms: ShortSaleTerms | None) -> float:
    """Return the cash that an entry takes before fees, as a share of its notional.

    A perp: its margin. A purchase: all. A short sale: what the initial margin asks for beyond the
    proceeds.
    """
    if instrument.is_margined:
        return 1 / order.leverage_setting
    if order.side < 0 and terms is not None:
        return terms.initial_margin - 1.0
    return 1.0
