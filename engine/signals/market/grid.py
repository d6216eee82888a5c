"""The days at which the market state is taken, and the New York sessions among them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_feeds.calendar import local_instants, session_bounds, sessions_between
from data_feeds.clock import NEW_YORK

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]
Rows = NDArray[np.int64]

EXCHANGE = "XNYS"


@dataclass(frozen=True)
class Grid:
    """Calendar days, each with one New York instant, and the exchange sessions among them.

    Attributes
    ----------
    dates : every calendar day of the window, datetime64[D]
    decided_at : its instant, ns UTC
    sessions : rows of ``dates`` that are sessions whose close lies before their instant
    session_closed_at : when those sessions closed, ns UTC
    latest : for each day the place in ``sessions`` of the newest session, -1 before the first
    """

    dates: NDArray[np.datetime64]
    decided_at: Instants
    sessions: Rows
    session_closed_at: Instants
    latest: Rows

    def __len__(self) -> int:
        return len(self.dates)

    @property
    def session_decided_at(self) -> Instants:
        """Return the instants of the days that are sessions."""
        return self.decided_at[self.sessions]

    def on_days(self, values: Floats) -> Floats:
        """Return for each day the value of the newest session; NaN before the first."""
        days = np.full(len(self.dates), np.nan)
        known = self.latest >= 0
        days[known] = np.asarray(values, dtype=np.float64)[self.latest[known]]
        return days

    def session_age_ns(self) -> Instants:
        """Return the age of the newest session's close at each day, ns, -1 before the first."""
        age = np.full(len(self.dates), -1, dtype=np.int64)
        known = self.latest >= 0
        age[known] = self.decided_at[known] - self.session_closed_at[self.latest[known]]
        return age


def build_grid(first: np.datetime64, last: np.datetime64, decide_at: str) -> Grid:
    """Return the days from ``first`` to ``last``, both included, each at a New York clock time."""
    dates = np.arange(first, last + np.timedelta64(1, "D"), dtype="datetime64[D]")
    decided_at = local_instants(dates, decide_at, NEW_YORK)
    sessions = sessions_between(EXCHANGE, dates[0], dates[-1])
    _, closed_at = session_bounds(EXCHANGE, sessions)
    rows = np.searchsorted(dates, sessions)
    # An instant before the close does not know its own day's session.
    over = closed_at <= decided_at[rows]
    rows, closed_at = rows[over], closed_at[over]
    latest = np.searchsorted(rows, np.arange(len(dates)), side="right") - 1
    return Grid(dates, decided_at, rows.astype(np.int64), closed_at, latest.astype(np.int64))
