"""Stored vintages stay; the value served last is the latest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_feeds.fetch.vintages import with_kept_vintages
from data_feeds.schema import Channel, validate
from tests.data_feeds.factory import series

Rows = list[tuple[int, int, float]]


def table(rows: Rows) -> Channel:
    return series([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])


def rows_of(channel: Channel) -> Rows:
    columns = [channel[name].tolist() for name in ("event_at", "available_at", "value")]
    return list(zip(*columns, strict=True))


@pytest.mark.parametrize(
    ("stored", "fresh", "expected"),
    [
        # The CSV's 2.0 is the last vintage: the first vintage does not return as a revision.
        ([(1, 10, 2.0)], [(1, 10, 1.0), (1, 20, 2.0)], [(1, 10, 2.0)]),
        # The publisher had another value in between.
        (
            [(1, 10, 3.0)],
            [(1, 10, 1.0), (1, 20, 2.0), (1, 30, 3.0)],
            [(1, 10, 3.0), (1, 20, 2.0), (1, 30, 3.0)],
        ),
        # Revised to 2 and back to 1.
        ([(1, 10, 1.0), (1, 50, 2.0)], [(1, 10, 1.0)], [(1, 10, 1.0), (1, 50, 2.0), (1, 100, 1.0)]),
        # The value changed before its publication: the rule's instant applies.
        ([(1, 400, 1.0)], [(1, 400, 2.0)], [(1, 400, 2.0)]),
        # The CSV has only the last stored vintage, dated by the rule: nothing is new.
        ([(1, 10, 1.0), (1, 20, 2.0)], [(1, 12, 2.0)], [(1, 10, 1.0), (1, 20, 2.0)]),
        # A publisher that serves fewer years removes no stored row.
        ([(1, 10, 1.0), (2, 20, 2.0)], [(2, 20, 2.0)], [(1, 10, 1.0), (2, 20, 2.0)]),
        ([(1, 10, 1.0)], [], [(1, 10, 1.0)]),
    ],
)
def test_rows_after_a_second_reading_at_100(stored: Rows, fresh: Rows, expected: Rows) -> None:
    assert rows_of(with_kept_vintages(table(stored), table(fresh), 100)) == expected


histories = st.dictionaries(
    st.integers(0, 3),
    st.dictionaries(st.integers(10, 40), st.sampled_from([1.0, 2.0, 3.0]), min_size=1, max_size=3),
    max_size=3,
)


def rows_from(history: dict[int, dict[int, float]]) -> Rows:
    return [(e, k, v) for e, held in sorted(history.items()) for k, v in sorted(held.items())]


@given(histories, histories, st.integers(41, 60))
def test_the_served_value_is_the_latest_and_earlier_vintages_stay(
    stored: dict[int, dict[int, float]], fresh: dict[int, dict[int, float]], now: int
) -> None:
    merged = with_kept_vintages(table(rows_from(stored)), table(rows_from(fresh)), now)
    if len(merged):
        validate(merged)
    after = {(e, k): v for e, k, v in rows_of(merged)}
    assert {(e, k): v for e, k, v in rows_from(stored)}.items() <= after.items()
    for event, vintages in fresh.items():
        last = max(k for e, k in after if e == event)
        assert after[event, last] == vintages[max(vintages)]
    again = with_kept_vintages(merged, table(rows_from(fresh)), now + 1)
    assert rows_of(again) == rows_of(merged)


def test_labels_go_with_their_rows() -> None:
    fresh = series([1], [10], [2.0])
    inferred = Channel(fresh.key, {**fresh.columns, "label": np.ones(1, np.int8)})
    merged = with_kept_vintages(series([1], [10], [1.0]), inferred, 100)
    assert merged["label"].tolist() == [0, 1]
