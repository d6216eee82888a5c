"""Define trading costs from the run file, an instrument's own terms, or the venue."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field, field_serializer, model_validator

from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.strict_model import SortedModel
from data_feeds.trading_terms import MaintenanceBracket, TradingTerms, check_brackets
from engine.costs.slippage_model import BASIS_POINT, SlippageModel
from engine.costs.slippage_registry import (
    DEFAULT_MODEL,
    Slippage,
    as_any_of,
    slippage_keys,
    with_own_terms,
)

# Keys of the venue section that an instrument's own terms may replace.
TERMS = (
    "maker_fee_bps",
    "taker_fee_bps",
    "commission_bps",
    "liquidation_fee_bps",
    "borrow_fee_bps",
    *(f"slippage.{key}" for key in slippage_keys()),
    "maintenance",
)


class LimitFill(StrEnum):
    """Name the price that fills a limit order, entry or target, inside a bar.

    ``through``: at least one tick of the instrument beyond the limit, when the whole queue at the
    limit is filled. ``touch``: the limit itself, as for the first order in the queue.
    """

    THROUGH = "through"
    TOUCH = "touch"


@dataclass(frozen=True, slots=True)
class TradingCosts:
    """Hold one instrument's costs: fees as fractions of notional, slippage, brackets.

    ``slippage_source`` is who measured the instrument's own numbers, None for chosen ones.
    ``borrow_fee_rate`` is the annual fee of a borrowed share, a fraction of its value; None where
    nobody states one.
    """

    maker_rate: float
    taker_rate: float
    liquidation_fee_rate: float
    slippage: SlippageModel
    slippage_source: str | None
    maintenance: tuple[MaintenanceBracket, ...]
    borrow_fee_rate: float | None = None


class VenueConfig(SortedModel):
    """Define fees, slippage, fill rule, volume cap and maintenance table of a venue.

    ``general`` names the keys that an instrument's own terms may replace: all keys of a venue's
    file, and those that an inline section leaves out. A key written in the run file holds for every
    instrument.
    """

    name: str = Field("binance_usdm", description="Name in the report's assumptions")
    maker_fee_bps: float = Field(
        2.0,
        ge=-10,
        le=100,
        description="Fee of resting limit fills, basis points of notional: 5 is 0.05%; negative: a "
        "rebate",
    )
    taker_fee_bps: float = Field(
        5.0,
        ge=0,
        le=100,
        description="Fee of market and stop fills, basis points of notional: 5 is 0.05%",
    )
    commission_bps: float = Field(
        1.0,
        ge=0,
        le=200,
        description="Commission of ETF fills at the brokerage, basis points of notional: 5 is "
        "0.05%",
    )
    liquidation_fee_bps: float = Field(
        125.0,
        ge=0,
        le=1000,
        description="Charged on the notional of a forced liquidation, basis points: 125 is 1.25%",
    )
    borrow_fee_bps: float | None = Field(
        None,
        ge=0,
        le=10_000,
        description="Annual fee of an ETF borrowed to be sold short, basis points of its value: 25 "
        "is 0.25%; null: only funds whose own terms or series state a fee can be sold short",
    )
    participation_cap: float | None = Field(
        0.1, gt=0, le=1, description="Largest share of a bar's volume one bar may fill; null: none"
    )
    limit_fill: LimitFill = Field(
        LimitFill.THROUGH,
        description="Price that fills a limit entry or a target inside a bar: through (one tick of "
        "the instrument beyond it) or touch; fills at opens and stops do not differ",
    )
    slippage: Slippage = Field(
        default_factory=DEFAULT_MODEL,
        description="Slippage model and its keys; without model: that whose keys are written",
        json_schema_extra=as_any_of,
    )
    maintenance: tuple[MaintenanceBracket, ...] = Field(
        description="Brackets by ascending floor, the first at 0", min_length=1
    )
    general: tuple[str, ...] | None = Field(
        None,
        description="Keys that an instrument's own terms replace; null: those that the section "
        "does not write",
    )

    @field_serializer("general")
    def _shown(self, value: tuple[str, ...] | None) -> list[str]:
        # A section that is read back has every key written.
        return [name for name in TERMS if self.is_general(name)]

    def is_general(self, name: str) -> bool:
        """Return whether an instrument's own term replaces a key of this section."""
        if self.general is not None:
            return name in self.general
        top, _, part = name.partition(".")
        return (part or top) not in (self.slippage if part else self).model_fields_set

    @model_validator(mode="after")
    def _brackets_ascend(self) -> "VenueConfig":
        check_brackets(self.maintenance)
        unknown = sorted(set(self.general or ()) - set(TERMS))
        if unknown:
            raise ValueError(f"general names {unknown[0]!r}; known: {', '.join(TERMS)}")
        return self

    def costs_of(self, instrument: Instrument) -> TradingCosts:
        """Return one instrument's costs from the run file, its own terms, or the venue.

        The instrument must be in force: it has one record of terms at most.
        """
        assert len(instrument.terms) <= 1, f"{instrument.id}: terms of several days"
        record = instrument.terms[0] if instrument.terms else None

        def stated(name: str) -> float | None:
            own: float | None = getattr(record, name, None)
            found: float | None = getattr(self, name)
            return own if own is not None and self.is_general(name) else found

        def bps(name: str) -> float:
            decided = stated(name)
            assert decided is not None, f"{name} has a default"
            return float(decided) * BASIS_POINT

        at_brokerage = instrument.kind is InstrumentKind.ETF
        commission, lent_at = bps("commission_bps"), stated("borrow_fee_bps")
        return TradingCosts(
            maker_rate=commission if at_brokerage else bps("maker_fee_bps"),
            taker_rate=commission if at_brokerage else bps("taker_fee_bps"),
            # A broker that covers a short charges its commission.
            liquidation_fee_rate=commission if at_brokerage else bps("liquidation_fee_bps"),
            slippage=self._slippage_of(record),
            slippage_source=None if record is None else record.slippage.source,
            maintenance=self.brackets_of(instrument)[0],
            borrow_fee_rate=None if lent_at is None else lent_at * BASIS_POINT,
        )

    def borrow_fee_rate(self, instrument: Instrument, written: float | None) -> float | None:
        """Return the annual fee of a borrowed share, a fraction; ``written`` is the run's, bps."""
        stated = self.costs_of(instrument).borrow_fee_rate
        return stated if written is None else written * BASIS_POINT

    def brackets_of(
        self, instrument: Instrument
    ) -> tuple[tuple[MaintenanceBracket, ...], TradingTerms | None]:
        """Return an instrument's maintenance table and the record that holds it.

        The record is None where the table of the run or the venue applies.
        """
        record = instrument.terms[0] if instrument.terms else None
        if record is not None and record.maintenance is not None and self.is_general("maintenance"):
            return record.maintenance, record
        return self.maintenance, None

    def _slippage_of(self, record: TradingTerms | None) -> SlippageModel:
        own = {} if record is None else record.slippage.model_dump(exclude_none=True)
        replaced = {key: v for key, v in own.items() if self.is_general(f"slippage.{key}")}
        return with_own_terms(self.slippage, replaced)
