"""Liquidation of isolated and cross positions, worked by hand.

Tables hold 10 units entered at 100 (notional 1,000) with leverage setting 10: margin 100. With the
one tier of 0.4%: long P = (1,000 - 100) / (10 x 0.996) = 90.3614, short P = (1,000 + 100) /
(10 x 1.004) = 109.5618. The tick is tiny, so that prices show the formula.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.trading_terms import MaintenanceBracket
from engine.contracts.maintenance import build_tiers, maintenance_margin
from engine.costs import RangeSlippage
from engine.intents import Enter, Target
from engine.records import OrderKind
from engine.testing import PERP, amounts, candles, fill_lines, hour, marks, play
from engine.testing import funding as funding_records
from engine.testing import table as dataset

FLAT = (100.0, 101.0, 99.0, 100.0)
LONG_PRICE = 900 / (10 * 0.996)
SHORT_PRICE = 1_100 / (10 * 1.004)
FEE = {"liquidation_fee_bps": 125}
TWO_TIERS = (
    MaintenanceBracket(floor=0, rate=0.004),
    MaintenanceBracket(floor=500, rate=0.01),
)
BTC = Instrument(id=PERP.id, kind=InstrumentKind.PERP, tick_size=1e-9, lot_size=0.001)
ETH = Instrument(id="ETHUSDT-PERP", kind=InstrumentKind.PERP, tick_size=1e-9, lot_size=0.001)


def table(*channels, instruments=(BTC, ETH)):
    return dataset(*channels, instruments=instruments)


def enter(direction=1, stop=None, instrument=PERP.id, **more):
    far = 50.0 if direction > 0 else 150.0
    level = far if stop is None else stop
    return Enter(instrument, direction, stop=level, reason="test", **more)


def wick(low, high, last=FLAT):
    """Entry at the open of row 1; in row 2 the mark reaches ``low`` and ``high``."""
    return table(
        candles([FLAT, FLAT, last, FLAT]), marks([FLAT, FLAT, (100, high, low, 100), FLAT])
    )


# The price, and the path that reaches it.


@pytest.mark.parametrize(
    ("direction", "low", "high", "price"),
    [(1, 90.0, 101.0, LONG_PRICE), (-1, 99.0, 110.0, SHORT_PRICE)],
)
def test_a_wick_of_the_mark_liquidates_at_the_liquidation_price(direction, low, high, price):
    # The last price never left 99 to 101.
    outcome = play(wick(low, high), {0: [enter(direction)]})
    assert fill_lines(outcome)[1] == (3.0, "liquidation", -10.0 * direction, pytest.approx(price))
    assert round(price, 4) == (90.3614 if direction > 0 else 109.5618)


@pytest.mark.parametrize(
    ("direction", "low", "high"), [(1, 90.4, 101.0), (-1, 99.0, 109.5), (1, 99.0, 200.0)]
)
def test_a_mark_short_of_the_price_liquidates_nothing(direction, low, high):
    assert len(play(wick(low, high), {0: [enter(direction)]}).fills) == 1


def test_the_last_price_does_not_liquidate():
    market = wick(99.0, 101.0, last=(100.0, 101.0, 60.0, 100.0))
    assert len(play(market, {0: [enter()]}).fills) == 1


@pytest.mark.parametrize(
    ("direction", "low", "high", "price"),
    [
        # Deduction 500 x (1.0% - 0.4%) = 3. Long: (1,000 - 100 - 3) / (10 x 0.99) = 90.6061,
        # notional 906 lies in the second tier. Short: (1,000 + 100 + 3) / (10 x 1.01) = 109.2079.
        (1, 90.6, 101.0, 897 / 9.9),
        (-1, 99.0, 109.3, 1_103 / 10.1),
    ],
)
def test_the_tier_of_the_notional_at_the_price_sets_the_rate(direction, low, high, price):
    outcome = play(wick(low, high), {0: [enter(direction)]}, venue={"maintenance": TWO_TIERS})
    assert outcome.fills[1].price == pytest.approx(price)


def test_liquidation_slips_like_a_taker_against_the_trader():
    slippage = RangeSlippage(base_bps=10, range_share=0, impact=0)
    rows = [FLAT, FLAT, (100, 101, 80, 100), FLAT]
    market = table(candles([FLAT] * 4), marks(rows), instruments=[PERP])
    # Entry 100 x 1.001 = 100.1, margin 100.1: P = (1,001 - 100.1) / 9.96 = 90.4518.
    # 90.4518 x 0.999 = 90.3614, down to 90.3.
    outcome = play(market, {0: [enter()]}, venue={"slippage": slippage})
    assert outcome.fills[1].raw_price == pytest.approx(900.9 / 9.96)
    assert outcome.fills[1].price == 90.3


def test_a_liquidation_without_slippage_is_still_rounded_to_the_tick_against_the_trader():
    rows = [FLAT, FLAT, (100, 101, 80, 100), FLAT]
    market = table(candles([FLAT] * 4), marks(rows), instruments=[PERP])
    fill = play(market, {0: [enter()]}).fills[1]
    # 90.3614 in ticks of 0.1, sold: 90.3.
    assert (fill.raw_price, fill.price) == (pytest.approx(LONG_PRICE), 90.3)


def test_a_bar_without_trades_can_still_liquidate_by_its_mark():
    market = wick(90.0, 101.0, last=(100.0, 100.0, 100.0, 100.0, 0.0))
    assert fill_lines(play(market, {0: [enter()]}))[1][1] == "liquidation"


def test_liquidation_takes_the_whole_position_whatever_the_volume():
    # 10% of 20 units would let 2 through.
    rows = [FLAT, FLAT, (100, 101, 99, 100, 20), FLAT]
    market = table(candles(rows), marks([FLAT, FLAT, (100, 101, 90, 100), FLAT]))
    outcome = play(market, {0: [enter()]}, venue={"participation_cap": 0.1})
    assert fill_lines(outcome)[1][2] == -10.0


def test_liquidation_cancels_every_order_of_the_plan():
    market = table(
        candles([FLAT, FLAT, FLAT, (100, 120, 40, 100), FLAT]),
        marks([FLAT, FLAT, (100, 101, 90, 100), FLAT, FLAT]),
    )
    outcome = play(market, {0: [enter(targets=(Target(110.0, 1.0),))]})
    assert [line[1] for line in fill_lines(outcome)] == ["entry", "liquidation"]
    assert {o.role: o.status for o in outcome.orders} == {
        "entry": "filled",
        "stop": "cancelled",
        "target": "cancelled",
        "liquidation": "filled",
    }


# Money: never more than the isolated margin.


def test_the_fee_comes_out_of_the_margin_that_remains_and_the_rest_is_a_memo():
    outcome = play(wick(90.0, 101.0), {0: [enter()]}, venue=FEE)
    # Loss 10 x (100 - 90.3614) = 96.3855, left 3.6145; the fee 903.614 x 1.25% = 11.2952.
    assert amounts(outcome, "trade") == [0.0, pytest.approx(-96.385542)]
    assert amounts(outcome, "liquidation_fee") == [pytest.approx(-3.614458)]
    assert amounts(outcome, "venue_loss") == [pytest.approx(11.295181 - 3.614458)]
    assert outcome.curve.equity[-1] == pytest.approx(99_900.0)


def test_a_fee_below_what_remains_leaves_the_rest_to_the_trader():
    outcome = play(wick(90.0, 101.0), {0: [enter()]}, venue={"liquidation_fee_bps": 10})
    # 100,000 - 96.3855 - 903.614 x 0.1% = 99,902.7108
    assert outcome.curve.equity[-1] == pytest.approx(100_000 - 96.385542 - 0.903614)
    assert amounts(outcome, "venue_loss") == []


@pytest.mark.parametrize(("direction", "gap"), [(1, 85.0), (-1, 115.0)])
def test_a_mark_that_opens_past_the_price_liquidates_there_and_the_loss_stops_at_the_margin(
    direction, gap
):
    low, high = min(gap, 100.0), max(gap, 100.0)
    market = table(
        candles([FLAT, FLAT, FLAT, FLAT]), marks([FLAT, FLAT, (gap, high, low, 100), FLAT])
    )
    outcome = play(market, {0: [enter(direction)]}, venue=FEE)
    # A loss of 10 x 15 = 150: the margin pays 100, the venue 50 and its own fee of 1.25%.
    assert fill_lines(outcome)[1] == (2.0, "liquidation", -10.0 * direction, gap)
    assert outcome.fills[1].realized == pytest.approx(-150.0)
    assert outcome.fills[1].fee == 0.0
    assert amounts(outcome, "trade")[1] == pytest.approx(-100.0)
    assert amounts(outcome, "venue_loss") == [
        pytest.approx(50.0),
        pytest.approx(10 * gap * 0.0125),
    ]
    assert outcome.curve.equity[-1] == pytest.approx(99_900.0)


def test_entry_fee_and_funding_already_paid_are_lost_beside_the_margin():
    market = table(
        candles([FLAT] * 5),
        marks([FLAT, FLAT, FLAT, (100, 101, 80, 100), FLAT]),
        funding_records([(hour(2), 0.001)]),
    )
    outcome = play(market, {0: [enter()]}, venue={**FEE, "taker_fee_bps": 5})
    # Margin 100, entry fee 10 x 100 x 0.05% = 0.5, funding 1,000 x 0.1% = 1.
    assert outcome.curve.equity[-1] == pytest.approx(100_000 - 100 - 0.5 - 1.0)


# Stop or liquidation: the nearer to its own path's open.

BOTH = (100.0, 101.0, 80.0, 100.0)


@pytest.mark.parametrize(
    ("mark_open", "stop", "role"),
    [
        (100.0, 95.0, "stop"),  # 5.0 away from 100; the liquidation 9.64
        (100.0, 85.0, "liquidation"),  # 15 away
        (96.0, 94.0, "liquidation"),  # stop 6.0 from 100 on the last, 5.64 from 96 on the mark
        (97.0, 94.0, "stop"),  # 6.0 against 6.64
    ],
)
def test_of_stop_and_liquidation_the_one_nearer_to_its_own_open_wins(mark_open, stop, role):
    market = table(
        candles([FLAT, FLAT, BOTH, FLAT]), marks([FLAT, FLAT, (mark_open, 101, 80, 100), FLAT])
    )
    assert fill_lines(play(market, {0: [enter(stop=stop)]}))[1][1] == role


def test_a_short_stop_nearer_than_liquidation_wins():
    high = (100.0, 120.0, 99.0, 100.0)
    market = table(candles([FLAT, FLAT, high, FLAT]), marks([FLAT, FLAT, high, FLAT]))
    assert fill_lines(play(market, {0: [enter(-1, stop=105.0)]}))[1][1] == "stop"
    assert fill_lines(play(market, {0: [enter(-1, stop=112.0)]}))[1][1] == "liquidation"


def test_at_equal_distance_it_is_liquidation():
    # Leverage setting 2, rate 20%: P = (1,000 - 500) / (10 x 0.8) = 62.5, where the stop lies too.
    deep = (100.0, 101.0, 60.0, 100.0)
    market = table(candles([FLAT, FLAT, deep, FLAT]), marks([FLAT, FLAT, deep, FLAT]))
    outcome = play(
        market,
        {0: [enter(stop=62.5)]},
        account={"leverage_setting": 2},
        venue={"maintenance": (MaintenanceBracket(floor=0, rate=0.2),)},
    )
    assert fill_lines(outcome)[1] == (3.0, "liquidation", -10.0, 62.5)


def test_when_both_are_passed_at_the_open_it_is_liquidation_at_the_marks_open():
    gap = (85.0, 86.0, 84.0, 85.0)
    market = table(candles([FLAT, FLAT, gap, gap]), marks([FLAT, FLAT, (85.5, 86, 84, 85), gap]))
    assert fill_lines(play(market, {0: [enter(stop=95.0)]}))[1] == (2.0, "liquidation", -10.0, 85.5)


def test_a_stop_gapped_through_at_the_open_saves_from_liquidation_later_in_the_bar():
    last = (94.0, 95.0, 80.0, 90.0)
    market = table(candles([FLAT, FLAT, last, FLAT]), marks([FLAT, FLAT, last, FLAT]))
    assert fill_lines(play(market, {0: [enter(stop=95.0)]}))[1] == (2.0, "stop", -10.0, 94.0)


@pytest.mark.parametrize("kind", [OrderKind.MARKET, OrderKind.LIMIT])
def test_an_entry_can_be_liquidated_in_its_own_bar(kind):
    entry = enter(kind=kind, price=None if kind is OrderKind.MARKET else 99.5)
    market = table(candles([FLAT, FLAT, FLAT]), marks([FLAT, (100, 101, 85, 100), FLAT]))
    assert [line[:2] for line in fill_lines(play(market, {0: [entry]}))] == [
        (1.0 if kind is OrderKind.MARKET else 2.0, "entry"),
        (2.0, "liquidation"),
    ]


# Marks coarser, finer and absent.


@pytest.mark.parametrize(
    ("last_low", "mark_low", "liquidated"),
    [
        # Ratio known at 01:00: mark 101 / last 100 = 1.01.
        (89.0, 88.0, True),  # 89.0 x 1.01 = 89.89, inside the hour's range, below 90.36
        (89.6, 88.0, False),  # 89.6 x 1.01 = 90.496
        (89.0, 91.0, False),  # 89.89 is below the hour's own low of 91
    ],
)
def test_under_coarser_marks_the_last_price_times_the_known_ratio_is_clipped_to_the_marks_range(
    last_low, mark_low, liquidated
):
    half_hours = [FLAT, FLAT, (100, 101, last_low, 100), FLAT, FLAT, FLAT]
    market = table(
        candles(half_hours, timeframe="30m"),
        marks([(101, 102, 100, 101), (101, 103, mark_low, 101), (101, 102, 100, 101)]),
    )
    outcome = play(market, {0: [enter()]})
    assert [line[1] for line in fill_lines(outcome)[1:]] == ["liquidation"] * liquidated
    assert (outcome.inferred_mark_bars, outcome.mark_bars) == (6, 6)


def test_finer_marks_are_the_venues_own():
    quarter = (100.0, 101.0, 99.0, 100.0)
    fine = [quarter] * 4 + [quarter, quarter, (100, 101, 90, 100), quarter] + [quarter] * 4
    market = table(candles([FLAT, FLAT, FLAT]), marks(fine, timeframe="15m"))
    outcome = play(market, {0: [enter()]})
    assert fill_lines(outcome)[1][:2] == (2.0, "liquidation")
    assert outcome.inferred_mark_bars == 0


def test_without_marks_the_last_price_stands_in_and_is_counted_as_inferred():
    market = table(candles([FLAT, FLAT, (100, 101, 90, 95), FLAT]))
    outcome = play(market, {0: [enter()]})
    assert fill_lines(outcome)[1] == (3.0, "liquidation", -10.0, pytest.approx(LONG_PRICE))
    assert outcome.inferred_mark_bars == outcome.mark_bars == 4


# Cross: the wallet stands behind every position.

CROSS = {"margin_mode": "cross", "venue_cash": 200.0}


@pytest.mark.parametrize(
    ("direction", "low", "high", "price"),
    [
        # Long (1,000 - 200) / 9.96 = 80.3213, short (1,000 + 200) / 10.04 = 119.5219.
        (1, 80.0, 101.0, 800 / 9.96),
        (-1, 99.0, 120.0, 1_200 / 10.04),
    ],
)
def test_a_cross_position_is_liquidated_when_the_whole_wallet_is_gone(direction, low, high, price):
    entry = enter(direction, stop=100.0 - 3.0 * direction)
    market = wick(low, high)
    outcome = play(market, {0: [entry]}, account=CROSS, venue=FEE)
    assert fill_lines(outcome)[1] == (3.0, "liquidation", -10.0 * direction, pytest.approx(price))
    # The fee of 1.25% is more than the 0.4% that remain: the wallet ends at zero, not below.
    assert outcome.curve.venue_cash[-1] == pytest.approx(0.0, abs=1e-9)
    assert play(wick(81.0, 119.0), {0: [entry]}, account=CROSS).fills[1:] == ()


def test_a_cross_position_gapped_past_zero_loses_the_wallet_and_no_more():
    market = table(candles([FLAT] * 4), marks([FLAT, FLAT, (70, 100, 70, 100), FLAT]))
    outcome = play(market, {0: [enter(stop=97.0)]}, account=CROSS, venue=FEE)
    # 10 x 30 = 300 against 200.
    assert outcome.curve.equity[-1] == pytest.approx(0.0, abs=1e-9)
    assert amounts(outcome, "venue_loss")[0] == pytest.approx(100.0)


@pytest.mark.parametrize(("low", "liquidated"), [(20.4, True), (20.5, False)])
def test_losses_of_one_cross_position_bring_the_liquidation_of_another_nearer(low, liquidated):
    # BTC: 10 at 100. ETH: 20 at 50, marked at 40: loss 200, its own requirement 800 x 0.4% = 3.2.
    # Wallet 1,000: (1,000 - (1,000 - 200 - 3.2)) / 9.96 = 203.2 / 9.96 = 20.4016 for BTC.
    half = (50.0, 50.5, 49.5, 50.0)
    fallen = (50.0, 50.5, 40.0, 40.0)
    market = table(
        candles([FLAT] * 4),
        marks([FLAT, FLAT, (100, 101, low, 100), FLAT]),
        candles([half] * 4, instrument=ETH.id),
        marks([half, fallen, (40, 41, 40, 40), (40, 41, 40, 40)], instrument=ETH.id),
    )
    outcome = play(
        market,
        {0: [enter(stop=85.0), enter(stop=45.0, instrument=ETH.id)]},
        account={"margin_mode": "cross", "venue_cash": 1_000.0},
    )
    gone = [fill for fill in outcome.fills if fill.role == "liquidation"]
    assert [(f.instrument, round(f.price, 4)) for f in gone] == [(PERP.id, 20.4016)] * liquidated


# The client's leverage arithmetic, through risk, broker and ledger.


def leveraged(leverage, direction, opens_at):
    """1,000 USD at ``leverage``; the next mark and last open at ``opens_at``."""
    flat = (50_000.0, 50_000.0, 50_000.0, 50_000.0)
    gap = (opens_at,) * 4
    market = table(candles([flat, flat, gap, gap]), marks([flat, flat, gap, gap]))
    return play(
        market,
        # The stop is near enough for risk to allow the size, and gapped through like everything.
        {0: [enter(direction, stop=50_000.0 * (1 - direction * 0.1 / leverage))]},
        notional=1_000.0 * leverage,
        account={"venue_cash": 1_000.0, "leverage_setting": leverage},
        venue=FEE,
    )


@pytest.mark.parametrize("direction", [1, -1])
def test_one_thousand_at_ten_times_controls_ten_thousand_and_ten_percent_lose_it(direction):
    outcome = leveraged(10, direction, 50_000.0 * (1 - direction * 0.10))
    entry, end = outcome.fills
    assert abs(entry.quantity) * entry.price == pytest.approx(10_000.0)
    assert entry.isolated_margin_after == pytest.approx(1_000.0)
    assert end.role == "liquidation"
    # 0.2 BTC x 5,000 = 1,000: the principal.
    assert end.realized == pytest.approx(-1_000.0)
    assert outcome.curve.equity[-1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(("leverage", "move"), [(20, 0.05), (50, 0.02), (100, 0.01)])
def test_at_20_50_and_100_times_five_two_and_one_percent_lose_the_principal(
    leverage, move, direction
):
    outcome = leveraged(leverage, direction, 50_000.0 * (1 - direction * move))
    assert [fill.role for fill in outcome.fills] == ["entry", "liquidation"]
    assert outcome.curve.equity[-1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("leverage", "liquidating", "harmless"),
    # Long P / entry = (1 - 1 / leverage) / 0.996: falls of 4.618%, 1.606% and 0.602%.
    [(20, 0.0462, 0.0461), (50, 0.0161, 0.0160), (100, 0.00603, 0.00602)],
)
def test_the_maintenance_margin_liquidates_before_the_principal_is_gone(
    leverage, liquidating, harmless
):
    assert leveraged(leverage, 1, 50_000.0 * (1 - liquidating)).fills[1].role == "liquidation"
    assert leveraged(leverage, 1, 50_000.0 * (1 - harmless)).fills[1].role == "stop"


# Properties, through the whole broker.

MOVES = st.floats(-0.6, 0.6)
LEVERAGES = st.integers(2, 100)
SIDES = st.sampled_from([1, -1])


def gap_and_wick(gap, wick_to):
    """Entry at 100 in row 1; the mark of row 2 opens at ``gap`` and also visits ``wick_to``."""
    opens, extreme = 100.0 * (1 + gap), 100.0 * (1 + wick_to)
    row = (opens, max(opens, extreme, 100.0), min(opens, extreme, 100.0), 100.0)
    return table(candles([FLAT] * 4), marks([FLAT, FLAT, row, FLAT]))


@settings(max_examples=60, deadline=None)
@given(MOVES, MOVES, LEVERAGES, SIDES, st.floats(0, 200), st.floats(0, 100))
def test_an_isolated_position_loses_at_most_its_margin_whatever_the_mark_does(
    gap, wick_to, leverage, direction, fee_bps, slippage_bps
):
    outcome = play(
        gap_and_wick(gap, wick_to),
        {0: [enter(direction)]},
        account={"leverage_setting": leverage},
        venue={
            "liquidation_fee_bps": fee_bps,
            "slippage": RangeSlippage(base_bps=slippage_bps, range_share=0, impact=0),
        },
    )
    margin = outcome.fills[0].isolated_margin_after
    cash = outcome.curve.venue_cash[-1]
    assert cash >= 100_000.0 - margin - 1e-6
    # What the venue could not collect is noted: booked loss and memo add up to the whole loss.
    if len(outcome.fills) == 2:
        end = outcome.fills[1]
        due = abs(end.quantity) * end.price * fee_bps * 1e-4
        memo = sum(amounts(outcome, "venue_loss"))
        assert 100_000.0 - cash + memo == pytest.approx(due - end.realized, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.floats(200.0, 5_000.0), LEVERAGES, SIDES)
def test_at_the_liquidation_price_what_is_left_is_the_maintenance_margin(
    notional, leverage, direction
):
    market = gap_and_wick(0.0, -0.6 * direction)
    outcome = play(
        market,
        {0: [enter(direction)]},
        notional=notional,
        account={"leverage_setting": leverage},
        venue={"maintenance": TWO_TIERS},
    )
    entry, end = outcome.fills
    assert end.role == "liquidation"
    tiers = build_tiers((row.floor, row.rate) for row in TWO_TIERS)
    required = maintenance_margin(abs(end.quantity) * end.price, tiers)
    left = entry.isolated_margin_after + end.realized
    # The fill is rounded to the tick of 1e-9.
    assert left == pytest.approx(required, abs=1e-6)
