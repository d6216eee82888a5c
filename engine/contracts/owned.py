"""An owned asset: paid in full, worth its price; spot coins and shares."""

from engine.contracts.contract import ContractKind
from engine.contracts.priced_in_quote import PricedInQuote


def owned_value(size: float, quantity: float, average_entry: float, mark: float) -> float:
    """Return the value of an owned position, quote: ``quantity x mark``."""
    return quantity * mark


class OwnedAsset(PricedInQuote):
    """Pay an asset in full: the fill moves its price, the position is worth its mark."""

    __slots__ = ()
    kind = ContractKind.OWNED

    def position_value(self, quantity: float, average_entry: float, mark: float) -> float:
        """Return the value at the mark, which stands beside the cash that is left."""
        return owned_value(self.size, quantity, average_entry, mark)

    def cash_of_fill(self, quantity: float, price: float, realized: float) -> float:
        """Return ``-quantity x price``: a purchase pays, a sale is paid."""
        return -quantity * price

    def dividend(self, quantity: float, per_share: float) -> float:
        """Return ``quantity x per_share`` of the shares held before the ex-date's open."""
        return quantity * per_share
