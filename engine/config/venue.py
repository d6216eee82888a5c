"""What trading costs: the run's word, an instrument's own terms, the venue in general."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field, field_serializer, model_validator

from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.strict_model import SortedModel
from data_feeds.trading_terms import MaintenanceBracket, TradingTerms, check_brackets

BASIS_POINT = 1e-4
# Keys of the venue section that an instrument may have terms of its own for.
TERMS = (
    "maker_fee_bps",
    "taker_fee_bps",
    "commission_bps",
    "liquidation_fee_bps",
    "slippage.base_bps",
    "slippage.range_share",
    "slippage.impact",
    "maintenance",
)


class SlippageConfig(SortedModel):
    """Fraction of price lost by a market or stop fill.

    base + range_share x bar range / price + impact x quantity / bar volume, times the plan's
    slippage multiplier. At a bar's open the range and volume are those of the last completed bar,
    inside a bar its own.
    """

    base_bps: float = Field(
        1.0, ge=0, le=500, description="Half spread, basis points of price: 5 is 0.05%"
    )
    range_share: float = Field(
        0.02, ge=0, le=1, description="Share of the bar's range lost, a fraction: 0.02 is 2%"
    )
    impact: float = Field(
        0.1, ge=0, le=10, description="Fraction of price lost at 100% participation: 0.1 is 10%"
    )

    @property
    def base(self) -> float:
        """Half spread as a fraction of price."""
        return self.base_bps * BASIS_POINT


class LimitFill(StrEnum):
    """What fills a limit order, entry or target, inside a bar.

    ``through``: a price at least one tick of the instrument beyond the limit; everyone who waited
    at it was served. ``touch``: a price at the limit, as for the first in the queue.
    """

    THROUGH = "through"
    TOUCH = "touch"


@dataclass(frozen=True, slots=True)
class TradingCosts:
    """What trading one instrument costs: fees as fractions of notional, slippage, brackets."""

    maker_rate: float
    taker_rate: float
    liquidation_fee_rate: float
    slippage: SlippageConfig
    maintenance: tuple[MaintenanceBracket, ...]


class VenueConfig(SortedModel):
    """Fees, slippage, fill rule, volume cap and maintenance table of the place of execution.

    ``general`` tells what only stands where an instrument's own terms are silent: all keys of a
    venue's file, and those that an inline section leaves out. What a run writes itself holds for
    every instrument.
    """

    name: str = Field("binance_usdm", description="For the report's assumptions")
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
    participation_cap: float | None = Field(
        0.1, gt=0, le=1, description="Largest share of a bar's volume one bar may fill; null: none"
    )
    limit_fill: LimitFill = Field(
        LimitFill.THROUGH,
        description="What fills a limit entry or a target inside a bar: through (a tick of the "
        "instrument beyond it) or touch; opens and stops are the same with both",
    )
    slippage: SlippageConfig = Field(default_factory=SlippageConfig)
    maintenance: tuple[MaintenanceBracket, ...] = Field(
        description="Brackets by ascending floor, the first at 0", min_length=1
    )
    general: tuple[str, ...] | None = Field(
        None,
        description="Keys that an instrument's own terms come before; null: those that the "
        "section does not write",
    )

    @field_serializer("general")
    def _shown(self, value: tuple[str, ...] | None) -> list[str]:
        # Read back, every key of the section is written.
        return [name for name in TERMS if self.is_general(name)]

    def is_general(self, name: str) -> bool:
        """Return whether an instrument's own term comes before a key of this section."""
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
        """Return what trading one instrument costs: the run's word, its own terms, the venue's.

        The instrument is one in force: it has one record of terms at most.
        """
        assert len(instrument.terms) <= 1, f"{instrument.id}: terms of several days"
        record = instrument.terms[0] if instrument.terms else None

        def bps(name: str) -> float:
            own = getattr(record, name, None)
            decided = own if own is not None and self.is_general(name) else getattr(self, name)
            return float(decided) * BASIS_POINT

        at_brokerage = instrument.kind is InstrumentKind.ETF
        commission = bps("commission_bps")
        return TradingCosts(
            maker_rate=commission if at_brokerage else bps("maker_fee_bps"),
            taker_rate=commission if at_brokerage else bps("taker_fee_bps"),
            liquidation_fee_rate=bps("liquidation_fee_bps"),
            slippage=self._slippage_of(record),
            maintenance=self.brackets_of(instrument)[0],
        )

    def brackets_of(
        self, instrument: Instrument
    ) -> tuple[tuple[MaintenanceBracket, ...], TradingTerms | None]:
        """Return an instrument's maintenance table and the record it is from.

        The record is None where the run's or the venue's table stands for it.
        """
        record = instrument.terms[0] if instrument.terms else None
        if record is not None and record.maintenance is not None and self.is_general("maintenance"):
            return record.maintenance, record
        return self.maintenance, None

    def _slippage_of(self, record: TradingTerms | None) -> SlippageConfig:
        own = {} if record is None else record.slippage.model_dump(exclude_none=True)
        own = {name: value for name, value in own.items() if self.is_general(f"slippage.{name}")}
        return self.slippage.model_copy(update=own) if own else self.slippage
