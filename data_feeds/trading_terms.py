"""Dated terms of trading one instrument: filters, fees, slippage, maintenance margin."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field, model_validator

from data_feeds.strict_model import StrictModel


class MaintenanceBase(StrEnum):
    """Value of a position that maintenance margin is a fraction of."""

    MARK = "mark"
    ENTRY = "entry"


class MaintenanceSteps(StrEnum):
    """Effect of a bracket's rate: on the part of the value above its floor, or on the whole."""

    MARGINAL = "marginal"
    WHOLE = "whole"


class LiquidationPrice(StrEnum):
    """Price at which a venue closes a liquidated position.

    ``market``: at the liquidation price less slippage, and the rest of the margin pays the
    liquidation fee. ``bankruptcy``: the venue takes the position over at the price at which the
    whole margin is lost.
    """

    MARKET = "market"
    BANKRUPTCY = "bankruptcy"


class MaintenanceBracket(StrictModel):
    """One row of the maintenance table: a rate and the notional from which it applies."""

    floor: float = Field(
        ge=0, description="Notional from which the rate applies, settlement currency"
    )
    rate: float = Field(gt=0, lt=1, description="Maintenance margin as a fraction of notional")


def check_brackets(table: tuple[MaintenanceBracket, ...]) -> None:
    """Check that floors start at 0 and rise, and that rates do not fall; else raise ValueError."""
    floors = [bracket.floor for bracket in table]
    rates = [bracket.rate for bracket in table]
    if floors[:1] != [0] or floors != sorted(set(floors)) or rates != sorted(rates):
        raise ValueError("maintenance floors must start at 0 and rise, with rates not falling")


class SlippageTerms(StrictModel):
    """Slippage parameters of one instrument; null: the venue's value applies.

    A record may hold keys of several slippage models; a run reads those of its model.
    """

    base_bps: float | None = Field(None, ge=0, le=500, description="Half spread, basis points")
    range_share: float | None = Field(None, ge=0, le=1, description="Share of the bar's range lost")
    impact: float | None = Field(
        None, ge=0, le=10, description="Fraction of price lost at 100% participation"
    )
    coefficient: float | None = Field(
        None, ge=0, le=10, description="Cost of an order of a day's volume, in daily volatilities"
    )
    source: str | None = Field(
        None, description="Who measured the numbers, and when; null: they are chosen"
    )


class TermsChange(StrictModel):
    """A number that a newer record changes, and the day of the change."""

    since: date = Field(description="Day from which the new number holds")
    name: str = Field(description="Name of the number, e.g. lot_size or slippage.base_bps")
    was: float | None = Field(None, description="Number before that day; null: no number")
    becomes: float | None = Field(None, description="Number from that day on; null: no number")

    @property
    def words(self) -> str:
        """Text of the change, with its day."""
        values = "" if self.was is None else f" from {self.was:g} to {self.becomes:g}"
        return f"{self.name}{values} on {self.since}"


