"""One step of the market by hand: payments at a liquidation, and funding."""

import numpy as np
import pytest

from data_feeds.simulation.cohort_book import CohortBook, add_position, empty_book
from data_feeds.simulation.flywheel import FlywheelInputs, FlywheelPath, simulate
from data_feeds.simulation.flywheel_parameters import FlywheelParams

ACCOUNT = 100_000.0
LONG_ROW, SHORT_ROW, SECOND_SHORT_ROW = 1, 4, 5
# The mark is the last price and nothing rolls, so only the liquidation remains.
ALONE = FlywheelParams(mark_speed=1.0, turnover=0.0, opening_speed=0.0)
# So deep that liquidations do not move the price.
BOTTOMLESS = 1e18


def long_against_short(leverage: float) -> CohortBook:
    """Return 100 contracts entered at 100: longs at a leverage, unlevered shorts."""
    book = empty_book(3)
    add_position(book, LONG_ROW, 100.0, 100.0, leverage, ACCOUNT)
    add_position(book, SHORT_ROW, 100.0, 100.0, 1.0, ACCOUNT)
    return book


def move_to(
    price: float,
    book: CohortBook,
    *,
    fund_quote: float,
    params: FlywheelParams = ALONE,
    depth_quote: float = BOTTOMLESS,
    buyers_base: float = 0.0,
    sellers_base: float = 0.0,
    steps: int = 1,
    is_settlement: bool = False,
) -> FlywheelPath:
    """Run one bar whose first step moves the value from 100 to ``price``."""
    returns = np.zeros((1, steps))
    returns[0, 0] = np.log(price / 100.0)
    market = FlywheelInputs(
        returns=returns,
        depth_quote=np.array([depth_quote]),
        volume_base=np.zeros(1),
        open_interest_base=np.array([100.0]),
        leverage=np.array([10.0]),
        short_leverage=np.array([10.0]),
        crowding=np.zeros(1),
        sellers_base=np.array([sellers_base]),
        buyers_base=np.array([buyers_base]),
        is_settlement=np.array([is_settlement]),
        steps_per_year=35_040.0,
    )
    return simulate(params, book, market, 100.0, fund_quote)


def still_market(
    bars: int,
    book: CohortBook,
    *,
    premium: float = 0.0,
    wanted: float = 100.0,
    params: FlywheelParams = ALONE,
) -> FlywheelPath:
    """Run a market without news, the perp at a premium; funding is settled in the last bar."""
    flat = np.zeros(bars)
    market = FlywheelInputs(
        returns=np.zeros((bars, 1)),
        depth_quote=np.full(bars, BOTTOMLESS),
        volume_base=flat,
        open_interest_base=np.full(bars, wanted),
        leverage=np.full(bars, 10.0),
        short_leverage=np.full(bars, 10.0),
        crowding=np.full(bars, premium),
        sellers_base=flat,
        buyers_base=flat,
        is_settlement=np.arange(bars) == bars - 1,
        steps_per_year=35_040.0,
    )
    return simulate(params, book, market, 100.0, 0.0)


def test_position_is_left_alone_above_its_liquidation_price() -> None:
    # 50 times: 98 / 0.996 = 98.394.
    assert move_to(98.40, long_against_short(50.0), fund_quote=0.0).long_quote[0] == 0.0
    path = move_to(98.39, long_against_short(50.0), fund_quote=0.0)
    assert path.long_quote[0] == pytest.approx(100 * 98.39)


def test_funding_paid_brings_the_liquidation_price_nearer() -> None:
    # 20 times: 95 / 0.996 = 95.3815. Funding of 0.0001 takes 0.01 of the margin: 95.3916.
    for is_settlement in (False, True):
        path = move_to(
            95.385, long_against_short(20.0), fund_quote=1e6, is_settlement=is_settlement
        )
        assert (path.long_quote[0] > 0) == is_settlement


def test_position_opened_later_is_liquidated_at_its_own_price() -> None:
    # Half of the book rolls into 50 times at 100 at the end of bar 3; 98.3 is below 98.394, and far
    # from what a position at 2 times bears.
    book, bars = long_against_short(2.0), 6
    returns = np.zeros((bars, 1))
    returns[4] = np.log(0.983)
    flat = np.zeros(bars)
    market = FlywheelInputs(
        returns=returns,
        depth_quote=np.full(bars, BOTTOMLESS),
        volume_base=flat,
        open_interest_base=np.full(bars, 100.0),
        leverage=np.full(bars, 50.0),
        short_leverage=np.full(bars, 2.0),
        crowding=flat,
        sellers_base=flat,
        buyers_base=flat,
        is_settlement=flat.astype(bool),
        steps_per_year=35_040.0,
    )
    params = ALONE._replace(turnover=0.5)
    path = simulate(params, book, market, 100.0, 1e6)
    assert path.long_quote.tolist() == pytest.approx([0, 0, 0, 0, 50 * 98.3, 0])


