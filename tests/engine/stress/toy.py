"""A playbook that always holds QQQ, and its run file; paths of sessions alone are cheap."""

from pathlib import Path

RUN = """\
name: trial
data: {start: 2026-01-02, end: 2026-03-02}
playbook:
  name: PLUGIN
  params: {fault: none}
account: {venue_cash: 0, brokerage_cash: 100000}
venue: binance_usdm
"""

PLUGIN = """
import os
import threading
from pathlib import Path

from engine.api import ChannelKey, ChannelKind, Enter, Playbook, PlaybookParams, Requirements
from engine.api import Signals


class HoldingToyParams(PlaybookParams):
    fault: str = "none"
    stop: float = 0.95
    needs: str = ""
    lookback: int = 5
    smoothing: int = 0
    table: str = ""
    holds: str = "QQQ"


class HoldingToy(Playbook[HoldingToyParams]):
    name = "toy"
    Params = HoldingToyParams

    @classmethod
    def requirements(cls, params):
        clock = ChannelKey(params.holds, ChannelKind.BARS, "1d")
        wanted = {clock}
        if params.needs:
            instrument, kind, timeframe = (params.needs + "//").split("/")[:3]
            wanted.add(ChannelKey(instrument, ChannelKind(kind), timeframe))
        warmup = params.lookback + params.smoothing
        files = (params.table,) if params.table else ()
        return Requirements(
            clock, frozenset(wanted), frozenset(), (params.holds,), warmup, files=files
        )

    def prepare(self, data):
        if self.params.fault == "wait":
            os.write(1, b"working\\n")
            threading.Event().wait()
        if self.params.fault == "die":
            os._exit(9)
        if self.params.fault == "opens":
            Path("run.yaml").read_text()
        bars = data.bars(self.params.holds, "1d")
        close = bars["close"]
        if self.params.fault == "ahead":
            close = close - close[-1] + 1_000.0
        return Signals(decided_at=bars["available_at"], values={"close": close})

    def on_bar(self, market, account):
        if self.params.fault == "on_bar":
            return [1 / 0]
        if self.params.fault == "first_seen":
            with Path("seen").open("a") as file:
                file.write(f"{market.now}\\n")
        held = self.params.holds
        if not account.is_flat(held):
            return ()
        close = market.signal("close")
        return [Enter(held, 1, stop=self.params.stop * close, reason="a toy always buys")]
"""


def write_project(folder: Path, name: str) -> Path:
    """Write a run file and its plugin into a folder and return the file."""
    (folder / "plugins").mkdir()
    (folder / "plugins" / f"{name}.py").write_text(PLUGIN)
    file = folder / "run.yaml"
    file.write_text(RUN.replace("PLUGIN", name))
    return file
