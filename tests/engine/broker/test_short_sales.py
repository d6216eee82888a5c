"""Shorts of borrowed shares by hand: cash, carry, dividends, forced covers, several at once."""

import numpy as np
import pytest

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.config.short_sale_terms import ShortSaleTerms
from engine.intents import Add, Enter, Transfer
from engine.testing import PERP, START, amounts, candles, fill_lines, series, table
from engine.trades import build_trades
from tests.engine.short_market import BILL, A, B, flat, hold, hours, kinds, run


def test_proceeds_are_cash_and_the_short_is_a_negative_value():
    # 100 sold at 50: 15,000 of cash less 5,000 of value; 48: 200 gained.
    outcome = run(hours({"AAA": flat(50, 50, 48)}), {0: hold(a=-0.5)})
    assert fill_lines(outcome) == [(1.0, "entry", -100.0, 50.0)]
    assert outcome.curve.brokerage_cash.tolist() == [10_000.0, 15_000.0, 15_000.0]
    assert outcome.curve.owned.tolist() == [0.0, -5_000.0, -4_800.0]
    assert outcome.curve.equity.tolist() == [10_000.0, 10_000.0, 10_200.0]
    assert outcome.curve.gross_notional.tolist() == [0.0, 5_000.0, 4_800.0]


def test_proceeds_pay_for_no_purchase():
    # Cash 15,000, 150% of 5,000 kept: 7,500 buy 75 of the 100 shares asked for.
    script = {0: hold(a=-0.5), 2: hold(b=1.0)}
    outcome = run(hours({"AAA": flat(*[50] * 5), "BBB": flat(*[100] * 5)}), script)
    assert fill_lines(outcome)[1:] == [(3.0, "entry", 75.0, 100.0)]
    assert outcome.orders[-1].end_reason == "free cash does not carry the rest"


def test_what_is_kept_moves_with_the_value_of_the_short():
    # At 60: cash 15,000, kept 1.5 x 6,000 = 9,000. 6,000 are free.
    script = {0: hold(a=-0.5), 3: hold(b=1.0)}
    outcome = run(hours({"AAA": flat(50, 50, 60, 60, 60), "BBB": flat(*[100] * 5)}), script)
    assert fill_lines(outcome)[1] == (4.0, "entry", 60.0, 100.0)


def test_a_short_takes_half_its_value_of_the_free_cash():
    # 1,000 free after 90 shares of B: half of 20 x 100 in the account's own cash.
    script = {0: hold(b=0.9), 2: hold(a=-0.5)}
    outcome = run(hours({"AAA": flat(*[100] * 5), "BBB": flat(*[100] * 5)}), script)
    assert [line[2] for line in fill_lines(outcome)] == [90.0, -20.0]


def test_purchases_and_short_sales_of_one_open_share_the_cash_by_one_factor():
    # 10,000 for 100 shares of B and half of 100 shares of A: 10,000 / 15,000 of each.
    outcome = run(
        hours({"AAA": flat(*[100] * 3), "BBB": flat(*[100] * 3)}), {0: hold(a=-1.0, b=1.0)}
    )
    assert [line[2] for line in fill_lines(outcome)] == [-66.0, 66.0]


def test_fee_and_rebate_accrue_on_the_value_at_a_days_end_and_are_paid_at_the_next():
    # 100 shares at 100, from the second day at 110: 0.1 and 1 a day on 10,000.
    closes = [100.0] * 30 + [110.0] * 43
    outcome = run(hours({"AAA": flat(*closes)}), {0: hold(a=-1.0)})
    # Nothing is booked of the third night: no day ends after it.
    assert kinds(outcome, "borrow_fee", "rebate") == [
        (48.0, "borrow_fee", -0.1),
        (48.0, "rebate", 1.0),
        (72.0, "borrow_fee", -0.11),
        (72.0, "rebate", 1.1),
    ]
    fact = next(fact for fact in outcome.facts if fact.kind == "borrow_fee")
    assert (fact.quantity, fact.price, fact.wallet) == (-100.0, 100.0, "brokerage")
    assert fact.rate == pytest.approx(0.0036)


def test_a_short_of_one_day_pays_for_no_night_that_it_does_not_hold():
    # Sold at hour 1, covered at hour 20 of the first day.
    outcome = run(hours({"AAA": flat(*[100] * 50)}), {0: hold(a=-1.0), 19: hold(a=0.0)})
    assert kinds(outcome, "borrow_fee", "rebate") == []


