"""The bridge as Backtrader sees it: refusals, notifications, positions, values."""

from types import SimpleNamespace

import backtrader as bt
import pytest

from data_feeds.instrument import Wallet
from engine.bt.bridge_broker import BridgeBroker
from engine.bt.cerebro import BridgeStrategy, SeekingCerebro
from engine.errors import SimulationError
from engine.intents import Enter, Exit, Target
from engine.playbook_checks import outcome_difference
from engine.records import OrderKind
from engine.testing import PERP, candles, fill_lines, funding, hour, marks, play, table

FLAT = (100.0, 101.0, 99.0, 100.0)


@pytest.fixture
def broker():
    ledger = SimpleNamespace(booked={Wallet.VENUE: 1_000.0, Wallet.BROKERAGE: 250.0})
    session = SimpleNamespace(simulator=SimpleNamespace(ledger=ledger), equity=1_300.0)
    return BridgeBroker(SimpleNamespace(sessions=(session,)))


def enter(**more):
    return Enter(PERP.id, 1, stop=50.0, reason="test", **more)


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("extra", [{}, {"request": None}, {"request": "please"}])
def test_an_order_that_risk_did_not_approve_is_refused(broker, side, extra):
    with pytest.raises(SimulationError, match="only orders approved by the risk module"):
        getattr(broker, side)(owner=None, data=None, size=1.0, **extra)


def test_a_strategy_that_buys_behind_the_risk_modules_back_stops_the_run(monkeypatch):
    monkeypatch.setattr(BridgeStrategy, "next", lambda strategy: strategy.buy(size=1.0))
    with pytest.raises(SimulationError, match="return an intent"):
        play(table(candles([FLAT] * 3)), {})


def test_orders_are_not_cancelled_one_by_one(broker):
    with pytest.raises(SimulationError, match="Exit and MoveStop"):
        broker.cancel(None)


def test_cash_is_both_wallets_and_value_is_equity(broker):
    assert broker.getcash() == 1_250.0
    assert broker.getvalue() == broker.fundvalue == 1_300.0


def watch(monkeypatch, market, script, **sections):
    """Run a script with a strategy that keeps the notifications of Backtrader."""
    seen = SimpleNamespace(orders=[], trades=[], bars=[])

    def notify_order(strategy, order):
        seen.orders.append((order.getstatusname(), order.executed.size, order.executed.price))

    def notify_trade(strategy, trade):
        if trade.isclosed:
            seen.trades.append((trade.pnl, trade.pnlcomm))

    plain_next = BridgeStrategy.next

    def next_bar(strategy):
        data = strategy.data
        previous = data.close[-1] if len(data) > 1 else None
        position = strategy.getposition(data).size
        seen.bars.append((len(data), data.close[0] if len(data) else None, previous, position))
        plain_next(strategy)

    monkeypatch.setattr(BridgeStrategy, "notify_order", notify_order)
    monkeypatch.setattr(BridgeStrategy, "notify_trade", notify_trade)
    for name in ("next", "prenext", "nextstart"):
        monkeypatch.setattr(BridgeStrategy, name, next_bar)
    seen.outcome = play(market, script, **sections)
    return seen


def completed(seen):
    return [order[1:] for order in seen.orders if order[0] == "Completed"]


def test_backtrader_hears_of_every_fill_in_both_modes(monkeypatch):
    rows = [FLAT, FLAT, (100, 111, 99, 105), FLAT]
    script = {0: [enter(targets=(Target(110.0, 1.0),))]}
    seen = watch(monkeypatch, table(candles(rows)), script)
    assert fill_lines(seen.outcome) == [(1.0, "entry", 10.0, 100.0), (3.0, "target", -10.0, 110.0)]
    assert completed(seen) == [(10.0, 100.0), (-10.0, 110.0)] * 2
    # Backtrader's own trade record: 10 x 10, no fees in this table.
    assert seen.trades == [(100.0, 100.0)] * 2


def test_backtraders_trade_record_carries_our_fees(monkeypatch):
    script = {0: [enter()], 1: [Exit(PERP.id, "out")]}
    seen = watch(monkeypatch, table(candles([FLAT] * 4)), script, venue={"taker_fee_bps": 5})
    # In and out at 100: fees of 0.5 twice.
    assert seen.trades == [(0.0, pytest.approx(-1.0))] * 2


