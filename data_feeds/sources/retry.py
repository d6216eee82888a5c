"""Repeat requests after temporary failures: backoff with jitter, or the venue's own wait."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import tenacity

from data_feeds.errors import TransientSourceError

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class RetryPolicy:
    """Number of attempts and waits between them.

    The n-th wait is ``first_wait_s * 2**(n - 1)`` seconds with random jitter of up to as much, at
    most ``longest_wait_s``, and never shorter than the venue's ``Retry-After``. A ``Retry-After``
    above ``longest_retry_after_s`` is an error at once, so that no user waits an hour unasked.
    """

    attempts: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    longest_retry_after_s: float = 300.0
    sleep: Callable[[float], None] = time.sleep


def ask(question: Callable[[], Answer], policy: RetryPolicy) -> Answer:
    """Return the answer of ``question``; repeat it while it raises ``TransientSourceError``.

    Raises
    ------
    TransientSourceError : the last error, after the last attempt. Anything else that ``question``
        raises passes through at once.
    """

    backoff = tenacity.wait_exponential(policy.first_wait_s) + tenacity.wait_random(
        0.0, policy.first_wait_s
    )

    def wait(state: tenacity.RetryCallState) -> float:
        return max(min(backoff(state), policy.longest_wait_s), _asked_to_wait(state) or 0.0)

    def give_up(state: tenacity.RetryCallState) -> bool:
        asked = _asked_to_wait(state)
        too_long = asked is not None and asked > policy.longest_retry_after_s
        return too_long or state.attempt_number >= policy.attempts

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TransientSourceError),
        wait=wait,
        stop=give_up,
        sleep=policy.sleep,
        reraise=True,
    )(question)


def _asked_to_wait(state: tenacity.RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after_s if isinstance(error, TransientSourceError) else None