def test_the_collateral_earns_the_rebate_in_place_of_interest():
    # 20,000 of cash, 10,000 of it collateral: interest at 3.65% / 365 on the rest is 1 a day.
    bill = series([(START - 1, 3.65)], "CASH")
    market = hours({"AAA": flat(*[100] * 49)})
    market = Dataset(
        {**market.instruments, **table(bill).instruments}, {**market.channels, bill.key: bill}
    )
    outcome = run(market, {0: hold(a=-1.0)}, account={"interest_series": "CASH"})
    # The next day's interest is earned on yesterday's, too, and the rebate of the night comes.
    assert kinds(outcome, "interest", "rebate") == [
        (24.0, "interest", 1.0),
        (48.0, "interest", 1.0001),
        (48.0, "rebate", 1.0),
    ]


SESSIONS = sessions_between("XNYS", np.datetime64("2026-02-05"), np.datetime64("2026-02-12"))
OPENED, CLOSED = session_bounds("XNYS", SESSIONS)


def daily(closes: list[float], name: str = "AAA") -> Channel:
    """Return New York sessions from Thursday 2026-02-05 on."""
    rows = flat(*closes)
    count = len(rows)
    return candles(
        rows,
        instrument=name,
        timeframe="1d",
        opened_at=OPENED[:count].tolist(),
        closed_at=CLOSED[:count].tolist(),
    )


def test_a_weekend_is_paid_for_by_who_holds_over_it():
    funds = (A.model_copy(update={"calendar": "XNYS"}), B.model_copy(update={"calendar": "XNYS"}))
    market = table(
        daily([100.0] * 6),
        daily([100.0] * 6, "BBB"),
        series([(START, 3.6)], BILL),
        instruments=funds,
    )
    # A is held from Friday's open to Monday's, B from Monday's to Tuesday's.
    script = {0: hold(a=-0.5), 1: hold(a=0.0, b=-0.5), 2: hold(b=0.0)}
    outcome = run(market, script, clock=ChannelKey("AAA", ChannelKind.BARS, "1d"))
    paid = [(f.instrument, round(f.amount, 6)) for f in outcome.facts if f.kind == "rebate"]
    # 5,000 x 3.6% / 360 = 0.5 a day: three days for A, one for B.
    assert paid == [("AAA", 1.5), ("BBB", 0.5)]


@pytest.mark.parametrize(
    ("sold", "covered", "paid"),
    [
        # Sold before the ex-date's open at hour 5 and covered at it: the short owes the dividend.
        (0, 4, [-50.0]),
        # Sold at the ex-date's open: the buyer has no claim.
        (4, 8, []),
        (0, 8, [-50.0]),
        # Covered an hour before.
        (0, 3, []),
    ],
)
def test_the_short_pays_dividends_of_the_shares_it_owes_before_the_ex_dates_open(
    sold, covered, paid
):
    market = hours({"AAA": flat(*[50] * 12)}, {"AAA": [(5, 0.5)]})
    outcome = run(market, {sold: hold(a=-0.5), covered: hold(a=0.0)})
    assert amounts(outcome, "dividend") == paid
    trade = build_trades(outcome)[0]
    assert trade.income == sum(paid)
    assert trade.net_pnl == trade.gross_pnl + trade.income + trade.borrow_carry


def test_a_covered_short_is_a_trade_with_its_carry():
    market = hours({"AAA": flat(*[100] * 40, *[90] * 10)})
    outcome = run(market, {0: hold(a=-1.0), 40: hold(a=0.0)})
    (trade,) = build_trades(outcome)
    assert (trade.direction, trade.quantity, trade.gross_pnl) == (-1, 100.0, 1_000.0)
    # One night, 1.0 - 0.1, paid at the end of the day on which it was covered.
    assert trade.borrow_carry == pytest.approx(0.9)
    assert trade.net_pnl == pytest.approx(1_000.0 + trade.borrow_carry)
    assert outcome.curve.equity[-1] == pytest.approx(10_000.0 + trade.net_pnl)


# Forced covers. 100 shares sold at 100: cash 20,000, covered at 20,000 / 1.3 / 100 = 153.85.


def test_the_broker_covers_where_the_cash_is_130_percent_of_the_value():
    rows = [*flat(100, 100, 100), (150, 155, 149, 150, 1e6), *flat(150, 150)]
    outcome = run(hours({"AAA": rows}), {0: hold(a=-1.0)}, venue={"commission_bps": 10.0})
    _, covered = outcome.fills
    assert (covered.role, covered.quantity, covered.at) == (
        "liquidation",
        100.0,
        START + 4 * 3600 * 10**9,
    )
    # The commission of the sale, 10, has left the cash: 19,990 / 130, at the next tick.
    assert covered.raw_price == pytest.approx(19_990 / 130)
    assert covered.price == pytest.approx(153.77)
    # A broker charges its commission, not the venue's liquidation fee.
    assert covered.fee_rate == 0.001
    assert covered.reason == "maintenance margin breached"
    assert outcome.curve.equity[-1] == pytest.approx(19_990 - 15_377 - 15.377)


