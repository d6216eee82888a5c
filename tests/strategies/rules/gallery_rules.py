"""Each file of the gallery once more, in pandas, from its idea and not from its expressions.

A function returns one row a decision: the truth of each condition under the name that the file
gives it, and numbers under the names of ``Signals.values``: ``stop TRADE``, ``weight NAME``.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from data_feeds.schema import ChannelKey, ChannelKind
from tests.strategies.rules.gallery_frames import (
    DAY,
    SESSION_AGE,
    STATE_AGE,
    bars,
    crosses,
    days_of,
    evenings,
    every_of_last,
    holds,
    joined,
    newest,
    series,
    wilder_range,
)

MINUTE = 60 * 10**9
PERP = "BTCUSDT-PERP"
WAIT = 0
FRIDAY = 4
TIERS = ("normal", "cautious", "defensive", "halt")


def quiet_breakout(data, state):
    """Checklist says wait for three days, VIX below 25, BTC closes above its 20-day high."""
    hours = bars(data, PERP, "1h")
    at = hours["available_at"].to_numpy()
    says_wait = np.where(state["action"] == -1, np.nan, (state["action"] == WAIT).astype(float))
    waits = joined(every_of_last(says_wait, 3), state["at"], state["at"], at, STATE_AGE)
    vix = series(data, "VIX")
    vix_now = joined(vix["value"], vix["event_at"], vix["available_at"], at, SESSION_AGE)
    # The 20 days that ended one hour before.
    closes = pd.DatetimeIndex(hours["closed_at"])
    window = pd.Series(hours["high"].to_numpy(), closes).rolling("20D")
    enough = (window.count() >= 0.95 * 480).to_numpy()
    reaches = hours["closed_at"].to_numpy() - 20 * DAY >= hours["opened_at"].iloc[0]
    level = pd.Series(np.where(enough & reaches, window.max(), np.nan)).shift().to_numpy()
    close, width = hours["close"].to_numpy(), wilder_range(hours, 14)
    return pd.DataFrame(
        {
            "checklist_waits": waits,
            "calm": holds(vix_now, np.less, 25),
            "breakout": newest(hours, crosses(True, close, level)),
            "vix_back": holds(vix_now, np.greater, 30),
            "stop quiet_breakout": newest(hours, close - 2 * width),
            "trail quiet_breakout": newest(hours, close - 3 * width),
        },
        index=at,
    )


def faber_filter(data, state):
    """At the month's last session: total return above its mean of ten month-ends."""
    sessions = bars(data, "SPY", "1d")
    at = evenings(sessions)
    growth = reinvested(data, "SPY", sessions)
    ends = ends_a_month(sessions["closed_at"])
    ten = pd.Series(growth[ends]).rolling(10).mean().to_numpy()
    facts = sessions["closed_at"].to_numpy()
    mean = joined(ten, facts[ends], facts[ends], at, 40 * DAY)
    above = holds(growth, np.greater, mean)
    judged = pd.Series(np.where(ends, above, np.nan)).ffill()
    weight = judged.to_numpy()
    return pd.DataFrame({"above_mean": above, "weight spy": weight}, index=at)


def ends_a_month(closed_at):
    """Return whether each day is the last trading day of its month in New York.

    Of the exchange's holidays only Good Friday and Memorial Day can be a month's last weekday.
    """
    days = pd.DatetimeIndex(closed_at).normalize()
    return days == pd.DatetimeIndex([last_trading_day(day) for day in days])


def last_trading_day(day):
    """Return the last trading day of a day's month."""
    last = day + pd.offsets.MonthEnd(0)
    while last.day_of_week > FRIDAY or is_good_friday(last) or is_memorial_day(last):
        last -= pd.Timedelta("1D")
    return last


def is_good_friday(day):
    return day.month in (3, 4) and day == easter_sunday(day.year) - pd.Timedelta("2D")


def is_memorial_day(day):
    return day.month == 5 and day.day_of_week == 0 and day.day > 24


def easter_sunday(year):
    """Return Easter Sunday of a year of the Gregorian calendar."""
    return pd.Timestamp(year, 1, 1) + pd.offsets.Easter()


def reinvested(data, instrument, sessions):
    """Return the value of one share whose dividends buy more at the close of their ex-day."""
    paid = data.channels.get(ChannelKey(instrument, ChannelKind.DIVIDENDS))
    amounts = np.zeros(len(sessions))
    days = pd.DatetimeIndex(sessions["opened_at"]).normalize()
    if paid is not None:
        for event, amount in zip(paid["event_at"], paid["amount"], strict=True):
            amounts[days == pd.Timestamp(event).normalize()] += amount
    close = sessions["close"].to_numpy()
    value, held = [], 1.0
    for price, amount in zip(close, amounts, strict=True):
        held *= 1 if not value else 1 + amount / price
        value.append(held * price)
    return np.array(value)


