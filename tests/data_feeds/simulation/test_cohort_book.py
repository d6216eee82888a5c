"""The book of positions: brackets, liquidation prices, conservation of cash."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_feeds.simulation.cohort_book import (
    BRACKET_DEDUCTIONS,
    BRACKET_FLOORS,
    BRACKET_RATES,
    LONG,
    SHORT,
    CohortBook,
    add_position,
    book_at_rest,
    bracket_of,
    close_position,
    close_pro_rata,
    empty_book,
    equity_of,
    liquidation_price,
    merge_rows,
    solvent_total,
)

SMALL_ACCOUNT = 100_000.0


def one_position(side: float, leverage: float) -> CohortBook:
    """Return a book with one contract, entered at 100, in the row it would hold."""
    book = empty_book(2)
    add_position(book, 1 if side > 0 else 3, 1.0, 100.0, leverage, SMALL_ACCOUNT)
    return book


def reached_at(book: CohortBook, row: int) -> float:
    """Return a row's liquidation price."""
    return liquidation_price(
        book.side[row],
        book.quantity[row],
        book.entry[row],
        book.margin[row],
        book.rate[row],
        book.deduction[row],
    )


def test_deductions_equal_the_published_deductions() -> None:
    published = [0, 300, 1_500, 12_000, 132_000, 482_000, 2_982_000, 14_482_000, 26_482_000]
    assert BRACKET_DEDUCTIONS.tolist() == pytest.approx(published)


def test_requirement_is_continuous_where_a_bracket_begins() -> None:
    floors = BRACKET_FLOORS[1:]
    below = floors * BRACKET_RATES[:-1] - BRACKET_DEDUCTIONS[:-1]
    above = floors * BRACKET_RATES[1:] - BRACKET_DEDUCTIONS[1:]
    assert above == pytest.approx(below)


@pytest.mark.parametrize(
    ("account_quote", "row"),
    [(0.0, 0), (299_999.0, 0), (300_000.0, 1), (2_999_999.0, 2), (3_000_000.0, 3), (1e12, 8)],
)
def test_bracket_begins_at_its_floor(account_quote: float, row: int) -> None:
    assert bracket_of(account_quote) == row


@pytest.mark.parametrize(
    ("leverage", "move"), [(10.0, 0.10), (20.0, 0.05), (50.0, 0.02), (100.0, 0.01)]
)
@pytest.mark.parametrize(("side", "row"), [(LONG, 1), (SHORT, 3)])
def test_adverse_move_of_one_over_leverage_takes_the_principal(
    leverage: float, move: float, side: float, row: int
) -> None:
    # 1,000 at 10 times controls 10,000: a move of 10% against it costs 1,000.
    book = one_position(side, leverage)
    assert equity_of(book, row, 100.0 * (1 - side * move)) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("side", "row", "leverage", "price"),
    [
        # Long: (100 - margin) / (1 - 0.004); short: (100 + margin) / (1 + 0.004).
        (LONG, 1, 10.0, 90.0 / 0.996),
        (LONG, 1, 50.0, 98.0 / 0.996),
        (LONG, 1, 100.0, 99.0 / 0.996),
        (SHORT, 3, 10.0, 110.0 / 1.004),
        (SHORT, 3, 100.0, 101.0 / 1.004),
        # An unlevered long cannot be liquidated.
        (LONG, 1, 1.0, 0.0),
    ],
)
def test_liquidation_price_by_hand(side: float, row: int, leverage: float, price: float) -> None:
    assert reached_at(one_position(side, leverage), row) == pytest.approx(price)


@given(
    side=st.sampled_from([LONG, SHORT]),
    leverage=st.floats(1.1, 100.0),
    account_quote=st.floats(1e4, 2e7),
    quantity=st.floats(0.1, 1e4),
)
def test_margin_equals_maintenance_at_the_liquidation_price(
    side: float, leverage: float, account_quote: float, quantity: float
) -> None:
    book = empty_book(2)
    row = 1 if side > 0 else 3
    add_position(book, row, quantity, 100.0, leverage, account_quote)
    price = reached_at(book, row)
    required = quantity * price * book.rate[row] - book.deduction[row]
    assert equity_of(book, row, price) == pytest.approx(required, abs=1e-6 * quantity)


def test_row_that_holds_something_becomes_the_average_of_both() -> None:
    # 1 at 100 and 3 at 80: (100 + 240) / 4 = 85; margins 100 / 10 + 240 / 5 = 58.
    book = one_position(LONG, 10.0)
    paid = add_position(book, 1, 3.0, 80.0, 5.0, SMALL_ACCOUNT)
    assert (paid, book.quantity[1]) == (pytest.approx(48.0), 4.0)
    assert (book.entry[1], book.margin[1]) == (pytest.approx(85.0), pytest.approx(58.0))