def test_a_gap_beyond_the_level_covers_at_the_open_and_may_leave_a_debt():
    rows = [*flat(100, 100, 100), (210, 215, 205, 210, 1e6), *flat(210, 210)]
    outcome = run(hours({"AAA": rows}), {0: hold(a=-1.0)})
    assert fill_lines(outcome)[1] == (3.0, "liquidation", 100.0, 210.0)
    # Nobody bears a part of the loss: 20,000 - 21,000.
    assert outcome.curve.equity[-1] == -1_000.0
    assert amounts(outcome, "venue_loss") == []


def test_a_stop_nearer_to_the_open_than_the_level_fills_first():
    rows = [*flat(100, 100), (100, 160, 100, 150, 1e6), *flat(150, 150)]
    entry = Enter("AAA", -1, stop=120.0, reason="short")
    free = {"risk_fraction": 0.2, "liquidation_distance": None}
    outcome = run(hours({"AAA": rows}), {0: [entry]}, risk=free)
    assert [line[1:] for line in fill_lines(outcome)] == [
        ("entry", -100.0, 100.0),
        ("stop", 100.0, 120.0),
    ]


def test_no_cover_in_a_halt_but_at_the_next_open_that_trades():
    halted = (170.0, 170.0, 170.0, 170.0, 0.0)
    rows = [*flat(100, 100, 100), halted, halted, (180, 180, 180, 180, 1e6), *flat(180, 180)]
    outcome = run(hours({"AAA": rows}), {0: hold(a=-1.0)})
    assert fill_lines(outcome)[1] == (5.0, "liquidation", 100.0, 180.0)


def test_two_shorts_share_the_cash_and_the_first_cover_saves_the_other():
    # 50 of A at 100 and 50 of B at 100: cash 20,000, value 10,000. B at 150, A rises.
    rows = {
        "AAA": [*flat(100, 100, 100), (100, 170, 100, 160, 1e6), *flat(160, 160)],
        "BBB": flat(100, 100, 150, 150, 150, 150),
    }
    outcome = run(hours(rows), {0: hold(a=-0.5, b=-0.5)})
    # A is covered where 20,000 = 1.3 x (50 P + 7,500): P = 157.69. Then 12,115 back B.
    covered = outcome.fills[2]
    assert (covered.instrument, covered.role) == ("AAA", "liquidation")
    assert covered.raw_price == pytest.approx((20_000 / 1.3 - 7_500) / 50)
    assert len(outcome.fills) == 3
    assert outcome.curve.equity[-1] == pytest.approx(20_000 - 50 * 157.70 - 7_500)


def test_a_part_of_a_short_is_covered_and_the_rest_keeps_its_entry():
    script = {0: hold(a=-1.0), 2: hold(a=-0.5)}
    outcome = run(hours({"AAA": flat(100, 100, 80, 80, 80)}), script)
    # Equity 12,000 at 80: half of it is 75 shares.
    assert fill_lines(outcome)[1] == (3.0, "exit", 25.0, 80.0)
    fill = outcome.fills[1]
    assert (fill.realized, fill.position_after, fill.average_entry_after) == (500.0, -75.0, 100.0)


def test_a_short_is_enlarged_at_the_mean_price():
    script = {0: hold(a=-0.5), 2: hold(a=-1.0)}
    outcome = run(hours({"AAA": flat(100, 100, 80, 80, 80)}), script)
    # Equity 11,000: 137 shares; (50 x 100 + 87 x 80) / 137.
    assert outcome.fills[1].average_entry_after == pytest.approx((5_000 + 87 * 80) / 137)


def test_a_perp_and_a_short_have_nothing_in_common():
    perp = candles(flat(*[100] * 6), instrument=PERP.id)
    market = hours({"AAA": flat(100, 100, 100, 100, 100, 100)})
    both = Dataset({**market.instruments, PERP.id: PERP}, {**market.channels, perp.key: perp})
    account = {"venue_cash": 1_000.0, "margin_mode": "cross"}
    script = {0: [*hold(a=-1.0), Enter(PERP.id, 1, stop=95.0, reason="long")]}
    outcome = run(both, script, account=account, clock=ChannelKey("AAA", ChannelKind.BARS, "1h"))
    alone = run(market, {0: hold(a=-1.0)}, account={"brokerage_cash": 11_000.0})
    assert len(outcome.fills) == 2
    assert amounts(outcome, "trade")[0] == pytest.approx(amounts(alone, "trade")[0])


