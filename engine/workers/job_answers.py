"""The answer of a job: its result, or its error in a form that can travel between processes."""

import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Setup = Callable[[], Callable[[Any], Any]]


@dataclass(frozen=True)
class JobAnswer:
    """The result of a job that worked, or the exception that it raised."""

    worked: bool
    value: Any


@dataclass(frozen=True)
class WorkerDeath:
    """The end of a worker in the middle of a job.

    ``expected`` is true for a worker that was told to leave, which is no fault of its job.
    """

    words: str
    expected: bool = False


def answer_of(function: Callable[[], Any]) -> JobAnswer:
    """Return the answer of a job."""
    try:
        return JobAnswer(True, function())
    except Exception as error:
        return JobAnswer(False, picklable(error))


def picklable(error: Exception) -> Exception:
    """Return the error with the worker's traceback as a note, or one of its text."""
    error.add_note(f"In the worker process:\n{traceback.format_exc()}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