def test_payout_is_margin_and_profit_of_the_closed_part() -> None:
    # Half of a contract at 10 times, 4 up: 5 + 0.5 x 4 = 7; the other half keeps 5.
    book = one_position(LONG, 10.0)
    assert close_position(book, 1, 0.5, 104.0) == pytest.approx(7.0)
    assert (book.quantity[1], book.margin[1]) == (0.5, pytest.approx(5.0))
    # A short loses the same: 5 - 0.5 x 4 = 3.
    assert close_position(one_position(SHORT, 10.0), 3, 0.5, 104.0) == pytest.approx(3.0)


def test_payout_past_the_bankruptcy_price_is_a_deficit() -> None:
    # 10 of margin, 12 lost.
    assert close_position(one_position(LONG, 10.0), 1, 1.0, 88.0) == pytest.approx(-2.0)


def test_merging_rows_keeps_quantity_and_cash() -> None:
    book = one_position(LONG, 10.0)
    add_position(book, 0, 4.0, 90.0, 2.0, SMALL_ACCOUNT)
    longs, cash = book.longs, book.cash
    merge_rows(book, 1, 0)
    assert book.quantity[1] == 0.0
    assert (book.longs, book.cash) == (pytest.approx(longs), pytest.approx(cash))


def test_closing_in_proportion_spares_the_insolvent() -> None:
    # At 88 a contract at 10 times owes 2 and one at 2 times is worth 50 - 12 = 38.
    book = one_position(LONG, 10.0)
    add_position(book, 0, 1.0, 100.0, 2.0, SMALL_ACCOUNT)
    assert solvent_total(book, 0, 2, 88.0) == 1.0
    assert close_pro_rata(book, 0, 2, 1.0, 88.0) == pytest.approx(38.0)
    assert book.quantity[:2].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("leverages", [(2.0, 5.0), (10.0, 20.0, 50.0), (100.0,)])
def test_book_at_rest_is_even_and_without_breached_positions(leverages: tuple[float, ...]) -> None:
    weights = np.full(len(leverages), 1 / len(leverages))
    book = book_at_rest(70_000.0, 90_000.0, np.array(leverages), weights, SMALL_ACCOUNT)
    assert (book.longs, book.shorts) == (pytest.approx(90_000.0), pytest.approx(90_000.0))
    for row in np.flatnonzero(book.quantity):
        assert book.side[row] * (70_000.0 - reached_at(book, row)) > 0


def test_book_at_rest_has_the_open_interest_asked_for_at_each_leverage() -> None:
    # Without a spread of entries the margin rate is 1 / leverage: 3/4 at 5 times, 1/4 at 20.
    book = book_at_rest(
        100.0, 1_000.0, np.array([5.0, 20.0]), np.array([0.75, 0.25]), SMALL_ACCOUNT,
        entry_spread=1e-9,
    )  # fmt: skip
    held = book.quantity > 0
    rate = book.margin[held] / (book.quantity[held] * 100.0)
    at_five = book.quantity[held][np.isclose(rate, 0.2)].sum()
    at_twenty = book.quantity[held][np.isclose(rate, 0.05)].sum()
    # 119 rows a side are shared out whole: the shares hold to one row.
    assert at_five == pytest.approx(1_500.0, rel=0.01)
    assert at_twenty == pytest.approx(500.0, rel=0.01)


def test_cohort_has_the_deductions_of_its_accounts() -> None:
    # 30 contracts at 100,000 are 3 accounts of 1,000,000, whose bracket has 0.65% and 1,500.
    book = empty_book(3)
    add_position(book, 1, 30.0, 100_000.0, 10.0, 1e6)
    assert (book.rate[1], book.deduction[1]) == (0.0065, pytest.approx(4_500.0))
    # (3,000,000 - 300,000 - 4,500) / (30 x (1 - 0.0065))
    assert reached_at(book, 1) == pytest.approx(2_695_500.0 / (30 * 0.9935))
    close_position(book, 1, 10.0, 100_000.0)
    assert book.deduction[1] == pytest.approx(3_000.0)
    add_position(book, 2, 10.0, 100_000.0, 10.0, 1e6)
    merge_rows(book, 2, 1)
    assert (book.deduction[1], book.deduction[2]) == (pytest.approx(4_500.0), 0.0)
