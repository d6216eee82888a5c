"""Earnings dates of the leaders, which are announced beforehand."""

import numpy as np
from numpy.typing import NDArray

from data_feeds.align import as_of
from engine.conditions import Condition
from engine.config.market.leadership_conditions import earnings_conditions
from engine.signals.market.declared import conditions_of
from engine.signals.market.grid import Floats, Instants
from engine.signals.market.point_in_time import MarketInputs
from engine.signals.market.readings import Reading

UNKNOWN_AGE = -1


def earnings_dates(inputs: MarketInputs) -> tuple[dict[str, Floats], dict[str, Condition]]:
    """Return the days to the next earnings date of a leader, and the condition on them.

    Each series holds one company's next date as YYYYMMDD, known from its announcement on. After a
    date has passed, the next one is unknown until it is announced.
    """
    names, rules = inputs.config.inputs, inputs.config.events
    today = inputs.grid.dates
    nearest = np.full(len(inputs.grid), np.inf)
    age: Instants = np.full(len(inputs.grid), UNKNOWN_AGE, np.int64)
    for name in names.earnings:
        channel = inputs.named_series(name)
        if channel is None:
            continue
        found = as_of(channel, "value", inputs.grid.decided_at)
        ahead = (dates_of(found.values) - today).astype(np.float64)
        ahead[~(ahead >= 0)] = np.inf
        nearer = ahead < nearest
        nearest = np.where(nearer, ahead, nearest)
        age = np.where(nearer, found.age_ns, age)
    days = np.where(np.isfinite(nearest), nearest, np.nan)
    read = Reading(days, age, names.earnings)
    named = conditions_of(inputs, earnings_conditions(rules), {"days_to_earnings": read})
    return {"days_to_earnings": days}, named


def dates_of(values: Floats) -> NDArray[np.datetime64]:
    """Return dates written as YYYYMMDD; NaT for NaN.

    >>> dates_of(np.array([20260225.0, np.nan])).tolist()[0].isoformat()
    '2026-02-25'
    """
    known = np.isfinite(values)
    whole = np.where(known, values, 19700101).astype(np.int64)
    months = (whole // 10_000 - 1970) * 12 + whole // 100 % 100 - 1
    first: NDArray[np.datetime64] = months.astype("datetime64[M]").astype("datetime64[D]")
    dates: NDArray[np.datetime64] = first + (whole % 100 - 1).astype("timedelta64[D]")
    dates[~known] = np.datetime64("NaT")
    return dates
