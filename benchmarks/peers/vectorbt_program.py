"""Run the rules in vectorbt's ``from_signals``; ``work`` adds a stop, costs and statistics."""

from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt

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

WORK = {"sl_stop": 0.5, "fees": 0.0005, "slippage": 0.0002}


def held(bars: PeerBars) -> pd.DataFrame:
    """Return the bars as a frame."""
    return pd.DataFrame(dict(bars.columns), index=pd.to_datetime(bars.closed_at))


def signals(close: pd.Series, rule: str) -> tuple[Any, Any]:
    """Return the rows that buy and the rows that sell."""
    if rule == CROSSOVER:
        fast, slow = vbt.MA.run(close, FAST), vbt.MA.run(close, SLOW)
        begun = np.arange(len(close)) >= FIRST_ROW
        return fast.ma_crossed_above(slow) & begun, fast.ma_crossed_below(slow) & begun
    sides = pd.Series(turnover_sides(len(close)), close.index)
    return sides > 0, sides < 0


def run_plain(frame: pd.DataFrame, rule: str) -> int:
    """Run a rule and return its orders."""
    close = frame["close"]
    entries, exits = signals(close, rule)
    made = vbt.Portfolio.from_signals(close, entries, exits, init_cash=CASH, freq="5min")
    return int(made.orders.count())


def run_with_work(frame: pd.DataFrame, rule: str) -> int:
    """Run a rule with a stop at half the price, costs and the table of statistics."""
    close = frame["close"]
    entries, exits = signals(close, rule)
    prices = {name: frame[name] for name in ("open", "high", "low")}
    made = vbt.Portfolio.from_signals(
        close, entries, exits, init_cash=CASH, freq="5min", **prices, **WORK
    )
    made.stats()
    return int(made.orders.count())


if __name__ == "__main__":
    main({"plain": PeerProgram(held, run_plain), "work": PeerProgram(held, run_with_work)})
