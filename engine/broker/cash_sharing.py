"""The cash of a wallet shared by the entries of one open: one common factor, in no order."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from data_feeds.instrument import Wallet
from engine.decision_terms import EndReason
from engine.fast_init import fast_init
from engine.scalars import scalar


@fast_init
@dataclass(frozen=True, slots=True)
class EntryDemand:
    """Holds the demand of an entry at a price: base units, and the cash that one unit takes.

    ``quantity`` is the rest of the order within the bar's volume. ``within_budget`` is the part of
    it within the order's own limits of cash and risk; ``bound`` is the end that the tighter
    limit gives the order.
    """

    quantity: float
    within_budget: float
    per_unit: float
    bound: EndReason

    @property
    def need(self) -> float:
        """Return the cash that the whole demand takes, quote."""
        return self.within_budget * self.per_unit


@scalar
def paid_share(free: float, needed: float) -> float:
    """Return the share of a need that free cash pays, 1 at most."""
    return min(max(free, 0.0) / needed, 1.0) if needed > 0 else 1.0


def common_factors(demands: Iterable[tuple[Wallet, float, float]]) -> dict[Wallet, float]:
    """Return the share of its entries that each wallet can pay, 1 for all of them.

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
        # fsum rounds once, so the sum does not depend on the order of its terms.
        wallet: paid_share(free[wallet], math.fsum(rows))
        for wallet, rows in needs.items()
    }