def test_backtrader_hears_of_a_liquidation_that_nobody_ordered(monkeypatch):
    market = table(candles([FLAT] * 4), marks([FLAT, FLAT, (100, 101, 90, 100), FLAT]))
    seen = watch(monkeypatch, market, {0: [enter()]})
    # 900 / 9.96 = 90.3614, sold in ticks of 0.1.
    assert completed(seen)[1] == (-10.0, 90.3)


def test_a_rejected_entry_is_told_as_rejected(monkeypatch):
    market = table(candles([FLAT, (130, 131, 129, 130), FLAT]))
    # Sized at 100 with all cash in the smallest lot of 0.001, at 130 nothing is affordable.
    account = {"venue_cash": 0.0101, "leverage_setting": 10}
    seen = watch(monkeypatch, market, {0: [Enter(PERP.id, 1, 99.0, "test")]}, account=account)
    assert [order[0] for order in seen.orders].count("Rejected") == 2


def test_lines_have_the_values_of_the_stock_loop_at_every_visit(monkeypatch):
    closes = [100.0 + i for i in range(6)]
    rows = [(c, c + 1, c - 1, c) for c in closes]
    seen = watch(monkeypatch, table(candles(rows)), {1: [enter()]})
    dense = seen.bars[len(seen.bars) // 2 :]
    # The first instant is the first open: no bar is known. Then len(data), data[0] and data[-1].
    assert dense[0][:3] == (0, None, None)
    assert [bar[:3] for bar in dense[1:]] == [
        (i + 1, closes[i], closes[i - 1] if i else None) for i in range(6)
    ]
    # Bought at the open after row 1; the position is there at the close of row 2.
    assert [bar[3] for bar in dense[1:]] == [0.0, 0.0] + [pytest.approx(1_000 / 101, abs=1e-3)] * 4


def test_a_payment_shows_in_the_equity_of_the_close_after_it():
    market = table(candles([FLAT] * 4), funding([(hour(2), 0.001)]))
    outcome = play(market, {0: [enter()]})
    # Paid at 02:00, after the mark of that close; the close of 03:00 shows it: 10 x 100 x 0.001.
    assert outcome.curve.equity.tolist() == [100_000.0, 100_000.0, 99_999.0, 99_999.0]


def test_orders_become_backtraders_objects_only_where_something_hears_of_them(monkeypatch):
    made = []
    plain_order = BridgeBroker._new_order

    def new_order(broker, *args):
        made.append(args)
        return plain_order(broker, *args)

    monkeypatch.setattr(BridgeBroker, "_new_order", new_order)
    rows = [FLAT, FLAT, (100, 111, 99, 105), FLAT]
    script = {0: [enter(targets=(Target(110.0, 1.0),))]}
    silent = play(table(candles(rows)), script)
    assert made == []
    heard = watch(monkeypatch, table(candles(rows)), script).outcome
    # Entry, stop and target, in the dense and in the sparse run.
    assert len(made) == 6
    assert not outcome_difference(silent, heard)


def test_an_analyzer_hears_of_orders_and_trades(monkeypatch):
    heard = []

    class Listener(bt.Analyzer):
        def notify_order(self, order):
            heard.append(order.getstatusname())

    plain_init = SeekingCerebro.__init__

    def init(cerebro, *args):
        plain_init(cerebro, *args)
        cerebro.addanalyzer(Listener)

    monkeypatch.setattr(SeekingCerebro, "__init__", init)
    play(table(candles([FLAT] * 4)), {0: [enter()], 1: [Exit(PERP.id, "out")]})
    # Entry and exit are filled and the stop is cancelled, in the dense and in the sparse run.
    assert heard == ["Completed", "Completed", "Canceled"] * 2


def test_an_exit_before_any_fill_cancels_the_entry_for_backtrader_too(monkeypatch):
    # A limit far below the market works until the exit, which has nothing to close.
    limit = Enter(PERP.id, 1, stop=50.0, reason="test", kind=OrderKind.LIMIT, price=60.0)
    script = {0: [limit], 1: [Exit(PERP.id, "out")]}
    seen = watch(monkeypatch, table(candles([FLAT] * 4)), script)
    # Entry, stop and exit, in the dense and in the sparse run.
    assert [order[0] for order in seen.orders] == ["Canceled"] * 6
