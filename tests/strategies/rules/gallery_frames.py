"""Tables in plain pandas for the independent scripts of the gallery: bars, series, as-of, Kleene.

Nothing here uses the language or its functions: only the rows of the channels.
A truth is a float: 1 true, 0 false, NaN unknown.
"""

import numpy as np
import pandas as pd

from data_feeds.schema import ChannelKey, ChannelKind

DAY = 86_400 * 10**9
SESSION_AGE = 6 * DAY
STATE_AGE = 2 * DAY


def bars(data, instrument, timeframe):
    """Return the bars of an instrument, one row a bar, in the order of their opens."""
    channel = data.channels[ChannelKey(instrument, ChannelKind.BARS, timeframe)]
    return pd.DataFrame({name: np.array(channel[name]) for name in channel.columns})


def days_of(hours):
    """Return the UTC days of shorter bars; the first day is left out unless it is whole."""
    day = hours["opened_at"] // DAY
    grouped = hours.groupby(day)
    table = grouped.agg(high=("high", "max"), low=("low", "min"), close=("close", "last"))
    table["closed_at"] = (table.index + 1) * DAY
    # The last bar of the day makes it known; without that bar, the first bar of a later day does.
    ends = grouped["closed_at"].last()
    first = grouped["available_at"].first().shift(-1, fill_value=-1)
    last = grouped["available_at"].last()
    table["available_at"] = np.where(ends == table["closed_at"], last, first)
    whole = hours["opened_at"].iloc[0] % DAY == 0
    table = table.iloc[0 if whole else 1 :]
    return table[table["available_at"] > 0].reset_index(drop=True)


def series(data, name):
    """Return the values of a series: ``event_at``, ``available_at``, ``value``."""
    channel = data.channels[ChannelKey(name, ChannelKind.SERIES)]
    table = pd.DataFrame({key: np.array(channel[key]) for key in channel.columns})
    assert not table["event_at"].duplicated().any(), f"{name} is revised"
    return table


def evenings(sessions):
    """Return 18:30 New York on the date of each session."""
    dates = (
        pd.DatetimeIndex(sessions["closed_at"]).tz_localize("UTC").tz_convert("America/New_York")
    )
    at = dates.normalize() + pd.Timedelta(hours=18, minutes=30)
    return (
        at.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
    )


def joined(values, facts, available, decided_at, max_age):
    """Return the newest value known at each decision, NaN where there is none or it is stale."""
    rows = pd.DataFrame({"available": available, "fact": facts, "value": values})
    rows = rows.sort_values(["available", "fact"]).reset_index(drop=True)
    # A later row of an older fact never hides a newer fact.
    newest = rows["fact"].cummax() == rows["fact"]
    rows = rows[newest]
    asked = pd.DataFrame({"at": np.asarray(decided_at)})
    found = pd.merge_asof(asked, rows, left_on="at", right_on="available")
    fresh = found["at"] - found["fact"] <= max_age
    return found["value"].where(fresh).to_numpy(dtype=float)


def newest(rows, values):
    """Return the newest value of bars around the clock at the instants at which they are known.

    A bar that is known late, because its end was missing, may be older than two bars by then.
    """
    bar = (rows["closed_at"] - rows["opened_at"]).min()
    known = rows["available_at"]
    return joined(values, rows["closed_at"], known, known, 2 * bar)


def holds(left, compare, right):
    """Return the truth of a comparison of two columns or numbers."""
    left, right = np.broadcast_arrays(np.asarray(left, float), np.asarray(right, float))
    truth = compare(left, right).astype(float)
    truth[np.isnan(left) | np.isnan(right)] = np.nan
    return truth


def both(one, other):
    """Return Kleene's "and": false wins over unknown."""
    truth = np.where((one == 1) & (other == 1), 1.0, np.nan)
    truth[(one == 0) | (other == 0)] = 0.0
    return truth


def crosses(above, left, right):
    """Return whether the left column passed the right one between the row before and this one."""
    left, right = np.broadcast_arrays(np.asarray(left, float), np.asarray(right, float))
    now = holds(left, np.greater if above else np.less, right)
    before = holds(left, np.less_equal if above else np.greater_equal, right)
    earlier = np.concatenate(([np.nan], before[:-1]))
    return both(now, earlier)


def wilder_range(table, length):
    """Return Wilder's average true range: a mean of ``length`` rows, then 1/length of each new row.

    The weight of the first rows fades; rows near the beginning depend on the seed.
    """
    before = table["close"].shift()
    spread = pd.concat(
        [
            table["high"] - table["low"],
            (table["high"] - before).abs(),
            (table["low"] - before).abs(),
        ],
        axis=1,
    ).max(axis=1)
    spread[before.isna()] = np.nan
    value, out = np.nan, []
    for row, width in enumerate(spread):
        if row == length:
            value = spread.iloc[1 : length + 1].mean()
        elif row > length:
            value += (width - value) / length
        out.append(value)
    return np.array(out)


def every_of_last(truth, rows):
    """Return whether each of the last ``rows`` rows is true, this one included."""
    table = pd.Series(truth)
    any_false = (table == 0).rolling(rows, min_periods=1).max() == 1
    all_true = (table == 1).rolling(rows).sum() == rows
    return np.where(any_false, 0.0, np.where(all_true, 1.0, np.nan))
