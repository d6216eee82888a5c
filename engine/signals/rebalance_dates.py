"""Dates on which weights are restored: calendar periods, and bands around targets."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import utc_index
from data_feeds.schema import Channel

Calendar = Literal["never", "weekly", "monthly", "quarterly", "yearly"]

_UNITS = {"monthly": "M", "yearly": "Y"}
# The epoch was a Thursday; weeks begin on Monday.
_THURSDAY = 3
_MONTHS_A_QUARTER = 3


def period_starts(
    decided_at: NDArray[np.int64], calendar: Calendar, *, zone: str = "UTC"
) -> NDArray[np.bool_]:
    """Return whether a row is the first of its week, month, quarter or year.

    Dates are taken in ``zone``, the time zone of the hour of decisions: 20:00 in New York on 31
    March is April in UTC. The very first row is false: its period may have begun before it.
    """
    if calendar == "never":
        return np.zeros(len(decided_at), dtype=np.bool_)
    local = utc_index(decided_at).tz_convert(zone)
    dates = local.tz_localize(None).to_numpy()
    if calendar == "weekly":
        period = (dates.astype("datetime64[D]").astype(np.int64) + _THURSDAY) // 7
    elif calendar == "quarterly":
        period = dates.astype("datetime64[M]").astype(np.int64) // _MONTHS_A_QUARTER
    else:
        period = dates.astype(f"datetime64[{_UNITS[calendar]}]").astype(np.int64)
    return np.concatenate(([False], period[1:] != period[:-1]))


def begun(bars: Channel, decided_at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether any bar of an instrument is known at each row; before that it has no price."""
    if len(bars) == 0:
        return np.zeros(len(decided_at), dtype=np.bool_)
    # The earliest instant at which any bar became known.
    known: NDArray[np.bool_] = decided_at >= bars["available_at"].min()
    return known


def outside_band(
    held: Mapping[str, float],
    target: Mapping[str, float],
    *,
    absolute: float | None,
    relative: float | None,
) -> str:
    """Return the weight farthest outside its band, in words; "" when none is.

    A weight is outside when it is off by more than ``absolute`` (a fraction of equity) or by more
    than ``relative`` times its target; None turns a band off.

    >>> outside_band({"A": 0.57}, {"A": 0.5}, absolute=0.05, relative=None)
    'A at 57.0%, target 50.0%'
    """
    worst, told = 0.0, ""
    for name, weight in target.items():
        off = abs(held.get(name, 0.0) - weight)
        bands = (absolute, None if relative is None or weight == 0 else relative * abs(weight))
        if off > worst and any(band is not None and off > band for band in bands):
            worst, told = off, f"{name} at {held.get(name, 0.0):.1%}, target {weight:.1%}"
    return told
