"""Prices, fees and volume of single fills. Tables buy 10 units near 100 (notional 1,000)."""

import pytest

from engine.costs import RangeSlippage
from engine.intents import Enter, Target
from engine.records import OrderKind
from engine.testing import PERP, amounts, candles, fill_lines, play, table

FLAT = (100.0, 101.0, 99.0, 100.0)
SLIPPAGE = RangeSlippage(base_bps=10, range_share=0.02, impact=0.1)
# Sizing wants a known volume as soon as impact costs something: one bar of it is enough.
ONE_BAR = {"participation_window": "1h"}


def enter(direction=1, stop=None, **more):
    far = 50.0 if direction > 0 else 150.0
    return Enter(PERP.id, direction, stop=far if stop is None else stop, reason="test", **more)


@pytest.mark.parametrize(
    ("direction", "slipped"),
    # Slippage = 10 bps + 0.02 x (102 - 98)/100 + 0.1 x 10/1,000 = 0.0010 + 0.0008 + 0.0010 = 0.0028
    # buy: 100.3 x 1.0028 = 100.58084, up to 100.6; sell: 100.3 x 0.9972 = 100.01916, down to 100.0
    [(1, 100.6), (-1, 100.0)],
)
def test_market_entry_fills_at_the_next_open_slipped_and_rounded_against_the_trader(
    direction, slipped
):
    market = table(candles([(100, 102, 98, 100, 1_000), (100.3, 108, 93, 100, 5), FLAT]))
    outcome = play(market, {0: [enter(direction)]}, venue={"slippage": SLIPPAGE}, risk=ONE_BAR)
    (fill,) = outcome.fills
    # Range and volume of the bar that opens (15%, 5 units) are not known yet and not used.
    assert fill.slippage == pytest.approx(0.0028)
    assert fill_lines(outcome) == [(1.0, "entry", 10.0 * direction, slipped)]
    assert fill.raw_price == 100.3


def test_the_slippage_multiplier_of_a_plan_scales_its_slippage():
    market = table(candles([(100, 102, 98, 100), FLAT, FLAT]))
    outcome = play(
        market,
        {0: [enter(slippage_multiplier=3.0)]},
        venue={"slippage": RangeSlippage(base_bps=10, range_share=0, impact=0)},
    )
    # 100 x (1 + 3 x 0.0010) = 100.3
    assert fill_lines(outcome) == [(1.0, "entry", 10.0, 100.3)]


def test_slippage_at_the_open_uses_the_last_bar_with_trades():
    # The bar before the entry has no volume; the one before it has a range of 4%.
    market = table(candles([(100, 102, 98, 100), (100, 100, 100, 100, 0), FLAT, FLAT]))
    venue = {"slippage": RangeSlippage(base_bps=0, range_share=0.02, impact=0)}
    outcome = play(market, {1: [enter()]}, venue=venue)
    # 0.02 x 0.04 = 0.0008; 100 x 1.0008 = 100.08, up to 100.1
    assert outcome.fills[0].slippage == pytest.approx(0.0008)
    assert fill_lines(outcome) == [(2.0, "entry", 10.0, 100.1)]


def test_a_stop_inside_a_bar_slips_with_that_bars_own_range_and_volume():
    market = table(candles([FLAT, FLAT, (100, 100, 90, 92, 200), FLAT]))
    outcome = play(
        market,
        {0: [enter(stop=95.0)]},
        venue={"slippage": RangeSlippage(base_bps=0, range_share=0.02, impact=0.1)},
        risk=ONE_BAR,
    )
    # Participation 10/200, range (100 - 90)/92:
    # 0.02 x 0.108696 + 0.1 x 0.05 = 0.0071739; 95 x 0.9928261 = 94.31848, down to 94.3
    stop = outcome.fills[1]
    assert stop.slippage == pytest.approx(0.02 * 10 / 92 + 0.1 * 10 / 200)
    assert (stop.price, stop.raw_price, stop.stage, stop.inferred) == (94.3, 95.0, "range", True)


