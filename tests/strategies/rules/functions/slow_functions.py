"""The functions of the rule language as slow, obvious loops; sums are exact fractions."""

import itertools
import math
from fractions import Fraction

NAN = math.nan


def known(values):
    return not any(math.isnan(value) for value in values)


def mean(values):
    return sum(map(Fraction, values)) / len(values)


def products(xs, ys):
    """Return the exact sum of products of distances from the means."""
    x_mean, y_mean = mean(xs), mean(ys)
    return sum((Fraction(x) - x_mean) * (Fraction(y) - y_mean) for x, y in zip(xs, ys, strict=True))


def spread(values):
    return math.sqrt(products(values, values) / len(values))


def over_windows(measure):
    """Return the function that measures each full window without an unknown value."""

    def function(x, window, *constants):
        found = []
        for t, (first, full) in enumerate(zip(window.first, window.full, strict=True)):
            values = [float(value) for value in x[first : t + 1]]
            found.append(float(measure(values, *constants)) if full and known(values) else NAN)
        return found

    return function


def zscore(values):
    scale = spread(values)
    return NAN if scale == 0 else (Fraction(values[-1]) - mean(values)) / Fraction(scale)


def upper_band(values, width):
    return float(mean(values)) + width * spread(values)


def lower_band(values, width):
    return float(mean(values)) - width * spread(values)


def slope(values):
    rows = range(len(values))
    return NAN if len(values) == 1 else products(values, rows) / products(rows, rows)


def percentile(values):
    own = values[-1]
    return (sum(v < own for v in values) + sum(v == own for v in values) / 2) / len(values)


def drawdown(values):
    return NAN if max(values) <= 0 else values[-1] / max(values) - 1


def growth(x, before):
    return NAN if not before > 0 else x / before - 1


def returns(x):
    return [NAN, *(growth(now, before) for before, now in itertools.pairwise(x))]


def realized_vol(x, window, periods):
    logs = [NAN] * len(x)
    for t in range(1, len(x)):
        if x[t] > 0 and x[t - 1] > 0:
            logs[t] = math.log(x[t]) - math.log(x[t - 1])
    return over_windows(
        lambda values: math.sqrt(math.fsum(v * v for v in values) * periods / len(values))
    )(logs, window)


def over_returns(measure):
    def function(x, y, window):
        a, b = returns(x.tolist()), returns(y.tolist())
        found = []
        for t, (first, full) in enumerate(zip(window.first, window.full, strict=True)):
            xs, ys = a[first : t + 1], b[first : t + 1]
            found.append(measure(xs, ys) if full and known(xs + ys) else NAN)
        return found

    return function


def varies(values):
    size = sum(Fraction(value) ** 2 for value in values)
    return float(products(values, values)) > 1e-12 * float(size)


def correlation(xs, ys):
    if not (varies(xs) and varies(ys)):
        return NAN
    scale = math.sqrt(products(xs, xs)) * math.sqrt(products(ys, ys))
    return float(products(xs, ys)) / scale


def beta(xs, ys):
    return float(products(xs, ys) / products(ys, ys)) if varies(ys) else NAN


def before(measure):
    def function(x, window):
        found = []
        for t, (first, full) in enumerate(zip(window.first, window.full, strict=True)):
            found.append(measure(x[t], x[first - 1]) if full and first > 0 else NAN)
        return found

    return function


def recursive(x, rows, share):
    found, seed, average = [], [], NAN
    for value in x:
        if math.isnan(value):
            seed, average = [], NAN
        elif len(seed) < rows:
            seed.append(value)
            average = float(mean(seed)) if len(seed) == rows else NAN
        else:
            average = (1 - share) * average + share * value
        found.append(average)
    return found


def ema(x, rows):
    return recursive(x, rows, 2 / (rows + 1))


def wilder(x, rows):
    return recursive(x, rows, 1 / rows)


def rsi(x, rows):
    moves = [NAN, *(now - past for past, now in itertools.pairwise(x))]
    up = wilder([move if math.isnan(move) else max(move, 0.0) for move in moves], rows)
    down = wilder([move if math.isnan(move) else max(-move, 0.0) for move in moves], rows)
    return [100 * u / (u + d) if u + d > 0 else NAN for u, d in zip(up, down, strict=True)]


def atr(bars, rows):
    ranges, past = [], NAN
    for high, low, close in zip(bars.high, bars.low, bars.close, strict=True):
        if not known((high, low, close)):
            ranges.append(NAN)
            past = NAN
            continue
        ranges.append(high - low if math.isnan(past) else max(high, past) - min(low, past))
        past = close
    return wilder(ranges, rows)


def macd(x, fast, slow):
    return [a - b for a, b in zip(ema(x, fast), ema(x, slow), strict=True)]


def macd_signal(x, fast, slow, signal):
    return ema(macd(x, fast, slow), signal)


def macd_histogram(x, fast, slow, signal):
    lines = macd(x, fast, slow), macd_signal(x, fast, slow, signal)
    return [a - b for a, b in zip(*lines, strict=True)]


def count(condition, window):
    found = []
    for t, (first, full) in enumerate(zip(window.first, window.full, strict=True)):
        inside = condition[first : t + 1].tolist()
        found.append(inside.count(1) if full and -1 not in inside else NAN)
    return found


def since(condition, window):
    found = []
    for t, (first, full) in enumerate(zip(window.first, window.full, strict=True)):
        newest_first = condition[first : t + 1].tolist()[::-1]
        decided = next((k for k, truth in enumerate(newest_first) if truth != 0), None)
        if decided is None:
            found.append(len(newest_first) if full else NAN)
        else:
            found.append(decided if newest_first[decided] == 1 else NAN)
    return found


def each(measure):
    return lambda *arrays: [measure(*row) for row in zip(*arrays, strict=True)]


SLOW = {
    "sma": over_windows(mean),
    "ema": ema,
    "wilder": wilder,
    "rsi": rsi,
    "atr": atr,
    "macd": macd,
    "macd_signal": macd_signal,
    "macd_histogram": macd_histogram,
    "highest": over_windows(max),
    "lowest": over_windows(min),
    "drawdown": over_windows(drawdown),
    "percentile": over_windows(percentile),
    "std": over_windows(spread),
    "zscore": over_windows(zscore),
    "upper_band": over_windows(upper_band),
    "lower_band": over_windows(lower_band),
    "slope": over_windows(slope),
    "correlation": over_returns(correlation),
    "beta": over_returns(beta),
    "change": before(lambda x, past: x - past),
    "pct_change": before(growth),
    "realized_vol": realized_vol,
    "min": each(lambda *values: min(values) if known(values) else NAN),
    "max": each(lambda *values: max(values) if known(values) else NAN),
    "abs": each(abs),
    "log": each(lambda x: math.log(x) if x > 0 else NAN),
    "where": each(lambda truth, a, b: {1: a, 0: b, -1: NAN}[int(truth)]),
    "count": count,
    "since": since,
}
