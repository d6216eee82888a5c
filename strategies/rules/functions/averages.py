"""Means over a window, exponential and Wilder's means, and what is built from them."""

from collections.abc import Callable, Sequence

import numpy as np

from engine.api import compiled, signals
from strategies.rules.functions.function import (
    Floats,
    Function,
    Parameter,
    PriceBars,
    RowsBefore,
    RowWindow,
    fixed_unit,
    recursive_memory,
    same_unit,
    window_memory,
)

# Lengths after which the weight of older rows is below 2e-9, the seed's own length included:
# (1 - 2/(n+1))^(11n) < e^-22 and (1 - 1/n)^(21n) < e^-21.
_EMA_LENGTHS, _WILDER_LENGTHS = 12, 22


def sma(x: Floats, window: RowWindow) -> Floats:
    """Return the mean of each window.

    >>> sma(np.array([1.0, 2.0, 6.0]), RowWindow.of_rows(3, 2)).tolist()
    [nan, 1.5, 4.0]
    """
    found: Floats = window.shared("mean", x, _mean)
    return found


def _mean(x: Floats, window: RowWindow) -> Floats:
    if window.length:
        total = signals.rolling_sum(x, window.length)
        return np.divide(total, window.length, out=total)
    return signals.windowed_sum(x, window.starts) / window.sizes


@compiled
def _recursive_mean(x: Floats, rows: int, share: float) -> Floats:
    """Return a mean that moves by ``share`` of the way to each new value.

    It starts as the mean of the first ``rows`` values, and anew after a NaN.
    """
    found = np.empty(len(x))
    seen, total, mean = 0, 0.0, 0.0
    for t in range(len(x)):
        if np.isnan(x[t]):
            seen, total = 0, 0.0
        elif seen >= rows:
            mean += share * (x[t] - mean)
        else:
            seen += 1
            total += x[t]
            mean = total / rows
        found[t] = mean if seen >= rows else np.nan
    return found


def ema(x: Floats, rows: int) -> Floats:
    """Return the exponential mean with the share ``2 / (rows + 1)`` for the newest value.

    >>> ema(np.array([1.0, 3.0, 5.0]), 2).round(6).tolist()
    [nan, 2.0, 4.0]
    """
    return _recursive_mean(x, rows, 2.0 / (rows + 1))


def wilder(x: Floats, rows: int) -> Floats:
    """Return Wilder's mean, with the share ``1 / rows`` for the newest value.

    >>> wilder(np.array([1.0, 3.0, 5.0]), 2).tolist()
    [nan, 2.0, 3.5]
    """
    return _recursive_mean(x, rows, 1.0 / rows)


def rsi(x: Floats, rows: int) -> Floats:
    """Return Wilder's relative strength, 0 to 100; NaN while nothing has moved.

    >>> rsi(np.array([1.0, 2.0, 1.0, 4.0]), 2).tolist()
    [nan, nan, 50.0, 87.5]
    """
    return _share_of_gains(x, rows)


@compiled
def _share_of_gains(x: Floats, rows: int) -> Floats:
    """Return Wilder's mean of rises in percent of those of rises and falls; NaN where both are 0.

    Both means are those of ``_recursive_mean`` over the changes, in one pass.
    """
    found, share = np.empty(len(x)), 1.0 / rows
    seen, gains, losses, gain, loss = 0, 0.0, 0.0, 0.0, 0.0
    found[:1] = np.nan
    for t in range(1, len(x)):
        move = x[t] - x[t - 1]
        rise, fall = max(move, 0.0), max(-move, 0.0)
        if np.isnan(move):
            seen, gains, losses = 0, 0.0, 0.0
        elif seen >= rows:
            gain += share * (rise - gain)
            loss += share * (fall - loss)
        else:
            seen, gains, losses = seen + 1, gains + rise, losses + fall
            gain, loss = gains / rows, losses / rows
        moved = seen >= rows and gain + loss > 0
        found[t] = 100.0 * (gain / (gain + loss)) if moved else np.nan
    return found


def atr(bars: PriceBars, rows: int) -> Floats:
    """Return Wilder's average true range; a bar with a NaN starts it anew.

    >>> bars = PriceBars(np.array([3.0, 4.0]), np.array([1.0, 3.0]), np.array([2.0, 3.0]))
    >>> atr(bars, 2).tolist()
    [nan, 2.0]
    """
    unknown = np.isnan(bars.high) | np.isnan(bars.low) | np.isnan(bars.close)
    holes = np.flatnonzero(unknown).tolist()
    if not holes:
        return signals.wilder_atr(bars.high, bars.low, bars.close, rows)
    found = np.full(len(bars.close), np.nan)
    for first, stop in zip([0, *(hole + 1 for hole in holes)], [*holes, len(found)], strict=True):
        if stop > first:
            known = slice(first, stop)
            found[known] = signals.wilder_atr(
                bars.high[known], bars.low[known], bars.close[known], rows
            )
    return found


def macd(x: Floats, fast: int, slow: int) -> Floats:
    """Return the fast exponential mean less the slow one.

    >>> macd(np.array([1.0, 3.0, 5.0]), 1, 2).tolist()
    [nan, 1.0, 1.0]
    """
    return ema(x, fast) - ema(x, slow)


def macd_signal(x: Floats, fast: int, slow: int, signal: int) -> Floats:
    """Return the exponential mean of the MACD.

    >>> macd_signal(np.array([1.0, 3.0, 5.0, 5.0]), 1, 2, 2).round(6).tolist()
    [nan, nan, 1.0, 0.555556]
    """
    return ema(macd(x, fast, slow), signal)


