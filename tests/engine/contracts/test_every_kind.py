"""Properties of the contracts of every kind, in their settlement currency."""

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from data_feeds.clock import DAY_NS
from data_feeds.instrument import Instrument
from engine.config.models import MarginMode
from engine.contracts import Contract, MarginTerms, contract_of
from engine.contracts.inverse_perp import InversePerp
from engine.contracts.linear_perp import LinearPerp
from engine.contracts.maintenance import build_tiers
from engine.ledger import Ledger
from engine.testing import ETF, PERP, SPOT
from tests.engine.inverse_market import XBT

OPTION = Instrument(id="PUT", kind="option", quote="USD", expires_at=DAY_NS)
LARGE = XBT.model_copy(update={"id": "XBT100", "contract_value": 100.0})
EVERY = (SPOT, ETF, OPTION, PERP, XBT, LARGE)
PERPS = (PERP, XBT, LARGE)
TIERS = build_tiers([(0, 0.004), (2, 0.01), (50, 0.03), (5_000, 0.1)])
WHOLE = build_tiers([(0, 0.004), (2, 0.01), (50, 0.03)], whole=True)
ON_MARK, ON_ENTRY = MarginTerms(TIERS), MarginTerms(WHOLE, on_entry=True, to_bankruptcy=True)

PRICES = st.floats(50.0, 100_000.0)
SIZES = st.floats(1.0, 1e6)
SIDES = st.sampled_from([1, -1])
SETTINGS = st.integers(1, 100)


def ids(instrument: Instrument) -> str:
    return instrument.id


def ledger_of(instrument: Instrument) -> Ledger:
    ledger = Ledger({instrument.id: instrument})
    ledger.deposit(0, instrument.wallet, 1e9)
    return ledger


def trade(ledger: Ledger, quantity: float, price: float, **margin) -> float:
    (name,) = ledger.positions
    return ledger.trade(
        1, instrument=name, plan_id=1, fill_id=1, quantity=quantity, price=price, **margin
    )


def scale(contract: Contract, size: float, *prices: float) -> float:
    """Return the largest value in play, which rounding errors are measured against."""
    return max(contract.notional(size, price) for price in prices)


@pytest.mark.parametrize("instrument", EVERY, ids=ids)
@given(size=SIZES, entry=PRICES, price=PRICES)
def test_a_short_loses_what_a_long_gains(instrument, size, entry, price):
    contract = contract_of(instrument)
    assert contract.profit(-size, entry, price) == -contract.profit(size, entry, price)


@pytest.mark.parametrize("instrument", EVERY, ids=ids)
@given(size=SIZES, entry=PRICES, price=PRICES)
def test_a_long_gains_only_when_the_price_rises(instrument, size, entry, price):
    gain = contract_of(instrument).profit(size, entry, price)
    assert (gain >= 0) == (price >= entry)


@given(size=SIZES, entry=PRICES, price=PRICES)
def test_an_inverse_long_is_a_linear_short_of_the_reciprocal_price(size, entry, price):
    inverse, linear = InversePerp("BTC", 100.0), LinearPerp("BTC")
    mirrored = linear.profit(-100.0 * size, 1 / entry, 1 / price)
    tolerance = 1e-12 * scale(inverse, size, entry, price)
    assert inverse.profit(size, entry, price) == pytest.approx(mirrored, abs=tolerance)


@given(size=SIZES, entry=PRICES, setting=SETTINGS, side=SIDES)
def test_the_liquidation_prices_of_the_mirror_are_reciprocal(size, entry, setting, side):
    inverse, linear = InversePerp("BTC", 1.0), LinearPerp("BTC")
    margin = inverse.initial_margin(size, entry, setting)
    for terms in (ON_MARK, ON_ENTRY):
        found = inverse.liquidation_price(side * size, entry, margin, terms)
        mirrored = linear.liquidation_price(-side * size, 1 / entry, margin, terms)
        if math.isnan(mirrored):
            assert math.isnan(found)
        else:
            assert found == pytest.approx(1 / mirrored if mirrored > 0 else math.inf, rel=1e-9)


@pytest.mark.parametrize("instrument", EVERY, ids=ids)
@given(parts=st.lists(SIZES, min_size=1, max_size=5), price=PRICES, close=PRICES, side=SIDES)
def test_splitting_a_fill_changes_nothing(instrument, parts, price, close, side):
    contract, total = contract_of(instrument), sum(parts)
    assume(contract.is_margined or side > 0)
    one, many = ledger_of(instrument), ledger_of(instrument)
    trade(one, side * total, price)
    for part in parts:
        trade(many, side * part, price)
    (held,) = many.positions.values()
    assert held.average_entry == pytest.approx(price)
    assert held.quantity == pytest.approx(side * total)
    trade(one, -side * total, close)
    for part in parts:
        trade(many, -side * part, close)
    tolerance = 1e-9 * (scale(contract, total, price, close) + 1e9)
    assert sum(many.balances()) == pytest.approx(sum(one.balances()), abs=tolerance)


