"""A borrowed short by hand: margins as multiples of its value, cover price, fee and rebate."""

import pytest

from data_feeds.instrument import Instrument, InstrumentKind
from engine.config.short_sale_terms import ShortSaleTerms
from engine.contracts import BorrowedShort, ContractKind, contract_for, short_of
from engine.contracts.borrowed_short import borrow_fee, rebate

SHORT = BorrowedShort("USD")
FUND = Instrument(id="F", kind=InstrumentKind.ETF, quote="USD")
SPOT = Instrument(id="S", kind=InstrumentKind.SPOT, quote="USD")
TERMS = ShortSaleTerms(initial_margin=1.6, maintenance_margin=1.4)


def test_a_sale_takes_half_its_value_beside_the_proceeds():
    # 100 shares at 50: 7,500 stay, of which 5,000 are proceeds.
    assert SHORT.initial_margin(-100.0, 50.0, 0) == 7_500.0
    assert SHORT.notional(-100.0, 50.0) * SHORT.margin_share(0) == 2_500.0


def test_value_and_profit_are_those_of_a_negative_holding():
    assert SHORT.position_value(-100.0, 50.0, 52.0) == -5_200.0
    assert SHORT.cash_of_fill(-100.0, 50.0, 0.0) == 5_000.0
    assert SHORT.profit(-100.0, 50.0, 52.0) == -200.0
    # (100 x 50 + 100 x 60) / 200.
    assert SHORT.average_entry(-100.0, 50.0, -100.0, 60.0) == 55.0
    assert SHORT.dividend(-100.0, 0.3) == pytest.approx(-30.0)


@pytest.mark.parametrize(("cash", "price"), [(7_500.0, 57.6923), (1_300.0, 10.0)])
def test_the_broker_covers_where_the_cash_is_the_maintenance(cash, price):
    # 7,500 / (1.3 x 100); the equity there, 7,500 - 5,769.23, is 30% of the value.
    found = SHORT.cover_price(-100.0, cash)
    assert found == pytest.approx(price, abs=1e-4)
    assert SHORT.cash_needed(-100.0, found) == pytest.approx(cash)


def test_any_mark_has_reached_the_level_of_cash_that_is_gone():
    assert SHORT.cover_price(-100.0, -10.0) < 0


def test_fee_and_rebate_are_actual_over_360():
    # 36,000 x 0.25% / 360 = 0.25 a day, over a weekend 0.75; the bill of 4% earns 4 a day.
    assert borrow_fee(36_000.0, 0.0025, 3.0) == pytest.approx(-0.75)
    assert rebate(36_000.0, 0.04, 3.0) == pytest.approx(12.0)


def test_only_a_sale_of_a_fund_under_terms_is_a_borrowed_short():
    sold = contract_for(FUND, -1, TERMS)
    assert (sold.kind, sold.initial_multiple) == (ContractKind.BORROWED_SHORT, 1.6)
    assert sold.cash_needed(-1.0, 10.0) == 14.0
    for fund, side, terms in ((FUND, 1, TERMS), (FUND, -1, None), (SPOT, -1, TERMS)):
        assert contract_for(fund, side, terms).kind is ContractKind.OWNED
    assert short_of(SPOT, TERMS) is None
