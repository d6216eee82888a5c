"""A borrowed short: shares that a broker lends, sold for cash that stays as collateral.

The sale's cash lies in the wallet and the position is worth ``quantity x mark``, below zero, so
that value and profit are those of an owned asset. Margin and carry differ.

Sources: initial margin 150% of the value, Regulation T, 12 CFR 220.12(c)(1), as of 2024;
maintenance 30% beside the proceeds, FINRA Rule 4210(c)(3), as of 2024; the collateral of a loan is
marked to the day's value and earns interest for the borrower less the fee, and the borrower pays
the dividends: Interactive Brokers, "Short Sale Cost" and glossary entry "Collateral", as of 2024.
Money market convention of the fee and the interest: actual/360 (BBAE, "How is the short interest
amount calculated", as of 2024).
"""

from dataclasses import dataclass

from engine.contracts.contract import ContractKind
from engine.contracts.maintenance import MarginTerms
from engine.contracts.owned import OwnedAsset

DAYS_A_YEAR = 360


@dataclass(frozen=True, slots=True)
class BorrowedShort(OwnedAsset):
    """Keep cash for shares that are owed; margins are multiples of their value.

    ``initial_multiple`` of the value stays in the wallet when shares are sold, proceeds included;
    below ``maintenance_multiple`` the broker covers.
    """

    initial_multiple: float = 1.5
    maintenance_multiple: float = 1.3

    kind = ContractKind.BORROWED_SHORT

    def margin_share(self, setting: float) -> float:
        """Return the cash that a sale takes beside its proceeds, a fraction of its notional."""
        return self.initial_multiple - 1.0

    def initial_margin(self, quantity: float, price: float, setting: float) -> float:
        """Return the cash that must stay in the wallet, proceeds included."""
        return self.initial_multiple * self.notional(quantity, price)

    def maintenance(
        self, quantity: float, average_entry: float, mark: float, terms: MarginTerms
    ) -> float:
        """Return the cash of :meth:`cash_needed`; the terms of a perp do not concern it."""
        return self.cash_needed(quantity, mark)

    def liquidation_price(
        self, quantity: float, average_entry: float, margin: float, terms: MarginTerms
    ) -> float:
        """Return the mark of :meth:`cover_price`."""
        return self.cover_price(quantity, margin)

    def cash_needed(self, quantity: float, mark: float) -> float:
        """Return the cash below which the broker covers, proceeds included."""
        return self.maintenance_multiple * self.notional(quantity, mark)

    def cover_price(self, quantity: float, cash: float) -> float:
        """Return the mark at which the cash behind a short is its maintenance.

        ``cash`` is the wallet less the maintenance of the other shorts. At zero or below, any mark
        has reached it.

        >>> BorrowedShort("USD").cover_price(-100.0, 7_800.0)
        60.0
        """
        return cash / (self.maintenance_multiple * abs(quantity))


def borrow_fee(value: float, annual_rate: float, days: float) -> float:
    """Return the cash credited for the loan of shares of an unsigned value: a payment, below zero.

    >>> borrow_fee(36_000.0, 0.0025, 3.0)
    -0.75
    """
    return -(value * annual_rate * days / DAYS_A_YEAR)


def rebate(value: float, annual_rate: float, days: float) -> float:
    """Return the interest credited on the collateral of shares of an unsigned value.

    >>> rebate(36_000.0, 0.04, 3.0)
    12.0
    """
    return value * annual_rate * days / DAYS_A_YEAR
