"""An inverse perp: contracts of a fixed quote value, with profit and margin in the asset.

One contract is worth ``size / price`` of the asset, so a position of ``q`` contracts gains
``q x size x (1 / entry - 1 / price)`` and its average entry is the harmonic mean of its fills. A
long loses more asset for a fall than it gains for an equal rise; in quote both are equal only if
the asset's price did not move, so a loss is valued at the dearer of the rates at both prices.

Source: BitMEX, "Inverse Perpetual Contracts", XBTUSD, as of 2020-03: PnL = contracts x multiplier x
(1 / entry - 1 / exit); margin, funding and liquidation in XBT. Whether maintenance is taken on the
value at entry or at the mark, and what a liquidation costs, are dated terms of the instrument.
"""

import math

import numpy as np
from numpy.typing import NDArray

from engine.contracts.contract import ContractKind
from engine.contracts.maintenance import NO_PRICE, MarginTerms
from engine.contracts.margined import Margined

# A sale that would lose all of its price is sized as if it lost 99%.
LEAST_KEPT = 0.01


def inverse_value(size: float, quantity: float, average_entry: float, mark: float) -> float:
    """Return the unrealized profit of a position, in the asset.

    >>> inverse_value(1.0, 10_000.0, 8_000.0, 10_000.0)
    0.25
    """
    return quantity * (size / average_entry - size / mark)


class InversePerp(Margined):
    """Count contracts and settle every profit in the asset."""

    __slots__ = ()
    kind = ContractKind.INVERSE_PERP
    slippage_moves_notional = True

    def unit_value(self, price: float) -> float:
        """Return ``-size / price``: a contract owes that much of the asset, at zero all of it."""
        return -self.size / price if price != 0 else -math.inf

    def price_of(self, unit_value: float) -> float:
        """Return the price at which a contract owes an amount; infinite for nothing or less."""
        return -self.size / unit_value if unit_value < 0 else math.inf

    def unit_notional(self, price: float) -> float:
        """Return ``size / price``, in the asset; infinite at zero."""
        return self.size / price if price != 0 else math.inf

    def unit_notionals(self, prices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``size / prices``, in the asset."""
        values: NDArray[np.float64] = self.size / prices
        return values

    def quote_value(self, quantity: float, price: float) -> float:
        """Return contracts x size: the quote value does not move with the price."""
        return abs(quantity) * self.size

    def worst_rate(self, rate: float, price: float, later: float) -> float:
        """Return the dearer rate of the asset: a short's loss is paid when the asset has risen."""
        return rate * max(later / price, 1.0)

    def slipped_notional(self, price: float, side: int, slippage: float) -> float:
        """Return ``size / (price x (1 - slippage))`` of a sale: a lower price owes more asset.

        A sale that loses a fraction ``s`` of its price owes ``s / (1 - s)`` of its value.
        """
        kept = 1.0 if side > 0 else max(1.0 - slippage, LEAST_KEPT)
        return self.unit_notional(price * kept)

    def position_value(self, quantity: float, average_entry: float, mark: float) -> float:
        """Return the unrealized profit."""
        return inverse_value(self.size, quantity, average_entry, mark)

    def _liquidation_on_mark(
        self, quantity: float, average_entry: float, margin: float, terms: MarginTerms
    ) -> float:
        """Return the liquidation price of a requirement of ``notional(mark) x r - d``.

        With ``x = size / P``: long ``x = (m + V + d) / (q x (1 + r))``, short
        ``x = (V - m - d) / (q x (1 - r))``, in the tier that contains ``q x x``. Both requirements
        are convex in x, so the first tier that reaches the price has it.
        """
        held, value = abs(quantity), self.notional(quantity, average_entry)
        for tier in terms.tiers:
            if quantity > 0:
                owed = (margin + value + tier.deduction) / (held * (1 + tier.rate))
            else:
                owed = (value - margin - tier.deduction) / (held * (1 - tier.rate))
            if held * owed < tier.ceiling:
                price = self.size / owed if owed > 0 else math.inf
                return NO_PRICE if quantity < 0 and math.isinf(price) else price
        return NO_PRICE
