"""Conditions show beside their truth the numbers that decided, or the reason that did."""

import numpy as np
import pytest

from engine.conditions import (
    NOT_SO,
    Reason,
    Truth,
    comparison_hides,
    condition,
    reason,
)
from engine.results.journal import because

HOUR = 3_600 * 10**9
AT = np.arange(1, 5, dtype=np.int64) * HOUR
ROWS = np.arange(4)


def told(holds, measured, threshold=1.0, **more):
    return condition(
        "it",
        np.array(holds),
        known=np.ones(len(holds), dtype=bool),
        measured=np.array(measured, dtype=float),
        threshold=threshold,
        unit="x",
        description="it holds",
        **more,
    )


@pytest.mark.parametrize(
    ("holds", "measured", "hidden"),
    [
        ([True, True, False, False], [2.0, 1.0, 0.9, 0.0], []),  # at least
        ([True, False, False, False], [2.0, 1.0, 0.9, 0.0], []),  # above
        ([False, False, True, True], [2.0, 1.0, 0.9, 0.0], []),  # below
        ([False, True, True, True], [2.0, 1.0, 0.9, 0.0], []),  # at most
        ([True, False, False, False], [2.0, 3.0, 0.9, 0.0], [1]),  # 3 is above 1 as 2 is
        ([True, False, False, False], [2.0, np.nan, 0.9, 0.0], []),  # no number, no claim
    ],
)
def test_one_comparison_must_explain_every_row_with_numbers(holds, measured, hidden):
    assert np.flatnonzero(comparison_hides(told(holds, measured))).tolist() == hidden


def test_an_unknown_row_claims_nothing():
    item = condition(
        "it",
        np.array([True, False]),
        known=np.array([True, False]),
        measured=np.array([2.0, 2.0]),
        threshold=1.0,
        unit="",
        description="",
    )
    assert not comparison_hides(item).any()


def test_a_reason_is_told_with_the_instant_of_what_decided():
    item = told(
        [False] * 4,
        [np.nan] * 4,
        reasons=(
            Reason("reclaimed already", np.array([NOT_SO, HOUR, HOUR, 4 * HOUR])),
            reason("waits for the bounce", np.array([True, False, False, False])),
        ),
    )
    assert because(item, ROWS, AT).to_pylist() == [
        "waits for the bounce",
        "reclaimed already at 1970-01-01T01:00Z",
        "reclaimed already at 1970-01-01T01:00Z",
        "reclaimed already at this close",
    ]


def test_parts_are_told_with_their_truth_and_numbers():
    parts = (
        told([True, False, True, False], [2.0, 0.5, np.nan, 0.5]),
        told([True] * 4, [np.nan] * 4),
    )
    whole = told([True, False, True, False], [np.nan] * 4, parts=parts)
    assert because(whole, np.array([0, 1]), AT[:2]).to_pylist() == [
        "it yes (2 against 1 x), it yes",
        "it no (0.5 against 1 x), it yes",
    ]


def test_rows_are_taken_with_their_parts_and_reasons():
    part = told([True, False, True, False], [2.0, 0.5, 3.0, 0.5])
    whole = told(
        [True, False, True, False],
        [np.nan] * 4,
        parts=(part,),
        reasons=(reason("so", np.array([False, True, True, False])),),
    ).take(np.array([2, 1]))
    assert whole.parts[0].measured.tolist() == [3.0, 0.5]
    assert whole.parts[0].truth.tolist() == [Truth.TRUE, Truth.FALSE]
    assert because(whole, np.array([0, 1]), AT[:2]).to_pylist() == [
        "it yes (3 against 1 x), so",
        "it no (0.5 against 1 x), so",
    ]


def test_rows_at_which_no_reason_decided_have_an_empty_text():
    # Rows 0 and 1: nothing; row 2: the row itself.
    late = reason("late", np.array([False, False, True]))
    whole = told([False] * 3, [np.nan] * 3, reasons=(late,))
    assert because(whole, np.arange(3), AT[:3]).to_pylist() == ["", "", "late"]
