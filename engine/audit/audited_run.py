"""Everything an audit works with, in one place."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.audit.channels import InstrumentData
from engine.audit.findings import FindingRecorder
from engine.audit.income import InterestSlot
from engine.audit.replay import Replay
from engine.run_folder.read import RunFolder


@dataclass(frozen=True)
class AuditedRun:
    """One run: what it wrote, its markets, the account as re-derived, and the findings so far.

    ``bill`` is what the ratios are in excess of, a slot a day's end.
    """

    files: RunFolder
    markets: Mapping[str, InstrumentData]
    replay: Replay
    recorder: FindingRecorder
    bill: tuple[InterestSlot, ...] = ()

    @property
    def last_at(self) -> int:
        """The last point of the equity curve, or the window's end without one."""
        at = self.files.curve.at
        return int(at[-1]) if len(at) else self.files.end
