"""Hold the two rules and the bars of the speed benchmarks, as playbooks of Riskoff.

An SMA 20/100 crossover (about one order per 74 bars) and a low-turnover rule (one order per 1,000
bars), over generated 5-minute bars. A run has sizing, slippage, fees, a protective stop on every
position, margin, ledger and journal. :mod:`benchmarks.peers` runs the rules in other libraries.
"""

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from benchmarks.peers.measured_run import (
    BARS_PER_ORDER,
    COLUMNS,
    CROSSOVER,
    FAST,
    FIRST_ROW,
    LOW_TURNOVER,
    SLOW,
    START_SECONDS,
)
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
from engine.run import RunResult

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SYMBOL, TIMEFRAME = "BTCUSDT-PERP", Timeframe("5m")
START = datetime.fromtimestamp(START_SECONDS, tz=UTC)
KEY = ChannelKey(SYMBOL, ChannelKind.BARS, TIMEFRAME.label)
MODES = ("dense", "sparse")
# Stated, so that a new default of the product changes no measurement.
SLIPPAGE = "range"


def price_columns(count: int) -> dict[str, Floats]:
    """Return open, high, low, close and volume of a random walk on a 0.1 tick, seed 1."""
    rng = np.random.default_rng(1)
    close = 30_000 * np.exp(np.cumsum(rng.normal(0, 0.001, count)))
    opens = np.concatenate([[30_000.0], close[:-1]])
    high = np.maximum(opens, close) * (1 + np.abs(rng.normal(0, 0.0005, count)))
    low = np.minimum(opens, close) * (1 - np.abs(rng.normal(0, 0.0005, count)))
    prices = [np.round(values, 1) for values in (opens, high, low, close)]
    return dict(zip(COLUMNS, [*prices, np.full(count, 1_000.0)], strict=True))


def bar_channel(columns: Mapping[str, Floats]) -> Channel:
    """Return the bars as a channel."""
    count = len(columns["close"])
    opened_at = START_SECONDS * 10**9 + TIMEFRAME.ns * np.arange(count, dtype=np.int64)
    closed_at = opened_at + TIMEFRAME.ns
    times = {"opened_at": opened_at, "closed_at": closed_at, "available_at": closed_at}
    return Channel(KEY, {**times, **columns, "label": np.full(count, 2, np.int8)})


class RuleParams(PlaybookParams):
    """The frequency of the low-turnover rule; the crossover has no parameter."""

    bars_per_order: int = Field(
        default=BARS_PER_ORDER, ge=1, description="bars between two orders of the low-turnover rule"
    )


RULE_PARAMS = RuleParams()


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
        change[:FIRST_ROW] = 0
        return change > 0, change < 0


class LowTurnover(Rule):
    """One order every ``bars_per_order`` bars, by turns in and out."""

    name = "benchmark_low_turnover"

    def rows(self, close: Floats) -> tuple[Mask, Mask]:
        """Rows counted from ``FIRST_ROW``."""
        apart = self.params.bars_per_order
        row = np.arange(len(close)) - FIRST_ROW
        return (row >= 0) & (row % (2 * apart) == 0), (row > 0) & (row % (2 * apart) == apart)


def _mean(values: Floats, window: int) -> Floats:
    total = np.cumsum(values)
    mean = np.full(len(values), np.nan)
    mean[window - 1 :] = (total[window - 1 :] - np.concatenate([[0.0], total[:-window]])) / window
    return mean


PLAYBOOKS: dict[str, type[Rule]] = {CROSSOVER: Crossover, LOW_TURNOVER: LowTurnover}


def simulated(
    bars: Channel, rule: type[Rule], mode: str = "sparse", params: RuleParams = RULE_PARAMS
) -> RunResult:
    """Prepare and simulate one rule and return the finished run, without the causality check."""
    instrument = Instrument(
        id=SYMBOL, kind=InstrumentKind.PERP, tick_size=0.1, lot_size=0.001, synthetic=True
    )
    dataset = Dataset({SYMBOL: instrument}, {KEY: bars})
    playbook = rule(params)
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
                "slippage": {"model": SLIPPAGE},
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


def filled_orders(run: RunResult) -> int:
    """Return the number of orders that filled."""
    return len({fill.order_id for fill in run.outcome.fills})


def check_seconds(bars: Channel, rule: type[Rule]) -> float:
    """Return the CPU seconds of the causality check of one sparse run."""
    run = simulated(bars, rule, "sparse")
    started = time.process_time()
    check_causality(run.playbook, run.dataset, run.requirements, run.signals, run.outcome)
    return time.process_time() - started
