"""The days and weeks of an account, and the closes that end them."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from data_feeds.calendar import zone_of
from data_feeds.clock import DAY_NS, closing_days

Floats = NDArray[np.float64]


def account_days(at: NDArray[np.int64], calendars: Collection[str]) -> NDArray[np.int64]:
    """Return the account day of each instant: New York dates where everything trades by its clock.

    Else UTC dates: something trades around the clock, or at another exchange, whose sessions a New
    York midnight would cut. An instant on a boundary belongs to the day that ends there. New York's
    sessions never span a UTC midnight offset by five hours.
    """
    in_new_york = all(zone_of(calendar) == "America/New_York" for calendar in calendars)
    shift = 5 * DAY_NS // 24 if in_new_york else 0
    days: NDArray[np.int64] = closing_days(at - shift)
    return days


def period_ends(
    at: NDArray[np.int64],
    has_close: NDArray[np.bool_],
    calendars: Collection[str],
    next_close: int | None = None,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark the last close of each account day, and of each week from Monday on.

    The last close of the data is marked only where ``next_close``, the first close after the data,
    is given and lies in another period.
    """
    closes = np.flatnonzero(has_close)
    instants = at[closes] if next_close is None else np.append(at[closes], next_close)
    days = account_days(instants, calendars)
    # The epoch was a Thursday.
    return _lasts(days, closes, len(at)), _lasts((days + 3) // 7, closes, len(at))


def _lasts(periods: NDArray[np.int64], closes: NDArray[np.intp], count: int) -> NDArray[np.bool_]:
    """Mark, among ``count`` instants, each close whose next one lies in another period."""
    mask = np.zeros(count, np.bool_)
    mask[closes[np.flatnonzero(periods[1:] != periods[:-1])]] = True
    return mask


def days_covered(at: NDArray[np.int64], day_end: NDArray[np.bool_], start: int) -> Floats:
    """Return the days since the day's end before, the window's start for the first; 0 elsewhere."""
    days = np.zeros(len(at))
    days[day_end] = np.diff(np.concatenate(([start], at[day_end]))) / DAY_NS
    return days
