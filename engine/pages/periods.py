"""Months and years of a run: partial ones are marked, months outside the run are empty."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_feeds.calendar import ALWAYS_OPEN, session_bounds, sessions_between
from engine.formatting import percent
from engine.results.finished import RunRecord

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
PARTIAL = "*"
NOTE = (
    "Simple returns of calendar months and years, compounded from the days above. * marks a month "
    "or year that the run covers in part; it does not count in best, worst and mean. An empty cell "
    "is a month outside the run."
)


@dataclass(frozen=True)
class CalendarPeriod:
    """One calendar month or year: first day, return, and whether the run covers it in full."""

    first: np.datetime64
    value: float
    is_whole: bool

    @property
    def shown(self) -> str:
        """The value for a table, with a mark for a partial period."""
        return f"{percent(self.value, 2)}{'' if self.is_whole else PARTIAL}"


def calendar_of(record: RunRecord) -> str:
    """Return the calendar of the daily returns: around the clock if one instrument trades so."""
    instruments = record.run.dataset.instruments
    calendars = [instruments[name].calendar for name in sorted(record.run.requirements.traded)]
    if ALWAYS_OPEN in calendars:
        return ALWAYS_OPEN
    return instruments[record.run.requirements.leading].calendar


def periods(
    returns: "pd.Series[float]", unit: str, *, calendar: str, window: tuple[int, int]
) -> tuple[CalendarPeriod, ...]:
    """Return the months (``unit`` M) or years (Y) in which daily returns lie, in order.

    A period is whole when the window (ns UTC) holds all of its sessions, from the first open to the
    last close; around the clock, all of its days.
    """
    index = pd.DatetimeIndex(returns.index).to_numpy().astype("datetime64[D]")
    names = index.astype(f"datetime64[{unit}]")
    found = []
    for name in np.unique(names):
        wealth = math.prod((1.0 + returns.to_numpy()[names == name]).tolist())
        first, last = name.astype("datetime64[D]"), (name + 1).astype("datetime64[D]") - 1
        found.append(CalendarPeriod(first, wealth - 1, _is_whole(first, last, calendar, window)))
    return tuple(found)


def _is_whole(
    first: np.datetime64, last: np.datetime64, calendar: str, window: tuple[int, int]
) -> bool:
    days = np.array([first, last])
    if calendar != ALWAYS_OPEN:
        days = sessions_between(calendar, first, last)
        if len(days) == 0:
            return False
    opened, closed = session_bounds(calendar, days[[0, -1]])
    return bool(window[0] <= opened[0] and closed[-1] <= window[1])


def month_rows(record: RunRecord) -> list[tuple[str, ...]]:
    """Return a table of returns: a row a year, a column a month, then the year."""
    months, years = (_of(record, unit) for unit in ("M", "Y"))
    cells = {str(month.first)[:7]: month.shown for month in months}
    rows: list[tuple[str, ...]] = [("", *MONTHS, "year")]
    for year in years:
        name = str(year.first)[:4]
        row = (cells.get(f"{name}-{month:02d}", "") for month in range(1, len(MONTHS) + 1))
        rows.append((name, *row, year.shown))
    return rows


def extreme_rows(record: RunRecord) -> list[tuple[str, ...]]:
    """Return best, worst and mean of whole months and years; n/a where the run has none."""
    rows: list[tuple[str, ...]] = [("", "whole ones", "best", "worst", "geometric mean")]
    for name, unit in (("months", "M"), ("years", "Y")):
        values = [period.value for period in _of(record, unit) if period.is_whole]
        rows.append((name, str(len(values)), *_told(values)))
    return rows


def _told(values: Sequence[float]) -> tuple[str, str, str]:
    if not values:
        return "n/a", "n/a", "n/a"
    wealth = math.prod(1 + value for value in values)
    mean = wealth ** (1 / len(values)) - 1 if wealth > 0 else -1.0
    return percent(max(values), 2), percent(min(values), 2), percent(mean, 2)


def _of(record: RunRecord, unit: str) -> tuple[CalendarPeriod, ...]:
    window = (record.start, record.end)
    return periods(record.daily_returns, unit, calendar=calendar_of(record), window=window)
