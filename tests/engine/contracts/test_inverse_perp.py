"""An inverse perp by hand: 10,000 contracts of 1 USD are 1.25 BTC at 8,000 and 1 BTC at 10,000."""

import math

import pytest

from data_feeds.instrument import Instrument, Wallet
from data_feeds.trading_terms import MaintenanceBracket
from engine.config.venue import VenueConfig
from engine.contracts import ContractKind, MarginTerms, contract_of, margin_terms
from engine.contracts.inverse_perp import InversePerp
from engine.contracts.maintenance import build_tiers
from engine.ledger import Ledger
from tests.engine.inverse_market import XBT

CONTRACT = InversePerp("BTC", 1.0)
# Half a percent of the value at entry, as at BitMEX in March 2020.
BITMEX = MarginTerms(build_tiers([(0, 0.005)]), on_entry=True, to_bankruptcy=True)
ON_MARK = MarginTerms(build_tiers([(0, 0.005)]))
# Its table gives way to that of the instrument's terms.
VENUE = VenueConfig(
    general=("maintenance",), maintenance=(MaintenanceBracket(floor=0, rate=0.004),)
)


def new_ledger() -> Ledger:
    ledger = Ledger({XBT.id: XBT})
    ledger.deposit(0, Wallet.VENUE, 10.0)
    return ledger


def trade(ledger, quantity, price, **margin):
    return ledger.trade(
        1, instrument=XBT.id, plan_id=1, fill_id=1, quantity=quantity, price=price, **margin
    )


def test_the_contract_of_an_inverse_instrument_settles_in_its_asset():
    contract = contract_of(XBT)
    assert (contract.kind, contract.settlement_currency) == (ContractKind.INVERSE_PERP, "BTC")
    assert contract.size == 1.0


@pytest.mark.parametrize(
    ("quantity", "exit_price", "profit"),
    [
        (10_000.0, 10_000.0, 0.25),  # 1.25 - 1
        (10_000.0, 6_400.0, -0.3125),  # 1.25 - 1.5625: a fall of 20% costs more than a rise brings
        (-10_000.0, 10_000.0, -0.25),
        (-10_000.0, 6_400.0, 0.3125),
    ],
)
def test_profit_is_contracts_x_the_difference_of_the_reciprocal_prices(
    quantity, exit_price, profit
):
    ledger = new_ledger()
    assert trade(ledger, quantity, 8_000.0) == 0.0
    assert ledger.venue_cash == 10.0
    assert trade(ledger, -quantity, exit_price) == pytest.approx(profit)
    assert ledger.venue_cash == pytest.approx(10.0 + profit)


def test_a_contract_of_a_hundred_dollars_moves_a_hundred_times_as_much():
    assert InversePerp("BTC", 100.0).profit(100.0, 8_000.0, 10_000.0) == pytest.approx(0.25)


def test_the_average_entry_is_the_harmonic_mean():
    ledger = new_ledger()
    trade(ledger, 8_000.0, 8_000.0)
    trade(ledger, 10_000.0, 10_000.0)
    # 18,000 contracts for 1 + 1 BTC: 9,000; weighted by contracts it would be 9,111.
    assert ledger.positions[XBT.id].average_entry == pytest.approx(9_000.0)


def test_a_part_that_closes_realizes_its_own_profit_and_leaves_the_average():
    ledger = new_ledger()
    trade(ledger, 8_000.0, 8_000.0)
    trade(ledger, 10_000.0, 10_000.0)
    # 4,500 x (1 / 9,000 - 1 / 7,500) = 0.5 - 0.6
    assert trade(ledger, -4_500.0, 7_500.0) == pytest.approx(-0.1)
    position = ledger.positions[XBT.id]
    assert (position.quantity, position.average_entry) == (13_500.0, pytest.approx(9_000.0))
    # 13,500 x (1 / 9,000 - 1 / 10,800) = 1.5 - 1.25
    assert trade(ledger, -13_500.0, 10_800.0) == pytest.approx(0.25)
    assert ledger.venue_cash == pytest.approx(10.0 - 0.1 + 0.25)


@pytest.mark.parametrize(
    ("quantity", "rate", "cash"),
    # 10,000 / 8,000 x 0.0004 = 0.0005 BTC
    [
        (10_000.0, 0.0004, -0.0005),
        (-10_000.0, 0.0004, 0.0005),
        (10_000.0, -0.0004, 0.0005),
        (-10_000.0, -0.0004, -0.0005),
    ],
)
def test_longs_pay_a_positive_rate_of_their_value_in_the_asset(quantity, rate, cash):
    assert CONTRACT.funding(quantity, 8_000.0, rate) == pytest.approx(cash)


