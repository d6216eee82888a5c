"""Baseline: fixed weights, rebalanced by calendar or band.

With ``rebalance: never`` it is buy and hold, with a volatility target in ``risk.portfolio`` a
volatility-target book, with no weights cash.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from engine.api import (
    AccountView,
    ChannelKey,
    ChannelKind,
    Dataset,
    Intent,
    MarketView,
    Playbook,
    PlaybookParams,
    Rebalance,
    Requirements,
    Signals,
    signals,
)

Calendar = Literal["never", "weekly", "monthly", "quarterly", "yearly"]
_UNITS = {"monthly": "M", "yearly": "Y"}
# The epoch was a Thursday; weeks begin on Monday.
_THURSDAY = 3
_MONTHS_A_QUARTER = 3


class WeightsParams(PlaybookParams):
    """What is held, and when it is brought back to its weights."""

    weights: Mapping[str, float] = Field(
        {"SPY": 0.6, "IEF": 0.4}, description="Share of equity by instrument; the rest is cash"
    )
    timeframes: Mapping[str, str] = Field(
        default_factory=dict, description="Bars that orders fill in where they are not 1d"
    )
    clock: str = Field("SPY", description="Instrument whose sessions decide, after their close")
    decide_at: str = Field(
        "18:30", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="New York time of decisions"
    )
    rebalance: Calendar = Field("monthly", description="When all weights are restored")
    absolute_band: float | None = Field(
        None, gt=0, lt=1, description="Restore when a weight is off by this much; null: off"
    )
    relative_band: float | None = Field(
        None, gt=0, description="Restore when a weight is off by this share of itself; null: off"
    )
    min_ticket: float = Field(100.0, ge=0, description="Smaller changes are left out, quote")

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        total = sum(self.weights.values())
        if any(weight < 0 for weight in self.weights.values()) or total > 1 + 1e-9:
            raise ValueError(f"weights must not be negative and sum to {total:g}; 1 at most")
        return self

    def key(self, instrument: str) -> ChannelKey:
        """The bars that an instrument trades in."""
        return ChannelKey(instrument, ChannelKind.BARS, self.timeframes.get(instrument, "1d"))


class FixedWeights(Playbook[WeightsParams]):
    """Hold fixed weights."""

    name = "fixed_weights"
    Params = WeightsParams

    @classmethod
    def requirements(cls, params: WeightsParams) -> Requirements:
        """Return the clock's sessions and the bars of everything held."""
        clock = ChannelKey(params.clock, ChannelKind.BARS, "1d")
        traded = tuple(params.weights) or (params.clock,)
        channels = frozenset({clock, *(params.key(name) for name in traded)})
        return Requirements(clock, channels, frozenset(), traded, 1)

    def prepare(self, data: Dataset) -> Signals:
        """Return a row a session, and whether the calendar restores the weights at it."""
        bars = data.bars(self.params.clock, "1d")
        decided_at = signals.evenings(bars["closed_at"], self.params.decide_at)
        due = calendar_dates(decided_at, self.params.rebalance)
        return Signals(decided_at, {"due": due.astype(np.float64)})

    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        """Return the weights when nothing is held yet, when due, and when a band is left."""
        params = self.params
        if not params.weights or account.pending:
            return ()
        reason = ""
        if not account.positions:
            reason = "first purchase"
        elif market.signal("due") > 0:
            reason = f"{params.rebalance} rebalancing"
        else:
            reason = self._left_band(account)
        return (Rebalance(params.weights, reason, params.min_ticket),) if reason else ()

    def _left_band(self, account: AccountView) -> str:
        """Name the instrument that is farthest out of its band, "" when none is."""
        params, worst, named = self.params, 0.0, ""
        for name, weight in params.weights.items():
            position = account.position(name)
            held = 0.0 if position is None else position.quantity * position.mark / account.equity
            off = abs(held - weight)
            bands = (params.absolute_band, _of(params.relative_band, weight))
            outside = any(band is not None and off > band for band in bands)
            if outside and off > worst:
                worst, named = off, f"{name} at {held:.1%}, target {weight:.1%}"
        return f"band left: {named}" if named else ""


def _of(share: float | None, weight: float) -> float | None:
    return None if share is None or weight == 0 else share * weight


def calendar_dates(decided_at: NDArray[np.int64], calendar: Calendar) -> NDArray[np.bool_]:
    """Return whether a session is the first of its week, month, quarter or year."""
    if calendar == "never":
        return np.zeros(len(decided_at), dtype=np.bool_)
    dates = decided_at.astype("datetime64[ns]")
    if calendar == "weekly":
        period = (dates.astype("datetime64[D]").astype(np.int64) + _THURSDAY) // 7
    elif calendar == "quarterly":
        period = dates.astype("datetime64[M]").astype(np.int64) // _MONTHS_A_QUARTER
    else:
        period = dates.astype(f"datetime64[{_UNITS[calendar]}]").astype(np.int64)
    # The first row's period may have begun before it.
    return np.concatenate(([False], period[1:] != period[:-1]))
