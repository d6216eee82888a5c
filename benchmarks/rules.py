"""Measure twenty conditions of the rule language against the same in hand-written numpy.

    python -m benchmarks.rules [--bars 1000000] [--rounds 3]

Both compute twenty truths over the same generated 1-minute bars in one process; CPU seconds are
compared, and the median of the rounds is reported. The rule language starts from the texts, and
knows three truths; numpy is written by hand as one would for speed: cumulative sums, scipy's
filters, each shared part computed once, and NaN compared as false. The rows at which the two differ
are counted; sums in another order may round a row to the other side of a threshold.
"""

import argparse
import statistics
import time

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d
from scipy.signal import lfilter

from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.api import MINUTE_NS
from strategies.rules.evaluate import Evaluator
from strategies.rules.meaning import understand
from strategies.rules.names import Names, NameSettings

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SYMBOL = "BTCUSDT-PERP"
KEY = ChannelKey(SYMBOL, ChannelKind.BARS, "1m")
MINUTES_A_YEAR = 365 * 24 * 60

RULES = (
    "btc.close > sma(btc.close, 480 bars)",
    "sma(btc.close, 60 bars) > sma(btc.close, 480 bars)",
    "btc.close crosses above highest(btc.high, 480 bars)[1]",
    "btc.close crosses below lowest(btc.low, 240 bars)[1]",
    "btc.close > ema(btc.close, 200 bars)",
    "ema(btc.close, 50 bars) crosses above ema(btc.close, 200 bars)",
    "rsi(btc.close, 14 bars) < 30",
    "btc.close - 2 * atr(btc, 14 bars) > lowest(btc.low, 240 bars)",
    "pct_change(btc.close, 15 bars) < -1%",
    "drawdown(btc.close, 480 bars) < -5%",
    "std(btc.close, 480 bars) > 300",
    "btc.close > upper_band(btc.close, 20 bars)",
    "zscore(btc.close, 480 bars) < -2",
    "realized_vol(btc.close, 480 bars) < 60%",
    "btc.volume > 3 * sma(btc.volume, 480 bars)[1]",
    "(btc.close > btc.open) for 3 bars",
    "(pct_change(btc.close, 1 bars) < -0.3%) within 60 bars",
    "count(btc.close > btc.open, 20 bars) >= 12",
    "change(btc.close, 60 bars) > 0",
    "max(btc.open, btc.close) - min(btc.open, btc.close) > 0.5 * (btc.high - btc.low)",
)


def generated(rows: int) -> dict[str, Floats]:
    """Return the columns of a random walk, seed 1."""
    rng = np.random.default_rng(1)
    close = 30_000 * np.exp(np.cumsum(rng.normal(0, 0.001, rows)))
    opens = np.concatenate([[30_000.0], close[:-1]])
    span = np.abs(rng.normal(0, 0.0005, (2, rows)))
    return {
        "open": opens,
        "high": np.maximum(opens, close) * (1 + span[0]),
        "low": np.minimum(opens, close) * (1 - span[1]),
        "close": close,
        "volume": rng.lognormal(0, 1, rows),
    }


def by_rules(columns: dict[str, Floats]) -> list[Flags]:
    """Return the rows at which each text is true, parsed and evaluated anew."""
    rows = len(columns["close"])
    opened = MINUTE_NS * np.arange(rows, dtype=np.int64)
    times = {"opened_at": opened}
    times["closed_at"] = times["available_at"] = opened + MINUTE_NS
    channel = Channel(KEY, {**times, **columns, "label": np.zeros(rows, dtype=np.int8)})
    record = Instrument(id=SYMBOL, kind=InstrumentKind.PERP)
    data = Dataset({SYMBOL: record}, {KEY: channel})
    settings = NameSettings({"btc": f"{SYMBOL}@1m"}, {}, "btc@1m")
    names = Names.of(settings).with_records({SYMBOL: record})
    evaluator = Evaluator(data, names, channel["available_at"])
    return [evaluator.truths(understand(text, names, "truth")) > 0 for text in RULES]


