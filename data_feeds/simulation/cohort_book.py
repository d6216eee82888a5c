"""A book of leveraged positions in one perp, grouped into cohorts of similar accounts.

Every open contract has a long and a short, so both sides have equal sums at all times. Cash enters
as the margin of a new position and leaves as the payout of a closed position:

    cash in - cash out - change of the insurance fund = sum(margin) - sum(side x quantity x entry)

because at any closing price the profit of one side is the loss of the other.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LONG, SHORT = 1.0, -1.0
# Binance USD-M BTCUSDT as published in 2024-2025: account notional from which a maintenance rate
# applies, quote, and the rate. Deductions keep the requirement continuous.
BRACKET_FLOORS = np.array([0.0, 3e5, 8e5, 3e6, 12e6, 70e6, 100e6, 230e6, 480e6])
BRACKET_RATES = np.array([0.004, 0.005, 0.0065, 0.01, 0.02, 0.025, 0.05, 0.1, 0.125])
BRACKET_DEDUCTIONS = np.cumsum(BRACKET_FLOORS * np.diff(BRACKET_RATES, prepend=0.0))


class CohortBook(NamedTuple):
    """Cohorts of isolated positions, one row each; longs in the first half, shorts in the second.

    ``side`` is +1 or -1. ``quantity`` is in base units and never negative, ``entry`` quote per base
    unit, ``margin`` quote. ``rate`` is the maintenance rate of the cohort's accounts, ``deduction``
    the sum of their bracket deductions, quote. Row 0 of each half receives positions that leave the
    ring of the other rows, and unlevered positions.
    """

    side: Floats
    quantity: Floats
    entry: Floats
    margin: Floats
    rate: Floats
    deduction: Floats

    @property
    def longs(self) -> float:
        """Sum of long positions, base units."""
        return float(self.quantity[self.side > 0].sum())

    @property
    def shorts(self) -> float:
        """Sum of short positions, base units."""
        return float(self.quantity[self.side < 0].sum())

    @property
    def cash(self) -> float:
        """Cash owed to all positions: margins less signed cost, quote."""
        return float((self.margin - self.side * self.quantity * self.entry).sum())


def empty_book(cohorts: int) -> CohortBook:
    """Return an empty book with this number of cohorts a side."""
    side = np.repeat([LONG, SHORT], cohorts)
    zeros = [np.zeros(2 * cohorts) for _ in range(5)]
    return CohortBook(side, *zeros)


def book_at_rest(
    price: float,
    open_interest: float,
    leverages: Floats,
    weights: Floats,
    account_quote: float,
    *,
    cohorts: int = 120,
    entry_spread: float = 0.03,
) -> CohortBook:
    """Return a book of longs and shorts with entries around a price.

    Parameters
    ----------
    price : quote per base unit
    open_interest : base units on each side
    leverages, weights : leverage settings, and each one's share of the open interest (sum 1)
    account_quote : notional of a typical account, quote; chooses the maintenance bracket
    cohorts : rows a side
    entry_spread : entries are spread evenly within this fraction around the price, or within half
        of the margin if that is less, so that no entry lies beyond the liquidation price
    """
    book = empty_book(cohorts)
    edges = np.round(np.cumsum(weights) * (cohorts - 1)).astype(np.int64)
    for half, first in enumerate((1, cohorts + 1)):
        start = 0
        for leverage, weight, stop in zip(leverages, weights, edges, strict=True):
            rows = max(int(stop) - start, 0)
            spread = min(entry_spread, 0.5 / float(leverage))
            for i in range(rows):
                offset = spread * (2 * (i + 0.5) / rows - 1)
                add_position(
                    book,
                    first + start + i,
                    open_interest * float(weight) / rows,
                    price * (1 + offset),
                    float(leverage),
                    account_quote,
                )
            start = int(stop)
        total = book.quantity[half * cohorts : (half + 1) * cohorts].sum()
        scale = open_interest / total
        for column in (book.quantity, book.margin, book.deduction):
            column[half * cohorts : (half + 1) * cohorts] *= scale
    return book


@njit()
def bracket_of(account_quote: float) -> int:
    """Return the row of the maintenance bracket for an account's notional."""
    row = 0
    for i in range(len(BRACKET_FLOORS)):
        if account_quote >= BRACKET_FLOORS[i]:
            row = i
    return row


