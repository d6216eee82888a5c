"""Transfers between the wallets: cash leaves at once and arrives on a business morning."""

import heapq
from collections.abc import Iterable
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from data_feeds.calendar import FEDERAL_RESERVE, add_business_days, local_instants
from data_feeds.clock import NEW_YORK, local_datetime
from data_feeds.instrument import Wallet
from engine.ledger import Ledger
from engine.records import FAR_FUTURE

# The open of the exchange: cash that arrives can pay for purchases at that open.
MORNING = "09:30"


def arrives_at(at: int, business_days: int) -> int:
    """Return when cash sent at an instant arrives, ns UTC.

    09:30 New York of the n-th business day after the New York date; 0: at once. Business days are
    those of exchange and Federal Reserve.
    """
    if business_days == 0:
        return at
    moment = local_datetime(at, ZoneInfo(NEW_YORK))
    date = np.array([moment.date()], dtype="datetime64[D]")
    arrival = add_business_days(FEDERAL_RESERVE, date, business_days)
    return int(local_instants(arrival, MORNING, NEW_YORK)[0])


class CashInTransit(NamedTuple):
    """Hold one transfer: arrival (ns UTC), order of sending, destination, amount."""

    due: int
    number: int
    destination: Wallet
    amount: float


class Transfers:
    """Holds the transfers in transit, the next arrival first."""

    def __init__(self, ledger: Ledger, business_days: int) -> None:
        self._ledger = ledger
        self._days = business_days
        # The instant of the next arrival; read at every visit.
        self.next_at = FAR_FUTURE
        self._queue: list[CashInTransit] = []
        self._sent = 0

    @property
    def waiting(self) -> tuple[CashInTransit, ...]:
        """Return the transfers that have not arrived."""
        return tuple(sorted(self._queue))

    def resume(self, waiting: Iterable[CashInTransit]) -> None:
        """Wait for the transfers of an earlier run; the transit wallet holds their cash."""
        for item in waiting:
            self._wait(item.due, item.destination, item.amount)

    def send(self, at: int, destination: Wallet, amount: float) -> None:
        """Take cash out of the other wallet and put it in transit."""
        source = Wallet.BROKERAGE if destination is Wallet.VENUE else Wallet.VENUE
        self._ledger.transfer(at, source, Wallet.TRANSIT, amount)
        self._wait(arrives_at(at, self._days), destination, amount)

    def _wait(self, due: int, destination: Wallet, amount: float) -> None:
        self._sent += 1
        heapq.heappush(self._queue, CashInTransit(due, self._sent, destination, amount))
        self.next_at = self._queue[0][0]

    def deliver(self, at: int) -> None:
        """Book the transfers that have arrived by an instant, each at its own time."""
        while self._queue and self._queue[0][0] <= at:
            due, _, destination, amount = heapq.heappop(self._queue)
            self._ledger.transfer(due, Wallet.TRANSIT, destination, amount)
        self.next_at = self._queue[0][0] if self._queue else FAR_FUTURE
