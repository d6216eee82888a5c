"""Parameters of the liquidation reclaim."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from engine.api import Instrument, PlaybookParams, Timeframe, parse_duration

_BARS = re.compile(r"([1-9]\d*) bars?")


def length_bars(length: str, timeframe: Timeframe) -> int:
    """Return a length in bars of the clock; a duration is rounded up to whole bars.

    >>> length_bars("24h", Timeframe("1h")), length_bars("14 bars", Timeframe("5m"))
    (24, 14)
    """
    match = _BARS.fullmatch(length.strip())
    return int(match[1]) if match else math.ceil(parse_duration(length) / timeframe.ns)


def _check_length(length: str) -> str:
    if _BARS.fullmatch(length.strip()) is None:
        try:
            parse_duration(length)
        except Exception as error:
            raise ValueError(
                f"write '24 bars' or a duration such as 24h, not {length!r}"
            ) from error
    return length


def _check_duration(text: str) -> str:
    try:
        parse_duration(text)
    except Exception as error:
        raise ValueError(str(error)) from error
    return text


Length = Annotated[str, AfterValidator(_check_length)]
Duration = Annotated[str, AfterValidator(_check_duration)]
# Placeholder for the spot market that the instrument's record names.
COMPANION = "companion"
UnknownPolicy = Literal["pass", "block"]


class TargetParams(PlaybookParams):
    """One limit exit."""

    r: float = Field(gt=0, description="Distance from the entry in R, the entry-to-stop distance")
    fraction: float = Field(gt=0, le=1, description="Share of the plan that is closed here")


class ReclaimParams(PlaybookParams):
    """Thresholds and lengths of the rules; a length is '24 bars' of the clock, or a duration."""

    instrument: str = Field("BTCUSDT-PERP", description="Traded perp")
    timeframe: Duration = Field("1h", description="Clock: bars whose closes are decisions, 1m..4h")
    direction: Literal["long", "short"] = Field(
        "long", description="long buys reclaimed sell-offs; short is the mirror image"
    )
    mark_timeframe: Duration = Field("1h", description="Mark bars for discounts, where held")
    spot_instrument: str | None = Field(
        COMPANION,
        description="Spot for discounts, where held; companion: the one that the instrument's "
        "record names; null: none",
    )
    spot_timeframe: Duration = Field("1h", description="Spot bars for discounts, where held")

    # The sequence ------------------------------------------------------------------------------
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
        "second_flush", description="first_flush also trades a reclaim right after the bounce"
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

    # Is the move liquidation-driven? ---------------------------------------------------------
    min_evidence: int = Field(
        1, ge=0, le=5, description="Signs of liquidation that must show since the first flush"
    )
    evidence_unknown: UnknownPolicy = Field(
        "pass", description="Effect when the data hold none of the signs"
    )
    liquidation_multiple: float = Field(
        3.0, gt=0, description="Forced closes over their mean in the volume window before"
    )
    liquidation_max_age: Duration = Field("2h", description="Age beyond which prints are unknown")
    open_interest_drop: float = Field(
        0.02, gt=0, lt=1, description="Fall of open interest in base units, fraction"
    )
    open_interest_window: Duration = Field("4h", description="Time over which open interest falls")
    open_interest_max_age: Duration = Field(
        "2h", description="Age beyond which open interest is unknown"
    )
    funding_below: float = Field(
        0.0, description="Last settled funding rate below this, fraction per interval"
    )
    funding_max_age: Duration = Field("9h", description="Age beyond which a settlement is unknown")
    discount: float = Field(
        0.001, ge=0, description="Last price below mark, or spot, by this fraction"
    )
    discount_max_age: Duration = Field("1h", description="Age beyond which a comparison is unknown")
    basis_bound: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="A last price farther than this from mark, or spot, is unknown: another market",
    )

    # Gates -------------------------------------------------------------------------------------
    open_interest_reset: float = Field(
        0.02, ge=0, lt=1, description="Fall since before the first flush that counts as a reset"
    )
    open_interest_unknown: UnknownPolicy = Field("pass", description="Effect of an unknown reset")
    trend_timeframe: Duration = Field("4h", description="Dominant trend; a multiple of the clock")
    trend_bars: int = Field(
        42,
        gt=1,
        description="Bars of the mean of its closes; above the mean is up. 42 x 4h: a week",
    )
    trend_read: Literal["before_first_flush", "at_entry"] = Field(
        "before_first_flush", description="Bar at which the trend is read"
    )
    against_trend: Literal["halve", "refuse", "ignore"] = Field(
        "halve", description="Effect on a trade against the dominant trend"
    )
    macro_gate: bool = Field(True, description="Demand that dollar and yields are not both rising")
    dollar_series: str = Field("DXY", description="Series of the dollar")
    yield_series: str = Field("DGS10", description="Series of a yield, percent")
    macro_days: Duration = Field("5d", description="Time over which a change is measured")
    dollar_rise: float = Field(
        0.0, ge=0, description="Change above which the dollar rises, fraction"
    )
    yield_rise: float = Field(0.0, ge=0, description="Change above which the yield rises, points")
    macro_max_age: Duration = Field(
        "6d", description="Age from its date beyond which a value is unknown"
    )
    macro_unknown: UnknownPolicy = Field("pass", description="Effect of a missing or stale series")

    # The trade ---------------------------------------------------------------------------------
    stop_atr: float = Field(0.5, ge=0, description="Stop below the flush low by this x ATR")
    targets: tuple[TargetParams, ...] = Field(
        (TargetParams(r=1.0, fraction=0.5), TargetParams(r=2.0, fraction=0.5)),
        min_length=1,
        description="Limit exits in ascending R; fractions sum to 1",
    )
    breakeven: bool = Field(
        True, description="Move the stop to the average entry after the first target"
    )
    trailing_atr: float | None = Field(
        None,
        gt=0,
        description="The stop trails the best close by this x ATR of each bar; null: it stays",
    )
    time_stop: Length = Field("24h", description="Leave at market after this long")
    false_recovery_exit: bool = Field(
        True, description="Leave when price rises while open interest falls after the reclaim"
    )
    false_recovery_drop: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="Fall of open interest, in base units, that makes the recovery false, fraction",
    )
    thin_weekend: bool = Field(True, description="Saturday and Sunday, UTC, are thin")
    thin_hours: tuple[int, int] = Field(
        (16, 20), description="New York hours that are thin: from, to (late US day)"
    )
    thin_action: Literal["slippage", "refuse"] = Field(
        "slippage", description="In a thin window: expect more slippage, or do not enter"
    )
    thin_slippage: float = Field(1.5, ge=1, description="Slippage multiplier of a thin entry")
    spike_window: Length = Field(
        "24h", description="Window of the realized volatility that may spike"
    )
    spike_baseline: Length = Field("7d", description="Window of the realized volatility before it")
    spike_multiple: float = Field(1.5, gt=0, description="Spike: at least this x the baseline")
    spike_size: float = Field(0.5, gt=0, le=1, description="Size factor in a volatility spike")

    @model_validator(mode="after")
    def _levels_make_sense(self) -> "ReclaimParams":
        steps = [target.r for target in self.targets]
        if steps != sorted(set(steps)):
            raise ValueError(f"targets must ascend in r, not {steps}")
        total = sum(target.fraction for target in self.targets)
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the targets' fractions must sum to 1, not {total:g}")
        first, last = self.thin_hours
        if not 0 <= first <= last <= 24:
            raise ValueError(f"thin_hours must be two hours of a day in order, not {first}, {last}")
        if self.second_flush_atr >= self.bounce_atr:
            raise ValueError(
                f"second_flush_atr {self.second_flush_atr:g} must lie below bounce_atr "
                f"{self.bounce_atr:g}, or the bounce itself is a second flush"
            )
        return self

    @model_validator(mode="after")
    def _clock_fits(self) -> "ReclaimParams":
        clock, longer = Timeframe(self.timeframe), Timeframe(self.trend_timeframe)
        if not parse_duration("1m") <= clock.ns <= parse_duration("4h"):
            raise ValueError(f"timeframe must lie between 1m and 4h, not {clock}")
        if longer.ns % clock.ns:
            raise ValueError(f"trend_timeframe {longer} must be a multiple of timeframe {clock}")
        return self

    def with_companions(self, instruments: Mapping[str, Instrument]) -> Self:
        """Return the parameters with the spot market that the instrument's record names."""
        record = instruments.get(self.instrument)
        if self.spot_instrument != COMPANION or record is None:
            return self
        return self.model_copy(update={"spot_instrument": record.companions.spot})

    @property
    def clock(self) -> Timeframe:
        """Return the decision clock's bar length."""
        return Timeframe(self.timeframe)

    @property
    def side(self) -> int:
        """Return +1 for long, -1 for short."""
        return 1 if self.direction == "long" else -1

    def bars(self, length: str) -> int:
        """Return a length in bars of the clock."""
        return length_bars(length, self.clock)

    @staticmethod
    def nanoseconds(duration: str) -> int:
        """Return a duration in nanoseconds."""
        return parse_duration(duration)
