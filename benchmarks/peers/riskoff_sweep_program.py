"""Run pairs of stop and target in Riskoff's screening, by a rule file; daily equity included."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.event_loop import KEY, START, SYMBOL, bar_channel
from benchmarks.peers.measured_run import FAST, FIRST_ROW, SLOW, STEP_SECONDS, PeerBars
from benchmarks.peers.swept_levels import FEES, SLIPPAGE, Pair, sweep_main
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from engine.config.models import RunConfig
from engine.run import prepare_run
from engine.screening import Screening

FAST_MEAN, SLOW_MEAN = f"sma(btc.close, {FAST} bars)", f"sma(btc.close, {SLOW} bars)"
RULE_PARAMS = {
    "instruments": {"btc": f"{SYMBOL}@5m"},
    "clock": "btc@5m",
    "let": {"loss": 0.02, "gain": 0.02},
    "trades": {
        "cross": {
            "instrument": "btc",
            "enter": {"up": f"{FAST_MEAN} crosses above {SLOW_MEAN}"},
            "stop": "btc.close * (1 - loss)",
            "targets": [{"price": "btc.close * (1 + gain)", "fraction": 1}],
            "exit": {"down": f"{FAST_MEAN} crosses below {SLOW_MEAN}"},
        }
    },
}
# Sets per call of the kernel.
BATCH = 250


def hold(bars: PeerBars) -> Dataset:
    """Return the bars as a dataset."""
    perp = Instrument(
        id=SYMBOL, kind=InstrumentKind.PERP, tick_size=0.1, lot_size=0.001, synthetic=True
    )
    return Dataset({SYMBOL: perp}, {KEY: bar_channel(bars.columns)})


def run_config(data: Dataset) -> RunConfig:
    """Return the run that every set varies."""
    closed_at = data.channels[KEY]["closed_at"]
    first = datetime.fromtimestamp(int(START.timestamp()) + FIRST_ROW * STEP_SECONDS, tz=UTC)
    return RunConfig.model_validate(
        {
            "name": "swept",
            "data": {
                "start": first,
                "end": datetime.fromtimestamp(int(closed_at[-1]) // 10**9, tz=UTC),
            },
            "playbook": {"name": "rules", "params": RULE_PARAMS},
            "venue": {
                "maintenance": [{"floor": 0, "rate": 0.004}],
                "taker_fee_bps": FEES * 1e4,
                "maker_fee_bps": FEES * 1e4,
                "slippage": {"model": "fixed", "base_bps": SLIPPAGE * 1e4},
            },
            "risk": {
                "risk_fraction": 0.005,
                "cool_down": None,
                "max_trades_per_day": None,
                "drawdown": None,
                "daily_loss": None,
            },
        }
    )


def screening_of(data: Dataset) -> Screening:
    """Return the screening of the run that every set varies."""
    return Screening.of(prepare_run(run_config(data), data), data)


def set_values(pair: Pair) -> dict[str, float]:
    """Return a set's values by the paths of the run file."""
    loss, gain = pair
    return {"playbook.params.let.loss": loss, "playbook.params.let.gain": gain}


def trades(data: Dataset, pairs: Sequence[Pair]) -> Any:
    """Return the trades of each pair, from the rule file to the results."""
    screening = screening_of(data)
    found: list[int] = []
    for first in range(0, len(pairs), BATCH):
        sets = [set_values(pair) for pair in pairs[first : first + BATCH]]
        found += screening.screen(sets).trades.tolist()
    return found


if __name__ == "__main__":
    sweep_main(hold, trades)
