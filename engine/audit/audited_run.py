"""The objects that every check of one audit reads."""

from collections.abc import Mapping
from dataclasses import dataclass

from data_feeds.instrument import Wallet
from engine.audit.channels import InstrumentData
from engine.audit.findings import FindingRecorder
from engine.audit.income import InterestSlot
from engine.audit.replay import Replay
from engine.audit.wallet_values import WalletValues
from engine.run_folder.read import RunFolder


@dataclass(frozen=True)
class AuditedRun:
    """One run: its folder, its market data, the derived account, and the findings so far.

    ``bill`` holds the accruals of the bill, one at each end of a day; ``values`` the values of the
    wallets' currencies.
    """

    files: RunFolder
    markets: Mapping[str, InstrumentData]
    replay: Replay
    recorder: FindingRecorder
    values: WalletValues
    bill: tuple[InterestSlot, ...] = ()

    def unit_of(self, wallet: Wallet, at: int) -> float:
        """Return the wallet's currency that a unit of the account's buys, for tolerances.

        At par the prices of the run say how large a unit is: one over an inverse perp's.
        """
        rate = self.values.of(wallet, at)
        if rate > 0 and rate != 1:
            return 1 / rate
        units = [m.quote_unit for m in self.markets.values() if m.instrument.wallet is wallet]
        return min(units, default=1.0)

    def unit_at(self, market: InstrumentData, at: int) -> float:
        """Return the unit of an instrument's money at an instant, see :meth:`unit_of`."""
        rate = self.values.of_instrument(market.instrument, at)
        return 1 / rate if rate > 0 and rate != 1 else market.quote_unit

    @property
    def last_at(self) -> int:
        """The last instant of the equity curve; the window's end for an empty curve."""
        at = self.files.curve.at
        return int(at[-1]) if len(at) else self.files.end
