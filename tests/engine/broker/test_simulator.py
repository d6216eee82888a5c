"""One account along the timeline: owned assets beside perps, two wallets, two clocks, cash."""

import numpy as np
import pytest

from data_feeds.instrument import Instrument, InstrumentKind
from engine.costs import RangeSlippage
from engine.intents import Enter, Exit, MoveStop
from engine.testing import (
    ETF,
    PERP,
    SPOT,
    amounts,
    candles,
    dividends,
    fill_lines,
    hour,
    play,
    series,
    table,
)

FLAT = (100.0, 101.0, 99.0, 100.0)
# New York sessions in winter, hours after Monday 00:00Z: 14:30 to 21:00.
SESSIONS = [14.5, 38.5, 62.5, 86.5]
BROKERAGE = {"venue_cash": 0.0, "brokerage_cash": 1_000.0}


def sessions(rows, instrument=ETF.id):
    opened = [hour(at) for at in SESSIONS[: len(rows)]]
    closed = [hour(at + 6.5) for at in SESSIONS[: len(rows)]]
    return candles(rows, instrument=instrument, timeframe="1d", opened_at=opened, closed_at=closed)


def enter(instrument, direction=1, stop=90.0, **more):
    return Enter(instrument, direction, stop=stop, reason="test", **more)


# Owned assets.


def test_an_etf_is_paid_in_full_from_the_brokerage_with_commission():
    market = table(sessions([FLAT, FLAT, (104, 105, 103, 104), FLAT]))
    script = {0: [enter(ETF.id)], 1: [Exit(ETF.id, "out")]}
    outcome = play(
        market,
        script,
        account={"venue_cash": 500.0, "brokerage_cash": 5_000.0},
        venue={"commission_bps": 1.0, "taker_fee_bps": 5.0},
    )
    # 10 x 100 = 1,000 and 0.10 commission; 10 x 104 = 1,040 and 0.104.
    assert [fill.quantity for fill in outcome.fills] == [10.0, -10.0]
    assert amounts(outcome, "trade") == [-1_000.0, 1_040.0]
    assert amounts(outcome, "fee") == pytest.approx([-0.10, -0.104])
    assert {fact.wallet for fact in outcome.facts if fact.instrument == ETF.id} == {"brokerage"}
    # At the close of session 1: cash 3,999.90 and 10 shares at 100.
    assert outcome.curve.brokerage_cash[1] == pytest.approx(3_999.90)
    assert outcome.curve.owned[1] == pytest.approx(1_000.0)
    assert outcome.curve.venue_cash[1] == 500.0
    assert outcome.curve.equity[-1] == pytest.approx(5_500 + 40 - 0.204)


def test_spot_is_paid_in_full_from_the_venue_wallet_and_is_never_liquidated():
    market = table(candles([FLAT, FLAT, (30, 40, 20, 30), FLAT], instrument=SPOT.id))
    outcome = play(market, {0: [enter(SPOT.id, stop=10.0)]}, account={"venue_cash": 10_000.0})
    assert fill_lines(outcome) == [(1.0, "entry", 10.0, 100.0)]
    assert outcome.fills[0].isolated_margin_after == 0.0
    # Cash 9,000 and 10 units at the close of 30.
    assert outcome.curve.equity.tolist() == [10_000.0, 10_000.0, 9_300.0, 10_000.0]


def test_owned_assets_have_no_leverage():
    market = table(sessions([FLAT, FLAT]))
    outcome = play(market, {0: [enter(ETF.id)]}, notional=5_000.0, account=BROKERAGE)
    # A notional cap of 50 shares, cash for 10.
    assert outcome.fills[0].quantity == 10.0
    assert outcome.decisions[0].binding_cap == "cash"


@pytest.mark.parametrize("instrument", [SPOT.id, ETF.id])
def test_owned_assets_cannot_be_sold_short(instrument):
    bars = [FLAT, FLAT]
    channel = sessions(bars) if instrument == ETF.id else candles(bars, instrument=instrument)
    outcome = play(table(channel), {0: [enter(instrument, -1, stop=110.0)]})
    assert (outcome.fills, outcome.decisions[0].blocked_by) == ((), "no short")


