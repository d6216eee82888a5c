"""Thresholds of the flush detector that a rules file may set; the defaults are playbook A's."""

from typing import Literal, Self

from pydantic import Field, model_validator

from engine.api import PlaybookParams
from strategies.liquidation_reclaim.params import Length
from strategies.rules.field_types import BARS_NAME


class FlushSettings(PlaybookParams):
    """Thresholds of the flush detector; lengths are '24 bars' or a duration."""

    bars: str | None = Field(
        None,
        pattern=BARS_NAME,
        description="Bars that are watched, such as btc@1h; null: those of the clock",
    )
    side: Literal["long", "short"] = Field(
        "long", description="long watches sell-offs, short rallies"
    )
    support_lookback: Length = Field(
        "24h", description="Support: lowest low over this length before"
    )
    atr_length: Length = Field("14 bars", description="Wilder ATR")
    flush_atr: float = Field(1.0, ge=0, description="First flush: low below support by this x ATR")
    volume_multiple: float = Field(
        3.0, gt=0, description="First flush: volume over the mean before it"
    )
    volume_window: Length = Field("7d", description="Window of the mean volume")
    bounce_atr: float = Field(
        1.0, gt=0, description="Bounce: high above the flush low by this x ATR"
    )
    bounce_window: Length = Field("24h", description="Time from the first low to the bounce")
    entry_after: Literal["second_flush", "first_flush"] = Field(
        "second_flush", description="first_flush also counts a reclaim right after the bounce"
    )
    second_flush_atr: float = Field(
        0.5, description="Second flush: a low at most this x ATR above the first low"
    )
    second_flush_window: Length = Field(
        "24h", description="Time from the bounce to the second flush"
    )
    reclaim_level: Literal["first_flush_low", "broken_support"] = Field(
        "first_flush_low", description="Level that a close must exceed"
    )
    reclaim_window: Length = Field("24h", description="Time from the last low to the reclaim")
    sequence_window: Length = Field("72h", description="Time from the first flush to the reclaim")
    reclaimed_window: Length = Field("24h", description="Time for which a reclaim is remembered")

    @model_validator(mode="after")
    def _levels_make_sense(self) -> Self:
        if self.second_flush_atr >= self.bounce_atr:
            raise ValueError(
                f"second_flush_atr {self.second_flush_atr:g} must lie below bounce_atr "
                f"{self.bounce_atr:g}, or the bounce itself is a second flush"
            )
        return self