def test_cash_that_is_kept_does_not_leave_the_brokerage():
    # 15,000 of cash, 7,500 kept: of 80% of the equity asked for, 7,500 go.
    script = {0: hold(a=-0.5), 2: [Transfer("venue", 0.8, "away")]}
    account = {"transfer_days": 0}
    outcome = run(hours({"AAA": flat(*[50] * 6)}), script, account=account)
    assert outcome.curve.venue_cash[-1] == 7_500.0


# Sizing from a stop.


def test_a_short_sale_is_sized_from_its_stop_and_its_forced_cover_lies_beyond():
    # Risk 20% of 10,000 over 10 a share: 200 shares. Covered two stop distances away, at 120,
    # where 10,000 + q x 100 = 1.3 x q x 120: 178 shares.
    entry = Enter("AAA", -1, stop=110.0, reason="short")
    risk = {"liquidation_distance": 2.0}
    outcome = run(hours({"AAA": flat(*[100] * 4)}), {0: [entry]}, risk=risk)
    decision = outcome.decisions[0]
    assert decision.binding_cap == "liquidation"
    assert (decision.quantity, decision.leverage_setting) == (178.0, 0)
    caps = dict(decision.caps)
    assert (caps["risk"], caps["cash"]) == (200.0, 200.0)
    assert caps["liquidation"] == pytest.approx(10_000 / 56)


def test_a_second_tranche_counts_the_first_in_its_cap():
    script = {
        0: [Enter("AAA", -1, stop=110.0, reason="short", fraction=0.5)],
        2: [Add("AAA", 0.5, "more")],
    }
    risk = {"liquidation_distance": 2.0}
    outcome = run(hours({"AAA": flat(*[100] * 6)}), script, risk=risk)
    assert [fill.quantity for fill in outcome.fills] == [-89.0, -89.0]


@pytest.mark.parametrize(
    ("account", "venue", "words"),
    [
        ({"short_sales": None}, {}, "write account.short_sales"),
        ({}, {"borrow_fee_bps": None}, "nobody states a borrow fee of AAA"),
    ],
)
def test_shares_that_nobody_lends_are_not_sold(account, venue, words):
    script = {0: [*hold(a=-0.5), Enter("AAA", -1, stop=110.0, reason="short")]}
    outcome = run(hours({"AAA": flat(*[100] * 3)}), script, account=account, venue=venue)
    assert [(d.outcome, d.blocked_by) for d in outcome.decisions] == [("rejected", "no short")] * 2
    assert all(words in d.reason for d in outcome.decisions)


def test_a_fee_of_the_run_file_comes_before_that_of_the_venue():
    account = {"short_sales": {"rebate_series": None, "borrow_fee_bps": {"AAA": 72.0}}}
    outcome = run(hours({"AAA": flat(*[100] * 49)}), {0: hold(a=-1.0)}, account=account)
    assert kinds(outcome, "borrow_fee") == [(48.0, "borrow_fee", -0.2)]
    with pytest.raises(ValueError, match=r"borrow_fee_bps of AAA must lie in \[0, 10000\]"):
        ShortSaleTerms(borrow_fee_bps={"AAA": -1.0})


def test_a_series_prices_the_loan_in_place_of_the_stated_fee():
    fee = series([(START - 1, 0.72), (START + 30 * 3600 * 10**9, 3.6)], "FEE")
    market = hours({"AAA": flat(*[100] * 97)})
    market = Dataset(
        {**market.instruments, **table(fee).instruments}, {**market.channels, fee.key: fee}
    )
    terms = {"rebate_series": None, "borrow_fee_series": {"AAA": "FEE"}}
    outcome = run(
        market, {0: hold(a=-1.0)}, account={"short_sales": terms}, venue={"borrow_fee_bps": None}
    )
    # 0.72% is 0.2 a day on 10,000; 3.6%, known at the end of the second day, is 1.
    assert kinds(outcome, "borrow_fee", "rebate") == [
        (48.0, "borrow_fee", -0.2),
        (72.0, "borrow_fee", -1.0),
        (96.0, "borrow_fee", -1.0),
    ]


def test_a_series_of_fees_that_begins_too_late_is_an_error_with_its_remedy():
    fee = series([(START + 30 * 3600 * 10**9, 0.72)], "FEE")
    market = hours({"AAA": flat(*[100] * 60)})
    market = Dataset(
        {**market.instruments, **table(fee).instruments}, {**market.channels, fee.key: fee}
    )
    terms = {"rebate_series": BILL, "borrow_fee_series": {"AAA": "FEE"}}
    with pytest.raises(CoverageError, match="FEE: no borrow fee of AAA is known by"):
        run(market, {0: hold(a=-1.0)}, account={"short_sales": terms})
