"""Values derived from a channel's rows, read as known at each decision."""

import numpy as np
from numpy.typing import NDArray

from data_feeds.align import AsOf, as_of
from data_feeds.schema import Channel, time_columns
from engine.signals.windows import Floats

_DERIVED = "derived"
_CLOSED_AT = "closed_at"


def unknown_values(rows: int) -> Floats:
    """Return NaN for every row, read-only and without memory of its own."""
    return np.broadcast_to(np.nan, rows)


def unknown_ages(rows: int) -> NDArray[np.int64]:
    """Return the age -1, which means a missing input, for every row, as :func:`unknown_values`."""
    return np.broadcast_to(np.int64(-1), rows)


def derived_as_of(
    channel: Channel,
    derived: Floats,
    decided_at: NDArray[np.int64],
    max_age_ns: int | None = None,
) -> AsOf:
    """Return a number computed for each channel row from rows up to it, as known at each instant.

    A row's number waits for the latest ``available_at`` of all rows before it, since any of them
    may have entered it. Age counts from the fact, as in ``align.as_of``; a NaN is never fresh.
    """
    times = {
        name: channel[name]
        for name in (*time_columns(channel.key.kind), _CLOSED_AT)
        if name in channel.columns
    }
    times["available_at"] = np.maximum.accumulate(channel["available_at"])
    found = as_of(Channel(channel.key, {**times, _DERIVED: derived}), _DERIVED, decided_at)
    fresh = np.isfinite(found.values) & (found.age_ns >= 0)
    if max_age_ns is not None:
        fresh &= found.age_ns <= max_age_ns
    return AsOf(found.values, found.age_ns, fresh, found.rows)
