"""Baseline: one position, opened at a chosen instant and held.

This smallest complete playbook shows the effect of leverage alone in a sell-off.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator, Field

from engine.api import (
    AccountView,
    ChannelKey,
    ChannelKind,
    Dataset,
    Enter,
    Intent,
    MarketView,
    Playbook,
    PlaybookParams,
    Requirements,
    Signals,
)


def _as_utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


class HoldParams(PlaybookParams):
    """Instrument, instant and direction of the entry, and distance of the stop."""

    instrument: str = Field("BTCUSDT-PERP", description="Instrument that is held")
    timeframe: str = Field("1h", description="Bars that decide and fill")
    enter_at: Annotated[datetime, AfterValidator(_as_utc)] = Field(
        description="The first bar closing at or after this instant decides, UTC"
    )
    direction: Literal[1, -1] = Field(1, description="+1 long, -1 short")
    stop_fraction: float = Field(
        0.5, gt=0, lt=1, description="Distance of the stop from the deciding close, fraction"
    )


class Hold(Playbook[HoldParams]):
    """Enter once, keep until the stop, the liquidation or the window's end."""

    name = "hold"
    Params = HoldParams
    # The position is held until its stop, so no guard of the account may sell it.
    risk_defaults: ClassVar = {
        "daily_loss": None,
        "drawdown": None,
        "cool_down": None,
        "max_trades_per_day": None,
    }

    def __init__(self, params: HoldParams) -> None:
        super().__init__(params)
        self._entered = False

    @classmethod
    def requirements(cls, params: HoldParams) -> Requirements:
        """Return the bars of the one instrument."""
        clock = ChannelKey(params.instrument, ChannelKind.BARS, params.timeframe)
        return Requirements(clock, frozenset([clock]), frozenset(), (params.instrument,), 1)

    def prepare(self, data: Dataset) -> Signals:
        """Return the signals; every row from ``enter_at`` on wakes a flat playbook."""
        bars = data.bars(self.params.instrument, self.params.timeframe)
        decided_at = bars["available_at"]
        due = decided_at >= int(self.params.enter_at.timestamp()) * 10**9
        never = np.zeros(len(bars), np.bool_)
        return Signals(
            decided_at,
            {"close": bars["close"], "due": due.astype(np.float64)},
            wake_flat=due,
            wake_in_position=never,
        )

    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        """Return the one entry."""
        params = self.params
        if self._entered or not market.signal("due"):
            return ()
        self._entered = True
        stop = market.signal("close") * (1 - params.direction * params.stop_fraction)
        return [Enter(params.instrument, params.direction, stop, "hold from here")]
