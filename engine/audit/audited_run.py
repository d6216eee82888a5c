"""The objects that every check of one audit reads."""

from collections.abc import Mapping
from dataclasses import dataclass

from data_feeds.instrument import Wallet
from engine.audit.channels import InstrumentData
from engine.audit.findings import FindingRecorder
from engine.audit.income import InterestSlot
from engine.audit.replay import Replay
from engine.run_folder.read import RunFolder


@dataclass(frozen=True)
class AuditedRun:
    """One run: its folder, its market data, the derived account, and the findings so far.

    ``bill`` holds the accruals of the bill, one at each end of a day.
    """

    files: RunFolder
    markets: Mapping[str, InstrumentData]
    replay: Replay
    recorder: FindingRecorder
    bill: tuple[InterestSlot, ...] = ()

    def unit_of(self, wallet: Wallet) -> float:
        """Return the amount of a wallet's currency that one unit of quote buys, for tolerances."""
        units = [m.quote_unit for m in self.markets.values() if m.instrument.wallet is wallet]
        return min(units, default=1.0)

    @property
    def last_at(self) -> int:
        """The last instant of the equity curve; the window's end for an empty curve."""
        at = self.files.curve.at
        return int(at[-1]) if len(at) else self.files.end