def test_a_perp_a_spot_and_an_etf_share_one_account_with_two_wallets():
    rows = [FLAT] * 42
    rows[41] = (100.0, 104.0, 100.0, 104.0)
    market = table(
        candles(rows), candles(rows, instrument=SPOT.id), sessions([(50, 51, 49, 50)] * 2)
    )
    outcome = play(
        market,
        # Row 23 closes on Tuesday 00:00Z; the session opens at 14:30Z.
        {23: [enter(PERP.id), enter(SPOT.id), enter(ETF.id, stop=45.0)]},
        account={"venue_cash": 10_000.0, "brokerage_cash": 10_000.0},
    )
    assert [(f.instrument, f.quantity, f.price) for f in outcome.fills] == [
        (PERP.id, 10.0, 100.0),
        (SPOT.id, 10.0, 100.0),
        (ETF.id, 20.0, 50.0),
    ]
    curve = outcome.curve
    # Perp: no cash moves. Spot: 1,000 from the venue. ETF: 20 x 50 from the brokerage.
    last = {name: getattr(curve, name)[-2] for name in ("venue_cash", "brokerage_cash")}
    assert last == {"venue_cash": 9_000.0, "brokerage_cash": 9_000.0}
    at = int(np.searchsorted(curve.at, hour(42)))
    assert (curve.unrealized[at], curve.owned[at]) == (40.0, 1_040.0 + 1_000.0)
    assert curve.equity[at] == 20_080.0
    total = curve.venue_cash + curve.brokerage_cash + curve.unrealized + curve.owned
    assert curve.equity == pytest.approx(total)


# Two clocks.


def test_an_etf_order_decided_by_a_btc_bar_during_a_session_fills_at_the_next_sessions_open():
    # Monday's session runs from 14:30 to 21:00. BTC's 15:00-16:00 bar (row 15) closes inside it.
    market = table(
        candles([FLAT] * 48),
        sessions([(80, 99, 70, 95), (103, 105, 102, 104)]),
    )
    outcome = play(market, {15: [enter(ETF.id, stop=85.0)]}, account=BROKERAGE)
    # Known price at the decision: none of Monday's, so there is nothing to size with.
    assert outcome.decisions[0].blocked_by == "price unknown"

    market = table(
        candles([FLAT] * 72),
        sessions([FLAT, (80, 99, 70, 95), (103, 105, 102, 104)]),
    )
    outcome = play(market, {39: [enter(ETF.id, stop=85.0)]}, account=BROKERAGE)
    # Decided Tuesday 16:00 with Monday's close of 100; filled at Wednesday's 14:30 open of 103:
    # 1,000 / 103 = 9.7, cut to 9 whole shares. Tuesday's own open of 80 is past, its range of
    # 70 to 99 is not touched, nor does Wednesday's price leak to an earlier stamp.
    assert outcome.decisions[0].entry_estimate == 100.0
    assert fill_lines(outcome) == [(62.5, "entry", 9.0, 103.0)]


def test_a_btc_order_decided_at_a_sessions_close_fills_at_btcs_next_open():
    market = table(
        sessions([FLAT, FLAT]), candles([(100 + i, 200, 50, 100 + i) for i in range(48)])
    )
    clock = next(iter(market.channels))
    outcome = play(market, {0: [enter(PERP.id, stop=40.0)]}, clock=clock, traded=[PERP.id])
    # The session closes at 21:00, where BTC's 22nd bar opens at 121.
    assert fill_lines(outcome)[0][::3] == (21.0, 121.0)


def test_a_stop_of_a_daily_etf_is_stamped_at_the_sessions_close_and_inferred():
    market = table(candles([FLAT] * 72), sessions([FLAT, FLAT, (100, 101, 88, 95)]))
    outcome = play(market, {22: [enter(ETF.id)]}, account=BROKERAGE)
    stop = outcome.fills[1]
    assert (stop.at, stop.price, stop.inferred) == (hour(69), 90.0, True)