def test_fund_pays_the_deficit_of_a_gap_past_bankruptcy() -> None:
    # Margin 2 a contract, bankrupt at 98, closed at 90: 100 contracts x 8 = 800.
    path = move_to(90.0, long_against_short(50.0), fund_quote=1_000.0)
    assert path.fund[0] == pytest.approx(200.0)
    assert path.adl[0] == 0.0


def test_liquidated_contracts_pass_to_closing_shorts_and_new_unlevered_longs() -> None:
    # 60% meet shorts that close: 60 x (margin 100 + profit 10) = 6,600 paid out. The other 40 are
    # bought by new longs in full: 40 x 90 = 3,600 paid in on top of what the book was owed before,
    # 200 + 10,000.
    book = long_against_short(50.0)
    path = move_to(90.0, book, fund_quote=1_000.0)
    assert path.longs[0] == path.shorts[0] == pytest.approx(40.0)
    assert path.cash_out[0] == pytest.approx(6_600.0)
    assert path.cash_in[0] == pytest.approx(10_200.0 + 3_600.0)
    assert book.margin[LONG_ROW] == 0.0
    assert book.margin[0] == pytest.approx(3_600.0)
    # 13,800 in, 6,600 out, 800 from the fund: 8,000 is owed to the positions still open.
    assert path.book_cash[0] == pytest.approx(13_800.0 - 6_600.0 + 800.0)


def test_deleveraging_closes_positions_that_an_empty_fund_cannot_pay() -> None:
    # 400 pay for 50 contracts x 8. The other 50 close at 98 against shorts, who are paid
    # 50 x (100 + 2) = 5,100; of the 50 sold, 30 meet shorts at 90: 30 x (100 + 10) = 3,300.
    path = move_to(90.0, long_against_short(50.0), fund_quote=400.0)
    assert path.fund[0] == pytest.approx(0.0, abs=1e-9)
    assert path.adl[0] == pytest.approx(50.0)
    assert path.cash_out[0] == pytest.approx(5_100.0 + 3_300.0)
    assert path.longs[0] == path.shorts[0] == pytest.approx(20.0)


def test_highest_profit_times_leverage_is_deleveraged_first() -> None:
    # 50 shorts each: entered at 110 at 5 times, and at 100 without leverage.
    book = empty_book(3)
    add_position(book, LONG_ROW, 100.0, 100.0, 50.0, ACCOUNT)
    add_position(book, SHORT_ROW, 50.0, 100.0, 1.0, ACCOUNT)
    add_position(book, SECOND_SHORT_ROW, 50.0, 110.0, 5.0, ACCOUNT)
    path = move_to(90.0, book, fund_quote=400.0)
    assert path.adl[0] == pytest.approx(50.0)
    assert book.quantity[SECOND_SHORT_ROW] == pytest.approx(0.0, abs=1e-9)
    # The others lose only the 30 that close on the market.
    assert book.quantity[SHORT_ROW] == pytest.approx(20.0)


def test_size_of_a_cohort_does_not_bring_its_turn_forward() -> None:
    # At 98: 5 shorts from 110 earn 12 / 110 with an equity of 34 for 98; 95 shorts from 100 earn
    # 2 / 100 with 102 for 98, but 190 together against 60.
    book = empty_book(3)
    add_position(book, LONG_ROW, 100.0, 100.0, 50.0, ACCOUNT)
    add_position(book, SHORT_ROW, 95.0, 100.0, 1.0, ACCOUNT)
    add_position(book, SECOND_SHORT_ROW, 5.0, 110.0, 5.0, ACCOUNT)
    params = ALONE._replace(closing_share=0.0)
    assert move_to(90.0, book, fund_quote=760.0, params=params).adl[0] == pytest.approx(5.0)
    assert book.quantity[SECOND_SHORT_ROW] == pytest.approx(0.0, abs=1e-9)
    assert book.quantity[SHORT_ROW] == pytest.approx(95.0)


