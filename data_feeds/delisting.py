"""The record of a delisting: the last day of trading, and the price of what is still held."""

from datetime import date

from pydantic import Field

from data_feeds.strict_model import StrictModel


class Delisting(StrictModel):
    """The end of an instrument's trading, as its exchange or venue announced it."""

    last_day: date = Field(
        description="Last day of trading, by the exchange's clock; UTC for a market around the "
        "clock"
    )
    final_price: float | None = Field(
        None,
        ge=0,
        description="Quote per unit at which open positions are settled, 0 where nothing was paid; "
        "null: the close of the last bar",
    )
    reason: str | None = Field(
        None, min_length=1, description="What happened, e.g. merger or bankruptcy; shown with it"
    )

    @property
    def words(self) -> str:
        """Text for the settling order: that trading ended, and why."""
        return "delisted" if self.reason is None else f"delisted: {self.reason}"
