"""The questions that every contract answers, and the arithmetic that all contracts share.

A contract has a *unit value* ``v(price)``: the worth of one unit of quantity in the settlement
currency, a constant aside. All money follows from ``v``. A position of ``q`` (signed) gains
``q x (v(mark) - v(entry))``; its trades move ``-q x v(price)``; its average entry is the price
whose unit value is the mean of its entries. If ``v(price)`` is the price itself, these are the
usual formulas.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.contracts.maintenance import NO_PRICE, MarginTerms
from engine.scalars import scalar

# Sums of doubles differ by rounding: what is left of a position below this share is no position,
# and a loss beyond the collateral by less is none.
RESIDUE = 1e-11


@scalar
def notional_of(quantity: float, unit_notional: float) -> float:
    """Return the unsigned exposure of a quantity."""
    return abs(quantity) * unit_notional


@scalar
def profit_of(quantity: float, entry_value: float, value: float) -> float:
    """Return the profit of a signed quantity between two unit values."""
    return quantity * (value - entry_value)


@scalar
def value_distance(value: float, other: float) -> float:
    """Return the unsigned difference of two unit values."""
    return abs(value - other)


@scalar
def mean_value(held: float, average_value: float, quantity: float, value: float) -> float:
    """Return the mean unit value of the entries after a fill that enlarges a position."""
    before = held * average_value if held != 0.0 else 0.0
    return (before + quantity * value) / (held + quantity)


@scalar
def released_margin(margin: float, fill: float, held: float) -> float:
    """Return the share of a margin that a closing fill releases."""
    return margin * (-fill / held)


@scalar
def is_residue(total: float, before: float) -> bool:
    """Return whether the rest of a position is the rounding error of a sum."""
    return abs(total) <= RESIDUE * abs(before)


@scalar
def uncollected(cash: float, backing: float) -> float:
    """Return the loss of a closing fill beyond its collateral, zero or positive.

    A takeover at the bankruptcy price loses the backing up to its last bit.
    """
    missing = -cash - backing
    return missing if missing > RESIDUE * backing else 0.0


@scalar
def debit_of_margin(amount: float, free: float, margin: float) -> float:
    """Return the part of a payment (negative) that an isolated margin pays, positive."""
    if margin > 0 and -amount > free:
        return min(-amount - free, margin)
    return 0.0


class ContractKind(IntEnum):
    """Kind of a contract, as the code that compiled loops dispatch on."""

    OWNED = 0
    BORROWED_SHORT = 1
    LINEAR_PERP = 2
    INVERSE_PERP = 3
    OPTION = 4


@dataclass(frozen=True, slots=True)
class Contract(ABC):
    """Answer for the positions in one instrument; money is in the settlement currency.

    Quantities are signed (long positive), prices quote per base unit. ``size`` is the quote value
    of one unit of an inverse contract, and 1 for all else.
    """

    settlement_currency: str
    size: float = 1.0

    kind: ClassVar[ContractKind]
    is_margined: ClassVar[bool] = False
    slippage_moves_notional: ClassVar[bool] = False

    # Value and profit.

    @abstractmethod
    def unit_value(self, price: float) -> float:
        """Return the settlement currency that one unit is worth at a price."""

    @abstractmethod
    def price_of(self, unit_value: float) -> float:
        """Return the price at which one unit has a value."""

    @abstractmethod
    def unit_notional(self, price: float) -> float:
        """Return the exposure of one unit at a price, positive."""

    @abstractmethod
    def unit_notionals(self, prices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the exposure of one unit at each of many prices."""

    @abstractmethod
    def position_value(self, quantity: float, average_entry: float, mark: float) -> float:
        """Return the part of equity that a position adds to the cash of its wallet."""

    @abstractmethod
    def cash_of_fill(self, quantity: float, price: float, realized: float) -> float:
        """Return the cash that a fill moves, fees aside; ``realized`` is its closed profit."""

    @abstractmethod
    def quote_value(self, quantity: float, price: float) -> float:
        """Return the unsigned exposure of a quantity at a price, quote: a venue's order value."""

    def worst_rate(self, rate: float, price: float, later: float) -> float:
        """Return the dearer of two rates of the settlement currency: now, and at a later price.

        ``rate`` is account currency per settlement unit at ``price``.
        """
        return rate

    def slipped_notional(self, price: float, side: int, slippage: float) -> float:
        """Return the exposure of one unit that bounds its costs when it trades with a slippage."""
        return self.unit_notional(price)

    def notional(self, quantity: float, price: float) -> float:
        """Return the unsigned exposure of a quantity at a price."""
        return notional_of(quantity, self.unit_notional(price))

    def profit(self, quantity: float, entry: float, price: float) -> float:
        """Return the profit of a signed quantity from an entry to another price."""
        return profit_of(quantity, self.unit_value(entry), self.unit_value(price))

    def realized(self, fill: float, average_entry: float, price: float) -> float:
        """Return the profit that a closing fill (signed as the order) realizes."""
        return self.profit(-fill, average_entry, price)

    def unit_distance(self, price: float, other: float) -> float:
        """Return the gain or loss of one unit between two prices, unsigned."""
        return value_distance(self.unit_value(price), self.unit_value(other))

    def average_entry(self, held: float, average: float, quantity: float, price: float) -> float:
        """Return the average entry of a position after a fill that enlarges it."""
        held_at = self.unit_value(average) if held != 0.0 else 0.0
        return self.price_of(mean_value(held, held_at, quantity, self.unit_value(price)))

    # Margin. What is paid in full has none.

    def margin_share(self, setting: float) -> float:
        """Return the fraction of its notional that an entry sets aside or pays."""
        return 1.0

    def initial_margin(self, quantity: float, price: float, setting: float) -> float:
        """Return the margin set aside for a quantity opened at a price."""
        return 0.0

    def maintenance(
        self, quantity: float, average_entry: float, mark: float, terms: MarginTerms
    ) -> float:
        """Return the margin below which a position is liquidated."""
        return 0.0

    def liquidation_price(
        self, quantity: float, average_entry: float, margin: float, terms: MarginTerms
    ) -> float:
        """Return the mark that liquidates a position with a margin behind it, NaN for none."""
        return NO_PRICE

    def bankruptcy_price(self, quantity: float, average_entry: float, margin: float) -> float:
        """Return the price at which the margin behind a position is lost, NaN for none."""
        return NO_PRICE

    # Carry.

    def funding(self, quantity: float, mark: float, rate: float) -> float:
        """Return the cash credited at one funding timestamp; 0 for what pays none."""
        return 0.0

    def dividend(self, quantity: float, per_share: float) -> float:
        """Return the cash credited at an ex-date; 0 for what earns none."""
        return 0.0
