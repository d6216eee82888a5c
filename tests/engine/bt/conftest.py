"""Plain Backtrader on a candle table, for the tests that show its number beside ours."""

from datetime import UTC, datetime

import backtrader as bt
import pytest


class PlainFeed(bt.feed.DataBase):
    """Backtrader's own bar-by-bar loading of rows of open, high, low, close, volume; hourly."""

    params = (("rows", ()),)

    def start(self):
        super().start()
        self.bar = 0

    def _load(self):
        if self.bar == len(self.p.rows):
            return False
        row = self.p.rows[self.bar]
        at = datetime.fromtimestamp(self.bar * 3_600, tz=UTC).replace(tzinfo=None)
        self.lines.datetime[0] = bt.date2num(at)
        for name, value in zip(("open", "high", "low", "close"), row, strict=False):
            getattr(self.lines, name)[0] = value
        self.lines.volume[0] = row[4] if len(row) > 4 else 1_000.0
        self.lines.openinterest[0] = 0.0
        self.bar += 1
        return True


class FillRecorder(bt.Strategy):
    """Calls ``script[bar](strategy)`` and keeps (bar, side, size, price) and equity a bar."""

    params = (("script", {}),)

    def __init__(self):
        self.fills, self.equity, self.rejected = [], [], 0

    def notify_order(self, order):
        if order.status in (order.Completed, order.Partial):
            bit = order.executed.exbits[-1]
            self.fills.append((len(self.data) - 1, bit.size, bit.price))
        self.rejected += order.status == order.Margin

    def next(self):
        self.equity.append(self.broker.getvalue())
        action = self.p.script.get(len(self.data) - 1)
        if action is not None:
            action(self)


def run_plain(rows, strategy=FillRecorder, *, cash=100_000.0, broker=None, prepare=None, **params):
    """Run a strategy over rows with Backtrader's own loop and broker; return the strategy."""
    cerebro = bt.Cerebro(stdstats=False)
    if broker is not None:
        cerebro.broker = broker
    cerebro.broker.setcash(cash)
    if prepare is not None:
        prepare(cerebro.broker)
    cerebro.adddata(PlainFeed(rows=rows))
    cerebro.addstrategy(strategy, **params)
    return cerebro.run()[0]


@pytest.fixture(scope="session")
def plain():
    return run_plain
