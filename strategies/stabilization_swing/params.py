"""Parameters of playbook B; windows in sessions, changes and distances as fractions."""

from typing import Literal, Self

from pydantic import Field, model_validator

from engine.api import (
    ChannelKey,
    ChannelKind,
    MarketStateConfig,
    PlaybookParams,
)

Trigger = Literal["stabilized", "above_mean", "new_high", "leadership_holds"]


class Leg(PlaybookParams):
    """One traded market, and its share of the risk."""

    instrument: str = Field(description="Instrument that is bought")
    timeframe: str = Field(description="Bars that its orders fill in: 1d for ETFs, 1h for a perp")
    weight: float = Field(gt=0, le=1, description="Factor on the size that risk allows")

    @property
    def key(self) -> ChannelKey:
        """Return the key of the leg's bars."""
        return ChannelKey(self.instrument, ChannelKind.BARS, self.timeframe)


class SwingTranche(PlaybookParams):
    """One slice of the plan, bought when its own trigger holds."""

    fraction: float = Field(gt=0, le=1, description="Share of the plan")
    trigger: Trigger = Field(description="Condition that must hold besides the stabilization")
    rest: int = Field(0, ge=0, description="Fewest sessions since the tranche before")


class SwingTarget(PlaybookParams):
    """A target in multiples of the first tranche's risk."""

    r: float = Field(gt=0, description="Distance from the entry as a multiple of the stop distance")
    fraction: float = Field(gt=0, le=1, description="Share of the bought quantity")


class SwingParams(PlaybookParams):
    """Rules for a stabilization, for scaling in and for leaving."""

    clock: str = Field("QQQ", description="Equity whose sessions decide, after their close")
    legs: tuple[Leg, ...] = Field(
        (
            Leg(instrument="QQQ", timeframe="1d", weight=0.5),
            Leg(instrument="BTCUSDT-PERP", timeframe="1h", weight=0.5),
        ),
        min_length=1,
        description="Markets bought",
    )
    drawdown: float = Field(
        0.08, gt=0, lt=1, description="Fall of the clock's index from its high that must come first"
    )
    drawdown_high: int = Field(126, ge=20, description="Window of that high, sessions")
    drawdown_memory: int = Field(42, ge=1, description="Sessions for which the fall counts")
    needs_macro: bool = Field(True, description="Yields and dollar must have stopped worsening")
    needs_leadership: bool = Field(True, description="Leaders must have stopped making lower lows")
    needs_volatility: bool = Field(True, description="VIX must be off its peak")
    unknown: Literal["block", "pass"] = Field("block", description="Effect of an unknown condition")
    tranches: tuple[SwingTranche, ...] = Field(
        (
            SwingTranche(fraction=0.34, trigger="stabilized"),
            SwingTranche(fraction=0.33, trigger="above_mean", rest=3),
            SwingTranche(fraction=0.33, trigger="new_high", rest=3),
        ),
        min_length=1,
        description="Tranches of the plan",
    )
    mean: int = Field(20, ge=2, description="Window of the mean of above_mean, sessions")
    high: int = Field(10, ge=2, description="Number of closes that new_high must exceed")
    low: int = Field(10, ge=2, description="Window of the stabilization low")
    buffer: float = Field(0.01, ge=0, lt=0.5, description="Stop below that low by this fraction")
    trail: int | None = Field(10, ge=2, description="Window of the trailing low; null: no trail")
    targets: tuple[SwingTarget, ...] = Field(
        (), description="Targets; none: leave by stop, rules or time"
    )
    leave_on_lower_low: bool = Field(True, description="Leave when leaders make a new low")
    leave_on_macro: bool = Field(True, description="Leave when yields and dollar worsen together")
    max_sessions: int | None = Field(60, ge=1, description="Longest plan, sessions; null: no limit")
    state: MarketStateConfig = Field(
        default_factory=MarketStateConfig, description="Thresholds of the market state"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, parts in (("tranches", self.tranches), ("targets", self.targets)):
            total = sum(part.fraction for part in parts)
            if parts and abs(total - 1) > 1e-9:
                raise ValueError(f"{name}: fractions sum to {total:g}; they must sum to 1")
        names = [leg.instrument for leg in self.legs]
        if len(set(names)) < len(names):
            raise ValueError(f"legs: an instrument is named twice: {', '.join(names)}")
        if self.tranches[0].rest:
            raise ValueError("tranches: the first one has nothing to rest from; set rest: 0")
        return self

    @property
    def clock_key(self) -> ChannelKey:
        """Return the bars whose sessions decide."""
        return ChannelKey(self.clock, ChannelKind.BARS, "1d")

    @property
    def longest(self) -> int:
        """Return the longest window of a leg's bars, sessions."""
        return max(self.mean, self.high + 1, self.low, self.trail or 0)
