"""Groups of required conditions, and the names that a condition may have."""

import numpy as np
import pytest

from engine.conditions import (
    JOURNAL_COLUMNS,
    Truth,
    condition,
    entry_truth,
    name_problem,
    read_only,
)
from engine.playbook import Signals
from engine.results.availability import AvailabilityHistory
from engine.results.failing import TRUTH_WORDS
from engine.results.journal import conditions_table
from tests.engine.two_trades import two_trades


def test_a_condition_keeps_its_group_when_rows_are_taken():
    (_, calm, *_) = two_trades()
    assert calm.take(np.array([0, 3])).group == "quiet"


def test_an_entry_needs_all_conditions_of_one_group():
    # Row 4: panic holds. Row 2: quiet is false, panic unknown. The others: both false.
    words = [TRUTH_WORDS[Truth(int(value))] for value in entry_truth(two_trades())]
    assert words == ["false", "false", "unknown", "false", "true", "false"]


def test_conditions_without_groups_are_one_group():
    ones = np.ones(1)
    items = [
        condition(
            name,
            np.array([held]),
            known=np.array([True]),
            measured=ones,
            threshold=1.0,
            unit="",
            description=name,
        )
        for name, held in (("a", True), ("b", False))
    ]
    assert entry_truth(items).tolist() == [Truth.FALSE]
    assert entry_truth(items[:1]).tolist() == [Truth.TRUE]


@pytest.mark.parametrize("name", ["calm", "quiet_breakout.calm", "measured", "a.measured.b"])
def test_plain_and_dotted_names_are_taken(name):
    assert name_problem(name) == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a b", "letters, digits"),
        ("", "letters, digits"),
        ("a..b", "letters, digits"),
        ("a.", "letters, digits"),
        ("setup", "setup is a column"),
        ("calm.measured", "measured after a dot"),
        ("quiet.calm.threshold", "threshold after a dot"),
        ("calm.because", "because after a dot"),
        ("calm.age_hours", "age_hours after a dot"),
    ],
)
def test_a_name_that_the_journal_cannot_hold_has_a_problem(name, words):
    assert words in name_problem(name)


def test_every_column_of_the_journal_that_no_condition_owns_is_a_refused_name(new_book):
    book = new_book()
    book.mark(100.0)
    signals = Signals(book.now + np.arange(1, 7), {}, two_trades(), notable=np.ones(6, bool))
    account = AvailabilityHistory(book.outcome(), book.instrument, book.now, book.now + 9)
    table = conditions_table(signals, book.outcome(), account, book.now, book.now + 9)
    own = {name for name in table.column_names if not name.startswith(("feed", "quiet", "panic"))}
    assert own == JOURNAL_COLUMNS


def stated(measured, threshold=1.0, known=(True, True, False)):
    """Return a condition over three rows."""
    return condition(
        "deep",
        np.array([True, False, True]),
        known=np.asarray(known),
        measured=measured,
        threshold=threshold,
        unit="",
        description="deep",
    )


def test_a_threshold_of_one_number_takes_no_memory_and_reads_as_one_number_a_row():
    found = stated(np.array([2.0, 0.5, 3.0])).threshold
    assert found.tolist() == [1.0, 1.0, 1.0]
    assert found.strides == (0,)
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 2.0


def test_arrays_that_their_author_changes_later_do_not_change_a_condition():
    measured, threshold = np.array([2.0, 0.5, np.nan]), np.array([1.0, 1.0, 1.0])
    # A read-only view of memory that is still written is no promise either.
    view = measured.view()
    view.flags.writeable = False
    found = stated(view, threshold)
    measured[:], threshold[:] = 7.0, 7.0
    assert found.measured[:2].tolist() == [2.0, 0.5]
    assert found.threshold.tolist() == [1.0, 1.0, 1.0]


def test_a_read_only_array_is_shared_unless_an_unknown_row_holds_a_number():
    shared = read_only(np.array([2.0, 0.5, np.nan]))
    assert stated(shared).measured is shared
    hidden = stated(read_only(np.array([2.0, 0.5, 3.0]))).measured
    assert np.isnan(hidden).tolist() == [False, False, True]


def test_numbers_that_are_nowhere_known_take_no_memory():
    nowhere = np.broadcast_to(np.False_, 3)
    found = stated(np.array([2.0, 0.5, 3.0]), known=nowhere)
    assert np.isnan(found.measured).all()
    assert found.measured.strides == (0,)
    assert found.truth.tolist() == [Truth.UNKNOWN] * 3
