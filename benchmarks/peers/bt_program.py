"""Run the rules in bt: a target weight at every signal, filled at the close of its bar."""

import bt
import numpy as np
import pandas as pd

from benchmarks.peers.measured_run import (
    CASH,
    CROSSOVER,
    FAST,
    FIRST_ROW,
    SLOW,
    PeerBars,
    PeerProgram,
    main,
    turnover_sides,
)


def held(bars: PeerBars) -> pd.DataFrame:
    """Return the closes as a frame."""
    return pd.DataFrame({"asset": bars.columns["close"]}, index=pd.to_datetime(bars.closed_at))


def signals(close: pd.Series, rule: str) -> pd.Series:
    """Return the target weight at the rows of signals, NaN elsewhere."""
    if rule == CROSSOVER:
        fast, slow = close.rolling(FAST).mean(), close.rolling(SLOW).mean()
        above = (fast > slow).to_numpy()
        change = np.diff(above.astype(int), prepend=0)
        change[:FIRST_ROW] = 0
    else:
        change = turnover_sides(len(close))
    weights = pd.Series(np.where(change > 0, 1.0, np.where(change < 0, 0.0, np.nan)), close.index)
    # A sale before the first purchase is no order.
    bought = (weights == 1.0).cumsum() > 0
    return weights.where(bought)


def run(frame: pd.DataFrame, rule: str) -> int:
    """Run a rule and return its transactions."""
    weights = signals(frame["asset"], rule).dropna().to_frame("asset")
    strategy = bt.Strategy(rule, [bt.algos.WeighTarget(weights), bt.algos.Rebalance()])
    test = bt.Backtest(
        strategy, frame, initial_capital=CASH, integer_positions=False, progress_bar=False
    )
    test.run()
    return len(test.strategy.get_transactions())


if __name__ == "__main__":
    main({"plain": PeerProgram(held, run)})
