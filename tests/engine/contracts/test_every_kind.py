"""Properties of the contracts of every kind, in their settlement currency."""

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from data_feeds.clock import DAY_NS
from data_feeds.instrument import Instrument
from engine.config.models import MarginMode
from engine.config.short_sale_terms import ShortSaleTerms
from engine.contracts import Contract, MarginTerms, contract_for, contract_of
from engine.contracts.borrowed_short import BorrowedShort, borrow_fee, rebate
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
LENT = ShortSaleTerms(initial_margin=1.5, maintenance_margin=1.3)
SHORT = contract_for(ETF, -1, LENT)
CONTRACTS = {item.id: contract_of(item) for item in EVERY} | {"a short of QQQ": SHORT}
# What can be held from a side on: a coin and an option are never below zero.
HELD = [(item, side) for item in EVERY for side in (1, -1) if side > 0 or item in (*PERPS, ETF)]
TIERS = build_tiers([(0, 0.004), (2, 0.01), (50, 0.03), (5_000, 0.1)])
WHOLE = build_tiers([(0, 0.004), (2, 0.01), (50, 0.03)], whole=True)
ON_MARK, ON_ENTRY = MarginTerms(TIERS), MarginTerms(WHOLE, on_entry=True, to_bankruptcy=True)

PRICES = st.floats(50.0, 100_000.0)
SIZES = st.floats(1.0, 1e6)
SIDES = st.sampled_from([1, -1])
SETTINGS = st.integers(1, 100)


def ids(value: Instrument | int) -> str:
    return value.id if isinstance(value, Instrument) else f"{value:+d}"


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


@pytest.mark.parametrize("name", CONTRACTS)
@given(size=SIZES, entry=PRICES, price=PRICES)
def test_a_short_loses_what_a_long_gains(name, size, entry, price):
    contract = CONTRACTS[name]
    assert contract.profit(-size, entry, price) == -contract.profit(size, entry, price)


@pytest.mark.parametrize("name", CONTRACTS)
@given(size=SIZES, entry=PRICES, price=PRICES)
def test_a_long_gains_only_when_the_price_rises(name, size, entry, price):
    gain = CONTRACTS[name].profit(size, entry, price)
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


@pytest.mark.parametrize(("instrument", "side"), HELD, ids=ids)
@given(parts=st.lists(SIZES, min_size=1, max_size=5), price=PRICES, close=PRICES)
def test_splitting_a_fill_changes_nothing(instrument, side, parts, price, close):
    contract, total = contract_for(instrument, side, LENT), sum(parts)
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


@pytest.mark.parametrize(("instrument", "side"), HELD, ids=ids)
@given(entries=st.lists(st.tuples(SIZES, PRICES), min_size=1, max_size=5), mark=PRICES)
def test_cash_and_value_together_are_the_profit_of_each_fill(instrument, side, entries, mark):
    contract = contract_for(instrument, side, LENT)
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


@pytest.mark.parametrize("instrument", [*PERPS, ETF], ids=ids)
@given(moves=st.lists(st.tuples(SIZES, PRICES), min_size=1, max_size=4), close=PRICES)
def test_a_position_and_its_mirror_settle_opposite_amounts(instrument, moves, close):
    settled = []
    for each in (1, -1):
        ledger = ledger_of(instrument)
        for size, price in moves:
            trade(ledger, each * size, price)
        trade(ledger, -each * math.fsum(size for size, _ in moves), close)
        settled.append(sum(ledger.balances()) - 1e9)
    contract = contract_of(instrument)
    largest = sum(scale(contract, size, price, close) for size, price in moves)
    assert settled[0] == pytest.approx(-settled[1], abs=1e-11 * largest + 1e-5)


@given(size=SIZES, price=PRICES, close=PRICES)
def test_a_borrowed_share_returns_the_proceeds_less_its_price(size, price, close):
    # 100 shares sold at 50 and bought back at 40: 5,000 - 4,000.
    ledger = ledger_of(ETF)
    trade(ledger, -size, price)
    assert sum(ledger.balances()) - 1e9 == pytest.approx(size * price)
    trade(ledger, size, close)
    assert sum(ledger.balances()) - 1e9 == pytest.approx(size * (price - close), abs=1e-5)


@given(size=SIZES, price=PRICES, initial=st.floats(1.05, 3.0), ratio=st.floats(0.4, 1.0))
def test_the_cash_of_a_short_is_its_maintenance_at_the_cover_price(size, price, initial, ratio):
    """Between the two margins nobody covers; at the cover price m - 1 of the value is left."""
    kept = max(initial * ratio, 1.01)
    assume(kept <= initial)
    short = BorrowedShort("USD", initial_multiple=initial, maintenance_multiple=kept)
    cash = short.initial_margin(-size, price, 1.0)
    cover = short.liquidation_price(-size, price, cash, ON_MARK)
    assert cash == pytest.approx(short.maintenance(-size, price, cover, ON_MARK))
    assert cover == pytest.approx(price * initial / kept)
    left = cash + short.position_value(-size, price, cover)
    assert left == pytest.approx((kept - 1) * size * cover)
    assert left > 0


@given(value=st.floats(1.0, 1e9), rate=st.floats(0.0, 1.0), days=st.floats(0.0, 10.0))
def test_the_carry_of_a_short_is_interest_on_its_value(value, rate, days):
    assert rebate(value, rate, days) == -borrow_fee(value, rate, days)
    # 36,000 at 4% for 3 days of 360: 12.
    assert rebate(36_000.0, 0.04, 3.0) == pytest.approx(12.0)
    assert SHORT.dividend(-10.0, 0.5) == -5.0
