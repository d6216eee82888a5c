"""Run 200 pairs of stop and target in vectorbt, a column a set; orders fill at the next open."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt

from benchmarks.peers.measured_run import CASH, CROSSOVER
from benchmarks.peers.swept_levels import FEES, SLIPPAGE, Pair, sweep_main
from benchmarks.peers.vectorbt_program import held, signals


def trades(frame: pd.DataFrame, pairs: Sequence[Pair]) -> Any:
    """Return the trades of each pair."""
    entries, exits = (rows.vbt.signals.fshift(1) for rows in signals(frame["close"], CROSSOVER))
    stops, targets = np.array(pairs).T
    made = vbt.Portfolio.from_signals(
        frame["close"],
        entries,
        exits,
        price=frame["open"],
        open=frame["open"],
        high=frame["high"],
        low=frame["low"],
        sl_stop=stops[None, :],
        tp_stop=targets[None, :],
        stop_entry_price="fillprice",
        stop_exit_price="stoplimit",
        fees=FEES,
        slippage=SLIPPAGE,
        init_cash=CASH,
        freq="5min",
    )
    made.total_return()
    return made.trades.count()


if __name__ == "__main__":
    sweep_main(held, trades)
