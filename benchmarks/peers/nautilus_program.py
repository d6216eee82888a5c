"""Run the rules in NautilusTrader's backtest engine, on bars, with its own indicators."""

from decimal import Decimal
from typing import Any

import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model import BarType, Money, Venue
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from benchmarks.peers.measured_run import (
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

INSTRUMENT = TestInstrumentProvider.btcusdt_perp_binance()
BAR_TYPE = BarType.from_str(f"{INSTRUMENT.id}-5-MINUTE-LAST-EXTERNAL")


class NautilusOneUnit(Strategy):
    """Buys and sells one unit at the market."""

    def on_start(self) -> None:
        """Ask for bars."""
        self.subscribe_bars(BAR_TYPE)

    def send(self, side: OrderSide) -> None:
        """Send a market order of one unit."""
        size = INSTRUMENT.make_qty(1)
        self.submit_order(self.order_factory.market(INSTRUMENT.id, side, size))

    def is_long(self) -> bool:
        """True with a position."""
        return bool(self.portfolio.is_net_long(INSTRUMENT.id))


class NautilusCrossover(NautilusOneUnit):
    """The crossover."""

    def on_start(self) -> None:
        """Register the averages."""
        self.fast, self.slow = SimpleMovingAverage(FAST), SimpleMovingAverage(SLOW)
        self.before, self.seen = 0, 0
        for average in (self.fast, self.slow):
            self.register_indicator_for_bars(BAR_TYPE, average)
        super().on_start()

    def on_bar(self, bar: Any) -> None:
        """Buy up-crosses, sell at down-crosses."""
        self.seen += 1
        side = 1 if self.fast.value > self.slow.value else -1
        before, self.before = self.before, side
        if self.seen <= FIRST_ROW or before == side:
            return
        if side > 0 and not self.is_long():
            self.send(OrderSide.BUY)
        elif side < 0 and self.is_long():
            self.send(OrderSide.SELL)


class NautilusLowTurnover(NautilusOneUnit):
    """The low-turnover rule."""

    def on_start(self) -> None:
        """Begin to count."""
        self.seen = 0
        super().on_start()

    def on_bar(self, bar: Any) -> None:
        """Count bars."""
        side, self.seen = turnover_side(self.seen), self.seen + 1
        if side > 0 and not self.is_long():
            self.send(OrderSide.BUY)
        elif side < 0 and self.is_long():
            self.send(OrderSide.SELL)


STRATEGIES = {CROSSOVER: NautilusCrossover, LOW_TURNOVER: NautilusLowTurnover}


def held(bars: PeerBars) -> list[Any]:
    """Return the bars as the library's objects."""
    index = pd.to_datetime(bars.closed_at, utc=True)
    frame = pd.DataFrame(dict(bars.columns), index=index)
    made: list[Any] = BarDataWrangler(BAR_TYPE, INSTRUMENT).process(frame)
    return made


def run(bars: list[Any], rule: str) -> int:
    """Run a rule without logs and return its filled orders."""
    config = BacktestEngineConfig(
        logging=LoggingConfig(bypass_logging=True), risk_engine=RiskEngineConfig(bypass=True)
    )
    engine = BacktestEngine(config)
    engine.add_venue(
        Venue("BINANCE"),
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money(10_000_000, USDT)],
        default_leverage=Decimal(10),
    )
    engine.add_instrument(INSTRUMENT)
    engine.add_data(bars)
    engine.add_strategy(STRATEGIES[rule]())
    engine.run()
    filled = sum(1 for order in engine.cache.orders() if order.filled_qty > 0)
    engine.dispose()
    return filled


if __name__ == "__main__":
    main({"plain": PeerProgram(held, run)})
