"""Baseline: fixed weights, rebalanced by calendar or band.

With ``rebalance: never`` it is buy and hold, with a volatility target in ``risk.portfolio`` a
volatility-target book, with no weights cash.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
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
    PutOff,
    Rebalance,
    Requirements,
    Signals,
    signals,
)

NEW_YORK = "America/New_York"
PUT_OFF = ", put off while an order worked"


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
    rebalance: signals.Calendar = Field("monthly", description="When all weights are restored")
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
    # A book is not sized by stops: a limit that sold it would change the baseline.
    risk_defaults: ClassVar = {
        "target_volatility": None,
        "volatility_window": "20d",
        "participation_window": "20d",
        "daily_loss": None,
        "drawdown": None,
        "cool_down": None,
        "max_trades_per_day": None,
    }

    def __init__(self, params: WeightsParams) -> None:
        super().__init__(params)
        self._joined: frozenset[str] | None = None
        self._due = False

    @classmethod
    def requirements(cls, params: WeightsParams) -> Requirements:
        """Return the clock's sessions and the bars of everything held."""
        clock = ChannelKey(params.clock, ChannelKind.BARS, "1d")
        traded = tuple(params.weights) or (params.clock,)
        keys = frozenset(params.key(name) for name in traded)
        return Requirements(
            clock, keys | {clock}, frozenset(), traded, warmup_bars=1, late=keys - {clock}
        )

    def prepare(self, data: Dataset) -> Signals:
        """Return a row a session, and whether the calendar restores the weights at it."""
        bars = data.bars(self.params.clock, "1d")
        decided_at = signals.evenings(bars["closed_at"], self.params.decide_at)
        due = signals.period_starts(decided_at, self.params.rebalance, zone=NEW_YORK)
        begun = {
            f"begun {name}": signals.begun(data.channels[self.params.key(name)], decided_at)
            for name in self.params.weights
        }
        values = {"due": due, **begun}
        return Signals(decided_at, {name: item.astype(np.float64) for name, item in values.items()})

    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        """Return the weights when nothing is held yet, when due, and when a band is left."""
        params = self.params
        began = self._began(market)
        due = market.signal("due") > 0
        self._due |= due
        if not params.weights or account.working:
            return self._waits(account) if params.weights and due else ()
        reason = ""
        if not account.positions:
            reason = "first purchase" if began else ""
        elif self._due:
            reason = f"{params.rebalance} rebalancing{'' if due else PUT_OFF}"
        elif self._joined is not None and began != self._joined:
            reason = f"{', '.join(sorted(began - self._joined))} begins"
        else:
            reason = self._left_band(account, began)
        self._joined = began if reason else self._joined
        self._due &= not reason
        return (Rebalance(params.weights, reason, params.min_ticket),) if reason else ()

    def _waits(self, account: AccountView) -> list[PutOff]:
        """Return the notes that the calendar's rebalancing comes after the orders that work."""
        what = f"{self.params.rebalance} rebalancing"
        return [
            PutOff(name, "order works", f"{what}: an order still works in {name}")
            for name in sorted(account.working)
        ]

    def _began(self, market: MarketView) -> frozenset[str]:
        """Return what has a price by now; the weight of the others stays in cash."""
        names = self.params.weights
        return frozenset(name for name in names if market.signal(f"begun {name}") > 0)

    def _left_band(self, account: AccountView, began: frozenset[str]) -> str:
        """Say which weight is farthest outside its band, "" when none is."""
        params = self.params
        held = {
            name: position.quantity * position.mark / account.equity
            for name, position in account.positions.items()
        }
        targets = {name: weight for name, weight in params.weights.items() if name in began}
        left = signals.outside_band(
            held, targets, absolute=params.absolute_band, relative=params.relative_band
        )
        return f"band left: {left}" if left else ""
