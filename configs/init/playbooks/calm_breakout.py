# calm_breakout.py
import numpy as np
from pydantic import Field

from engine import api

PERP = "BTCUSDT-PERP"
BARS = api.ChannelKey(PERP, api.ChannelKind.BARS, "1h")
FUNDING = api.ChannelKey(PERP, api.ChannelKind.FUNDING)


class CalmBreakoutParams(api.PlaybookParams):
    bars: int = Field(24, gt=1, description="Lookback of the high, hourly bars")
    stop: float = Field(0.02, gt=0, lt=1, description="Distance of the stop, fraction of price")
    hold_hours: int = Field(48, gt=0, description="Time stop, hours")


class CalmBreakout(api.Playbook[CalmBreakoutParams]):
    name = "calm_breakout"
    Params = CalmBreakoutParams
    leave_at = 0

    @classmethod
    def requirements(cls, params):
        return api.Requirements(BARS, frozenset({BARS}), frozenset({FUNDING}), (PERP,), params.bars)

    def prepare(self, data):
        bars = data.bars(PERP, "1h")
        known_at, close = bars["available_at"], bars["close"]
        rate = np.full(len(bars), np.nan)
        if data.has(PERP, FUNDING.kind):
            paid = data.channel(PERP, FUNDING.kind)
            rate = api.signals.derived_as_of(paid, paid["rate"], known_at).values
        says = {"unit": "fraction", "description": "longs pay no funding"}
        known = np.isfinite(rate)
        calm = api.condition(
            "longs_are_not_crowded", rate <= 0, known=known, measured=rate, threshold=0.0, **says
        )
        high = -api.signals.previous_low(-bars["high"], self.params.bars)
        (calm,) = api.leave_out([calm], self.ignored)
        entry = (close > high) & (calm.truth == api.Truth.TRUE)
        values = {"close": close, "entry": entry.astype(float)}
        never = np.zeros(len(bars), np.bool_)  # in a position only WakeAt wakes it
        return api.Signals(known_at, values, (calm,), entry, never, notable=entry)

    def on_bar(self, market, account):
        if account.position(PERP) is not None and 0 < self.leave_at <= market.now:
            self.leave_at = 0
            return (api.Exit(PERP, "time stop"),)
        if not account.is_flat(PERP) or not market.signal("entry"):
            return ()
        self.leave_at = market.now + self.params.hold_hours * api.HOUR_NS
        stop = market.signal("close") * (1 - self.params.stop)
        return (api.Enter(PERP, 1, stop, "close above the high"), api.WakeAt(self.leave_at))
