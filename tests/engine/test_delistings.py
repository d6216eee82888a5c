"""An instrument that is delisted inside the window: positions are settled, later entries refused.

The gone instrument has bars of its first hours only; another one trades on to the window's end.
"""

from datetime import date

import pytest
from pydantic import ValidationError

from data_feeds.dataset import Dataset
from data_feeds.delisting import Delisting
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import ChannelKey, ChannelKind
from engine.decision_terms import EndReason, RefusalRule
from engine.intents import Add, Enter, Exit, Target
from engine.records import FactKind, OrderKind
from engine.testing import (
    PERP,
    SPOT,
    START,
    candles,
    dividends,
    fill_lines,
    funding,
    hour,
    marks,
    play,
    series,
    table,
)
from tests.engine.inverse_market import XBT
from tests.engine.joint import play_together
from tests.engine.short_market import BILL, A, B, flat, hold, run

FIRST_DAY, SECOND_DAY = date(2026, 2, 2), date(2026, 2, 3)
FEE, BILL_RATE = 0.0036, 0.036


def ended(item: Instrument, price: float | None = None, last_day: date = FIRST_DAY) -> Instrument:
    """Return a record with a delisting."""
    record = Delisting(last_day=last_day, final_price=price, reason="bankruptcy")
    return item.model_copy(update={"delisted": record})


def funds(closes, price=None, *, hours=30, paid=(), last_day=FIRST_DAY, trades_on=False) -> Dataset:
    """Return a fund with a few hours of bars, delisted, and another one at 100 to the end."""
    return table(
        candles(flat(*closes), instrument="AAA"),
        candles(flat(*[100.0] * hours), instrument="BBB"),
        dividends([(hour(at), amount) for at, amount in paid], instrument="AAA"),
        series([(START - 3_600 * 10**9, 3.6)], BILL),
        instruments=(A if trades_on else ended(A, price, last_day), B),
    )


def settlements(outcome):
    """Return hours, quantity, price, fee, slippage and reason of the settlements."""
    orders = {order.order_id: order for order in outcome.orders}
    return [
        (
            (fill.at - START) / 3.6e12,
            fill.quantity,
            fill.price,
            fill.fee,
            fill.slippage,
            orders[fill.order_id].reason,
        )
        for fill in outcome.fills
        if fill.role == "settlement"
    ]


# An owned fund ------------------------------------------------------------------------------------


def test_a_worthless_fund_is_settled_at_zero_when_its_last_bar_closes():
    # Half of 10,000 buys 50 at 100; they end at 0, whatever the last bar says.
    outcome = run(funds([100.0] * 6, 0.0), {0: hold(a=0.5)}, venue={"commission_bps": 10.0})
    assert settlements(outcome) == [(6.0, -50.0, 0.0, 0.0, 0.0, "delisted: bankruptcy")]
    # 10,000 less the fee of 5 on the purchase, less 5,000.
    assert outcome.curve.equity[-1] == pytest.approx(4_995.0)
    assert len(outcome.curve.at) == 30


def test_without_a_final_price_the_close_of_the_last_bar_counts():
    outcome = run(funds([100.0] * 5 + [90.0]), {0: hold(a=0.5)})
    assert [line[:3] for line in settlements(outcome)] == [(6.0, -50.0, 90.0)]
    assert outcome.curve.equity[-1] == pytest.approx(9_500.0)


def test_the_settlement_is_booked_as_a_trade_without_a_fee():
    outcome = run(funds([100.0] * 6, 20.0), {0: hold(a=0.5)})
    last = [(f.kind, f.quantity, f.price, f.amount) for f in outcome.facts if f.at == hour(6)]
    assert last[0] == ("trade", -50.0, 20.0, 1_000.0)
    assert (last[1][0], last[1][3]) == ("fee", 0.0)


def test_a_last_bar_without_trades_still_has_a_close():
    market = table(
        candles([*flat(*[100.0] * 5), (100.0, 100.0, 100.0, 100.0, 0.0)], instrument="AAA"),
        candles(flat(*[100.0] * 30), instrument="BBB"),
        instruments=(ended(A), B),
    )
    outcome = play(
        market,
        {0: hold(a=0.5)},
        notional=None,
        account={"venue_cash": 0.0, "brokerage_cash": 10_000.0},
    )
    assert [line[:3] for line in settlements(outcome)] == [(6.0, -50.0, 100.0)]


