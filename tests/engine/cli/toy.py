"""Write a playbook that always buys or fails on request, and a run of it."""

RUN = """\
name: trial
data: {start: 2026-02-03, end: 2026-02-05}
playbook:
  name: PLUGIN
  params: {fault: none}
venue: binance_usdm
"""

PLUGIN = """
import os
import signal

from engine.api import ChannelKey, ChannelKind, Enter, Playbook, PlaybookParams, Requirements
from engine.api import Signals

PERP = "BTCUSDT-PERP"
CLOCK = ChannelKey(PERP, ChannelKind.BARS, "15m")


class ToyParams(PlaybookParams):
    fault: str
    warmup_bars: int = 10


class Toy(Playbook[ToyParams]):
    name = "toy"
    Params = ToyParams

    @classmethod
    def requirements(cls, params):
        missing = {ChannelKey(PERP, ChannelKind.DIVIDENDS)} if params.fault == "channel" else ()
        return Requirements(
            clock=CLOCK,
            channels=frozenset({CLOCK, *missing}),
            optional=frozenset(),
            traded=(PERP,),
            warmup_bars=params.warmup_bars,
        )

    def prepare(self, data):
        if self.params.fault == "prepare":
            raise KeyError("no such column")
        if self.params.fault == "prepare_exit":
            raise SystemExit(0)
        bars = data.channel(PERP, ChannelKind.BARS, "15m")
        return Signals(decided_at=bars["closed_at"], values={"close": bars["close"]})

    def on_bar(self, market, account):
        if self.params.fault == "on_bar":
            return [1 / 0]
        if self.params.fault == "on_bar_exit":
            raise SystemExit(0)
        if self.params.fault == "lines":
            raise ValueError("first\\nsecond")
        if self.params.fault == "text_stop":
            return [Enter(PERP, 1, stop="0.97", reason="a stop is a number")]
        if self.params.fault == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        if not account.is_flat(PERP):
            return ()
        close = market.signal("close")
        return [Enter(PERP, 1, stop=0.97 * close, reason="a toy always buys")]

    def on_fill(self, fill, account):
        if self.params.fault == "on_fill_exit":
            raise SystemExit(0)
        return ()
"""
