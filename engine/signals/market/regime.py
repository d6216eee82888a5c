"""The market's regime, with hysteresis, and its driver."""

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engine.compiled_function import compiled
from engine.conditions import Condition
from engine.config.market import RegimeRules
from engine.market_state import Driver, Regime
from engine.signals.market.grid import Floats
from engine.signals.market.point_in_time import MarketInputs
from engine.signals.market.readings import Flags
from engine.signals.market.rolling import change, mean

YEAR = 252
SLOPE_SESSIONS = 20
# Days after which an entry into a regime no longer counts.
MEMORY_DAYS = 365
# The compiled loop takes plain integers only.
_UNKNOWN = int(Regime.UNKNOWN)
_LARGEST_SCORE = 3.0
_DAYS_A_YEAR = 365.0
# A fall of two usual days has the score 1.
_USUAL_DAYS = 2.0

Labels = NDArray[np.int8]


def regimes(
    inputs: MarketInputs, values: Mapping[str, Floats], conditions: Mapping[str, Condition]
) -> tuple[dict[str, Floats], Labels]:
    """Return the growth index's drawdown and the regime of each day.

    A regime whose entry holds is returned even if other numbers are unknown. The regime is unknown
    where no entry holds and VIX or the growth index is unknown.
    """
    rules, grid = inputs.config.regime, inputs.grid
    growth = inputs.session_close(inputs.config.inputs.growth)
    drawdown = grid.on_days(growth / _year_high(growth) - 1)
    middle = mean(growth, rules.break_mean)
    falling = change(middle, SLOPE_SESSIONS, relative=True) < 0
    down = grid.on_days(((growth < middle) & falling).astype(np.float64)) > 0
    repaired = grid.on_days(((growth > middle) & ~falling).astype(np.float64)) > 0
    vix, spread, book = values["vix"], values["credit_change_fortnight"], values["correlation_book"]
    jump = (conditions["vix_jump"].truth > 0) & (conditions["vix_elevated"].truth > 0)
    fall = -conditions["bitcoin_falls"].measured
    stressed = (spread >= rules.shock_spread) | (book >= rules.shock_correlation)
    enter = np.stack(
        [
            (vix >= rules.event_vix) | jump | (fall >= rules.event_bitcoin_fall),
            down & (drawdown <= -rules.break_drawdown),
            (vix >= rules.shock_vix) & stressed,
        ]
    )
    stay = np.stack(
        [
            # An unknown number does not end a regime.
            ~(vix < rules.event_vix_stay),
            ~(drawdown > -rules.break_drawdown_stay) & ~repaired,
            ~(vix < rules.shock_vix_stay),
        ]
    )
    known = (np.isfinite(vix) & np.isfinite(drawdown)) | enter.any(axis=0)
    return {"growth_drawdown": drawdown}, with_dwell(enter, stay, known, rules)


def with_dwell(enter: Flags, stay: Flags, known: Flags, rules: RegimeRules) -> Labels:
    """Return regimes that worsen at once and improve slowly.

    ``enter`` and ``stay`` hold a row for each regime from ``VOLATILITY_EVENT`` on, worst last. A
    worse regime begins on the day its entry holds. The present one ends when its "stay" fails and
    it has lasted ``dwell`` days; the worst milder regime whose "stay" holds follows. A day that is
    not known is labelled unknown and does not count as a day of the regime.

    Each day is computed from the ``MEMORY_DAYS`` days up to it, starting calm. So a regime whose
    entry has not held for a year is over, and no label depends on where the days begin.
    """
    places = np.arange(1, len(enter) + 1, dtype=np.int8)[:, None]
    worst = (enter * places).max(axis=0)
    return _dwelt(worst, stay, known, rules.dwell, MEMORY_DAYS)