def test_deleveraged_contracts_do_not_move_the_price() -> None:
    # Without a fund all 100 contracts that are bankrupt at 98 are closed against shorts.
    params = ALONE._replace(depth_exponent=0.0)
    book = long_against_short(50.0)
    path = move_to(90.0, book, fund_quote=0.0, params=params, depth_quote=1.9e6)
    assert path.adl[0] == pytest.approx(100.0)
    assert path.close[0] == pytest.approx(90.0, rel=1e-8)
    assert path.volume[0] == 0.0


def test_remaining_margin_pays_the_fee_and_the_rest_is_returned() -> None:
    # 20 times: margin 5, reached at 95 / 0.996 = 95.38. At 95.2 are left 0.2 x 100 = 20; the fee is
    # 0.1% of 9,520 = 9.52.
    params = ALONE._replace(liquidation_fee=0.001, closing_share=0.0)
    path = move_to(95.2, long_against_short(20.0), fund_quote=0.0, params=params)
    assert path.fund[0] == pytest.approx(9.52)
    assert path.cash_out[0] == pytest.approx(20.0 - 9.52)


def test_fee_takes_no_more_than_the_margin_left() -> None:
    # 1% of 9,520 would be 95.2.
    path = move_to(95.2, long_against_short(20.0), fund_quote=0.0)
    assert path.fund[0] == pytest.approx(20.0)


def test_liquidation_moves_the_price_by_its_share_of_depth() -> None:
    # 1% takes 1,900,000 quote; 100 contracts at 95 are 9,500 and move 0.005%.
    params = ALONE._replace(depth_exponent=0.0)
    path = move_to(95.0, long_against_short(20.0), fund_quote=1e6, params=params, depth_quote=1.9e6)
    assert np.log(path.close[0] / 95.0) == pytest.approx(-0.01 * 9_500 / 1.9e6)


def test_order_book_bears_so_much_a_step_and_the_rest_waits() -> None:
    # 1% of price is 950 quote, 10 contracts at 95; 90 stay open and breached.
    book = long_against_short(20.0)
    params = ALONE._replace(depth_exponent=0.0)
    path = move_to(95.0, book, fund_quote=1e6, params=params, depth_quote=950.0)
    assert np.log(path.close[0] / 95.0) == pytest.approx(-0.01)
    assert book.quantity[LONG_ROW] == pytest.approx(90.0)


def test_buyers_below_value_take_their_share_while_capacity_lasts() -> None:
    # From a discount of 0 on they take 60% of 100 contracts: the price moves by 40% of the impact.
    params = ALONE._replace(depth_exponent=0.0, buyer_discount=0.0)

    def impact(buyers_base: float) -> float:
        book = long_against_short(20.0)
        path = move_to(
            95.0, book, fund_quote=1e6, params=params, depth_quote=1.9e6, buyers_base=buyers_base
        )
        return float(np.log(path.close[0] / 95.0))

    whole = -0.01 * 9_500 / 1.9e6
    assert impact(1_000.0) == pytest.approx(0.4 * whole)
    # With capacity for 10 contracts, 90 reach the order book.
    assert impact(10.0) == pytest.approx(0.9 * whole)
    assert impact(0.0) == pytest.approx(whole)


def test_contracts_that_buyers_take_become_unlevered_longs() -> None:
    # Of 100 sold the buyers take 60; of the other 40, 60% meet shorts that close: 76 stay open.
    book = long_against_short(20.0)
    params = ALONE._replace(buyer_discount=0.0)
    path = move_to(95.0, book, fund_quote=1e6, params=params, buyers_base=1_000.0)
    assert path.longs[0] == path.shorts[0] == pytest.approx(76.0)
    assert book.margin[0] == pytest.approx(76.0 * 95.0)


@pytest.mark.parametrize(
    ("refill", "reaching"),
    [
        # The order book bears 50 contracts a step. Of the first 50 the buyers take 30, of the
        # second what is left of 40: 60 of 100 contracts reach the order book.
        (0.0, 60.0),
        # Half of the capacity of 40 comes back: of the second 50 they take 30 too.
        (0.5, 40.0),
    ],
)
def test_capacity_of_buyers_is_used_up_and_comes_back(refill: float, reaching: float) -> None:
    params = ALONE._replace(
        depth_exponent=0.0,
        buyer_discount=0.0,
        buyer_refill=refill,
        resilience=0.0,
        largest_step=2.5e-5,
    )
    path = move_to(
        95.0,
        long_against_short(20.0),
        fund_quote=1e6,
        params=params,
        depth_quote=1.9e6,
        buyers_base=40.0,
        steps=2,
    )
    impact = -0.01 * reaching * 95 / 1.9e6
    assert np.log(path.close[0] / 95.0) == pytest.approx(impact, rel=1e-4)


