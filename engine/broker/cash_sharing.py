"""How the entries of one open share the cash of a wallet: one common factor, in no order."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from data_feeds.instrument import Wallet
from engine.costs import floor_to_step


@dataclass(frozen=True, slots=True)
class EntryDemand:
    """What an entry demands at a price: base units, and what one of them takes of its wallet.

    ``quantity`` is what order and volume leave, ``within_budget`` as much of it as the order's own
    limits of cash and risk carry; ``bound`` names the tighter one.
    """

    quantity: float
    within_budget: float
    per_unit: float
    bound: str

    @property
    def need(self) -> float:
        """Return the cash that the entry takes in full, quote."""
        return self.within_budget * self.per_unit


def affordable(free: float, per_unit: float, lot_size: float) -> float:
    """Return how many units some cash carries, in whole lots."""
    return floor_to_step(max(free, 0.0) / per_unit, lot_size)


def common_factors(demands: Iterable[tuple[Wallet, float, float]]) -> dict[Wallet, float]:
    """Return the share of its entries that each wallet carries: 1 where it carries them all.

    ``demands`` are rows of (wallet, cash that an entry needs, free cash of that wallet).

    >>> common_factors([(Wallet.VENUE, 60.0, 90.0), (Wallet.VENUE, 60.0, 90.0)])
    {<Wallet.VENUE: 'venue'>: 0.75}
    """
    needs: defaultdict[Wallet, list[float]] = defaultdict(list)
    free: dict[Wallet, float] = {}
    for wallet, need, cash in demands:
        needs[wallet].append(need)
        free[wallet] = cash
    return {
        # Rounded once: the sum must not depend on the order of its terms.
        wallet: min(max(free[wallet], 0.0) / total, 1.0) if (total := math.fsum(rows)) > 0 else 1.0
        for wallet, rows in needs.items()
    }