def test_a_window_that_ends_before_the_last_day_is_over_knows_nothing_of_it():
    # 23 of 24 hours: the trading of the last day is not over.
    outcome = run(funds([100.0] * 6, 0.0, hours=23), {0: hold(a=0.5)})
    assert settlements(outcome) == []
    assert outcome.curve.equity[-1] == pytest.approx(10_000.0)


def test_the_last_days_dividend_is_paid_and_a_later_one_is_not():
    # 50 shares at 05:00 of the last day; at 06:00, its last close, nothing is held any more.
    outcome = run(funds([100.0] * 6, 10.0, paid=[(5, 2.0), (6, 3.0), (7, 4.0)]), {0: hold(a=0.5)})
    assert [f.amount for f in outcome.facts if f.kind == FactKind.DIVIDEND] == [100.0]
    assert outcome.curve.equity[-1] == pytest.approx(5_000.0 + 500.0 + 100.0)


# A borrowed short ---------------------------------------------------------------------------------


def test_a_short_is_settled_and_pays_its_lender_for_the_nights_it_was_held():
    # 50 sold at 100, and a close of 80 on the second day. The lender is paid at the end of the
    # second day for the first night; no night follows the settlement at 30 hours.
    market = funds([100.0] * 24 + [80.0] * 6, 20.0, hours=80, last_day=SECOND_DAY)
    outcome = run(market, {0: hold(a=-0.5)})
    assert [line[:3] for line in settlements(outcome)] == [(30.0, 50.0, 20.0)]
    fees = [(f.at, f.amount) for f in outcome.facts if f.kind == FactKind.BORROW_FEE]
    assert fees == [(hour(48), pytest.approx(-5_000.0 * FEE / 360))]
    rebates = [(f.at, f.amount) for f in outcome.facts if f.kind == FactKind.REBATE]
    assert rebates == [(hour(48), pytest.approx(5_000.0 * BILL_RATE / 360))]
    gained = 50 * (100 - 20) + 5_000 * (BILL_RATE - FEE) / 360
    assert outcome.curve.equity[-1] == pytest.approx(10_000.0 + gained)


# Perps --------------------------------------------------------------------------------------------

CALM = (100.0, 100.0, 100.0, 100.0)


def perp_market(closes, price=None, *, mark=None, paid=()) -> Dataset:
    """Return a perp with a few hours of bars, delisted, and a spot market to the end."""
    rows = [(100.0, max(100.0, c), min(100.0, c), c) for c in closes]
    channels = [candles(rows), candles([CALM] * 30, instrument=SPOT.id)]
    if mark is not None:
        channels.append(marks([(m, m, m, m) for m in mark]))
    if paid:
        channels.append(funding([(hour(at), rate) for at, rate in paid]))
    return table(*channels, instruments=(ended(PERP, price), SPOT))


def play_perp(market, direction=1, **more):
    stop = 50.0 if direction > 0 else 150.0
    script = {0: [Enter(PERP.id, direction, stop, "test")], **more.pop("script", {})}
    return play(market, script, clock=ChannelKey(PERP.id, ChannelKind.BARS, "1h"), **more)


@pytest.mark.parametrize(("direction", "gain"), [(1, -50.0), (-1, 50.0)])
def test_a_linear_perp_is_settled_in_quote(direction, gain):
    # 10 units at 100 and a final price of 95.
    outcome = play_perp(perp_market([100.0] * 6, 95.0), direction)
    assert [line[:3] for line in settlements(outcome)] == [(6.0, -10.0 * direction, 95.0)]
    assert outcome.curve.equity[-1] - outcome.curve.equity[0] == pytest.approx(gain)


def test_a_perp_without_a_final_price_is_settled_at_its_last_price_and_not_at_its_mark():
    outcome = play_perp(perp_market([100.0] * 5 + [97.0], mark=[100.0] * 5 + [98.0]))
    assert [line[2] for line in settlements(outcome)] == [97.0]


def test_a_settlement_beyond_the_margin_costs_the_margin_and_the_venue_the_rest():
    # 10 x 100 at 10x: a margin of 100. At 50 the loss is 500.
    outcome = play_perp(perp_market([100.0] * 6, 50.0))
    assert outcome.curve.equity[-1] - outcome.curve.equity[0] == pytest.approx(-100.0)
    lost = [f.amount for f in outcome.facts if f.kind == FactKind.VENUE_LOSS]
    assert lost == [pytest.approx(400.0)]