@pytest.mark.parametrize("instrument", EVERY, ids=ids)
@given(entries=st.lists(st.tuples(SIZES, PRICES), min_size=1, max_size=5), mark=PRICES, side=SIDES)
def test_cash_and_value_together_are_the_profit_of_each_fill(instrument, entries, mark, side):
    contract = contract_of(instrument)
    assume(contract.is_margined or side > 0)
    ledger = ledger_of(instrument)
    for size, price in entries:
        trade(ledger, side * size, price)
    (held,) = ledger.positions.values()
    gained = (
        sum(ledger.balances())
        - 1e9
        + contract.position_value(held.quantity, held.average_entry, mark)
    )
    apart = math.fsum(contract.profit(side * size, price, mark) for size, price in entries)
    largest = sum(scale(contract, size, price, mark) for size, price in entries)
    assert gained == pytest.approx(apart, abs=1e-11 * largest + 1e-6)


@pytest.mark.parametrize("terms", [ON_MARK, ON_ENTRY], ids=["mark", "entry"])
@pytest.mark.parametrize("instrument", PERPS, ids=ids)
@given(size=SIZES, entry=PRICES, setting=SETTINGS, side=SIDES)
@example(size=1e6, entry=50.0, setting=1, side=-1)
def test_equity_at_the_liquidation_price_is_the_requirement(
    terms, instrument, size, entry, setting, side
):
    contract, held = contract_of(instrument), side * size
    margin = contract.initial_margin(size, entry, setting)
    price = contract.liquidation_price(held, entry, margin, terms)
    if math.isnan(price):
        # A loss is bounded by the value at entry; only a margin near it is never used up.
        assert margin + contract.profit(held, entry, 1e-9 if side > 0 else 1e12) > 0
        return
    assume(0 < price < math.inf)
    left = margin + contract.profit(held, entry, price)
    needed = contract.maintenance(held, entry, price, terms)
    assert left == pytest.approx(needed, abs=1e-11 * scale(contract, size, entry, price))


@pytest.mark.parametrize("instrument", PERPS, ids=ids)
@given(size=SIZES, entry=PRICES, setting=SETTINGS, side=SIDES)
def test_the_margin_is_lost_at_the_bankruptcy_price(instrument, size, entry, setting, side):
    contract, held = contract_of(instrument), side * size
    margin = contract.initial_margin(size, entry, setting)
    price = contract.bankruptcy_price(held, entry, margin)
    assume(not math.isnan(price))
    lost = contract.profit(held, entry, price)
    assert lost == pytest.approx(-margin, abs=1e-11 * scale(contract, size, entry, price))


@pytest.mark.parametrize("instrument", PERPS, ids=ids)
@given(size=SIZES, entry=PRICES, price=PRICES, setting=SETTINGS, side=SIDES)
def test_an_isolated_position_never_loses_more_than_its_margin(
    instrument, size, entry, price, setting, side
):
    contract, ledger = contract_of(instrument), ledger_of(instrument)
    margin = contract.initial_margin(size, entry, setting)
    trade(ledger, side * size, entry, isolated_margin=margin)
    trade(ledger, -side * size, price, loss_limit=MarginMode.ISOLATED)
    tolerance = 1e-6 + 1e-11 * scale(contract, size, entry, price)
    assert sum(ledger.balances()) - 1e9 >= -margin - tolerance
    borne = sum(fact.amount for fact in ledger.facts if fact.kind == "venue_loss")
    lost = min(contract.profit(side * size, entry, price), 0.0)
    assert borne == pytest.approx(max(-lost - margin, 0.0), abs=tolerance)


@pytest.mark.parametrize("instrument", PERPS, ids=ids)
@given(size=SIZES, mark=PRICES, rate=st.floats(-0.01, 0.01))
def test_funding_moves_the_same_amount_between_longs_and_shorts(instrument, size, mark, rate):
    contract = contract_of(instrument)
    paid = contract.funding(size, mark, rate)
    assert contract.funding(-size, mark, rate) == -paid
    assert paid == pytest.approx(-contract.notional(size, mark) * rate)


def test_what_is_paid_in_full_has_no_margin_and_no_funding():
    for instrument in (SPOT, ETF, OPTION):
        contract = contract_of(instrument)
        assert not contract.is_margined
        assert contract.maintenance(1.0, 100.0, 100.0, ON_MARK) == 0.0
        assert math.isnan(contract.liquidation_price(1.0, 100.0, 0.0, ON_MARK))
        assert contract.funding(1.0, 100.0, 0.01) == 0.0


def test_only_shares_and_coins_earn_dividends():
    earned = {item.id for item in EVERY if contract_of(item).dividend(10.0, 0.5)}
    assert earned == {SPOT.id, ETF.id}
    assert contract_of(ETF).dividend(10.0, 0.5) == 5.0