def by_hand(columns: dict[str, Floats]) -> list[Flags]:
    """Return the same rows by numpy and scipy."""
    opens, high, low, close, volume = (
        columns[name] for name in ("open", "high", "low", "close", "volume")
    )
    mean = _mean(close, 480)
    slow, bullish = _ema(close, 200, 2 / 201), close > opens
    low_240, deviation = _lowest(low, 240), _std(close, 480)
    moves = np.diff(close, prepend=np.nan)
    gain, loss = (_wilder_of_changes(np.maximum(part, 0), 14) for part in (moves, -moves))
    before = _before(close, 1)
    ranges = np.fmax(high, before) - np.fmin(low, before)
    squares = np.square(np.log(close / before))
    volatility = np.sqrt(_mean(np.nan_to_num(squares), 480) * MINUTES_A_YEAR)
    volatility[:480] = np.nan
    with np.errstate(invalid="ignore"):
        return [
            close > mean,
            _mean(close, 60) > mean,
            _crossed(close, _before(_highest(high, 480), 1)),
            _crossed(-close, -_before(low_240, 1)),
            close > slow,
            _crossed(_ema(close, 50, 2 / 51), slow),
            100 * gain / (gain + loss) < 30,
            close - 2 * _ema(ranges, 14, 1 / 14) > low_240,
            close / _before(close, 15) - 1 < -0.01,
            close / _highest(close, 480) - 1 < -0.05,
            deviation > 300,
            close > _mean(close, 20) + 2 * _std(close, 20),
            (close - mean) / deviation < -2,
            volatility < 0.6,
            volume > 3 * _before(_mean(volume, 480), 1),
            _count(bullish, 3) == 3,
            _seen(close / before - 1 < -0.003, 60),
            _count(bullish, 20) >= 12,
            close - _before(close, 60) > 0,
            np.maximum(opens, close) - np.minimum(opens, close) > 0.5 * (high - low),
        ]


def _before(x: Floats, rows: int) -> Floats:
    found = np.full(len(x), np.nan)
    found[rows:] = x[:-rows]
    return found


def _sum(x: Floats, rows: int) -> Floats:
    total = np.concatenate(([0.0], np.cumsum(x)))
    found = np.full(len(x), np.nan)
    found[rows - 1 :] = total[rows:] - total[:-rows]
    return found


def _mean(x: Floats, rows: int) -> Floats:
    return _sum(x, rows) / rows


def _std(x: Floats, rows: int) -> Floats:
    apart = x - x[0]
    return np.sqrt(np.maximum(_mean(apart * apart, rows) - _mean(apart, rows) ** 2, 0))


def _highest(x: Floats, rows: int) -> Floats:
    found: Floats = maximum_filter1d(x, rows, origin=(rows - 1) // 2)
    found[: rows - 1] = np.nan
    return found


def _lowest(x: Floats, rows: int) -> Floats:
    found: Floats = minimum_filter1d(x, rows, origin=(rows - 1) // 2)
    found[: rows - 1] = np.nan
    return found


def _ema(x: Floats, rows: int, share: float) -> Floats:
    seed = x[:rows].mean()
    later = lfilter([share], [1, share - 1], x[rows:], zi=[(1 - share) * seed])[0]
    return np.concatenate((np.full(rows - 1, np.nan), [seed], later))


def _wilder_of_changes(changes: Floats, rows: int) -> Floats:
    return np.concatenate(([np.nan], _ema(changes[1:], rows, 1 / rows)))


def _count(flags: Flags, rows: int) -> Floats:
    return _sum(flags.astype(np.float64), rows)


def _seen(flags: Flags, rows: int) -> Flags:
    total = np.zeros(len(flags) + rows, dtype=np.int64)
    np.cumsum(flags, out=total[rows:])
    found: Flags = np.greater(total[rows:], total[:-rows])
    return found


def _crossed(x: Floats, level: Floats) -> Flags:
    above, not_above = x > level, x <= level
    return above & np.concatenate(([False], not_above[:-1]))


def main() -> None:
    """Print both times, their ratio and the rows that differ."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    columns = generated(given.bars)
    # The first call compiles; it is not measured.
    by_rules({name: values[:2_000] for name, values in columns.items()})
    seconds: dict[str, list[float]] = {"rules": [], "by hand": []}
    for _ in range(given.rounds):
        started = time.process_time()
        ours = by_rules(columns)
        between = time.process_time()
        theirs = by_hand(columns)
        seconds["rules"].append(between - started)
        seconds["by hand"].append(time.process_time() - between)
    ratio = statistics.median(
        a / b for a, b in zip(seconds["rules"], seconds["by hand"], strict=True)
    )
    for name, values in seconds.items():
        print(f"{name}: {statistics.median(values):.2f} CPU seconds")
    print(f"ratio {ratio:.2f}, {len(RULES)} conditions, {given.bars:,} bars")
    for text, a, b in zip(RULES, ours, theirs, strict=True):
        if apart := int((a != b).sum()):
            print(f"{apart} rows differ: {text}")


if __name__ == "__main__":
    main()
