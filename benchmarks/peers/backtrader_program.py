"""Run the rules in Backtrader as its user writes them; ``work`` adds what Riskoff always does.

That is a stop order for every position, commission, slippage, and analyzers of trades, drawdown and
returns.
"""

from typing import Any

import backtrader as bt
import pandas as pd

from benchmarks.peers.measured_run import (
    CASH,
    CROSSOVER,
    FAST,
    FIRST_ROW,
    LOW_TURNOVER,
    SLOW,
    PeerBars,
    PeerProgram,
    main,
    turnover_side,
)

ANALYZERS = (bt.analyzers.TradeAnalyzer, bt.analyzers.DrawDown, bt.analyzers.TimeReturn)


class OneUnitStrategy(bt.Strategy):
    """Buys and closes one unit and counts filled orders; with ``stops`` a stop order each time."""

    params = (("stops", False),)

    def __init__(self) -> None:
        self.filled = 0
        self.protection: Any = None

    def notify_order(self, order: Any) -> None:
        """Count a fill."""
        if order.status == order.Completed:
            self.filled += 1

    def enter(self) -> None:
        """Buy one unit."""
        self.buy(size=1)
        if self.p.stops:
            price = 0.5 * self.data.close[0]
            self.protection = self.sell(size=1, exectype=bt.Order.Stop, price=price)

    def leave(self) -> None:
        """Sell the position."""
        if self.protection is not None:
            self.cancel(self.protection)
        self.close()


class PlainCrossover(OneUnitStrategy):
    """The crossover as a Backtrader user writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.cross = bt.ind.CrossOver(bt.ind.SMA(period=FAST), bt.ind.SMA(period=SLOW))

    def next(self) -> None:
        """Buy up-crosses, close at down-crosses."""
        if len(self) <= FIRST_ROW:
            return
        if not self.position:
            if self.cross[0] > 0:
                self.enter()
        elif self.cross[0] < 0:
            self.leave()


class PlainLowTurnover(OneUnitStrategy):
    """The low-turnover rule as a Backtrader user writes it."""

    def next(self) -> None:
        """Count bars."""
        side = turnover_side(len(self) - 1)
        if side > 0 and not self.position:
            self.enter()
        elif side < 0 and self.position:
            self.leave()


STRATEGIES = {CROSSOVER: PlainCrossover, LOW_TURNOVER: PlainLowTurnover}


def held_frame(bars: PeerBars) -> pd.DataFrame:
    """Return the bars as a frame by their closes."""
    return pd.DataFrame(dict(bars.columns), index=pd.to_datetime(bars.closed_at))


def run_plain(frame: pd.DataFrame, rule: str) -> int:
    """Run a rule with Backtrader's own feed, indicators and broker."""
    return _run(frame, rule, work=False)


def run_with_work(frame: pd.DataFrame, rule: str) -> int:
    """Run a rule with stops, costs and analyzers."""
    return _run(frame, rule, work=True)


def _run(frame: pd.DataFrame, rule: str, *, work: bool) -> int:
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame))
    cerebro.addstrategy(STRATEGIES[rule], stops=work)
    cerebro.broker.setcash(CASH)
    if work:
        cerebro.broker.setcommission(commission=0.0005)
        cerebro.broker.set_slippage_perc(0.0002)
        for analyzer in ANALYZERS:
            cerebro.addanalyzer(analyzer)
    filled: int = cerebro.run()[0].filled
    return filled


if __name__ == "__main__":
    main(
        {
            "plain": PeerProgram(held_frame, run_plain),
            "work": PeerProgram(held_frame, run_with_work),
        }
    )