@pytest.mark.parametrize(
    ("side", "liquidation", "bankruptcy"),
    # 80,000 contracts at 8,000 are 10 BTC. Margin at setting 10: 1 BTC, requirement 0.05 BTC.
    # Long: 80,000 / (10 + 1 - 0.05) and 80,000 / 11; short: 80,000 / (10 - 0.95) and 80,000 / 9.
    [(1, 80_000 / 10.95, 80_000 / 11), (-1, 80_000 / 9.05, 80_000 / 9)],
)
def test_isolated_liquidation_by_the_value_at_entry(side, liquidation, bankruptcy):
    held, margin = 80_000.0 * side, CONTRACT.initial_margin(80_000.0, 8_000.0, 10)
    assert margin == pytest.approx(1.0)
    assert CONTRACT.liquidation_price(held, 8_000.0, margin, BITMEX) == pytest.approx(liquidation)
    assert CONTRACT.bankruptcy_price(held, 8_000.0, margin) == pytest.approx(bankruptcy)


@pytest.mark.parametrize(
    ("side", "liquidation"),
    # Requirement of 0.5% of the value at the mark: long (1 + 10) / 1.005 BTC of value, short
    # (10 - 1) / 0.995.
    [(1, 80_000 * 1.005 / 11), (-1, 80_000 * 0.995 / 9)],
)
def test_isolated_liquidation_by_the_value_at_the_mark(side, liquidation):
    found = CONTRACT.liquidation_price(80_000.0 * side, 8_000.0, 1.0, ON_MARK)
    assert found == pytest.approx(liquidation)


def test_a_wallet_behind_a_cross_position_moves_its_liquidation_away():
    # 2 BTC behind 10 BTC: 80,000 / (10 + 2 - 0.05)
    found = CONTRACT.liquidation_price(80_000.0, 8_000.0, 2.0, BITMEX)
    assert found == pytest.approx(80_000 / 11.95)


def test_a_short_with_its_whole_value_as_margin_is_never_liquidated():
    # A short of 10 BTC loses 10 BTC at most, at an infinite price.
    assert math.isnan(CONTRACT.liquidation_price(-80_000.0, 8_000.0, 10.1, BITMEX))
    assert math.isnan(CONTRACT.bankruptcy_price(-80_000.0, 8_000.0, 10.0))


def test_any_mark_liquidates_a_long_whose_collateral_is_gone_beyond_its_value():
    for terms in (BITMEX, ON_MARK):
        assert CONTRACT.liquidation_price(80_000.0, 8_000.0, -10.5, terms) == math.inf


def test_a_bracket_of_the_whole_value_has_no_deduction():
    # 250 BTC: 1% of all of it, not 0.5% of the first 200 and 1% of the rest.
    rows = (MaintenanceBracket(floor=0, rate=0.005), MaintenanceBracket(floor=200, rate=0.01))
    taken = XBT.terms[0].model_copy(update={"maintenance": rows})
    instrument = XBT.model_copy(update={"terms": (taken,)})
    costs = VENUE.costs_of(instrument)
    terms = margin_terms(instrument, costs)
    assert (terms.on_entry, terms.to_bankruptcy, terms.highest_setting) == (True, True, 100)
    assert CONTRACT.maintenance(2_000_000.0, 8_000.0, 5_000.0, terms) == pytest.approx(2.5)


def test_an_instrument_without_a_record_is_liquidated_at_the_market_by_its_mark():
    bare = Instrument(id="BTC", kind="perp")
    costs = VENUE.costs_of(bare)
    terms = margin_terms(bare, costs)
    assert (terms.on_entry, terms.to_bankruptcy, terms.highest_setting) == (False, False, None)


def test_a_loss_is_valued_at_the_dearer_rate():
    # A long's stop lies below: the rate now is dearer. A short's stop at 10,000 against 8,000: the
    # asset is 1.25 times as dear when the loss is paid.
    assert CONTRACT.worst_rate(8_000.0, 8_000.0, 7_000.0) == 8_000.0
    assert CONTRACT.worst_rate(8_000.0, 8_000.0, 10_000.0) == pytest.approx(10_000.0)
