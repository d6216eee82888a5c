import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conditions import Truth, condition
from engine.signals.evidence import count_evidence, not_both, resolve, seen_since

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (T, T, F),
        (T, F, T),
        (F, T, T),
        (F, F, T),
        (T, U, U),
        (U, T, U),
        (F, U, T),
        (U, F, T),
        (U, U, U),
    ],
)
def test_not_both_is_known_as_soon_as_one_is_false(first, second, expected):
    found = not_both(np.array([first], dtype=np.int8), np.array([second], dtype=np.int8))
    assert found.tolist() == [expected]


def test_the_config_decides_whether_unknown_passes():
    truth = np.array([T, F, U], dtype=np.int8)
    assert resolve(truth, unknown_passes=True).tolist() == [True, False, True]
    assert resolve(truth, unknown_passes=False).tolist() == [True, False, False]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=1, max_size=40))
def test_seen_since_looks_from_the_origin_to_the_row(rows):
    flags = np.array([flag for flag, _ in rows])
    origin = np.array([max(t - back, 0) for t, (_, back) in enumerate(rows)])
    slow = [bool(flags[start : t + 1].any()) for t, start in enumerate(origin)]
    assert seen_since(flags, origin).tolist() == slow


def test_evidence_counts_true_and_known_conditions_since_the_origin():
    def sign(truth):
        values = np.array(truth)
        return condition(
            "sign",
            values == T,
            known=values != U,
            measured=np.zeros(4),
            threshold=0.0,
            unit="",
            description="",
        )

    # A sequence runs from row 1; row 0 has none, so only row 0 itself counts there.
    count = count_evidence([sign([T, F, T, F]), sign([U, U, U, F])], np.array([0, 1, 1, 1]))
    assert count.held.tolist() == [1, 0, 1, 1]
    assert count.known.tolist() == [1, 1, 1, 2]
