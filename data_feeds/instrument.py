"""Instruments that can be traded or watched, with the venue's filters."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from data_feeds.delisting import Delisting
from data_feeds.outages import Outage
from data_feeds.strict_model import SortedModel, StrictModel
from data_feeds.trading_terms import TradingTerms, terms_in_force


class InstrumentKind(StrEnum):
    """Kind of an instrument: it decides how a position is held and paid for."""

    PERP = "perp"
    SPOT = "spot"
    ETF = "etf"
    INDEX = "index"
    SERIES = "series"
    OPTION = "option"


class PerpContract(StrEnum):
    """Contract of a perp: profit in the quote currency, or in the asset itself."""

    LINEAR = "linear"
    INVERSE = "inverse"


class Wallet(StrEnum):
    """Place of cash. Only the venue wallet margins perps; cash in transit can pay for nothing."""

    VENUE = "venue"
    BROKERAGE = "brokerage"
    TRANSIT = "transit"


class Companions(StrictModel):
    """Ids of the other records that belong to an instrument; null: none. Ids are never parsed."""

    spot: str | None = Field(None, description="Spot market of the same asset and quote")
    index: str | None = Field(
        None, description="Index or aggregate of the same asset with a longer history; not traded"
    )
    underlying: str | None = Field(None, description="Index that a fund tracks")
    volatility: str | None = Field(
        None, description="Index of the implied volatility of its options, percent a year"
    )
    inverse: str | None = Field(None, description="Fund that gains what this one loses in a day")


class Instrument(SortedModel):
    """One instrument with its filters.

    Linear perps pay quantity x price change in ``quote``. Inverse perps count contracts of
    ``contract_value`` quote each and pay contracts x contract_value x (1/entry - 1/exit) in
    ``asset``. Spot, ETF and option positions are owned assets paid in full; an option's price is
    that of a whole contract.
    """

    id: str = Field(min_length=1, description="Name used in configs and tables, e.g. BTCUSDT-PERP")
    kind: InstrumentKind = Field(description="perp, spot, etf, index, series or option")
    quote: str = Field(
        "USDT",
        description="Currency of prices and cash flows; another than the account's needs a line of "
        "account.rates",
    )
    venue: str = Field("", description="Name of the venue in words; no check uses it")
    calendar: str = Field("24/7", description="24/7, or an exchange_calendars name such as XNYS")
    tick_size: float = Field(0.01, gt=0, description="Price step, quote per base unit")
    lot_size: float = Field(
        0.001, gt=0, description="Quantity step, base units; of an inverse perp, contracts"
    )
    contract: PerpContract = Field(
        PerpContract.LINEAR,
        description="linear: a perp pays in quote; inverse: it counts contracts and pays in asset",
    )
    contract_value: float = Field(
        1.0, gt=0, description="Quote per contract of an inverse perp; 1 for all else"
    )
    min_notional: float = Field(0.0, ge=0, description="Smallest order value, quote")
    synthetic: bool = Field(False, description="True when the instrument's history is generated")
    dividend_adjusted: bool = Field(
        False,
        description="True when prices are already adjusted for dividends: trade by weight, with "
        "fractional lots; levels are not traded prices, and dividends are refused",
    )

    asset: str = Field(
        "", description="Traded asset, e.g. BTC; records of one asset and quote are compared"
    )
    companions: Companions = Field(
        default_factory=Companions, description="Ids of related records: spot, indices, inverse"
    )
    terms: tuple[TradingTerms, ...] = Field(
        (), description="Dated terms of trade, oldest first; the first also applies before its day"
    )
    outages: tuple[Outage, ...] = Field(
        (),
        description="Stretches in which the venue was down: bars that open inside fill nothing",
    )
    delisted: Delisting | None = Field(
        None,
        # A record without it is stored and hashed as before the key existed.
        exclude_if=lambda value: value is None,
        description="End of trading and settlement of what is held; null: it trades on",
    )
    risk: Mapping[str, Any] = Field(
        default_factory=dict,
        description="Defaults of a run's risk section where it is the clock of the rules",
    )

    expires_at: int | None = Field(
        None, description="Close at which an option settles, ns UTC; null for all else"
    )

    @model_validator(mode="after")
    def _options_expire(self) -> "Instrument":
        if (self.kind is InstrumentKind.OPTION) != (self.expires_at is not None):
            raise ValueError("options, and only they, have expires_at")
        return self

    @model_validator(mode="after")
    def _perps_trade_around_the_clock(self) -> "Instrument":
        if self.is_crypto and self.calendar != "24/7":
            raise ValueError(f"{self.kind} instruments trade around the clock: calendar is 24/7")
        return self

    @model_validator(mode="after")
    def _only_perps_are_inverse(self) -> "Instrument":
        if self.is_inverse and self.kind is not InstrumentKind.PERP:
            raise ValueError(f"{self.kind} instruments are not inverse: leave out contract")
        if self.is_inverse and not self.asset:
            raise ValueError(f"{self.id}: an inverse perp settles in its asset: set asset")
        if self.contract_value != 1.0 and not self.is_inverse:
            raise ValueError(f"{self.id}: only inverse perps have a contract_value: leave it out")
        return self

    @model_validator(mode="after")
    def _only_shares_pay_dividends(self) -> "Instrument":
        if self.dividend_adjusted and self.kind is not InstrumentKind.ETF:
            raise ValueError(
                f"{self.kind} instruments pay no dividends: leave out dividend_adjusted"
            )
        return self

    @model_validator(mode="after")
    def _only_held_instruments_are_delisted(self) -> "Instrument":
        ended = self.delisted
        if ended is None:
            return self
        if self.kind not in (InstrumentKind.PERP, InstrumentKind.SPOT, InstrumentKind.ETF):
            raise ValueError(f"{self.kind} instruments are not delisted: leave out delisted")
        if self.is_inverse and ended.final_price == 0:
            raise ValueError(
                f"{self.id}: an inverse perp pays contracts / price and cannot be settled at 0: "
                "give delisted.final_price above 0"
            )
        return self

    @model_validator(mode="after")
    def _terms_in_order(self) -> "Instrument":
        days = [item.since for item in self.terms]
        if days != sorted(set(days)):
            raise ValueError(f"{self.id}: terms must rise by since; one record a day")
        if any(item.until is not None for item in self.terms):
            raise ValueError(f"{self.id}: until follows from the next record; leave it out")
        if any(item.changes for item in self.terms):
            raise ValueError(f"{self.id}: changes follow from newer records; leave them out")
        return self

    def in_force(self, day: date) -> "Instrument":
        """Return the instrument with the filters and terms in force on a day, in one record.

        A number holds from its record's day on. Before the first record with that number, the first
        record applies, because venues publish no history. A filter without a record stays
        unchanged.
        """
        if not self.terms:
            return self
        record = terms_in_force(self.terms, day)
        filters = ("tick_size", "lot_size", "min_notional")
        stated = {name: getattr(record, name) for name in filters}
        changed = {name: value for name, value in stated.items() if value is not None}
        return self.model_copy(update={**changed, "terms": (record,)})

    @property
    def wallet(self) -> Wallet:
        """Wallet that pays: the brokerage for ETFs and options, the venue for all other kinds."""
        at_brokerage = self.kind in (InstrumentKind.ETF, InstrumentKind.OPTION)
        return Wallet.BROKERAGE if at_brokerage else Wallet.VENUE

    @property
    def is_inverse(self) -> bool:
        """True for perps that count contracts and pay in their asset."""
        return self.contract is PerpContract.INVERSE

    @property
    def settlement(self) -> str:
        """Currency of profits, fees and margin: the asset of an inverse perp, else the quote."""
        return self.asset if self.is_inverse else self.quote

    @property
    def is_tradable(self) -> bool:
        """True when orders can be placed in the instrument."""
        return self.kind not in (InstrumentKind.INDEX, InstrumentKind.SERIES)

    @property
    def is_crypto(self) -> bool:
        """True for perps and spot, which trade around the clock at a venue."""
        return self.kind in (InstrumentKind.PERP, InstrumentKind.SPOT)

    @property
    def is_margined(self) -> bool:
        """True for perps; all other kinds are paid in full."""
        return self.kind is InstrumentKind.PERP
