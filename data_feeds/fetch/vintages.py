"""Keep earlier vintages: a value that its publisher has changed becomes a new row."""

from collections.abc import Iterator

import numpy as np

from data_feeds.schema import Array, Channel

_Vintages = dict[int, tuple[float, int]]


def with_kept_vintages(stored: Channel, fresh: Channel, now: int) -> Channel:
    """Return a series' stored rows and the rows that ``fresh`` adds, in order.

    Stored rows stay unchanged. Vintages that only ``fresh`` has are added at their own
    ``available_at``. If the last value of a date in ``fresh`` differs from the last stored value,
    it is known from ``now`` (ns UTC) on. If the stored row becomes known only later, the new value
    replaces it at that instant, because no decision has seen it.
    """
    rows, served = _by_event(stored), _by_event(fresh)
    for event, vintages in served.items():
        told = rows.setdefault(event, {})
        if not told or len(vintages) > 1:
            _add_vintages(told, vintages)
        newest, last = vintages[max(vintages)], max(told)
        if told[last][0] != newest[0]:
            told[max(now, last)] = newest
    return _channel(fresh, rows)


def _add_vintages(told: _Vintages, vintages: _Vintages) -> None:
    for known, (value, label) in sorted(vintages.items()):
        said = max((at for at in told if at <= known), default=None)
        if said is None or (said != known and told[said][0] != value):
            told[known] = (value, label)


def _by_event(channel: Channel) -> dict[int, _Vintages]:
    rows: dict[int, _Vintages] = {}
    for event, known, value, label in _table(channel):
        rows.setdefault(event, {})[known] = (value, label)
    return rows


def _table(channel: Channel) -> Iterator[tuple[int, int, float, int]]:
    names = ("event_at", "available_at", "value", "label")
    return zip(*(channel[name].tolist() for name in names), strict=True)


def _channel(like: Channel, rows: dict[int, _Vintages]) -> Channel:
    table = [
        (event, known, *rows[event][known])
        for event in sorted(rows)
        for known in sorted(rows[event])
    ]
    columns: dict[str, Array] = {
        "event_at": np.array([row[0] for row in table], dtype=np.int64),
        "available_at": np.array([row[1] for row in table], dtype=np.int64),
        "value": np.array([row[2] for row in table], dtype=np.float64),
        "label": np.array([row[3] for row in table], dtype=np.int8),
    }
    return Channel(like.key, columns)