def test_takers_pay_the_taker_fee_and_resting_limits_the_maker_fee():
    market = table(candles([FLAT, FLAT, (100, 111, 99, 105), FLAT]))
    outcome = play(
        market,
        {0: [enter(targets=(Target(110.0, 1.0),))]},
        venue={"taker_fee_bps": 5, "maker_fee_bps": 2},
    )
    entry, target = outcome.fills
    # 10 x 100 x 0.0005 = 0.50; 10 x 110 x 0.0002 = 0.22
    assert (entry.liquidity, entry.fee) == ("taker", pytest.approx(0.50))
    assert (target.liquidity, target.fee) == ("maker", pytest.approx(0.22))
    # Equity: 100,000 - 0.50 + 10 x 10 - 0.22
    assert outcome.curve.equity[-1] == pytest.approx(100_099.28)


def test_a_maker_rebate_is_paid_to_the_trader():
    market = table(candles([FLAT, FLAT, (100, 111, 99, 105), FLAT]))
    outcome = play(
        market, {0: [enter(targets=(Target(110.0, 1.0),))]}, venue={"maker_fee_bps": -1.0}
    )
    # 10 x 110 x 0.0001 = 0.11 comes in
    assert amounts(outcome, "fee")[1] == pytest.approx(0.11)


@pytest.mark.parametrize(
    ("next_bar", "price", "liquidity"),
    [
        # Opens at 98, below the limit: it crosses in the instant of its decision, as a taker.
        ((98.0, 101.0, 97.0, 100.0), 98.0, "taker"),
        # Opens above and falls to it: it rested, so it fills at its own price as a maker.
        ((100.0, 101.0, 98.0, 100.0), 99.0, "maker"),
    ],
)
def test_a_limit_entry_gets_the_better_open_and_never_slips(next_bar, price, liquidity):
    market = table(candles([FLAT, next_bar, FLAT]))
    outcome = play(
        market,
        {0: [enter(kind=OrderKind.LIMIT, price=99.0)]},
        # 1,000 / 99 = 10.101
        venue={"slippage": RangeSlippage(base_bps=50), "taker_fee_bps": 5, "maker_fee_bps": 2},
        risk=ONE_BAR,
    )
    (fill,) = outcome.fills
    assert (fill.price, fill.liquidity, fill.slippage) == (price, liquidity, 0.0)
    assert fill.quantity == 10.101
    rate = 0.0005 if liquidity == "taker" else 0.0002
    assert fill.fee == pytest.approx(10.101 * price * rate)


def test_a_limit_that_rested_one_bar_and_then_gaps_is_filled_at_the_better_open_as_maker():
    market = table(candles([FLAT, (100, 101, 99.5, 100), (98, 99, 97, 98), FLAT]))
    outcome = play(
        market,
        {0: [enter(kind=OrderKind.LIMIT, price=99.0)]},
        venue={"taker_fee_bps": 5, "maker_fee_bps": 2},
    )
    (fill,) = outcome.fills
    assert (fill.price, fill.stage, fill.liquidity) == (98.0, "open", "maker")


def test_a_stop_entry_is_a_taker_and_slips():
    market = table(candles([FLAT, (100, 103, 100, 102), FLAT]))
    outcome = play(
        market,
        {0: [enter(kind=OrderKind.STOP, price=102.0)]},
        venue={
            "slippage": RangeSlippage(base_bps=10, range_share=0, impact=0),
            "taker_fee_bps": 5,
        },
    )
    (fill,) = outcome.fills
    # 102 x 1.001 = 102.102, up to 102.2
    assert (fill.price, fill.liquidity, fill.stage) == (102.2, "taker", "range")


def test_an_entry_is_filled_in_parts_at_opens_by_the_volume_of_the_last_bar():
    # Cap 10%: 40 units traded before the first open let 4 in, 25 before the second 2.5, then 3.5.
    market = table(
        candles([(100, 101, 99, 100, 40), (100, 101, 99, 100, 25), (101, 102, 100, 101, 90), FLAT])
    )
    outcome = play(market, {0: [enter()]}, venue={"participation_cap": 0.1})
    assert fill_lines(outcome) == [
        (1.0, "entry", 4.0, 100.0),
        (2.0, "entry", 2.5, 101.0),
        (3.0, "entry", 3.5, 100.0),
    ]
    # Average entry (4 x 100 + 2.5 x 101 + 3.5 x 100) / 10 = 100.25
    assert outcome.fills[-1].average_entry_after == pytest.approx(100.25)