def donchian_breakout(data, state):
    """Hourly closes beyond the extremes of 20 whole days; out beyond those of 10 days."""
    hours = bars(data, PERP, "1h")
    at = hours["available_at"].to_numpy()
    days = days_of(hours)

    def daily(values):
        return joined(values, days["closed_at"], days["available_at"], at, 2 * DAY)

    close = newest(hours, hours["close"])
    width = daily(wilder_range(days, 20))
    return pd.DataFrame(
        {
            "up.breakout": crosses(True, close, daily(days["high"].rolling(20).max())),
            "up.ten_day_low": holds(close, np.less, daily(days["low"].rolling(10).min())),
            "stop up": close - 2 * width,
            "down.breakdown": crosses(False, close, daily(days["low"].rolling(20).min())),
            "down.ten_day_high": holds(close, np.greater, daily(days["high"].rolling(10).max())),
            "stop down": close + 2 * width,
        },
        index=at,
    )


def rsi_two(data, state):
    """Above the 200-day mean, two-day RSI below 5; out above the five-day mean."""
    sessions = bars(data, "SPY", "1d")
    close = sessions["close"]
    move = close.diff()
    gain, loss = move.clip(lower=0).to_numpy(), (-move).clip(lower=0).to_numpy()
    rsi, up, down = np.full(len(close), np.nan), np.nan, np.nan
    for row in range(2, len(close)):
        # The mean of the first two moves, then half of each new one.
        up = gain[1:3].mean() if row == 2 else (up + gain[row]) / 2
        down = loss[1:3].mean() if row == 2 else (down + loss[row]) / 2
        rsi[row] = 100 * up / (up + down) if up + down else np.nan
    return pd.DataFrame(
        {
            "uptrend": holds(close, np.greater, close.rolling(200).mean()),
            "sharp_loss": holds(rsi, np.less, 5),
            "bounce": holds(close, np.greater, close.rolling(5).mean()),
            "stop dip": 0.9 * close.to_numpy(),
        },
        index=evenings(sessions),
    )


def volatility_target(data, state):
    """Return the share that would have moved 10% a year over the last 21 sessions, 1 at most."""
    sessions = bars(data, "SPY", "1d")
    step = np.log(sessions["close"]).diff()
    moved = np.sqrt((step**2).rolling(21).sum() * 252 / 21)
    weight = (0.10 / moved).clip(upper=1).to_numpy()
    return pd.DataFrame({"weight spy": weight}, index=evenings(sessions))


def vix_falls_back(data, state):
    """VIX closed below 30 after a close at or above it."""
    sessions = bars(data, "SPY", "1d")
    at = evenings(sessions)
    vix = series(data, "VIX")
    crossed = crosses(False, vix["value"].to_numpy(), 30)
    known = joined(crossed, vix["event_at"], vix["available_at"], at, SESSION_AGE)
    stop = 0.9 * sessions["close"].to_numpy()
    return pd.DataFrame({"falls_back": known, "stop relief": stop}, index=at)


def naive_dip(data, state, timeframe="5m"):
    """Down 3% or more against the close 15 minutes before."""
    rows = bars(data, PERP, timeframe)
    at, close = rows["available_at"].to_numpy(), rows["close"].to_numpy()
    ends = rows["closed_at"].to_numpy()
    before = np.searchsorted(ends, ends - 15 * MINUTE, side="right") - 1
    # All bars of the 15 minutes are there, and a close at most two bars older than their start.
    length = ends - rows["opened_at"].to_numpy()
    whole = np.arange(len(ends)) - before == 15 * MINUTE // length
    whole &= ends - 15 * MINUTE - ends[before] <= 2 * length
    earlier = np.where(whole & (before >= 0), close[before], np.nan)
    fell = holds(close / earlier - 1, np.less_equal, -0.03)
    table = {"fell": newest(rows, fell), "stop dip": newest(rows, close * 0.97)}
    return pd.DataFrame(table, index=at)


def leadership_to_cash(data, state):
    """In cash from a break of leadership until five sessions in a row have none."""
    sessions = bars(data, "QQQ", "1d")
    at = evenings(sessions)
    breaks = joined(state["leadership_breaks"], state["at"], state["at"], at, STATE_AGE)
    weights, held, quiet = [], np.nan, 0
    for truth in breaks:
        if np.isnan(truth):
            pass
        elif truth == 1:
            held, quiet = 0.0, 0
        else:
            quiet += 1
            if held != 0.0 or quiet >= 5:
                held = 1.0
        weights.append(held)
    return pd.DataFrame({"leaders_break": breaks, "weight qqq": weights}, index=at)


def checklist_allocator(data, state):
    """60% equities times the tier's factor beside 40% bonds."""
    sessions = bars(data, "SPY", "1d")
    at = evenings(sessions)
    tier = joined(state["tier"], state["at"], state["at"], at, STATE_AGE)
    factor = pd.Series(tier).map({0: 1.0, 1: 0.75, 2: 0.5, 3: 0.0})
    named = {name: holds(tier, np.equal, place) for place, name in enumerate(TIERS) if place}
    # An unknown tier keeps the weights.
    factor = factor.ffill().to_numpy()
    weights = {"weight spy": 0.6 * factor, "weight ief": np.where(np.isnan(factor), np.nan, 0.4)}
    return pd.DataFrame({**named, **weights}, index=at)


SCRIPTS: dict[str, Callable[..., pd.DataFrame]] = {
    script.__name__: script
    for script in (
        quiet_breakout,
        faber_filter,
        donchian_breakout,
        rsi_two,
        volatility_target,
        vix_falls_back,
        naive_dip,
        leadership_to_cash,
        checklist_allocator,
    )
}
