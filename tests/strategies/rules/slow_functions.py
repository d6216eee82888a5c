"""The functions of the language over plain lists, each written from its formula.

A window is the list of its values, the present one last; none of them is unknown. A recursive
function gets all values from the first one and returns as many.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

NAN = float("nan")
Values = Sequence[float]


def mean(values: Values) -> float:
    return math.fsum(values) / len(values)


def std(values: Values) -> float:
    """Return the population standard deviation (divided by n)."""
    if min(values) == max(values):
        return 0.0
    centre = mean(values)
    return math.sqrt(math.fsum((x - centre) ** 2 for x in values) / len(values))


def divided(numerator: float, denominator: float) -> float:
    return NAN if denominator == 0 else numerator / denominator


def zscore(values: Values) -> float:
    return divided(values[-1] - mean(values), std(values))


def percentile(values: Values) -> float:
    """Return the share of the window below the value, of equal ones the half."""
    below = sum(x < values[-1] for x in values)
    return (below + sum(x == values[-1] for x in values) / 2) / len(values)


def slope(values: Values) -> float:
    """Return the slope of the least squares line, a row."""
    middle, centre = (len(values) - 1) / 2, mean(values)
    above = math.fsum((i - middle) * (x - centre) for i, x in enumerate(values))
    return divided(above, math.fsum((i - middle) ** 2 for i in range(len(values))))


def pct_change(values: Values) -> float:
    return values[-1] / values[0] - 1 if values[0] > 0 else NAN


def drawdown(values: Values) -> float:
    return values[-1] / max(values) - 1 if max(values) > 0 else NAN


def returns(values: Values) -> list[float]:
    return [pct_change(pair) for pair in pairwise(values)]


def covariance(one: Values, other: Values) -> float:
    a, b = mean(one), mean(other)
    return math.fsum((x - a) * (y - b) for x, y in zip(one, other, strict=True)) / len(one)


def varies(values: Values) -> bool:
    """Return whether a variance is more than rounding of its mean square."""
    return covariance(values, values) > 1e-12 * math.fsum(x * x for x in values) / len(values)


def beta(asset: Values, market: Values) -> float:
    one, other = returns(asset), returns(market)
    if any(map(math.isnan, [*one, *other])) or not varies(other):
        return NAN
    return covariance(one, other) / covariance(other, other)


def correlation(left: Values, right: Values) -> float:
    one, other = returns(left), returns(right)
    if any(map(math.isnan, [*one, *other])) or not (varies(one) and varies(other)):
        return NAN
    spread = math.sqrt(covariance(one, one)) * math.sqrt(covariance(other, other))
    return min(max(covariance(one, other) / spread, -1.0), 1.0)


def realized_vol(values: Values, *, periods_per_year: float) -> float:
    if any(x <= 0 for x in values):
        return NAN
    squares = [math.log(b / a) ** 2 for a, b in pairwise(values)]
    return math.sqrt(math.fsum(squares) * periods_per_year / len(squares))


def count(truths: Values, full: bool) -> float:
    return sum(truths) if full and -1 not in truths else NAN


def since(truths: Values, full: bool) -> float:
    for rows, truth in enumerate(reversed(truths)):
        if truth == -1:
            return NAN
        if truth == 1:
            return rows
    return len(truths) if full else NAN


WINDOWED: Mapping[str, Callable[..., float]] = {
    "sma": mean,
    "highest": max,
    "lowest": min,
    "change": lambda x: x[-1] - x[0],
    "pct_change": pct_change,
    "std": std,
    "upper_band": lambda x, width=2.0: mean(x) + width * std(x),
    "lower_band": lambda x, width=2.0: mean(x) - width * std(x),
    "zscore": zscore,
    "percentile": percentile,
    "slope": slope,
    "drawdown": drawdown,
    "realized_vol": realized_vol,
    "correlation": correlation,
    "beta": beta,
    "count": count,
    "since": since,
}
# Functions of the first and the last value alone.
ENDS_ONLY = ("change", "pct_change")
# Functions whose window needs the row before it as well.
OF_RETURNS = ("change", "pct_change", "realized_vol", "correlation", "beta")


def _smoothed(values: Values, rows: int, weight: float) -> list[float]:
    """Return an average seeded by a mean of ``rows`` values; a NaN starts it anew."""
    found: list[float] = []
    seed: list[float] = []
    average = NAN
    for value in values:
        if math.isnan(value):
            seed, average = [], NAN
        elif len(seed) < rows:
            seed.append(value)
            average = mean(seed) if len(seed) == rows else NAN
        else:
            average += weight * (value - average)
        found.append(average)
    return found


def ema(values: Values, rows: int) -> list[float]:
    return _smoothed(values, rows, 2 / (rows + 1))


def wilder(values: Values, rows: int) -> list[float]:
    return _smoothed(values, rows, 1 / rows)


def rsi(values: Values, rows: int) -> list[float]:
    moves = [NAN, *(b - a for a, b in pairwise(values))]
    gains = wilder([x if math.isnan(x) else max(x, 0.0) for x in moves], rows)
    losses = wilder([x if math.isnan(x) else max(-x, 0.0) for x in moves], rows)
    return [
        NAN if math.isnan(up) or up + down == 0 else 100 * up / (up + down)
        for up, down in zip(gains, losses, strict=True)
    ]


def macd(values: Values, fast: int, slow: int) -> list[float]:
    return [a - b for a, b in zip(ema(values, fast), ema(values, slow), strict=True)]


def macd_signal(values: Values, fast: int, slow: int, signal: int) -> list[float]:
    return ema(macd(values, fast, slow), signal)


def macd_histogram(values: Values, fast: int, slow: int, signal: int) -> list[float]:
    line = macd(values, fast, slow)
    return [a - b for a, b in zip(line, macd_signal(values, fast, slow, signal), strict=True)]


def true_range(high: Values, low: Values, close: Values) -> list[float]:
    found = [high[0] - low[0]] if high else []
    for top, bottom, before in zip(high[1:], low[1:], close, strict=False):
        found.append(max(top, before) - min(bottom, before))
    return found


RECURSIVE: Mapping[str, Callable[..., list[float]]] = {
    "ema": ema,
    "wilder": wilder,
    "atr": wilder,
    "rsi": rsi,
    "macd": macd,
    "macd_signal": macd_signal,
    "macd_histogram": macd_histogram,
}


def where(truth: float, yes: float, no: float) -> float:
    return NAN if truth == -1 else yes if truth == 1 else no


def _of_known(pick: Callable[..., float]) -> Callable[..., float]:
    return lambda *values: NAN if any(math.isnan(x) for x in values) else pick(values)


ELEMENTWISE: Mapping[str, Callable[..., float]] = {
    "min": _of_known(min),
    "max": _of_known(max),
    "abs": abs,
    "log": lambda x: math.log(x) if x > 0 else NAN,
    "where": where,
}
