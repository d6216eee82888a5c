"""The audit's economics of positions against arithmetic by hand, and as properties."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_feeds.instrument import Instrument, PerpContract
from data_feeds.trading_terms import MaintenanceBracket, TradingTerms
from engine.audit.contract_formulas import PositionRules, position_rules
from engine.audit.venue_formulas import brackets
from engine.config.venue import TERMS, VenueConfig
from tests.data_feeds.test_instrument import shipped

SATOSHI = 1e-8
TABLE = (
    MaintenanceBracket(floor=0, rate=0.005),
    MaintenanceBracket(floor=200, rate=0.01),
    MaintenanceBracket(floor=300, rate=0.015),
)
# A venue's file: an instrument's own terms come before it.
VENUE = VenueConfig(maintenance=({"floor": 0, "rate": 0.004},), general=TERMS)


def rules(*, face=1.0, at_entry=True, whole=True, table=TABLE, taken_over=True) -> PositionRules:
    return PositionRules(
        is_margined=True,
        face=face,
        table=brackets(table),
        at_entry=at_entry,
        whole=whole,
        taken_over=taken_over,
        forced_fee=0.00075,
    )


XBTUSD = rules()
LINEAR = rules(face=0.0, at_entry=False, whole=False, taken_over=False)


# Profit -------------------------------------------------------------------------------------------


def test_an_inverse_long_earns_coins_by_the_difference_of_the_inverses():
    # 50,000 x (1/10,000 - 1/12,500) = 5 - 4 = 1 BTC; a fall to 8,000 costs 5 - 6.25.
    assert XBTUSD.profit(50_000, 10_000, 12_500) == pytest.approx(1.0)
    assert XBTUSD.profit(50_000, 10_000, 8_000) == pytest.approx(-1.25)
    assert XBTUSD.profit(-50_000, 10_000, 8_000) == pytest.approx(1.25)


def test_the_average_entry_of_an_inverse_perp_is_harmonic():
    # 100 at 10,000 and 100 at 5,000: 200 / (0.01 + 0.02) = 6,666.67; linear 7,500.
    assert XBTUSD.average(100, 10_000, 100, 5_000) == pytest.approx(20_000 / 3)
    assert LINEAR.average(100, 10_000, 100, 5_000) == pytest.approx(7_500)
    assert XBTUSD.mean_price([(100, 10_000), (-100, 5_000)]) == pytest.approx(20_000 / 3)
    assert math.isnan(XBTUSD.mean_price([]))


quantities = st.integers(1, 5_000_000) | st.integers(-5_000_000, -1)
prices = st.floats(100, 100_000)


@given(held=quantities, entry=prices, size=st.integers(1, 5_000_000), price=prices, mark=prices)
def test_an_average_entry_keeps_the_profit_of_its_parts(held, entry, size, price, mark):
    added = math.copysign(size, held)
    for each in (XBTUSD, LINEAR):
        parts = each.profit(held, entry, mark) + each.profit(added, price, mark)
        whole = each.profit(held + added, each.average(held, entry, added, price), mark)
        scale = each.value(held, min(entry, mark)) + each.value(added, min(price, mark))
        scale += each.value(held, max(entry, mark)) + each.value(added, max(price, mark))
        assert whole == pytest.approx(parts, rel=1e-9, abs=1e-12 * scale)


# Margin -------------------------------------------------------------------------------------------


def test_maintenance_is_a_fraction_of_the_value_at_entry_whatever_the_mark():
    # 800,000 contracts at 8,000 are 100 BTC: 0.5 BTC at any mark.
    for mark in (2_000, 8_000, 20_000):
        assert XBTUSD.needed(800_000, 8_000, mark) == pytest.approx(0.5)


def test_a_whole_step_takes_its_rate_on_all_of_the_value():
    # 199.99 BTC: 0.5%; 200 BTC: 1% of all, 2 BTC; 250 BTC 2.5.
    assert XBTUSD.needed(1_999_900, 10_000, 9) == pytest.approx(0.99995)
    assert XBTUSD.needed(2_000_000, 10_000, 9) == pytest.approx(2.0)
    assert XBTUSD.needed(-2_500_000, 10_000, 9) == pytest.approx(2.5)


def test_a_position_that_bitmex_reported_in_march_2020():
    """A position message of 2020-03-19: 77 contracts short, 1% initial margin, cross.

    Its maintenance of 8,552 satoshi is 0.5% of the value at entry, 1,455,310, and the exit's fee.
    """
    entry = 77 / (1_455_310 * SATOSHI)
    needed = XBTUSD.needed(-77, entry, 6_255.42) / SATOSHI
    assert math.ceil(needed + 1_275) == 8_552
    assert XBTUSD.value(77, 6_255.42) / SATOSHI == pytest.approx(1_230_932, abs=1)
    # Margin 14,553 (1%) + 1,275 + 224,378 from the wallet; profit -224,378: the message's 15,828.
    assert XBTUSD.profit(-77, entry, 6_255.42) / SATOSHI == pytest.approx(-224_378, abs=1)


@pytest.mark.parametrize(
    ("quantity", "expected", "bankrupt"),
    [
        # 10x at 8,000, 0.5%: 8,000 / (1 + 0.1 - 0.005) and 8,000 / (1 + 0.1).
        (80_000, 8_000 / 1.095, 8_000 / 1.1),
        # Short: 8,000 / (1 - 0.1 + 0.005) and 8,000 / (1 - 0.1).
        (-80_000, 8_000 / 0.905, 8_000 / 0.9),
    ],
)
def test_liquidation_and_bankruptcy_price_at_ten_times(quantity, expected, bankrupt):
    assert XBTUSD.liquidation(quantity, 8_000, 1.0) == pytest.approx(expected)
    assert XBTUSD.bankruptcy(quantity, 8_000, 1.0) == pytest.approx(bankrupt)


def test_an_inverse_short_backed_in_full_is_never_liquidated_and_a_long_always_can_be():
    # A short of 10 BTC with 10 BTC gains what its coins lose. A long of as much loses its coins
    # at half the price: 1/P = 1/8,000 + (10 - 0.05)/80,000.
    assert math.isnan(XBTUSD.liquidation(-80_000, 8_000, 10.1))
    assert math.isnan(XBTUSD.bankruptcy(-80_000, 8_000, 10.0))
    assert XBTUSD.liquidation(80_000, 8_000, 10.0) == pytest.approx(80_000 / 19.95)


@given(
    quantity=quantities,
    entry=prices,
    leverage=st.integers(1, 100),
    at_entry=st.booleans(),
    face=st.sampled_from((0.0, 1.0, 100.0)),
)
def test_at_the_liquidation_price_margin_and_profit_are_the_requirement(
    quantity, entry, leverage, at_entry, face
):
    each = rules(face=face, at_entry=at_entry, whole=at_entry)
    margin = each.value(quantity, entry) / leverage
    price = each.liquidation(quantity, entry, margin)
    if math.isnan(price):
        # Even the farthest price leaves more than the requirement.
        far = 1e12 if quantity < 0 else 1e-6
        far = far if face or quantity > 0 else 1e-6
        assert margin + each.profit(quantity, entry, far) >= -1e-6 * each.value(quantity, entry)
        return
    equity = margin + each.profit(quantity, entry, price)
    needed = each.needed(quantity, entry, price)
    assert equity == pytest.approx(needed, rel=1e-6, abs=1e-8 * each.value(quantity, entry))


@given(quantity=quantities, entry=prices, leverage=st.integers(2, 100))
def test_the_venue_takes_over_between_liquidation_and_bankruptcy(quantity, entry, leverage):
    margin = XBTUSD.value(quantity, entry) / leverage
    level, gone = (f(quantity, entry, margin) for f in (XBTUSD.liquidation, XBTUSD.bankruptcy))
    assert XBTUSD.profit(quantity, entry, gone) == pytest.approx(-margin, rel=1e-9)
    small = XBTUSD.value(quantity, entry) < 200 and leverage < 100
    if small:
        assert (entry - level) * quantity > 0
        assert (level - gone) * quantity > 0


@given(quantity=quantities, entry=prices, mark=prices, face=st.sampled_from((0.0, 1.0)))
def test_profits_of_long_and_short_mirror(quantity, entry, mark, face):
    each = rules(face=face)
    assert each.profit(quantity, entry, mark) == -each.profit(-quantity, entry, mark)
    assert each.loss(quantity, entry, mark) == abs(each.profit(quantity, entry, mark))


# From the records ---------------------------------------------------------------------------------


def test_rules_come_from_the_terms_in_force():
    held = shipped("btc")["XBTUSD"].in_force(date(2020, 3, 12))
    found = position_rules(VENUE, held)
    assert (found.face, found.at_entry, found.whole, found.taken_over) == (1.0, True, True, True)
    assert found.forced_fee == pytest.approx(0.00075)
    # 10,000 contracts at 8,000: 1.25 BTC x 0.5% in March, 0.4% from 5 May.
    assert found.needed(10_000, 8_000, 1) == pytest.approx(0.00625)
    later = position_rules(VENUE, shipped("btc")["XBTUSD"].in_force(date(2020, 5, 5)))
    assert later.needed(10_000, 8_000, 1) == pytest.approx(0.005)


def test_a_perp_without_such_terms_is_linear_and_closed_in_the_market():
    found = position_rules(VENUE, Instrument(id="P", kind="perp"))
    assert (found.face, found.at_entry, found.whole, found.taken_over) == (0, False, False, False)
    assert found.forced_fee == pytest.approx(0.0125)
    assert found.needed(2, 1, 10_000) == pytest.approx(80)


def test_an_inverse_perp_may_take_maintenance_at_the_mark():
    terms = (TradingTerms(since="2020-01-01", source="a", maintenance=TABLE[:1]),)
    item = Instrument(
        id="I",
        kind="perp",
        contract=PerpContract.INVERSE,
        contract_value=100,
        asset="X",
        terms=terms,
    )
    found = position_rules(VENUE, item)
    # 50 contracts of 100 at 1,000: 5 coins, margin 0.5; long: u = 5.5 / 1.005, price 5,000 / u.
    assert found.liquidation(50, 1_000, 0.5) == pytest.approx(5_000 * 1.005 / 5.5)
    assert found.liquidation(-50, 1_000, 0.5) == pytest.approx(5_000 * 0.995 / 4.5)
