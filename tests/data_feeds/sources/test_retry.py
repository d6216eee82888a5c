"""Retries: waits, number of attempts, and errors that pass through."""

from collections.abc import Callable

import pytest

from data_feeds.errors import PermanentSourceError, TransientSourceError
from data_feeds.sources.retry import RetryPolicy, ask


def busy(times: int, retry_after_s: float | None = None) -> Callable[[], int]:
    """Return a question that fails a number of times, then returns its number of calls."""
    asked = 0

    def question() -> int:
        nonlocal asked
        asked += 1
        if asked <= times:
            raise TransientSourceError(f"busy {asked}", retry_after_s)
        return asked

    return question


def waits_of(
    policy_of: Callable[[Callable[[float], None]], RetryPolicy], times: int
) -> list[float]:
    waits: list[float] = []
    ask(busy(times), policy_of(waits.append))
    return waits


def test_an_answer_at_once_waits_for_nothing() -> None:
    assert waits_of(lambda sleep: RetryPolicy(sleep=sleep), 0) == []


def test_waits_double_with_a_jitter_of_at_most_the_first_wait() -> None:
    for _ in range(50):
        waits = waits_of(lambda sleep: RetryPolicy(first_wait_s=0.5, sleep=sleep), 5)
        # 0.5, 1, 2, 4 and 8 seconds, each up to half a second longer
        for wait, shortest in zip(waits, (0.5, 1.0, 2.0, 4.0, 8.0), strict=True):
            assert shortest <= wait <= shortest + 0.5


def test_waits_differ_from_one_question_to_the_next() -> None:
    first = {waits_of(lambda sleep: RetryPolicy(sleep=sleep), 1)[0] for _ in range(20)}
    assert len(first) > 1


def test_no_wait_is_longer_than_the_longest() -> None:
    waits = waits_of(lambda sleep: RetryPolicy(attempts=9, longest_wait_s=3.0, sleep=sleep), 8)
    # From the fourth on, 0.5 * 2**3 = 4 s would be too long.
    assert waits[3:] == [3.0] * 5
    assert max(waits) == 3.0


def test_a_first_wait_of_zero_does_not_wait() -> None:
    assert waits_of(lambda sleep: RetryPolicy(first_wait_s=0.0, sleep=sleep), 3) == [0.0] * 3


def test_the_last_error_comes_out_when_no_attempt_is_left() -> None:
    waits: list[float] = []
    with pytest.raises(TransientSourceError, match="busy 4"):
        ask(busy(10), RetryPolicy(attempts=4, sleep=waits.append))
    # There is no wait after the last attempt.
    assert len(waits) == 3


def test_a_single_attempt_never_waits() -> None:
    waits: list[float] = []
    with pytest.raises(TransientSourceError, match="busy 1"):
        ask(busy(1), RetryPolicy(attempts=1, sleep=waits.append))
    assert waits == []


def test_the_venue_s_own_waiting_time_is_kept_where_it_is_longer() -> None:
    waits: list[float] = []
    policy = RetryPolicy(attempts=5, longest_wait_s=6.0, sleep=waits.append)
    ask(busy(4, retry_after_s=3.0), policy)
    # 0.5, 1 and 2 s (each up to half a second more) are shorter than 3; 4 s is not.
    assert waits[:3] == [3.0] * 3
    assert 4.0 <= waits[3] <= 4.5
    waits.clear()
    # Longer than our own longest wait, but below the limit of Retry-After.
    ask(busy(1, retry_after_s=300.0), policy)
    assert waits == [300.0]


def test_a_venue_that_wants_to_be_left_alone_for_long_is_an_error_at_once() -> None:
    waits: list[float] = []
    with pytest.raises(TransientSourceError, match="busy 1") as caught:
        ask(busy(1, retry_after_s=301.0), RetryPolicy(sleep=waits.append))
    assert waits == []
    assert caught.value.retry_after_s == 301.0


@pytest.mark.parametrize("error", [PermanentSourceError("no such market"), KeyError("a bug")])
def test_other_errors_pass_through_at_once(error: Exception) -> None:
    asked = []

    def question() -> None:
        asked.append(True)
        raise error

    waits: list[float] = []
    with pytest.raises(type(error)) as caught:
        ask(question, RetryPolicy(sleep=waits.append))
    assert caught.value is error
    assert (len(asked), waits) == (1, [])