def macd_histogram(x: Floats, fast: int, slow: int, signal: int) -> Floats:
    """Return the MACD less its exponential mean.

    >>> macd_histogram(np.array([1.0, 3.0, 5.0, 5.0]), 1, 2, 2).round(6).tolist()
    [nan, nan, 0.0, -0.222222]
    """
    line = macd(x, fast, slow)
    return line - ema(line, signal)


def _macd_memory(lengths: Sequence[int]) -> RowsBefore:
    longest = max(lengths[:2])
    return RowsBefore(longest - 1, _EMA_LENGTHS * longest)


def _signal_memory(lengths: Sequence[int]) -> RowsBefore:
    line = _macd_memory(lengths)
    return RowsBefore(line.hard + lengths[2] - 1, line.soft + _EMA_LENGTHS * lengths[2])


_X = Parameter("x", "number", "the values")
_ROWS = Parameter("length", "rows", "rows of the first mean, n")
_FAST = Parameter("fast", "rows", "length of the fast mean", default=12)
_SLOW = Parameter("slow", "rows", "length of the slow mean", default=26)
_SIGNAL = Parameter("signal", "rows", "length of the mean of the MACD", default=9)
_SEED = "the first value is the mean of the first n rows; a NaN starts it anew"
_EMA_MEMORY = "n rows to be known; 12 n rows until older ones weigh below 2e-9"
_WILDER_MEMORY = "n rows to be known; 22 n rows until older ones weigh below 2e-9"
_MACD_MEMORY = "slow rows to be known; 12 slow rows until older ones weigh below 2e-9"
_SIGNAL_MEMORY = "slow + signal - 1 rows to be known; 12 (slow + signal) rows remembered"
_APPEL = "Appel 1979; the standard lengths 12, 26, 9"
_WILDER = "Wilder 1978"


def _macd_function(
    name: str, summary: str, formula: str, compute: Callable[..., Floats], *, signal: bool
) -> Function:
    return Function(
        name=name,
        parameters=(_X, _FAST, _SLOW, _SIGNAL) if signal else (_X, _FAST, _SLOW),
        summary=summary,
        formula=formula,
        unit_words="that of x",
        memory_words=_SIGNAL_MEMORY if signal else _MACD_MEMORY,
        source=_APPEL,
        compute=compute,
        unit=same_unit,
        memory=_signal_memory if signal else _macd_memory,
    )


AVERAGES = (
    Function(
        name="sma",
        parameters=(_X, Parameter("length", "window", "the window, n rows")),
        summary="mean of the window",
        formula="sum of x over the window / n",
        unit_words="that of x",
        memory_words="n rows",
        source="simple moving average",
        compute=sma,
        unit=same_unit,
        memory=window_memory(),
    ),
    Function(
        name="ema",
        parameters=(_X, _ROWS),
        summary="exponential moving average",
        formula=f"e = e[1] + (x - e[1]) * 2 / (n + 1); {_SEED}",
        unit_words="that of x",
        memory_words=_EMA_MEMORY,
        source="exponential moving average, span n",
        compute=ema,
        unit=same_unit,
        memory=recursive_memory(_EMA_LENGTHS),
    ),
    Function(
        name="wilder",
        parameters=(_X, _ROWS),
        summary="Wilder's smoothed average",
        formula=f"w = w[1] + (x - w[1]) / n; {_SEED}",
        unit_words="that of x",
        memory_words=_WILDER_MEMORY,
        source=_WILDER,
        compute=wilder,
        unit=same_unit,
        memory=recursive_memory(_WILDER_LENGTHS),
    ),
    Function(
        name="rsi",
        parameters=(_X, Parameter("length", "rows", "changes in the first mean, n", default=14)),
        summary="Wilder's relative strength index, 0 to 100",
        formula=(
            "100 * up / (up + down); up = wilder(max(x - x[1], 0), n), "
            "down = wilder(max(x[1] - x, 0), n); unknown where up + down is 0"
        ),
        unit_words="points, 0 to 100",
        memory_words="n + 1 rows to be known; 22 n rows until older ones weigh below 2e-9",
        source=_WILDER,
        compute=rsi,
        unit=fixed_unit("points"),
        memory=recursive_memory(_WILDER_LENGTHS, 1),
    ),
    Function(
        name="atr",
        parameters=(Parameter("bars", "bars", "the bars of an instrument"), _ROWS),
        summary="Wilder's average true range",
        formula=(
            "wilder(max(high, close[1]) - min(low, close[1]), n); the first bar's range, and that "
            "of the first bar after a NaN, is high - low"
        ),
        unit_words="price",
        memory_words=_WILDER_MEMORY,
        source=_WILDER,
        compute=atr,
        unit=same_unit,
        memory=recursive_memory(_WILDER_LENGTHS),
    ),
    _macd_function(
        "macd",
        "fast exponential average less the slow one",
        "ema(x, fast) - ema(x, slow)",
        macd,
        signal=False,
    ),
    _macd_function(
        "macd_signal",
        "exponential average of the MACD",
        "ema(macd(x, fast, slow), signal)",
        macd_signal,
        signal=True,
    ),
    _macd_function(
        "macd_histogram",
        "MACD less its exponential average",
        "macd(x, fast, slow) - macd_signal(x, fast, slow, signal)",
        macd_histogram,
        signal=True,
    ),
)