def test_funding_is_paid_up_to_the_last_bar_and_not_at_its_close():
    outcome = play_perp(perp_market([100.0] * 6, paid=[(5, 0.001), (6, 0.001), (7, 0.001)]))
    paid = [(f.at, f.amount) for f in outcome.facts if f.kind == FactKind.FUNDING]
    assert paid == [(hour(5), pytest.approx(-1.0))]


def test_an_inverse_perp_is_settled_in_its_coin():
    # 80,000 contracts at 8,000 are 10 BTC; at 10,000 they are 8.
    rows = [(8_000.0, 8_050.0, 7_950.0, 8_000.0, 1e6)]
    other = XBT.model_copy(update={"id": "XBTH"})
    market = table(
        candles(rows * 6, instrument=XBT.id),
        candles(rows * 30, instrument="XBTH"),
        instruments=(ended(XBT, 10_000.0), other),
    )
    outcome = play(
        market,
        {0: [Enter(XBT.id, 1, 4_000.0, "test")]},
        clock=ChannelKey(XBT.id, ChannelKind.BARS, "1h"),
        notional=10.0,
        account={"venue_cash": 100.0, "brokerage_cash": 0.0},
        venue={"general": ("maintenance",)},
    )
    assert [line[:3] for line in settlements(outcome)] == [(6.0, -80_000.0, 10_000.0)]
    assert outcome.curve.equity[-1] == pytest.approx(102.0)


def test_an_inverse_perp_cannot_be_settled_at_zero():
    record = ended(XBT, 0.0).model_dump()
    with pytest.raises(ValidationError, match="cannot be settled at 0"):
        Instrument.model_validate(record)


def test_only_what_can_be_held_is_delisted():
    record = Delisting(last_day=FIRST_DAY)
    with pytest.raises(ValidationError, match="index instruments are not delisted"):
        Instrument(id="IXIC", kind=InstrumentKind.INDEX, delisted=record)


# Orders -------------------------------------------------------------------------------------------


def test_stop_targets_and_a_waiting_exit_end_with_the_position():
    script = {5: [Exit(PERP.id, "too late")]}
    outcome = play(
        perp_market([100.0] * 6, 99.0),
        {0: [Enter(PERP.id, 1, 50.0, "test", targets=(Target(150.0, 1.0),))], **script},
        clock=ChannelKey(SPOT.id, ChannelKind.BARS, "1h"),
    )
    ends = [(order.role, order.end_reason, order.ended_at) for order in outcome.orders]
    # The exit of 06:00 has no position any more.
    assert ends == [
        ("entry", EndReason.FILLED, hour(1)),
        ("stop", EndReason.DELISTED, hour(6)),
        ("target", EndReason.DELISTED, hour(6)),
        ("settlement", EndReason.FILLED, hour(6)),
    ]
    late = outcome.decisions[-1]
    assert (late.intent, late.blocked_by) == ("exit", RefusalRule.NO_POSITION)


def test_a_stop_inside_the_last_bar_comes_before_the_settlement():
    market = perp_market([100.0] * 5 + [85.0], 99.0)
    outcome = play(
        market,
        {0: [Enter(PERP.id, 1, 95.0, "test")]},
        clock=ChannelKey(SPOT.id, ChannelKind.BARS, "1h"),
    )
    assert fill_lines(outcome)[-1] == (6.0, "stop", -10.0, 95.0)
    assert settlements(outcome) == []


def test_an_entry_that_never_filled_ends_with_the_instrument():
    resting = [Enter(PERP.id, 1, 50.0, "test", kind=OrderKind.LIMIT, price=90.0)]
    outcome = play(
        perp_market([100.0] * 6),
        {1: resting},
        clock=ChannelKey(SPOT.id, ChannelKind.BARS, "1h"),
    )
    assert {(order.end_reason, order.ended_at) for order in outcome.orders} == {
        (EndReason.DELISTED, hour(6))
    }
    assert outcome.fills == ()


