"""The arithmetic of contracts whose unit value is the price: assets, linear perps, options."""

import numpy as np
from numpy.typing import NDArray

from engine.contracts.contract import Contract


class PricedInQuote(Contract):
    """Value one unit at its price, in quote."""

    __slots__ = ()

    def unit_value(self, price: float) -> float:
        """Return the price."""
        return price

    def price_of(self, unit_value: float) -> float:
        """Return the unit value, which is the price."""
        return unit_value

    def unit_notional(self, price: float) -> float:
        """Return the price: one base unit of exposure."""
        return price

    def unit_notionals(self, prices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the prices."""
        return prices

    def quote_value(self, quantity: float, price: float) -> float:
        """Return the notional."""
        return self.notional(quantity, price)
