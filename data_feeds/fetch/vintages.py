"""Keep what was known: a value that a publisher has changed since becomes a new row."""

from collections.abc import Iterator

import numpy as np

from data_feeds.schema import Array, Channel


def with_kept_vintages(stored: Channel, fresh: Channel, now: int) -> Channel:
    """Return a series' stored rows and what ``fresh`` adds to them, in order.

    A fresh row is added when the stored rows did not say the same at its ``available_at``. Where
    the stored row of that very instant holds another value, the publisher has revised it in the
    meantime: the stored row stays and the new value is known from ``now`` (ns UTC) on.
    """
    rows = {(event, known): (value, label) for event, known, value, label in _table(stored)}
    latest: dict[int, list[tuple[int, float]]] = {}
    for (event, known), (value, _) in sorted(rows.items()):
        latest.setdefault(event, []).append((known, value))
    for event, known, value, label in _table(fresh):
        said = [v for at, v in latest.get(event, []) if at <= known]
        if said and said[-1] == value:
            continue
        revised = (event, known) in rows
        if revised and latest[event][-1][1] == value:
            continue
        at = now if revised else known
        rows[event, at] = (value, label)
    return _channel(fresh, rows)


def _table(channel: Channel) -> Iterator[tuple[int, int, float, int]]:
    names = ("event_at", "available_at", "value", "label")
    return zip(*(channel[name].tolist() for name in names), strict=True)


def _channel(like: Channel, rows: dict[tuple[int, int], tuple[float, int]]) -> Channel:
    order = sorted(rows)
    columns: dict[str, Array] = {
        "event_at": np.array([event for event, _ in order], dtype=np.int64),
        "available_at": np.array([known for _, known in order], dtype=np.int64),
        "value": np.array([rows[key][0] for key in order], dtype=np.float64),
        "label": np.array([rows[key][1] for key in order], dtype=np.int8),
    }
    return Channel(like.key, columns)
