"""The group of conditions that came nearest to an entry, row by row."""

import numpy as np
import pytest

from engine.playbook import Signals
from engine.results.availability import AvailabilityHistory
from engine.results.failing import failing_of_row, nearest_groups, relative_distance
from engine.results.journal import conditions_table
from engine.results.pass_rates import condition_rates
from tests.engine.two_trades import BLAMED, DISTANCES, FAILING, GROUPS, NEAREST, ROWS, two_trades

HOUR = 3_600 * 10**9


@pytest.fixture
def journal(new_book):
    """Return the journal of the two trades' table, for an account that is always free."""
    book = new_book()
    book.mark(100.0)
    decided_at = book.now + np.arange(1, len(ROWS) + 1, dtype=np.int64) * HOUR
    signals = Signals(decided_at, {}, two_trades(), notable=np.ones(len(ROWS), bool))
    start, end = int(decided_at[0]) - HOUR, int(decided_at[-1])
    account = AvailabilityHistory(book.outcome(), book.instrument, start, end)
    return conditions_table(signals, book.outcome(), account, start, end).to_pylist()


def test_the_group_with_the_fewest_failures_and_the_smallest_gap_is_nearest():
    rows = nearest_groups(two_trades(), np.arange(len(ROWS)))
    found = [rows.row(row) for row in range(len(ROWS))]
    assert tuple(item.group for item in found) == NEAREST
    assert tuple(item.count for item in found) == FAILING
    assert tuple(item.first for item in found) == BLAMED
    assert [item.distance for item in found] == pytest.approx(DISTANCES, nan_ok=True)


def test_the_journal_blames_a_condition_of_the_nearest_group(journal):
    assert tuple(row["nearest_group"] for row in journal) == NEAREST
    assert tuple(row["required_failing"] for row in journal) == FAILING
    blocks = [(row["blocked_kind"], row["blocked_by"]) for row in journal]
    assert blocks == [("condition", name) if name else ("playbook", "no intent") for name in BLAMED]
    assert [row["quiet.calm.measured"] for row in journal] == [line[1] for line in ROWS]


def test_one_group_is_read_from_the_journal_as_it_was_computed(journal):
    # panic at row 3: feed (100% off) and deep (10% off) fail.
    found = failing_of_row(journal[3], "panic", ("feed", "panic.deep"))
    assert (found.count, found.first, found.nearest) == (2, "feed", "panic.deep")
    assert found.distance == pytest.approx(0.1)


def test_a_journal_without_groups_has_no_column_for_them(new_book):
    book = new_book()
    book.mark(100.0)
    feed, *_ = two_trades()
    signals = Signals(book.now + np.arange(1, 7) * HOUR, {}, (feed,), notable=np.ones(6, bool))
    account = AvailabilityHistory(book.outcome(), book.instrument, book.now, book.now + 9 * HOUR)
    table = conditions_table(signals, book.outcome(), account, book.now, book.now + 9 * HOUR)
    assert table.num_rows == 6
    assert "nearest_group" not in table.column_names


def test_rates_carry_the_group_and_only_where_there_is_one():
    signals = Signals(np.arange(len(ROWS)), {}, two_trades())
    rates = condition_rates(signals, 0, len(ROWS))
    assert tuple(rate.group for rate in rates) == GROUPS
    assert [rate.as_json().get("group") for rate in rates] == [None, "quiet", "quiet", "panic"]


@pytest.mark.parametrize(
    ("measured", "threshold", "distance"),
    [(3.0, 4.0, 0.25), (5.0, 4.0, 0.2), (0.0, 0.0, 0.0), (0.1, 0.0, 1.0), (-1.0, 1.0, 2.0)],
)
def test_relative_distance_divides_by_the_larger_of_the_two(measured, threshold, distance):
    gap = relative_distance(np.array([measured]), np.array([threshold]))
    assert gap[0] == pytest.approx(distance)


def test_relative_distance_of_an_unknown_is_unknown():
    assert np.isnan(relative_distance(np.array([np.nan]), np.array([1.0]))[0])
