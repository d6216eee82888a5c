"""Define the terms on which the brokerage lends ETFs to be sold short."""

from collections.abc import Mapping

from pydantic import Field, model_validator

from data_feeds.instrument import Instrument
from data_feeds.strict_model import SortedModel
from engine.config.venue import VenueConfig

MAX_BORROW_FEE_BPS = 10_000.0


class ShortSaleTerms(SortedModel):
    """Set margin and carry of ETFs that the brokerage lends to be sold short.

    Defaults of the margins: Regulation T, 12 CFR 220.12(c)(1), as of 2024, and FINRA Rule
    4210(c)(3), as of 2024 (30% of the value beside the proceeds; its minimum of 5 dollars a share
    is not modelled). The fee of each fund is that of its series, else that of ``borrow_fee_bps``
    here, else ``borrow_fee_bps`` of its own terms or of the venue.
    """

    initial_margin: float = Field(
        1.5,
        gt=1,
        le=5,
        description="Brokerage cash kept for a short that is opened, a multiple of its value, "
        "proceeds included: 1.5 is 150%",
    )
    maintenance_margin: float = Field(
        1.3,
        gt=1,
        le=5,
        description="Brokerage cash below this multiple of the value of all shorts: the broker "
        "covers; 1.3 is 130%",
    )
    rebate_series: str | None = Field(
        "DGS3MO",
        description="Annual percent series that the collateral of a short earns, before the borrow "
        "fee; null: none",
    )
    borrow_fee_bps: Mapping[str, float] = Field(
        default_factory=dict,
        description="Annual borrow fee by instrument, basis points of the value: 25 is 0.25%",
    )
    borrow_fee_series: Mapping[str, str] = Field(
        default_factory=dict,
        description="Annual percent series of the borrow fee by instrument, in place of "
        "borrow_fee_bps",
    )

    @model_validator(mode="after")
    def _keeps_less_than_it_asks(self) -> "ShortSaleTerms":
        if self.maintenance_margin > self.initial_margin:
            raise ValueError(
                f"maintenance_margin {self.maintenance_margin:g} must not exceed initial_margin "
                f"{self.initial_margin:g}: a new short would be covered at once"
            )
        for name, fee in self.borrow_fee_bps.items():
            if not 0 <= fee <= MAX_BORROW_FEE_BPS:
                raise ValueError(
                    f"borrow_fee_bps of {name} must lie in [0, {MAX_BORROW_FEE_BPS:g}], not {fee:g}"
                )
        return self

    def fee_of(self, instrument: Instrument, venue: VenueConfig) -> float | None:
        """Return the stated annual fee of a borrowed share, a fraction; None for none.

        A series of the fee comes before it.
        """
        return venue.borrow_fee_rate(instrument, self.borrow_fee_bps.get(instrument.id))

    @property
    def series(self) -> frozenset[str]:
        """Return the names of the series that price the carry."""
        rebate = () if self.rebate_series is None else (self.rebate_series,)
        return frozenset((*rebate, *self.borrow_fee_series.values()))
