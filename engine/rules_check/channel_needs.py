"""State what a playbook needs: channels, whether the data hold them, and how fresh they are."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_feeds.align import as_of_rows
from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.load import stored_keys
from data_feeds.schema import Channel, ChannelKey, ChannelKind, time_columns
from engine.playbook import Requirements

REQUIRED, OPTIONAL, LATE = "required", "optional", "late"


@dataclass(frozen=True)
class ChannelNeed:
    """One channel that a playbook reads.

    Attributes
    ----------
    use : required, optional, or late (required bars that may begin inside the window)
    stored : the stored channel it is made from, "" where the data hold none
    first_at, last_at : first and last row of the stored channel, ns UTC; None without rows
    max_age_ns : the age from which its newest row counts as unknown; None: no limit is declared
    unknown, stale : shares of the window's decision rows at which no row was known yet, and at
        which the newest known row was older than ``max_age_ns``; None where nothing was counted
    """

    channel: str
    use: str
    stored: str
    first_at: int | None
    last_at: int | None
    max_age_ns: int | None
    unknown: float | None = None
    stale: float | None = None


def channel_needs(
    needs: Requirements,
    source: Catalog | Dataset,
    longest_ages: Mapping[ChannelKey, int],
    dataset: Dataset | None = None,
    decided_at: NDArray[np.int64] | None = None,
) -> tuple[ChannelNeed, ...]:
    """Return every declared channel, required ones first.

    ``dataset`` and ``decided_at`` are the run's data and the decision rows of its window; without
    them nothing is counted.
    """
    origins = stored_keys(source, needs.channels | needs.optional)
    ends = channel_ends(source)
    found = []
    for key in sorted(origins, key=lambda k: (k not in needs.channels, k)):
        stored = origins[key]
        first_at, last_at = (None, None) if stored is None else ends.get(stored, (None, None))
        use = LATE if key in needs.late else REQUIRED if key in needs.channels else OPTIONAL
        limit = longest_ages.get(key)
        unknown = stale = None
        if dataset is not None and decided_at is not None and len(decided_at):
            unknown, stale = _freshness(dataset.channels.get(key), decided_at, limit)
        name = "" if stored is None else str(stored)
        need = ChannelNeed(str(key), use, name, first_at, last_at, limit, unknown, stale)
        found.append(need)
    return tuple(found)


def channel_ends(source: Catalog | Dataset) -> dict[ChannelKey, tuple[int, int]]:
    """Return first and last row of every stored channel that has rows, ns UTC."""
    if isinstance(source, Catalog):
        return {entry.key: (entry.first_at, entry.last_at) for entry in source.entries()}
    return {
        key: (int(rows[time_columns(key.kind)[0]][0]), int(_facts(rows)[-1]))
        for key, rows in source.channels.items()
        if len(rows)
    }


def _facts(rows: Channel) -> NDArray[np.int64]:
    """Return the instants from which ages count: a bar's close, a point's date."""
    bars = rows.key.kind in (ChannelKind.BARS, ChannelKind.MARK)
    facts: NDArray[np.int64] = rows["closed_at" if bars else "event_at"]
    return facts


def _freshness(
    rows: Channel | None, decided_at: NDArray[np.int64], limit: int | None
) -> tuple[float, float | None]:
    """Return the shares of decision rows without a known row, and with one that is too old."""
    if rows is None or not len(rows):
        return 1.0, None if limit is None else 0.0
    newest = as_of_rows(rows, decided_at)
    known = newest >= 0
    unknown = float(np.mean(~known))
    if limit is None:
        return unknown, None
    age = decided_at - _facts(rows)[np.maximum(newest, 0)]
    return unknown, float(np.mean(known & (age > limit)))
