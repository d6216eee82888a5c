"""Measure bars per second, and the ratio to plain Backtrader in the same run.

    python -m benchmarks.event_loop [--bars 100000] [--rounds 5] [--slippage range] [--json FILE]

Two rules over the same generated 5-minute bars: an SMA 20/100 crossover (about one order per 72
bars) and a low-turnover rule (one order per 1,000 bars). Plain Backtrader runs them with its own
feed, indicators and broker; Riskoff runs them as a playbook with sizing, slippage, fees, ledger and
journal; the causality check of the signals is timed apart. Rounds alternate, so that a busy machine
slows all of them; CPU seconds are compared, and the median ratio of the rounds is reported. Peak
memory is measured in a process of its own.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import backtrader as bt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from engine.api import (
    AccountView,
    Enter,
    Exit,
    Intent,
    MarketView,
    Playbook,
    PlaybookParams,
    Requirements,
    Signals,
)
from engine.bt import SimulationInputs, simulate
from engine.causality import check_causality, prepare
from engine.config.models import RunConfig
from engine.costs.slippage_registry import model_names
from engine.decision_terms import DecisionOutcome
from engine.run import RunResult

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SYMBOL, TIMEFRAME = "BTCUSDT-PERP", Timeframe("5m")
FAST, SLOW = 20, 100
TURNOVER_BARS = 1_000
START = datetime(2020, 1, 1, tzinfo=UTC)
KEY = ChannelKey(SYMBOL, ChannelKind.BARS, TIMEFRAME.label)
MODES = ("dense", "sparse")
# Stated, so that a new default of the product changes no measurement.
SLIPPAGE = "range"


def make_bars(count: int) -> Channel:
    """Return a random walk of ``count`` bars on a 0.1 tick, seed 1."""
    rng = np.random.default_rng(1)
    close = 30_000 * np.exp(np.cumsum(rng.normal(0, 0.001, count)))
    opens = np.concatenate([[30_000.0], close[:-1]])
    high = np.maximum(opens, close) * (1 + np.abs(rng.normal(0, 0.0005, count)))
    low = np.minimum(opens, close) * (1 - np.abs(rng.normal(0, 0.0005, count)))
    opened_at = int(START.timestamp()) * 10**9 + TIMEFRAME.ns * np.arange(count)
    closed_at = opened_at + TIMEFRAME.ns
    prices = {"open": opens, "high": high, "low": low, "close": close}
    return Channel(
        KEY,
        {
            "opened_at": opened_at,
            "closed_at": closed_at,
            "available_at": closed_at,
            **{name: np.round(values, 1) for name, values in prices.items()},
            "volume": np.full(count, 1_000.0),
            "label": np.full(count, 2, np.int8),
        },
    )


class RuleParams(PlaybookParams):
    """No parameters: the rules are fixed."""


class Rule(Playbook[RuleParams]):
    """Long from each row of ``enter`` to the next row of ``leave``; subclasses name the rows."""

    Params = RuleParams

    @classmethod
    def requirements(cls, params: RuleParams) -> Requirements:
        """Bars only."""
        return Requirements(KEY, frozenset([KEY]), frozenset(), (SYMBOL,), SLOW)

    def prepare(self, data: Dataset) -> Signals:
        """Entry and exit rows; the close, half of which is the stop that sizing needs."""
        bars = data.bars(SYMBOL, TIMEFRAME.label)
        enter, leave = self.rows(bars["close"])
        values = {"enter": enter.astype(float), "leave": leave.astype(float)}
        return Signals(bars["available_at"], {**values, "close": bars["close"]}, (), enter, leave)

    @abstractmethod
    def rows(self, close: Floats) -> tuple[Mask, Mask]:
        """Return the entry and exit rows."""

    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        """Turn a wake into an order."""
        if account.is_flat(SYMBOL):
            if market.signal("enter"):
                return [Enter(SYMBOL, 1, 0.5 * market.signal("close"), "enter")]
        elif market.signal("leave"):
            return [Exit(SYMBOL, "leave")]
        return ()


class Crossover(Rule):
    """The fast average crosses the slow one: up to enter, down to leave."""

    name = "benchmark_crossover"

    def rows(self, close: Floats) -> tuple[Mask, Mask]:
        """Rows at which the averages have just crossed."""
        above = _mean(close, FAST) > _mean(close, SLOW)
        change = np.diff(above.astype(np.int8), prepend=np.int8(0))
        change[:SLOW] = 0
        return change > 0, change < 0


class LowTurnover(Rule):
    """One order every 1,000 bars, by turns in and out."""

    name = "benchmark_low_turnover"

    def rows(self, close: Floats) -> tuple[Mask, Mask]:
        """Rows counted from the first."""
        row = np.arange(len(close)) % (2 * TURNOVER_BARS)
        return row == SLOW, row == SLOW + TURNOVER_BARS


def _mean(values: Floats, window: int) -> Floats:
    total = np.cumsum(values)
    mean = np.full(len(values), np.nan)
    mean[window - 1 :] = (total[window - 1 :] - np.concatenate([[0.0], total[:-window]])) / window
    return mean


class PlainCrossover(bt.Strategy):
    """The crossover as a Backtrader user writes it."""

    def __init__(self) -> None:
        fast, slow = bt.ind.SMA(period=FAST), bt.ind.SMA(period=SLOW)
        self.cross = bt.ind.CrossOver(fast, slow)
        self.orders_sent = 0

    def next(self) -> None:
        """Buy up-crosses, close at down-crosses."""
        if not self.position and self.cross[0] > 0:
            self.buy(size=1)
            self.orders_sent += 1
        elif self.position and self.cross[0] < 0:
            self.close()
            self.orders_sent += 1


class PlainLowTurnover(bt.Strategy):
    """The low-turnover rule as a Backtrader user writes it."""

    def __init__(self) -> None:
        self.orders_sent = 0

    def next(self) -> None:
        """Count bars."""
        row = (len(self) - 1) % (2 * TURNOVER_BARS)
        if row == SLOW and not self.position:
            self.buy(size=1)
            self.orders_sent += 1
        elif row == SLOW + TURNOVER_BARS and self.position:
            self.close()
            self.orders_sent += 1


RULES: dict[str, tuple[type[Rule], type[bt.Strategy]]] = {
    "crossover": (Crossover, PlainCrossover),
    "low_turnover": (LowTurnover, PlainLowTurnover),
}


def run_plain(bars: Channel, strategy: type[bt.Strategy]) -> int:
    """Run plain Backtrader from a pandas frame; return the orders sent."""
    columns = {name: bars[name] for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame(columns, index=pd.to_datetime(bars["closed_at"]))
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame))
    cerebro.addstrategy(strategy)
    cerebro.broker.setcash(1e7)
    sent: int = cerebro.run()[0].orders_sent
    return sent


def simulated(bars: Channel, rule: type[Rule], mode: str, slippage: str = SLIPPAGE) -> RunResult:
    """Prepare and simulate one rule and return the finished run, without the causality check."""
    instrument = Instrument(
        id=SYMBOL, kind=InstrumentKind.PERP, tick_size=0.1, lot_size=0.001, synthetic=True
    )
    dataset = Dataset({SYMBOL: instrument}, {KEY: bars})
    playbook = rule(RuleParams())
    requirements = playbook.requirements(playbook.params)
    signals = prepare(playbook, dataset, requirements)
    end = datetime.fromtimestamp(int(bars["closed_at"][-1]) // 10**9, tz=UTC)
    config = RunConfig.model_validate(
        {
            "name": "benchmark",
            "mode": mode,
            "data": {"start": START, "end": end},
            "playbook": {"name": rule.name},
            "venue": {
                "maintenance": [{"floor": 0, "rate": 0.004}],
                "slippage": {"model": slippage},
            },
            "risk": {
                "risk_fraction": 0.05,
                "leverage_cap": 1.0,
                "cool_down": None,
                "max_trades_per_day": None,
                "drawdown": None,
                "daily_loss": None,
            },
        }
    )
    outcome = simulate(SimulationInputs(config, dataset, playbook, signals, requirements))
    return RunResult(config, dataset, playbook, requirements, signals, outcome)


def run_riskoff(bars: Channel, rule: type[Rule], mode: str, slippage: str = SLIPPAGE) -> int:
    """Run one rule; return the orders decided."""
    decisions = simulated(bars, rule, mode, slippage).outcome.decisions
    return sum(decision.outcome == DecisionOutcome.APPROVED for decision in decisions)


def check_seconds(bars: Channel, rule: type[Rule]) -> float:
    """Return the CPU seconds of the causality check of one sparse run."""
    run = simulated(bars, rule, "sparse")
    started = time.process_time()
    check_causality(run.playbook, run.dataset, run.requirements, run.signals, run.outcome)
    return time.process_time() - started


def cpu_seconds(job: Callable[[], int]) -> tuple[float, int]:
    """Return the CPU seconds of a job and its result."""
    started = time.process_time()
    result = job()
    return time.process_time() - started, result


def compare(count: int, rounds: int, slippage: str) -> dict[str, dict[str, float]]:
    """Return bars per order, bars a second and median ratios to plain Backtrader, by rule."""
    bars = make_bars(count)
    table = {}
    for name, (rule, plain) in RULES.items():
        for mode in MODES:
            run_riskoff(make_bars(2_000), rule, mode, slippage)
        seconds: dict[str, list[float]] = {"plain": [], **{mode: [] for mode in MODES}}
        orders = 0
        for _ in range(rounds):
            taken, orders = cpu_seconds(partial(run_plain, bars, plain))
            seconds["plain"].append(taken)
            for mode in MODES:
                taken, placed = cpu_seconds(partial(run_riskoff, bars, rule, mode, slippage))
                seconds[mode].append(taken)
                # The first days have no volatility estimate, so sizing refuses a few entries.
                if abs(placed - orders) > 3 + 0.01 * orders:
                    raise SystemExit(f"{name} {mode}: {placed} orders, plain Backtrader {orders}")
        row = {"bars": float(count), "bars_per_order": count / orders}
        for who, taken_list in seconds.items():
            row[f"{who}_bars_per_second"] = count / statistics.median(taken_list)
        row["check_seconds"] = statistics.median(check_seconds(bars, rule) for _ in range(rounds))
        for mode in MODES:
            pairs = zip(seconds["plain"], seconds[mode], strict=True)
            row[f"{mode}_over_plain"] = statistics.median(p / o for p, o in pairs)
        table[name] = row
    return table


def peak_mib(count: int, mode: str) -> float:
    """Return the peak resident memory of one run in a process of its own, MiB."""
    command = [sys.executable, "-m", "benchmarks.event_loop", "--bars", str(count)]
    done = subprocess.run([*command, "--peak", mode], check=True, capture_output=True, text=True)
    return float(done.stdout)


def own_peak_mib(count: int, mode: str) -> float:
    """Run the crossover here and return this process's peak resident memory, MiB.

    Linux's VmHWM is read where there is one: ``ru_maxrss`` also counts the parent's memory.
    """
    run_riskoff(make_bars(count), Crossover, mode)
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the table; write it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slippage", choices=model_names(), default=SLIPPAGE)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--peak", choices=MODES, help="print the peak memory of one run in MiB")
    options = parser.parse_args()
    if options.peak:
        print(own_peak_mib(options.bars, options.peak))
        return
    print(f"{options.slippage}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    table = compare(options.bars, options.rounds, options.slippage)
    for name, row in table.items():
        print(f"{name}: {options.bars:,} bars, one order per {row['bars_per_order']:.0f} bars")
        print(f"  plain Backtrader {row['plain_bars_per_second']:>12,.0f} bars/s")
        for mode in MODES:
            speed, ratio = row[f"{mode}_bars_per_second"], row[f"{mode}_over_plain"]
            print(f"  riskoff {mode:<9}{speed:>12,.0f} bars/s  {ratio:5.1f} x plain")
        print(f"  causality check {row['check_seconds']:.3f} s")
    memory = {mode: peak_mib(options.bars, mode) for mode in MODES}
    print("peak memory: " + ", ".join(f"{mode} {mib:,.0f} MiB" for mode, mib in memory.items()))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as stream:
            json.dump({"rules": table, "peak_mib": memory}, stream, indent=2)


if __name__ == "__main__":
    main()