def test_funding_guards_and_stops_run_between_the_decisions_of_a_slow_clock():
    # Decisions at daily closes only; the hourly stop is hit in between.
    hours = [FLAT] * 72
    hours[30] = (100.0, 101.0, 89.0, 95.0)
    market = table(sessions([FLAT] * 3), candles(hours))
    clock = next(iter(market.channels))
    outcome = play(
        market,
        {0: [enter(PERP.id)]},
        clock=clock,
        traded=[PERP.id],
        account={"leverage_setting": 5},
    )
    assert fill_lines(outcome)[1] == (31.0, "stop", -10.0, 90.0)


# Dividends and interest.


def test_a_dividend_is_paid_on_the_shares_held_before_the_ex_dates_open():
    ex_date = [(hour(SESSIONS[2]), 0.25)]
    market = table(sessions([FLAT] * 4), dividends(ex_date))
    held = play(market, {0: [enter(ETF.id)]}, account=BROKERAGE)
    assert amounts(held, "dividend") == [pytest.approx(2.5)]  # 10 x 0.25
    assert held.curve.brokerage_cash[-1] == pytest.approx(2.5)
    bought_that_morning = play(market, {1: [enter(ETF.id)]}, account=BROKERAGE)
    assert bought_that_morning.fills[0].at == hour(SESSIONS[2])
    assert amounts(bought_that_morning, "dividend") == []
    script = {0: [enter(ETF.id)], 1: [Exit(ETF.id, "out")]}
    sold_that_morning = play(market, script, account=BROKERAGE)
    assert sold_that_morning.fills[1].at == hour(SESSIONS[2])
    assert amounts(sold_that_morning, "dividend") == [pytest.approx(2.5)]


def test_brokerage_cash_earns_the_known_bill_rate_by_days_and_venue_cash_nothing():
    # 3.65% a year, known before the start: 100,000 x 0.0365 / 365 = 10.00 a day; on Tuesday the
    # rate of 7.30% published at Tuesday noon gives 100,010 x 0.0730 / 365 = 20.002.
    market = table(
        candles([FLAT] * 49),
        series([(hour(-5), 3.65), (hour(36), 7.30)], "DGS3MO"),
    )
    outcome = play(
        market,
        {},
        account={
            "venue_cash": 50_000.0,
            "brokerage_cash": 100_000.0,
            "interest_series": "DGS3MO",
        },
    )
    paid = [fact for fact in outcome.facts if fact.kind == "interest"]
    assert [(fact.at, fact.wallet) for fact in paid] == [
        (hour(24), "brokerage"),
        (hour(48), "brokerage"),
    ]
    assert [fact.amount for fact in paid] == pytest.approx([10.0, 20.002])
    assert outcome.curve.venue_cash[-1] == 50_000.0


def test_venue_cash_earns_its_own_series_where_one_is_named_and_margins_with_it():
    # 3.65% on the brokerage's 100,000: 10.00 a day. 7.30% on the venue's 50,000, of which 1,000 is
    # the margin of 100 units at 100: 10.00 a day. A gain of 100 x 10 is no cash and earns nothing.
    rows = [FLAT] * 3 + [(100, 110, 100, 110)] + [(110, 110, 110, 110)] * 45
    market = table(
        candles(rows),
        series([(hour(-5), 3.65)], "DGS3MO"),
        series([(hour(-5), 7.30)], "VENUE_RATE"),
    )
    account = {
        "venue_cash": 50_000.0,
        "brokerage_cash": 100_000.0,
        "interest_series": "DGS3MO",
        "venue_interest_series": "VENUE_RATE",
    }
    script = {0: [enter(PERP.id, stop=50.0)]}
    outcome = play(market, script, notional=10_000.0, account=account)
    paid = [fact for fact in outcome.facts if fact.kind == "interest"]
    assert [(fact.at, fact.wallet) for fact in paid] == [
        (hour(24), "brokerage"),
        (hour(24), "venue"),
        (hour(48), "brokerage"),
        (hour(48), "venue"),
    ]
    assert [f.amount for f in paid] == pytest.approx([10.0, 10.0, 10.001, 10.002])
    assert outcome.curve.unrealized[-1] == pytest.approx(1_000.0)
    # Off by default.
    quiet = play(
        market, script, notional=10_000.0, account={**account, "venue_interest_series": None}
    )
    assert {fact.wallet for fact in quiet.facts if fact.kind == "interest"} == {"brokerage"}