@njit()
def liquidation_price(  # noqa: PLR0917
    side: float, quantity: float, entry: float, margin: float, rate: float, deduction: float
) -> float:
    """Return the mark at which an isolated position's margin equals its maintenance margin.

    ``quantity`` in base units, positive for both sides; ``margin`` and ``deduction`` in quote.

    >>> round(liquidation_price(1.0, 1.0, 100.0, 10.0, 0.0, 0.0), 6)
    90.0
    """
    if side > 0:
        return (quantity * entry - margin - deduction) / (quantity * (1 - rate))
    return (quantity * entry + margin + deduction) / (quantity * (1 + rate))


@njit()
def add_position(  # noqa: PLR0917
    book: CohortBook, row: int, quantity: float, price: float, leverage: float, account_quote: float
) -> float:
    """Open ``quantity`` in a row at ``price``; return the margin paid in, quote.

    An existing position in the row is averaged with the new one: margins and costs add up.
    """
    if quantity <= 0:
        return 0.0
    held = book.quantity[row]
    bracket = bracket_of(account_quote)
    margin = quantity * price / leverage
    total = held + quantity
    book.entry[row] = (book.entry[row] * held + price * quantity) / total
    book.rate[row] = (book.rate[row] * held + BRACKET_RATES[bracket] * quantity) / total
    accounts = quantity * price / account_quote
    book.deduction[row] += accounts * BRACKET_DEDUCTIONS[bracket]
    book.quantity[row] = total
    book.margin[row] += margin
    return margin


@njit()
def close_position(book: CohortBook, row: int, quantity: float, price: float) -> float:
    """Close part of a row at ``price``; return the payout, quote (negative: a deficit)."""
    if quantity <= 0 or book.quantity[row] <= 0:
        return 0.0
    share = quantity / book.quantity[row]
    margin = book.margin[row] * share
    payout = margin + book.side[row] * (price - book.entry[row]) * quantity
    book.margin[row] -= margin
    book.deduction[row] *= 1 - share
    book.quantity[row] -= quantity
    if share >= 1:
        book.quantity[row] = book.margin[row] = book.deduction[row] = 0.0
    return float(payout)


@njit()
def merge_rows(book: CohortBook, source: int, target: int) -> None:
    """Move a row's positions into another row of the same side; sums do not change."""
    moved = book.quantity[source]
    if moved <= 0:
        return
    held = book.quantity[target]
    total = held + moved
    for column in (book.entry, book.rate):
        column[target] = (column[target] * held + column[source] * moved) / total
    book.quantity[target] = total
    book.margin[target] += book.margin[source]
    book.deduction[target] += book.deduction[source]
    book.quantity[source] = book.margin[source] = book.deduction[source] = 0.0


@njit()
def equity_of(book: CohortBook, row: int, price: float) -> float:
    """Return a row's margin plus unrealized profit at ``price``, quote."""
    profit = book.side[row] * book.quantity[row] * (price - book.entry[row])
    return float(book.margin[row] + profit)


@njit()
def side_total(book: CohortBook, first: int, stop: int) -> float:
    """Return the sum of rows ``first`` to ``stop``, base units."""
    total = 0.0
    for row in range(first, stop):
        total += book.quantity[row]
    return total


@njit()
def solvent_total(book: CohortBook, first: int, stop: int, price: float) -> float:
    """Return the sum of the rows without a deficit at ``price``, base units."""
    total = 0.0
    for row in range(first, stop):
        if book.quantity[row] > 0 and equity_of(book, row, price) >= 0:
            total += book.quantity[row]
    return total


@njit()
def close_pro_rata(book: CohortBook, first: int, stop: int, quantity: float, price: float) -> float:
    """Close ``quantity`` of the solvent rows pro rata; return the payout, quote.

    The caller passes at most :func:`solvent_total`.
    """
    total = solvent_total(book, first, stop, price)
    if total <= 0 or quantity <= 0:
        return 0.0
    share = min(quantity / total, 1.0)
    paid = 0.0
    for row in range(first, stop):
        if book.quantity[row] > 0 and equity_of(book, row, price) >= 0:
            paid += close_position(book, row, share * book.quantity[row], price)
    return paid
