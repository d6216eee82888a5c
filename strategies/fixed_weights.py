"""Baseline: fixed weights, rebalanced by calendar or band.

``rebalance: never`` makes it buy and hold; a volatility target in ``risk.portfolio`` makes it a
volatility-target book; without weights it holds cash.
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
    Rebalance,
    Requirements,
    Signals,
    signals,
)
from strategies.target_weights import (
    BOOK_RISK_DEFAULTS,
    NEW_YORK,
    PUT_OFF,
    bars_key,
    begun_signals,
    check_weights,
    left_band,
    priced_names,
    working_order_notes,
)


class WeightsParams(PlaybookParams):
    """Weights, and the rules for restoring them."""

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
    rebalance: signals.Calendar = Field(
        "monthly", description="Calendar by which all weights are restored"
    )
    absolute_band: float | None = Field(
        None, gt=0, lt=1, description="Restore when a weight is off by this much; null: off"
    )
    relative_band: float | None = Field(
        None, gt=0, description="Restore when a weight is off by this share of itself; null: off"
    )
    min_ticket: float = Field(
        100.0, ge=0, description="Smaller changes are left out, account currency"
    )

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        check_weights(self.weights)
        return self

    def key(self, instrument: str) -> ChannelKey:
        """Return the bars that an instrument trades in."""
        return bars_key(instrument, self.timeframes)


class FixedWeights(Playbook[WeightsParams]):
    """Hold fixed weights."""

    name = "fixed_weights"
    Params = WeightsParams
    risk_defaults: ClassVar = BOOK_RISK_DEFAULTS

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
        """Return one row a session: whether the calendar is due, and which weights have prices."""
        bars = data.bars(self.params.clock, "1d")
        decided_at = signals.evenings(bars["closed_at"], self.params.decide_at)
        due = signals.period_starts(decided_at, self.params.rebalance, zone=NEW_YORK)
        keys = {name: self.params.key(name) for name in self.params.weights}
        begun = begun_signals(data, keys, decided_at)
        return Signals(decided_at, {"due": due.astype(np.float64), **begun})

    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        """Return the weights at the first purchase, when due, and when a weight leaves its band."""
        params = self.params
        began = priced_names(market, params.weights)
        due = market.signal("due") > 0
        self._due |= due
        if not params.weights or account.working:
            return working_order_notes(account, params.rebalance) if params.weights and due else ()
        reason = ""
        if not account.positions:
            reason = "first purchase" if began - account.delisted else ""
        elif self._due:
            reason = f"{params.rebalance} rebalancing{'' if due else PUT_OFF}"
        elif self._joined is not None and began != self._joined:
            reason = f"{', '.join(sorted(began - self._joined))} begins"
        else:
            reason = self._left_band(account, began)
        self._joined = began if reason else self._joined
        self._due &= not reason
        return (Rebalance(params.weights, reason, params.min_ticket),) if reason else ()

    def _left_band(self, account: AccountView, began: frozenset[str]) -> str:
        """Return the weight that is farthest outside its band, in words; "" when none is."""
        params = self.params
        targets = {name: weight for name, weight in params.weights.items() if name in began}
        left = left_band(
            account, targets, absolute=params.absolute_band, relative=params.relative_band
        )
        return f"band left: {left}" if left else ""
