"""A bought option: paid in full, worth its model price, settled at its value at expiry."""

from engine.contracts.contract import ContractKind
from engine.contracts.owned import owned_value
from engine.contracts.priced_in_quote import PricedInQuote


class BoughtOption(PricedInQuote):
    """Pay a contract in full; its price is that of a whole contract."""

    __slots__ = ()
    kind = ContractKind.OPTION

    def position_value(self, quantity: float, average_entry: float, mark: float) -> float:
        """Return the value at the model price of the mark."""
        return owned_value(self.size, quantity, average_entry, mark)

    def cash_of_fill(self, quantity: float, price: float, realized: float) -> float:
        """Return ``-quantity x price``: the premium paid, or the value received."""
        return -quantity * price
