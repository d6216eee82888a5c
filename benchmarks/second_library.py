"""Compare functions of the rule language with TA-Lib, installed in an environment of its own.

    python -m benchmarks.second_library [--rows 5000] [--folder FOLDER]

It makes a virtual environment in the folder (a temporary one by default), installs the pinned
TA-Lib and numpy there, and lets both compute over the same generated bars. The table shows the
largest relative difference over the rows that both know, and over the rows past the function's
memory: where a recursion starts in another row, the first differs and the second does not.
"""

import argparse
import os
import subprocess
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strategies.rules.functions.function import PriceBars, RowWindow
from strategies.rules.functions.registry import FUNCTIONS

Floats = NDArray[np.float64]

PINNED = ("TA-Lib==0.8.2", "numpy==2.4.6")
COLUMNS = ("high", "low", "close", "other")
LENGTH, FAST, SLOW, SIGNAL, RETURNS = 14, 12, 26, 9, 60
# Runs in the other environment: every result is one array under our function's name.
THEIR_SCRIPT = f"""
import sys, numpy, talib
high, low, close, other = numpy.load(sys.argv[1])
own, rival = (x[1:] / x[:-1] - 1 for x in (close, other))
known = lambda found: numpy.concatenate(([numpy.nan], found))
upper, _, lower = talib.BBANDS(close, {LENGTH}, 2.0, 2.0)
line, signal, histogram = talib.MACD(close, {FAST}, {SLOW}, {SIGNAL})
numpy.savez(
    sys.argv[2],
    sma=talib.SMA(close, {LENGTH}), ema=talib.EMA(close, {LENGTH}), rsi=talib.RSI(close, {LENGTH}),
    atr=talib.ATR(high, low, close, {LENGTH}), macd=line, macd_signal=signal,
    macd_histogram=histogram, upper_band=upper, lower_band=lower,
    std=talib.STDDEV(close, {LENGTH}, 1.0), slope=talib.LINEARREG_SLOPE(close, {LENGTH}),
    highest=talib.MAX(close, {LENGTH}), lowest=talib.MIN(close, {LENGTH}),
    change=talib.MOM(close, {LENGTH}), pct_change=talib.ROCP(close, {LENGTH}),
    correlation=known(talib.CORREL(own, rival, {RETURNS})),
    beta=talib.BETA(other, close, {RETURNS}),
)
"""


@dataclass(frozen=True)
class LibraryDifference:
    """The largest relative differences of one function from the other library's."""

    function: str
    rows: int
    largest: float
    past_memory: float


def generated_bars(rows: int) -> dict[str, Floats]:
    """Return bars of a random walk and the closes of a walk that is correlated with it."""
    rng = np.random.default_rng(15)
    moves = rng.normal(0, 0.01, (2, rows))
    close = 100 * np.exp(np.cumsum(moves[0]))
    span = np.abs(rng.normal(0, 0.005, (2, rows)))
    return {
        "high": close * (1 + span[0]),
        "low": close * (1 - span[1]),
        "close": close,
        "other": 50 * np.exp(np.cumsum(0.6 * moves[0] + 0.8 * moves[1])),
    }


def our_values(bars: dict[str, Floats]) -> dict[str, tuple[Floats, int]]:
    """Return the values of each compared function, and the rows after which it forgets."""
    x, other = bars["close"], bars["other"]
    window, returns = RowWindow.of_rows(len(x), LENGTH), RowWindow.of_rows(len(x), RETURNS)
    price_bars = PriceBars(bars["high"], bars["low"], x)
    calls: dict[str, tuple[tuple[object, ...], list[int]]] = {
        "ema": ((x, LENGTH), [LENGTH]),
        "rsi": ((x, LENGTH), [LENGTH]),
        "atr": ((price_bars, LENGTH), [LENGTH]),
        "macd": ((x, FAST, SLOW), [FAST, SLOW]),
        "macd_signal": ((x, FAST, SLOW, SIGNAL), [FAST, SLOW, SIGNAL]),
        "macd_histogram": ((x, FAST, SLOW, SIGNAL), [FAST, SLOW, SIGNAL]),
        "correlation": ((x, other, returns), [RETURNS]),
        "beta": ((x, other, returns), [RETURNS]),
        **{name: ((x, window, 2.0), [LENGTH]) for name in ("upper_band", "lower_band")},
        **{
            name: ((x, window), [LENGTH])
            for name in ("sma", "std", "slope", "highest", "lowest", "change", "pct_change")
        },
    }
    return {
        name: (FUNCTIONS[name].compute(*given), FUNCTIONS[name].memory(lengths).soft)
        for name, (given, lengths) in calls.items()
    }


def their_values(bars: dict[str, Floats], folder: Path) -> dict[str, Floats]:
    """Return TA-Lib's values, computed in a virtual environment below the folder."""
    environment = folder / "environment"
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        install = ["-m", "pip", "install", "--quiet", "--no-input", *PINNED]
        subprocess.run([str(python), *install], check=True)
    given, found = folder / "bars.npy", folder / "values.npz"
    np.save(given, np.array([bars[name] for name in COLUMNS]))
    subprocess.run([str(python), "-c", THEIR_SCRIPT, str(given), str(found)], check=True)
    with np.load(found) as values:
        return {name: values[name] for name in values.files}


def compared(
    ours: dict[str, tuple[Floats, int]], theirs: dict[str, Floats]
) -> list[LibraryDifference]:
    """Return the differences of every function, by name."""
    differences = []
    for name, (values, memory) in sorted(ours.items()):
        # Signed values near zero are measured against their usual size.
        scale = np.maximum(np.abs(values), np.nanstd(values))
        apart = np.abs(values - theirs[name]) / scale
        known = np.isfinite(apart)
        past = known & (np.arange(len(values)) >= memory)
        differences.append(
            LibraryDifference(
                name, int(known.sum()), float(apart[known].max()), float(apart[past].max())
            )
        )
    return differences


def main() -> None:
    """Print the table of differences."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000, help="generated bars, at least 1,000")
    parser.add_argument("--folder", type=Path, help="keeps the environment for the next call")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        bars = generated_bars(given.rows)
        found = compared(our_values(bars), their_values(bars, folder))
    print(f"{PINNED[0]}, {given.rows:,} bars\n")
    print("| function | rows known to both | largest difference | past the memory |")
    print("|---|---|---|---|")
    for item in found:
        print(f"| {item.function} | {item.rows:,} | {item.largest:.1e} | {item.past_memory:.1e} |")


if __name__ == "__main__":
    main()
