"""A linear perp: profit and margin in quote, proportional to the price.

Source of the formulas: Binance, "Liquidation Price of USD-M Futures Contracts" and "Maintenance
Margin" (one position, as of 2025): the maintenance requirement is taken on the mark's notional.
"""

from engine.contracts.contract import ContractKind
from engine.contracts.maintenance import NO_PRICE, MarginTerms, Tier
from engine.contracts.margined import Margined
from engine.contracts.priced_in_quote import PricedInQuote
from engine.scalars import scalar


def linear_value(size: float, quantity: float, average_entry: float, mark: float) -> float:
    """Return the unrealized profit of a position, quote: ``quantity x (mark - average_entry)``."""
    return quantity * (mark - average_entry)


class LinearPerp(PricedInQuote, Margined):
    """Settle every profit in quote."""

    __slots__ = ()
    kind = ContractKind.LINEAR_PERP

    def position_value(self, quantity: float, average_entry: float, mark: float) -> float:
        """Return the unrealized profit."""
        return linear_value(self.size, quantity, average_entry, mark)

    def _liquidation_on_mark(
        self, quantity: float, average_entry: float, margin: float, terms: MarginTerms
    ) -> float:
        return liquidation_price(quantity, average_entry, margin, terms.tiers)


def liquidation_price(
    quantity: float, average_entry: float, margin: float, tiers: tuple[Tier, ...]
) -> float:
    """Return the mark at which margin + unrealized PnL equals the maintenance requirement.

    ``quantity`` is signed base units; ``margin`` is the collateral behind the position, quote (its
    isolated margin, or for cross the wallet). Long ``(q x entry - margin - d) / (q x (1 - r))``,
    short ``(q x entry + margin + d) / (q x (1 + r))`` with unsigned q, in the tier that contains
    ``q x P``. NaN when no price liquidates (a long with at least its notional as margin). A short
    whose collateral is gone beyond its notional gets a price at or below zero: any mark reaches it.
    """
    size = abs(quantity)
    if size == 0:
        return NO_PRICE
    for tier in tiers:
        price = price_in_tier(quantity, average_entry, margin, tier.rate, tier.deduction)
        # The requirement is convex and continuous: the first tier that reaches the price has it.
        # A floor test would lose a price on a seam to rounding.
        if size * price < tier.ceiling:
            return NO_PRICE if quantity > 0 and price <= 0 else price
    return NO_PRICE


@scalar
def price_in_tier(
    quantity: float, average_entry: float, margin: float, rate: float, deduction: float
) -> float:
    """Return the liquidation price under the rate and deduction of one tier."""
    size = abs(quantity)
    if quantity > 0:
        return (size * average_entry - margin - deduction) / (size * (1 - rate))
    return (size * average_entry + margin + deduction) / (size * (1 + rate))
