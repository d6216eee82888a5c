"""The margin of perps: what an entry sets aside, and the prices at which it is lost.

Everything follows from the unit value ``v`` (``engine/contracts/contract.py``) and the venue's
:class:`MarginTerms`. With margin ``m`` behind a position of ``q`` at an average entry ``e``:

- liquidation: ``m + q x (v(P) - v(e)) = requirement``;
- bankruptcy: ``m + q x (v(B) - v(e)) = 0``.
"""

import math
from abc import abstractmethod

from engine.contracts.contract import Contract
from engine.contracts.maintenance import NO_PRICE, MarginTerms, maintenance_margin
from engine.scalars import scalar


@scalar
def share_of_setting(setting: float) -> float:
    """Return the fraction of its notional that an entry sets aside."""
    return 1.0 / setting


@scalar
def margin_of(notional: float, setting: float) -> float:
    """Return the margin that a notional sets aside."""
    return notional / setting


@scalar
def funding_cash(quantity: float, unit_notional: float, rate: float) -> float:
    """Return the cash credited at a funding timestamp: longs pay when the rate is positive."""
    return -quantity * unit_notional * rate


@scalar
def value_after_loss(entry_value: float, loss: float, quantity: float) -> float:
    """Return the unit value at which a signed position has lost an amount."""
    return entry_value - loss / quantity


@scalar
def reachable(price: float, quantity: float) -> float:
    """Return a price that a loss leads to, NaN where no market reaches it."""
    never = price <= 0 if quantity > 0 else math.isinf(price)
    return NO_PRICE if never else price


class Margined(Contract):
    """Set margin aside, book every profit in the settlement currency, pay and receive funding."""

    __slots__ = ()
    is_margined = True

    def cash_of_fill(self, quantity: float, price: float, realized: float) -> float:
        """Return the realized profit; an entry moves no cash but its fee."""
        return realized

    def margin_share(self, setting: float) -> float:
        """Return ``1 / setting``."""
        return share_of_setting(setting)

    def initial_margin(self, quantity: float, price: float, setting: float) -> float:
        """Return ``notional / setting``."""
        return margin_of(self.notional(quantity, price), setting)

    def maintenance(
        self, quantity: float, average_entry: float, mark: float, terms: MarginTerms
    ) -> float:
        """Return the requirement of the notional at the mark, or at the entry by the terms."""
        price = average_entry if terms.on_entry else mark
        return maintenance_margin(self.notional(quantity, price), terms.tiers)

    def liquidation_price(
        self, quantity: float, average_entry: float, margin: float, terms: MarginTerms
    ) -> float:
        """Return the mark at which margin + unrealized profit equals the requirement.

        NaN when no price liquidates.
        """
        if quantity == 0.0:
            return NO_PRICE
        if not terms.on_entry:
            return self._liquidation_on_mark(quantity, average_entry, margin, terms)
        kept = maintenance_margin(self.notional(quantity, average_entry), terms.tiers)
        return self._price_after_loss(quantity, average_entry, margin - kept)

    def bankruptcy_price(self, quantity: float, average_entry: float, margin: float) -> float:
        """Return the price at which the margin behind a position is lost, NaN for none."""
        return self._price_after_loss(quantity, average_entry, margin)

    def funding(self, quantity: float, mark: float, rate: float) -> float:
        """Return ``-quantity x notional of a unit x rate``: longs pay when the rate is positive."""
        return funding_cash(quantity, self.unit_notional(mark), rate)

    @abstractmethod
    def _liquidation_on_mark(
        self, quantity: float, average_entry: float, margin: float, terms: MarginTerms
    ) -> float:
        """Return the liquidation price of a requirement that moves with the mark."""

    def _price_after_loss(self, quantity: float, average_entry: float, loss: float) -> float:
        """Return the price at which a position has lost an amount; NaN if it never can."""
        value = value_after_loss(self.unit_value(average_entry), loss, quantity)
        return reachable(self.price_of(value), quantity)