def test_volatility_targets_sell_a_part_of_their_excess() -> None:
    # A step to 95 takes the slow variance from 0.5**2 / 35,040 to 99.6% of that and 0.4% of the
    # squared return; in the second step the targets go 2% of the way to 0.45 / realized.
    path = move_to(95.0, long_against_short(2.0), fund_quote=0.0, sellers_base=1_000.0, steps=2)
    variance = 0.996 * 0.5**2 / 35_040.0 + 0.004 * np.log(0.95) ** 2
    wanted = 0.45 / np.sqrt(variance * 35_040.0)
    sold = 0.02 * (0.9 - wanted) * 1_000.0
    assert sold == pytest.approx(6.549, abs=0.001)
    assert path.seller_base[0] == pytest.approx(sold)
    assert path.volume[0] == pytest.approx(sold)


def test_liquidated_contracts_count_as_volume() -> None:
    assert move_to(95.0, long_against_short(20.0), fund_quote=1e6).volume[0] == pytest.approx(100.0)


def test_mark_moves_a_part_of_the_distance_to_the_last_price() -> None:
    # 60% of 10 in the first step, of the 4 that are left in the second: 94, 91.6.
    params = ALONE._replace(mark_speed=0.6)
    for steps, mark in ((1, 94.0), (2, 91.6)):
        book = long_against_short(2.0)
        path = move_to(90.0, book, fund_quote=0.0, params=params, steps=steps)
        assert (path.close[0], path.mark_close[0]) == (pytest.approx(90.0), pytest.approx(mark))


def test_mark_and_not_the_last_price_liquidates() -> None:
    # 20 times is reached at 95.38. The last price falls to 92, the mark to 95.2 or 96.8.
    for speed, liquidated in ((0.6, True), (0.4, False)):
        params = ALONE._replace(mark_speed=speed)
        path = move_to(92.0, long_against_short(20.0), fund_quote=1e6, params=params)
        assert (path.long_quote[0] > 0) == liquidated


@pytest.mark.parametrize(
    ("premium", "rate"),
    [
        # Premium + clamp(0.0001 - premium, -0.0005, 0.0005), at most 0.003 either way.
        (0.0, 0.0001),
        (0.0004, 0.0001),
        (0.0010, 0.0005),
        (-0.0010, -0.0005),
        (0.0200, 0.0030),
        (-0.0200, -0.0030),
    ],
)
def test_funding_is_the_premium_clamped_and_capped(premium: float, rate: float) -> None:
    # The average of the premium comes within 1e-5 of it in 1,500 steps.
    path = still_market(1_500, long_against_short(2.0), premium=premium)
    assert path.funding[-1] == pytest.approx(rate, abs=1e-8)
    assert np.isnan(path.funding[:-1]).all()


def test_longs_pay_shorts_when_funding_is_positive() -> None:
    # 100 contracts at 100 x 0.003 = 30 from the longs' 5,000 to the shorts' 10,000, and back.
    # 1,500 bars of a ring of 3 rows: all have joined row 0 of their side.
    for premium, paid in ((0.02, 30.0), (-0.02, -30.0)):
        book = long_against_short(2.0)
        still_market(1_500, book, premium=premium)
        assert book.margin[:3].sum() == pytest.approx(5_000.0 - paid)
        assert book.margin[3:].sum() == pytest.approx(10_000.0 + paid)


@pytest.mark.parametrize(("wanted", "after"), [(50.0, 95.0), (100.0, 100.0), (150.0, 105.0)])
def test_open_interest_moves_a_part_of_the_distance_to_its_target(
    wanted: float, after: float
) -> None:
    # A tenth of the 50 that are too many or too few, once in four bars.
    params = ALONE._replace(opening_speed=0.1)
    path = still_market(4, long_against_short(2.0), wanted=wanted, params=params)
    assert path.open_interest.tolist() == pytest.approx([100.0, 100.0, 100.0, after])


def test_turnover_replaces_positions_and_leaves_the_open_interest() -> None:
    # A fifth of both sides leaves, 20 x 100 / 2 of the longs' margin and 20 x 100 of the shorts'
    # with it, and comes back at 10 times: 20 x 100 / 10 a side.
    book = long_against_short(2.0)
    path = still_market(4, book, params=ALONE._replace(turnover=0.2))
    assert path.open_interest[3] == pytest.approx(100.0)
    assert path.cash_out[3] == pytest.approx(1_000.0 + 2_000.0)
    assert path.cash_in[3] - path.cash_in[0] == pytest.approx(200.0 + 200.0)
