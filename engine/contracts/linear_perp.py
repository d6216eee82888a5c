"""A linear perp: profit and margin in quote, proportional to the price.

Source of the formulas: Binance, "Liquidation Price of USD-M Futures Contracts" and "Maintenance
Margin" (one position, as of 2025): the maintenance requirement is taken on the mark's notional.
"""

from engine.contracts.contract import ContractKind
from engine.contracts.maintenance import NO_PRICE, Tier, maintenance_margin
from engine.contracts.priced_in_quote import PricedInQuote


def linear_value(size: float, quantity: float, average_entry: float, mark: float) -> float:
    """Return the unrealized profit of a position, quote: ``quantity x (mark - average_entry)``."""
    return quantity * (mark - average_entry)


class LinearPerp(PricedInQuote):
    """Set margin aside and settle every profit in quote."""

    __slots__ = ()
    kind = ContractKind.LINEAR_PERP
    is_margined = True

    def position_value(self, quantity: float, average_entry: float, mark: float) -> float:
        """Return the unrealized profit."""
        return linear_value(self.size, quantity, average_entry, mark)

    def cash_of_fill(self, quantity: float, price: float, realized: float) -> float:
        """Return the realized profit; an entry moves no cash but its fee."""
        return realized

    def maintenance(
        self, quantity: float, average_entry: float, mark: float, tiers: tuple[Tier, ...]
    ) -> float:
        """Return the requirement of the notional at the mark."""
        return maintenance_margin(self.notional(quantity, mark), tiers)

    def liquidation_price(
        self, quantity: float, average_entry: float, margin: float, tiers: tuple[Tier, ...]
    ) -> float:
        """Return the mark of :func:`liquidation_price`."""
        return liquidation_price(quantity, average_entry, margin, tiers)

    def funding(self, quantity: float, mark: float, rate: float) -> float:
        """Return the cash of :func:`funding_cash_flow`."""
        return funding_cash_flow(quantity, mark, rate)


def funding_cash_flow(quantity: float, mark_price: float, funding_rate: float) -> float:
    """Return the cash credited to the account at one funding timestamp, quote.

    ``quantity`` is the signed position held just before the timestamp, ``funding_rate`` a fraction
    of notional for this interval. Negative means the account pays; longs pay when the rate is
    positive.

    >>> funding_cash_flow(2.0, 30_000.0, 0.0001)
    -6.0
    """
    return -quantity * mark_price * funding_rate


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
        if quantity > 0:
            price = (size * average_entry - margin - tier.deduction) / (size * (1 - tier.rate))
        else:
            price = (size * average_entry + margin + tier.deduction) / (size * (1 + tier.rate))
        # The requirement is convex and continuous: the first tier that reaches the price has it.
        # A floor test would lose a price on a seam to rounding.
        if size * price < tier.ceiling:
            return NO_PRICE if quantity > 0 and price <= 0 else price
    return NO_PRICE