class TradingTerms(StrictModel):
    """Terms of one instrument from a day on; null: the instrument's filter, the venue's cost."""

    since: date = Field(description="First day on which the record is known to hold")
    source: str = Field(min_length=1, description="Who published the numbers, and when")
    tick_size: float | None = Field(None, gt=0, description="Price step, quote per base unit")
    lot_size: float | None = Field(
        None, gt=0, description="Quantity step, base units; of an inverse perp, contracts"
    )
    min_notional: float | None = Field(None, ge=0, description="Smallest order value, quote")
    maker_fee_bps: float | None = Field(
        None, ge=-10, le=100, description="Fee of resting limit fills, basis points of notional"
    )
    taker_fee_bps: float | None = Field(
        None, ge=0, le=100, description="Fee of market and stop fills, basis points of notional"
    )
    commission_bps: float | None = Field(
        None, ge=0, le=200, description="Commission at the brokerage, basis points of notional"
    )
    liquidation_fee_bps: float | None = Field(
        None, ge=0, le=1000, description="Fee of a forced liquidation, basis points of notional"
    )
    borrow_fee_bps: float | None = Field(
        None,
        ge=0,
        le=10_000,
        description="Annual fee of shares borrowed to be sold short, basis points of their value",
    )
    slippage: SlippageTerms = Field(
        default_factory=SlippageTerms,
        description="Slippage parameters of the instrument; null: the venue's",
    )
    maintenance: tuple[MaintenanceBracket, ...] | None = Field(
        None, min_length=1, description="Brackets by ascending floor, the first at 0; null: none"
    )
    maintenance_base: MaintenanceBase | None = Field(
        None, description="Value that the brackets apply to: mark or entry; null: mark"
    )
    maintenance_steps: MaintenanceSteps | None = Field(
        None,
        description="marginal: a rate applies to the value above its floor; whole: to all of it; "
        "null: marginal",
    )
    initial_margin: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Smallest initial margin, a fraction of the value at entry; null: no limit",
    )
    liquidation: LiquidationPrice | None = Field(
        None,
        description="Price of a forced close: market (less slippage and the liquidation fee) or "
        "bankruptcy (the whole margin is lost); null: market",
    )
    funding_hours: tuple[int, ...] | None = Field(
        None, min_length=1, description="Hours of the day, UTC, at which funding settles"
    )
    funding_cap: float | None = Field(
        None, gt=0, lt=1, description="Largest absolute funding rate of a settlement, a fraction"
    )
    until: date | None = Field(
        None, description="Day from which a newer record holds; a run fills it in"
    )
    changes: tuple[TermsChange, ...] = Field(
        (), description="Numbers that newer records state otherwise; a run fills them in"
    )

    @model_validator(mode="after")
    def _brackets_ascend(self) -> "TradingTerms":
        if self.maintenance is not None:
            check_brackets(self.maintenance)
        return self

    @model_validator(mode="after")
    def _whole_steps_at_entry(self) -> "TradingTerms":
        # A requirement that jumps while the mark moves has no single liquidation price.
        whole = self.maintenance_steps is MaintenanceSteps.WHOLE
        if whole and self.maintenance_base is not MaintenanceBase.ENTRY:
            raise ValueError("maintenance_steps: whole needs maintenance_base: entry beside it")
        return self

    @model_validator(mode="after")
    def _hours_of_a_day(self) -> "TradingTerms":
        hours = self.funding_hours or ()
        if list(hours) != sorted(set(hours)) or any(not 0 <= hour < 24 for hour in hours):
            raise ValueError(f"funding_hours must rise from 0 to 23, not {list(hours)}")
        return self


def terms_in_force(records: Sequence[TradingTerms], day: date) -> TradingTerms:
    """Return the terms in force on a day, merged from records sorted by day.

    Each number comes from the last record up to the day that gives it, else from the first record
    after the day. ``since`` and ``source`` come from the record with the maintenance table; without
    a table, from the last record up to the day. ``until`` is the day of the next record;
    ``changes`` lists the numbers that later records change.
    """
    order = [
        *(r for r in reversed(records) if r.since <= day),
        *(r for r in records if r.since > day),
    ]
    numbers = [name for name in TradingTerms.model_fields if name not in _ABOUT]
    stated = {name: _first_stated(order, name) for name in numbers}
    parts = {name: _first_stated([r.slippage for r in order], name) for name in _SLIPPAGE}
    about = next((r for r in order if r.maintenance is not None), order[0])
    held = TradingTerms(
        since=about.since,
        source=about.source,
        slippage=SlippageTerms(**parts),
        until=min((r.since for r in records if r.since > day), default=None),
        **stated,
    )
    newer = sorted((r for r in records if r.since > day), key=lambda r: r.since)
    return held.model_copy(update={"changes": _changes(held, newer)})


def _changes(held: TradingTerms, newer: Sequence[TradingTerms]) -> tuple[TermsChange, ...]:
    """Return the numbers that newer records, sorted by day, change."""
    now, found = _numbers(held), []
    for record in newer:
        for name, value in _numbers(record).items():
            if value is None or value == now[name]:
                continue
            pair = {} if name in _WORDS else {"was": now[name], "becomes": value}
            found.append(TermsChange(since=record.since, name=name, **pair))
            now[name] = value
    return tuple(found)


def _numbers(record: TradingTerms) -> dict[str, Any]:
    own = {n: getattr(record, n) for n in TradingTerms.model_fields if n not in _ABOUT}
    return own | {f"slippage.{n}": getattr(record.slippage, n) for n in _SLIPPAGE_NUMBERS}


def _first_stated(records: Sequence[BaseModel], name: str) -> Any:
    values = (getattr(record, name) for record in records)
    return next((value for value in values if value is not None), None)


_WORDS = (
    "maintenance",
    "maintenance_base",
    "maintenance_steps",
    "liquidation",
    "funding_hours",
)
_ABOUT = ("since", "source", "until", "changes", "slippage")
_SLIPPAGE = tuple(SlippageTerms.model_fields)
_SLIPPAGE_NUMBERS = tuple(name for name in _SLIPPAGE if name != "source")