@compiled
def _dwelt(worst: Labels, stay: Flags, known: Flags, dwell: int, memory: int) -> Labels:
    labels = np.full(len(known), _UNKNOWN, np.int8)
    for row in range(len(known)):
        if known[row]:
            now, since = 0, 0
            for day in range(max(row - memory + 1, 0), row + 1):
                if not known[day]:
                    continue
                since += 1
                if worst[day] > now:
                    now, since = worst[day], 1
                elif now > 0 and since > dwell and not stay[now - 1, day]:
                    now, since = _milder(stay[:, day], now, worst[day]), 1
            labels[row] = now
    return labels


@compiled
def _milder(stay: Flags, now: int, entered: int) -> int:
    """Return the worst milder regime whose "stay" holds, or the entered one if that is worse."""
    for place in range(now - 1, entered, -1):
        if stay[place - 1]:
            return place
    return entered


def _year_high(price: Floats) -> Floats:
    """Return the highest known close of the last year, of fewer rows where there are fewer."""
    padded = np.concatenate((np.full(YEAR - 1, -np.inf), np.where(np.isnan(price), -np.inf, price)))
    top = sliding_window_view(padded, YEAR).max(axis=1)
    return np.where(np.isfinite(top), top, np.nan)


def flips(labels: Labels) -> int:
    """Return how often a label changed from one known day to the next known one."""
    known = labels[labels >= 0]
    return int((known[1:] != known[:-1]).sum())


def drivers(
    inputs: MarketInputs, values: Mapping[str, Floats], conditions: Mapping[str, Condition]
) -> tuple[dict[str, Floats], Labels]:
    """Return each driver's score, and the driver with the largest score if it is notable.

    A part is 1 at its own threshold and is cut to the range 0 to 3. A score is the mean of the two
    largest known parts, since one sign alone may be chance.

    - rates: rises of 10-year, real 10-year and dollar over their usual size (z-scores)
    - leadership: the leaders' loss against the index over its usual size, and their breadth
    - liquidations: forced closes, the fall of open interest, negative funding, a day's volume, and
      bitcoin's fall of a day over two of its usual days
    """
    crypto = inputs.config.crypto
    fall = -conditions["bitcoin_falls"].measured
    usual = values["bitcoin_volatility"] / np.sqrt(_DAYS_A_YEAR)
    speed, breadth = inputs.config.rates.speed, inputs.config.leadership.breadth
    rates = ("ten_year_speed", "real_ten_year_speed", "dollar_speed")
    negative = conditions["funding_negative"].truth.astype(np.float64)
    parts = {
        Driver.RATES_SHOCK: [values[name] / speed for name in rates],
        Driver.LEADERSHIP: [
            -values["leaders_relative_speed"] / speed,
            (1 - values["leaders_breadth"]) / (1 - breadth),
        ],
        Driver.LIQUIDATIONS: [
            conditions["liquidations_rise"].measured / crypto.liquidation_multiple,
            -conditions["open_interest_falls"].measured / crypto.interest_fall,
            np.where(negative < 0, np.nan, negative),
            conditions["volume_surges"].measured / crypto.volume_multiple,
            fall / (_USUAL_DAYS * usual),
        ],
    }
    scores = {driver: _score(np.stack(found)) for driver, found in parts.items()}
    table = np.stack(list(scores.values()))
    known = np.isfinite(table).any(axis=0)
    filled = np.where(np.isfinite(table), table, -np.inf)
    largest = filled.argmax(axis=0)
    named = np.array([driver.value for driver in scores], dtype=np.int8)[largest]
    strong = filled.max(axis=0) >= inputs.config.regime.driver
    labels = np.where(known, np.where(strong, named, Driver.NONE), Driver.UNKNOWN)
    return {f"driver_{d.name.lower()}": s for d, s in scores.items()}, labels.astype(np.int8)


def _score(parts: Floats) -> Floats:
    """Return the mean of the two largest known parts; NaN where fewer are known."""
    cut = np.where(np.isfinite(parts), np.clip(parts, 0.0, _LARGEST_SCORE), -np.inf)
    two = np.sort(cut, axis=0)[-2:]
    score: Floats = np.where(np.isfinite(two).all(axis=0), two.mean(axis=0), np.nan)
    return score
