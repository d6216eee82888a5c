"""Rows along instants: a copied run of rows equals the search, with or without gaps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.broker.along_instants import NO_ROW, Spread, last_rows, places

INSTANTS = st.lists(st.integers(0, 40), unique=True).map(sorted)


def run(first, count):
    return list(range(first, first + count))


# Half of the examples are unbroken runs, which are copied instead of searched.
ASCENDING = st.one_of(INSTANTS, st.builds(run, st.integers(0, 20), st.integers(0, 20)))


@given(ASCENDING, st.data())
def test_places_are_those_of_the_search(at, data):
    chosen = sorted(data.draw(st.one_of(st.just(at), st.sets(st.sampled_from(at or [0])))))
    found = places(np.array(at, np.int64), np.array(chosen if at else [], np.int64))
    assert found.tolist() == [at.index(instant) for instant in (chosen if at else [])]


@given(ASCENDING, ASCENDING)
def test_the_last_row_ends_at_or_before_the_instant(ends, at):
    found = last_rows(np.array(ends, np.int64), np.array(at, np.int64))
    assert found.tolist() == [sum(end <= instant for end in ends) - 1 for instant in at]


@given(
    st.lists(st.integers(NO_ROW, 9), max_size=20),
    st.integers(0, 5),
    st.integers(0, 10),
    st.booleans(),
)
def test_values_stand_at_the_instants_of_their_rows(rows, before, count, is_run):
    rows = [NO_ROW] * before + (run(0, count) if is_run else rows) + [NO_ROW] * (before % 3)
    values = np.arange(10.0) * 1.5
    expected = [np.nan if row == NO_ROW else values[row] for row in rows]
    np.testing.assert_array_equal(Spread(np.array(rows, np.int64)).of(values), expected)


def test_a_copy_of_values_can_be_written():
    values = np.arange(3.0)
    Spread(np.arange(3)).of(values)[0] = 9.0
    assert values[0] == 0.0
