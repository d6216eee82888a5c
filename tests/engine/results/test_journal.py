"""The journal of conditions: the block of each row, and its nearest miss."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from engine.conditions import condition
from engine.playbook import Signals
from engine.results.availability import AvailabilityHistory
from engine.results.journal import conditions_table
from engine.results.nearness import best_of_setups, nearness

HOUR = 3_600 * 10**9


def signals(book, verdicts, *, notable=True, required=(True, True, True)):
    """Return signals of conditions a, b, c with thresholds 10, 4, 100 and given values a row."""
    rows = len(verdicts)
    table = np.array(verdicts, dtype=float)
    conditions = tuple(
        condition(
            name,
            np.nan_to_num(table[:, column]) >= level,
            known=np.isfinite(table[:, column]),
            measured=table[:, column],
            threshold=level,
            unit="x",
            description=f"{name} is at least {level}",
            required=required[column],
        )
        for column, (name, level) in enumerate((("a", 10.0), ("b", 4.0), ("c", 100.0)))
    )
    decided_at = book.now + np.arange(1, rows + 1, dtype=np.int64) * HOUR
    return Signals(decided_at, {}, conditions, notable=np.full(rows, notable))


def table(book, made, *, hours=50):
    start = int(made.decided_at[0]) - HOUR
    outcome = book.outcome()
    account = AvailabilityHistory(outcome, book.instrument, start, start + hours * HOUR)
    return conditions_table(made, outcome, account, start, start + hours * HOUR).to_pylist()


def test_the_first_required_false_condition_blocks_and_the_nearest_miss_is_the_smallest_gap(
    new_book,
):
    book = new_book()
    made = signals(book, [(10.0, 3.0, 90.0)])
    book.mark(100.0)
    (row,) = table(book, made)
    assert (row["blocked_kind"], row["blocked_by"]) == ("condition", "b")
    # b misses by (4 - 3) / 4 = 25%, c by (100 - 90) / 100 = 10%
    assert row["nearest_miss"] == "c"
    assert row["nearest_miss_distance"] == pytest.approx(0.1)
    assert (row["a"], row["b"], row["c"]) == ("true", "false", "false")
    assert (row["b.measured"], row["b.threshold"], row["required_failing"]) == (3.0, 4.0, 2)


def test_an_unknown_condition_blocks_only_when_no_required_one_is_false(new_book):
    book = new_book()
    nan = float("nan")
    made = signals(book, [(nan, 3.0, 100.0), (nan, 4.0, 100.0)])
    book.mark(100.0)
    first, second = table(book, made)
    assert (first["blocked_by"], first["nearest_miss"]) == ("b", "b")
    assert (second["blocked_by"], second["nearest_miss"]) == ("a", "")
    assert second["a"] == "unknown"


def test_a_condition_that_is_not_required_never_blocks(new_book):
    book = new_book()
    made = signals(book, [(1.0, 4.0, 100.0)], required=(False, True, True))
    book.mark(100.0)
    (row,) = table(book, made)
    assert (row["blocked_kind"], row["blocked_by"]) == ("playbook", "no intent")
    assert row["nearest_miss"] == ""


def test_an_open_position_blocks_before_any_condition(new_book):
    book = new_book()
    made = signals(book, [(1.0, 1.0, 1.0)] * 3)
    book.mark(100.0)
    book.decide(1.0, stop=90.0)
    book.fill("entry", 1.0, 100.0)
    book.mark(100.0, hours=5)
    first, second, _ = table(book, made)
    assert (first["blocked_kind"], first["state"]) == ("", "flat")
    assert (second["blocked_kind"], second["blocked_by"]) == ("account", "in_position")
    assert second["plan_id"] == 1


def test_a_refusal_of_the_risk_module_is_named(new_book):
    book = new_book()
    made = signals(book, [(10.0, 4.0, 100.0)])
    book.mark(100.0)
    book.decide(1.0, stop=90.0, outcome="blocked", blocked_by="cool-down")
    (row,) = table(book, made)
    assert (row["blocked_kind"], row["blocked_by"]) == ("risk", "cool-down")
    assert row["decisions"] == "1 enter blocked"


def test_rows_are_the_notable_ones_and_those_with_a_decision_inside_the_window(new_book):
    book = new_book()
    made = signals(book, [(1.0, 1.0, 1.0)] * 6, notable=False)
    notable = np.array([True, False, False, True, False, True])
    made = replace(made, notable=notable)
    book.mark(100.0, hours=3)
    book.decide(1.0, stop=90.0)  # at the third row
    rows = table(book, made, hours=5)  # the sixth row lies outside
    assert [(r["at"].value - int(made.decided_at[0])) // HOUR for r in rows] == [0, 2, 3]


def row(at, failing, distance, kind="condition", setup="s"):
    return {
        "at": pd.Timestamp(at, tz="UTC"),
        "setup": setup,
        "blocked_kind": kind,
        "required_failing": failing,
        "nearest_miss_distance": distance,
    }


def test_the_nearest_miss_is_the_row_with_the_fewest_failing_conditions():
    # The row at 19:00 fails one condition, which compares no number (a gate of two parts); the row
    # at 18:45 fails two, and the nearest of them by 2%.
    rows = [row("2025-10-16T18:45", 2, 0.02), row("2025-10-16T19:00", 1, None)]
    assert [r["at"].minute for r in sorted(rows, key=nearness)] == [0, 45]
    assert [r["at"].minute for r in best_of_setups(rows)] == [0]


@pytest.mark.parametrize(
    ("nearer", "farther"),
    [
        # a row with a number comes first
        (row("2026-01-02", 1, 0.3), row("2026-01-01", 1, math.nan)),
        (row("2026-01-02", 1, 0.3), row("2026-01-01", 1, 0.4)),
        (row("2026-01-01", 1, 0.3), row("2026-01-02", 1, 0.3)),  # then the earlier row
        (row("2026-01-02", 0, None, "risk"), row("2026-01-01", 0, None, "account")),
        (row("2026-01-02", 0, None, "account"), row("2026-01-01", 0, None, "playbook")),
        (row("2026-01-02", 0, None, "playbook"), row("2026-01-01", 1, 0.0001)),
    ],
)
def test_rows_are_ranked_by_failing_conditions_kind_distance_and_time(nearer, farther):
    assert nearness(nearer) < nearness(farther)


def test_a_setup_has_one_row_and_rows_of_none_one_a_day():
    rows = [
        row("2026-01-01T01:00", 2, 0.1, setup="a"),
        row("2026-01-01T02:00", 1, 0.9, setup="a"),
        row("2026-01-01T03:00", 3, 0.1, setup=""),
        row("2026-01-01T04:00", 2, 0.2, setup=""),
        row("2026-01-02T04:00", 1, 0.2, setup=""),
    ]
    assert [(r["at"].day, r["at"].hour) for r in best_of_setups(rows)] == [(2, 4), (1, 2), (1, 4)]
