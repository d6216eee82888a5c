"""List what an import would remove from a catalog: rows, values, coverage of a fetch."""

import numpy as np

from data_feeds.catalog import CatalogEntry, coverage_text
from data_feeds.clock import utc_text
from data_feeds.schema import VALUE_COLUMNS, Array, Channel, time_columns


def losses(entry: CatalogEntry, stored: Channel | None, fresh: Channel) -> list[str]:
    """Return texts of the losses if ``fresh`` replaces a stored channel; empty without loss.

    ``stored`` is None if its files cannot be read; then only the index is compared.
    """
    found = _by_index(entry, fresh) if stored is None else _by_rows(stored, fresh)
    if entry.covered:
        found.append("the coverage of a fetch is lost, and its stretches are requested again")
    return found


def _by_index(entry: CatalogEntry, fresh: Channel) -> list[str]:
    times = time_columns(fresh.key.kind)
    first, last = int(fresh[times[0]][0]), int(fresh[times[-2]][-1])
    if first <= entry.first_at and last >= entry.last_at and len(fresh) >= entry.rows:
        return []
    return [f"{entry.rows} stored rows, {coverage_text(entry)}, are not all among {len(fresh)}"]


def _by_rows(stored: Channel, fresh: Channel) -> list[str]:
    kept, at = _matched(stored, fresh)
    found = []
    facts = stored[time_columns(stored.key.kind)[0]]
    if not kept.all():
        found.append(f"{_counted(~kept, facts)} of {len(stored)} are lost")
    changed = np.zeros(int(kept.sum()), dtype=np.bool_)
    for name in (*time_columns(stored.key.kind)[1:], *VALUE_COLUMNS[stored.key.kind], "label"):
        old, new = stored[name][kept], fresh[name][at[kept]]
        changed |= (old != new) & ~(np.isnan(old) & np.isnan(new))
    if changed.any():
        found.append(f"{_counted(changed, facts[kept])} change")
    return found


def _matched(stored: Channel, fresh: Channel) -> tuple[Array, Array]:
    """Return a flag for each stored row with a match in ``fresh``, and the match's row.

    Vintages of one fact are matched in order.
    """
    fact = time_columns(stored.key.kind)[0]
    old, new = stored[fact], fresh[fact]
    version = np.arange(len(old)) - np.searchsorted(old, old)
    at = np.searchsorted(new, old) + version
    inside = at < len(new)
    at = np.minimum(at, max(len(new) - 1, 0))
    return inside & (new[at] == old), at


def _counted(rows: Array, facts: Array) -> str:
    where = np.flatnonzero(rows)
    first, last = utc_text(int(facts[where[0]])), utc_text(int(facts[where[-1]]))
    if len(where) == 1:
        return f"1 stored row ({first})"
    return f"{len(where)} stored rows ({first} to {last})"
