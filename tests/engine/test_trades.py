"""Round trips from fills and ledger facts."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SimulationError
from engine.records import FactKind
from engine.trades import build_trades, unassigned_amount


def test_one_long_with_stop_half_target_and_funding_by_hand(new_book):
    book = new_book()
    book.decide(2.0, stop=90.0)
    book.fill("entry", 2.0, 100.0, raw_price=99.5, fee_rate=0.001)
    book.mark(105.0)
    book.fund(0.0001, mark=105.0)
    book.fill("target", -1.0, 110.0, fee_rate=0.001)
    book.mark(110.0)
    book.fill("stop", -1.0, 95.0, raw_price=96.0, fee_rate=0.001)
    book.mark(95.0)

    (trade,) = build_trades(book.outcome())

    # price profit: 1 x (110 - 100) + 1 x (95 - 100) = 5
    assert trade.gross_pnl == pytest.approx(5.0)
    # fees: 0.001 x (200 + 110 + 95) = 0.405; funding: -2 x 105 x 0.0001 = -0.021
    assert trade.fees == pytest.approx(0.405)
    assert trade.funding == pytest.approx(-0.021)
    assert trade.net_pnl == pytest.approx(5.0 - 0.405 - 0.021)
    # R = (100 - 90) x 2 = 20
    assert trade.initial_risk == pytest.approx(20.0)
    assert trade.r_multiple == pytest.approx((5.0 - 0.405 - 0.021) / 20.0)
    # slippage: bought 2 at 0.5 above the raw price, sold 1 at 1.0 below it
    assert trade.slippage_cost == pytest.approx(2 * 0.5 + 1 * 1.0)
    assert trade.average_exit == pytest.approx(102.5)
    assert trade.exit_roles == "target+stop"
    assert (trade.bars_held, trade.duration_hours) == (3, 2.0)
    assert not trade.open_at_end


def test_average_entry_and_risk_cover_the_whole_plan_when_an_entry_fills_in_parts(new_book):
    book = new_book()
    book.decide(-3.0, stop=112.0)
    book.fill("entry", -1.0, 100.0)
    book.fill("entry", -2.0, 103.0)
    book.mark(100.0)
    book.fill("exit", 3.0, 99.0, fee_rate=0.0)
    book.mark(99.0)

    (trade,) = build_trades(book.outcome())

    # (1 x 100 + 2 x 103) / 3 = 102; R = (112 - 102) x 3 = 30; short profit 3 x (102 - 99) = 9
    assert trade.average_entry == pytest.approx(102.0)
    assert trade.initial_risk == pytest.approx(30.0)
    assert trade.gross_pnl == pytest.approx(9.0)
    assert (trade.direction, trade.quantity) == (-1, 3.0)


def test_a_liquidated_trade_loses_its_margin_and_not_what_the_venue_lost(new_book):
    book = new_book()
    book.decide(1.0, stop=80.0)
    book.fill("entry", 1.0, 100.0, fee_rate=0.0)
    book.mark(85.0)
    book.fill("liquidation", -1.0, 85.0, fee_rate=0.0, loss_limit=10.0)
    book.mark(85.0)

    (trade,) = build_trades(book.outcome())

    assert trade.liquidated
    assert trade.net_pnl == pytest.approx(-10.0)


def test_an_open_trade_is_valued_at_the_last_mark_and_has_no_exit(new_book):
    book = new_book()
    book.decide(2.0, stop=90.0)
    book.fill("entry", 2.0, 100.0, fee_rate=0.0)
    book.mark(104.0)

    (trade,) = build_trades(book.outcome())

    assert trade.open_at_end
    assert trade.exited_at == 0
    assert trade.net_pnl == pytest.approx(8.0)
    assert math.isnan(trade.average_exit)
    assert math.isnan(trade.duration_hours)


def test_the_reason_of_the_entry_is_not_a_reason_to_leave(new_book):
    book = new_book()
    book.decide(2.0, stop=90.0)
    book.fill("entry", 2.0, 100.0)
    book.fill("target", -1.0, 110.0)
    book.fill("stop", -1.0, 100.0)
    book.mark(100.0)
    outcome = book.outcome()
    reasons = ("reclaim", "reclaim", "breakeven after a target")
    orders = (replace(outcome.orders[0], reason="reclaim"), *outcome.orders[1:])
    fills = tuple(replace(f, reason=r) for f, r in zip(outcome.fills, reasons, strict=True))

    (trade,) = build_trades(replace(outcome, orders=orders, fills=fills))

    assert trade.exit_roles == "target+stop"
    assert trade.exit_reason == "breakeven after a target"


def test_two_open_plans_need_a_value_each(new_book):
    book = new_book()
    for _ in range(2):
        book.decide(1.0, stop=90.0)
        book.fill("entry", 1.0, 100.0, fee_rate=0.0)
    book.mark(101.0)

    with pytest.raises(SimulationError, match="2 plans are open"):
        build_trades(book.outcome())
    first, second = build_trades(replace(book.outcome(), open_values={1: 0.5, 2: 1.5}))
    assert (first.net_pnl, second.net_pnl) == (0.5, 1.5)


def test_a_plan_that_never_filled_is_no_trade(new_book):
    book = new_book()
    book.decide(1.0, stop=90.0)
    book.order("entry", 1, 1.0, status="rejected", filled=0.0)
    book.mark(100.0)
    assert build_trades(book.outcome()) == ()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["entry", "reduce", "close", "liquidate", "fund"]),
        st.floats(0.1, 5.0),
        st.floats(50.0, 150.0),
        st.floats(-0.01, 0.01),
    ),
    min_size=1,
    max_size=30,
)


@given(steps=STEPS, direction=st.sampled_from([1, -1]))
def test_trades_and_unassigned_cash_add_up_to_the_change_of_equity(new_book, steps, direction):
    book = new_book()
    for kind, size, price, rate in steps:
        if kind == "entry":
            if book.quantity == 0:
                book.decide(direction * size, stop=price * (1 - 0.1 * direction), price=price)
            book.fill("entry", direction * size, price)
        elif kind == "reduce" and abs(book.quantity) > size:
            book.fill("target", -direction * size, price, raw_price=price, fee_rate=-0.0002)
        elif kind in ("close", "liquidate") and book.quantity != 0:
            role = "liquidation" if kind == "liquidate" else "stop"
            book.fill(role, -book.quantity, price, loss_limit=20.0)
        elif kind == "fund":
            book.fund(rate, mark=price)
        book.mark(price)
    book._fact("interest", 1.25, plan_id=0)
    book.cash += 1.25
    book.mark(100.0)
    outcome = book.outcome()

    trades = build_trades(outcome)

    total = sum(trade.net_pnl for trade in trades) + unassigned_amount(
        outcome.facts, FactKind.INTEREST
    )
    assert total == pytest.approx(outcome.curve.equity[-1] - 10_000.0, abs=1e-7)
    for trade in trades:
        parts = trade.gross_pnl - trade.fees + trade.funding + trade.income
        assert trade.net_pnl == pytest.approx(parts, abs=1e-9)
