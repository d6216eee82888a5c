"""The account that one segment of a walk-forward hands to the next: cash, transfers, guards."""

from dataclasses import dataclass

from data_feeds.instrument import Wallet
from engine.broker.transfers import CashInTransit
from engine.risk import CarriedRisk


@dataclass(frozen=True)
class CarriedAccount:
    """Hold a flat account between two runs.

    Attributes
    ----------
    cash : of the venue, brokerage and transit wallets, each in its currency
    transfers : the cash in transit
    risk : the guards, and the losses of hedges by year
    """

    cash: tuple[float, float, float]
    transfers: tuple[CashInTransit, ...]
    risk: CarriedRisk

    @property
    def equity(self) -> float:
        """Return all cash, for wallets of one currency."""
        return sum(self.cash)

    def arrived_by(self, start: int) -> "CarriedAccount":
        """Return the account at a later instant (ns UTC): transfers due by then have arrived."""
        venue, brokerage, transit = self.cash
        for item in self.transfers:
            if item.due <= start:
                transit -= item.amount
                venue += item.amount * (item.destination is Wallet.VENUE)
                brokerage += item.amount * (item.destination is Wallet.BROKERAGE)
        waiting = tuple(item for item in self.transfers if item.due > start)
        return CarriedAccount((venue, brokerage, transit if waiting else 0.0), waiting, self.risk)
