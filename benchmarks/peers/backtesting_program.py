"""Run the rules in backtesting.py: orders of the next open, statistics included."""

from typing import Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import crossover
from numpy.typing import NDArray

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


def rolling_mean(values: NDArray[np.float64], window: int) -> Any:
    """Return the mean of the last values, as the library's own example does."""
    return pd.Series(values).rolling(window).mean()


class BacktestingCrossover(Strategy):
    """The crossover."""

    def init(self) -> None:
        """Compute the averages."""
        self.fast = self.I(rolling_mean, self.data.Close, FAST)
        self.slow = self.I(rolling_mean, self.data.Close, SLOW)

    def next(self) -> None:
        """Buy up-crosses, close at down-crosses."""
        if len(self.data) <= FIRST_ROW:
            return
        if not self.position:
            if crossover(self.fast, self.slow):
                self.buy(size=1)
        elif crossover(self.slow, self.fast):
            self.position.close()


class BacktestingLowTurnover(Strategy):
    """The low-turnover rule."""

    def init(self) -> None:
        """Nothing is computed."""

    def next(self) -> None:
        """Count bars."""
        side = turnover_side(len(self.data) - 1)
        if side > 0 and not self.position:
            self.buy(size=1)
        elif side < 0 and self.position:
            self.position.close()


STRATEGIES = {CROSSOVER: BacktestingCrossover, LOW_TURNOVER: BacktestingLowTurnover}


def held(bars: PeerBars) -> pd.DataFrame:
    """Return the bars as a frame with the names that the library wants."""
    columns = {name.title(): values for name, values in bars.columns.items()}
    return pd.DataFrame(columns, index=pd.to_datetime(bars.closed_at))


def run(frame: pd.DataFrame, rule: str) -> int:
    """Run a rule; a closed trade had two orders, an open one had one."""
    found = Backtest(frame, STRATEGIES[rule], cash=CASH).run()
    return 2 * len(found["_trades"]) + len(found["_strategy"].trades)


if __name__ == "__main__":
    main({"plain": PeerProgram(held, run)})
