"""The arithmetic of contracts whose unit value is the price: assets, linear perps, options."""

from engine.contracts.contract import Contract, Price


class PricedInQuote(Contract):
    """Value one unit at its price, in quote."""

    __slots__ = ()

    def unit_value(self, price: float) -> float:
        """Return the price."""
        return price

    def price_of(self, unit_value: float) -> float:
        """Return the unit value, which is the price."""
        return unit_value

    def unit_notional(self, price: Price) -> Price:
        """Return the price: one base unit of exposure."""
        return price