@pytest.mark.parametrize("row", [5, 6, 20])
def test_an_entry_from_the_last_close_on_is_refused_by_name(row):
    outcome = play(
        perp_market([100.0] * 6),
        {row: [Enter(PERP.id, 1, 50.0, "again")]},
        clock=ChannelKey(SPOT.id, ChannelKind.BARS, "1h"),
    )
    (decision,) = outcome.decisions
    assert decision.blocked_by == RefusalRule.DELISTED
    assert "its last bar closed 2026-02-02T06:00Z (delisted: bankruptcy)" in decision.reason
    assert "(asked: again)" in decision.reason


def test_an_entry_before_the_last_close_is_approved_as_if_trading_went_on():
    outcome = play(
        perp_market([100.0] * 6),
        {4: [Enter(PERP.id, 1, 50.0, "in time")]},
        clock=ChannelKey(SPOT.id, ChannelKind.BARS, "1h"),
    )
    assert [d.outcome for d in outcome.decisions] == ["approved"]
    assert [line[0] for line in fill_lines(outcome)] == [5.0, 6.0]


def test_a_further_tranche_of_a_settled_plan_has_no_position():
    outcome = play(
        perp_market([100.0] * 6),
        {0: [Enter(PERP.id, 1, 50.0, "test", fraction=0.5)], 8: [Add(PERP.id, 0.5, "more")]},
        clock=ChannelKey(SPOT.id, ChannelKind.BARS, "1h"),
    )
    assert outcome.decisions[-1].blocked_by == RefusalRule.NO_POSITION


# Weights ------------------------------------------------------------------------------------------


def rebalanced(market: Dataset, *, risk=None):
    """Play half and half at first, and 60 to 40 after the delisting, at the other fund's clock."""
    return run(
        market,
        {0: hold(a=0.5, b=0.5), 10: hold(a=0.6, b=0.4)},
        clock=ChannelKey("BBB", ChannelKind.BARS, "1h"),
        risk=risk or {},
    )


def test_the_weight_of_a_delisted_fund_is_refused_and_stays_in_cash():
    outcome = rebalanced(funds([100.0] * 6, 0.0))
    refused = [d for d in outcome.decisions if d.blocked_by]
    assert [(d.instrument, d.blocked_by) for d in refused] == [("AAA", RefusalRule.DELISTED)]
    assert "its weight stays in cash of the brokerage wallet" in refused[0].reason
    # 40% of the 5,000 that are left: 30 of 50 are sold.
    assert fill_lines(outcome)[-1] == (11.0, "exit", -30.0, 100.0)


def test_no_cap_counts_the_weight_of_a_delisted_fund():
    # Of 0.6 + 0.4 a cap of 0.5 would halve both; with the fund in cash, 0.4 is within it.
    outcome = rebalanced(funds([100.0] * 6), risk={"leverage_cap": 0.5})
    # 0.25 each of 10,000 at first: 25 shares. Then 40% of 10,000.
    assert fill_lines(outcome)[-1] == (11.0, "entry", 15.0, 100.0)


def test_a_book_of_delisted_weights_alone_holds_cash():
    outcome = run(
        funds([100.0] * 6),
        {0: hold(a=0.5), 10: hold(a=1.0)},
        clock=ChannelKey("BBB", ChannelKind.BARS, "1h"),
    )
    assert outcome.decisions[-1].blocked_by == RefusalRule.DELISTED
    assert outcome.curve.equity[-1] == pytest.approx(10_000.0)


# An account of two sleeves ------------------------------------------------------------------------


def test_each_sleeve_settles_its_own_position():
    market = perp_market([100.0] * 6, 95.0)
    both = {"traded": (PERP.id, SPOT.id), "clock": ChannelKey(SPOT.id, ChannelKind.BARS, "1h")}
    outcome = play_together(
        market,
        {0: [Enter(PERP.id, 1, 50.0, "long")]},
        {2: [Enter(PERP.id, -1, 150.0, "short")], 9: [Enter(PERP.id, 1, 50.0, "gone")]},
        sections=(both, both),
        quiet=True,
    )
    long, short = outcome.sleeves
    assert [line[:3] for line in settlements(long)] == [(6.0, -10.0, 95.0)]
    assert [line[:3] for line in settlements(short)] == [(6.0, 10.0, 95.0)]
    assert short.decisions[-1].blocked_by == RefusalRule.DELISTED
    gains = [curve.equity[-1] - curve.equity[0] for curve in outcome.curves]
    assert gains == [pytest.approx(-50.0), pytest.approx(50.0)]