# Cash that does not suffice.


def test_an_entry_whose_open_gapped_up_is_cut_to_the_cash_there_is():
    market = table(candles([FLAT, (105, 106, 104, 105), FLAT], instrument=SPOT.id))
    outcome = play(market, {0: [enter(SPOT.id)]}, account={"venue_cash": 1_000.0})
    # 1,000 / 105 = 9.5238, down to 9.523; the rest is cancelled, nothing is borrowed.
    assert fill_lines(outcome) == [(1.0, "entry", 9.523, 105.0)]
    assert outcome.orders[0].status == "cancelled"
    assert outcome.orders[0].filled == 9.523
    assert outcome.curve.venue_cash.min() == pytest.approx(1_000 - 9.523 * 105)


def test_a_perp_entry_is_cut_to_what_margin_and_fee_leave():
    market = table(candles([FLAT, (105, 106, 104, 105), (105, 106, 104, 105)]))
    outcome = play(
        market,
        {0: [enter(PERP.id, stop=99.0)]},
        notional=1_000.0,
        account={"venue_cash": 101.0},
        venue={"taker_fee_bps": 5},
    )
    # Sized at 100: 101 / (10 + 0.1) = 10 units. At 105 one unit takes 10.5 margin + 0.0525 fee:
    # 101 / 10.5525 = 9.5712, down to 9.571.
    assert fill_lines(outcome) == [(1.0, "entry", 9.571, 105.0)]


def test_an_entry_that_cash_carries_no_lot_of_is_rejected_and_frees_the_instrument():
    market = table(sessions([FLAT, (105, 106, 104, 105), FLAT, FLAT]))
    account = {"venue_cash": 0.0, "brokerage_cash": 100.0}
    outcome = play(market, {0: [enter(ETF.id)], 2: [enter(ETF.id)]}, account=account)
    # One share at 100 was approved; at 105 none can be paid. The next plan may start at 100.
    assert [order.status for order in outcome.orders[:2]] == ["rejected", "cancelled"]
    assert fill_lines(outcome) == [(86.5, "entry", 1.0, 100.0)]


def test_exits_at_an_open_free_the_cash_that_entries_at_the_same_open_use():
    other = Instrument(
        id="SPY", kind=InstrumentKind.ETF, calendar="XNYS", tick_size=0.01, lot_size=1.0
    )
    market = table(
        sessions([FLAT, FLAT, FLAT]),
        sessions([FLAT, FLAT, (150, 151, 149, 150)], instrument="SPY"),
        instruments=[ETF, other],
    )
    # Half the cash is in QQQ; SPY is sized at 100 with the other half and opens at 150.
    outcome = play(
        market,
        {0: [enter(ETF.id)], 1: [Exit(ETF.id, "switch"), enter("SPY")]},
        notional=500.0,
        traded=["SPY", ETF.id],
        account=BROKERAGE,
    )
    assert [(f.instrument, f.quantity, f.price) for f in outcome.fills[1:]] == [
        (ETF.id, -5.0, 100.0),
        ("SPY", 5.0, 150.0),
    ]


# The window.


def test_a_market_order_of_the_last_bar_never_fills():
    outcome = play(table(candles([FLAT, FLAT])), {1: [enter(PERP.id)]})
    assert (outcome.fills, outcome.orders[0].status) == ((), "working")


def test_after_an_outage_the_order_fills_at_the_first_open_there_is():
    opened = [hour(at) for at in (0, 1, 5, 6)]
    rows = [FLAT, FLAT, (104, 105, 103, 104), FLAT]
    market = table(candles(rows, opened_at=opened))
    assert fill_lines(play(market, {1: [enter(PERP.id)]}))[0] == (5.0, "entry", 10.0, 104.0)