def test_a_limit_entry_is_filled_inside_a_bar_up_to_that_bars_volume():
    market = table(
        candles([FLAT, (100, 100, 98, 100, 30), (100, 100, 99.5, 100), (100, 100, 98, 99, 100)])
    )
    outcome = play(
        market,
        {0: [enter(kind=OrderKind.LIMIT, price=99.0)]},
        venue={"participation_cap": 0.1},
        notional=990.0,
    )
    # 990 / 99 = 10 units: 3 of the bar with 30, nothing where the price is not reached, then 7.
    assert fill_lines(outcome) == [(2.0, "entry", 3.0, 99.0), (4.0, "entry", 7.0, 99.0)]


def test_what_a_stop_cannot_sell_inside_its_bar_is_sold_at_the_next_opens_at_any_price():
    market = table(
        candles([FLAT, FLAT, (100, 100, 94, 94, 60), (93, 99, 93, 98, 10), (98, 99, 97, 98), FLAT])
    )
    outcome = play(market, {0: [enter(stop=95.0)]}, venue={"participation_cap": 0.1})
    # Bar 2 trades 60: 6 at the stop. The next open sees its volume (60): the other 4 at 93.
    assert fill_lines(outcome)[1:] == [(3.0, "stop", -6.0, 95.0), (3.0, "stop", -4.0, 93.0)]


def test_open_and_range_of_one_bar_share_its_volume_cap():
    # Row 1 trades 120, so 12: the open took 10 on the strength of row 0, 2 are left to the stop.
    # The other 8 go at the next open, which sees a volume of 120.
    rows = [FLAT, (100, 101, 94, 95, 120), (94, 95, 93, 94), FLAT]
    outcome = play(table(candles(rows)), {0: [enter(stop=95.0)]}, venue={"participation_cap": 0.1})
    assert fill_lines(outcome) == [
        (1.0, "entry", 10.0, 100.0),
        (2.0, "stop", -2.0, 95.0),
        (2.0, "stop", -8.0, 94.0),
    ]


def test_a_stop_in_a_bar_whose_volume_the_entry_used_up_sells_at_the_next_open():
    rows = [FLAT, (100, 101, 94, 95, 50), (94, 95, 93, 94, 80), (93, 94, 92, 93), FLAT]
    outcome = play(table(candles(rows)), {0: [enter(stop=95.0)]}, venue={"participation_cap": 0.1})
    # 5 of the 50 were all that bar 1 could give, the open took 10. Then 10% of 50, and of 80.
    assert fill_lines(outcome)[1:] == [(2.0, "stop", -5.0, 94.0), (3.0, "stop", -5.0, 93.0)]


def test_a_target_capped_by_volume_keeps_working_for_the_rest():
    market = table(candles([FLAT, FLAT, (100, 111, 99, 105, 40), (105, 112, 104, 110), FLAT]))
    outcome = play(
        market, {0: [enter(targets=(Target(110.0, 1.0),))]}, venue={"participation_cap": 0.1}
    )
    assert fill_lines(outcome)[1:] == [(3.0, "target", -4.0, 110.0), (4.0, "target", -6.0, 110.0)]


def test_a_bar_without_volume_fills_nothing():
    idle = (100.0, 111.0, 94.0, 100.0, 0.0)
    market = table(candles([FLAT, idle, FLAT, idle, (97, 98, 94, 95), FLAT]))
    outcome = play(market, {0: [enter(stop=95.0, targets=(Target(110.0, 1.0),))]})
    # The entry waits for the open of row 2; the idle row 3 touches neither 95 nor 110.
    assert fill_lines(outcome) == [(2.0, "entry", 10.0, 100.0), (5.0, "stop", -10.0, 95.0)]