def test_costs_are_the_only_difference_between_a_flat_round_trip_and_nothing():
    market = table(candles([FLAT] * 4))
    script = {0: [enter(PERP.id)], 1: [Exit(PERP.id, "out")]}
    outcome = play(
        market,
        script,
        venue={
            "taker_fee_bps": 5,
            "slippage": RangeSlippage(base_bps=10, range_share=0, impact=0),
        },
    )
    # In at 100.1, out at 99.9: 10 x 0.2 = 2.00; fees 10 x (100.1 + 99.9) x 0.0005 = 1.00.
    assert outcome.curve.equity[-1] == pytest.approx(100_000 - 3.0)


def test_the_curve_has_one_row_a_bar_close_and_adds_up():
    market = table(candles([FLAT, (100, 104, 99, 103), (103, 104, 97, 98), FLAT]))
    outcome = play(market, {0: [enter(PERP.id)]})
    assert outcome.curve.at.tolist() == [hour(i) for i in (1, 2, 3, 4)]
    assert outcome.curve.unrealized.tolist() == [0.0, 30.0, -20.0, 0.0]
    assert outcome.curve.gross_notional.tolist() == [0.0, 1_030.0, 980.0, 1_000.0]


# A stop moved while a slow bar is open.


def moved_inside_a_session(low, *, stops, volume=1_000.0, venue=None):
    """Bought on Tuesday with a stop at 90; the stop is moved at 16:00 and later in the session."""
    tuesday = (100.0, 101.0, low, 99.0, volume)
    market = table(
        candles([FLAT] * 96), sessions([FLAT, tuesday, (97, 105, 96, 104), (104, 105, 103, 104)])
    )
    moves = {39 + i: [MoveStop(ETF.id, stop, "trail")] for i, stop in enumerate(stops)}
    script = {22: [enter(ETF.id)], **moves}
    return play(market, script, account={"brokerage_cash": 10_000.0}, venue=venue)


def stops_of(outcome):
    return [(o.price, o.status, o.end_reason) for o in outcome.orders if o.role == "stop"]


@pytest.mark.parametrize("stops", [[95.0], [92.0, 95.0]])
def test_a_session_that_reaches_the_stop_it_opened_with_is_stopped_there(stops):
    # 80 came before the move or after it; either way the stop of 90 or a nearer one was met.
    outcome = moved_inside_a_session(80.0, stops=stops)
    assert fill_lines(outcome)[1:] == [(45.0, "stop", -10.0, 90.0)]
    assert stops_of(outcome)[0][:2] == (90.0, "filled")
    assert {status for _, status, _ in stops_of(outcome)[1:]} == {"cancelled"}


@pytest.mark.parametrize("stops", [[98.0], [92.0, 98.0]])
def test_a_session_that_does_not_reach_it_hands_over_to_the_moved_stop_at_the_next_open(stops):
    # Tuesday's low of 91 lies between the old stop and the new one, which works from Wednesday:
    # the open of 97 is below 98.
    outcome = moved_inside_a_session(91.0, stops=stops)
    assert fill_lines(outcome)[1:] == [(62.5, "stop", -10.0, 97.0)]
    first, *_, last = [order for order in outcome.orders if order.role == "stop"]
    # It ends as of the last move, at 16:00 or 17:00.
    assert (first.status, first.end_reason) == ("cancelled", "moved")
    assert first.ended_at == last.decided_at == hour(39 + len(stops))
    assert last.status == "filled"


def test_what_volume_leaves_of_the_old_stop_is_sold_at_the_next_opens():
    # 1% of Monday's 1,000 lets 10 in at Tuesday's open, more than 1% of Tuesday's 500: nothing is
    # left for the stop inside that session. Then 1% of Tuesday's 500, and of Wednesday's 1,000.
    venue = {"participation_cap": 0.01}
    outcome = moved_inside_a_session(80.0, stops=[95.0], volume=500.0, venue=venue)
    assert fill_lines(outcome)[1:] == [(62.5, "stop", -5.0, 97.0), (86.5, "stop", -5.0, 104.0)]
    assert stops_of(outcome)[1][1:] == ("cancelled", "stop triggered")
