"""Compare two runs made by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.answers.run_diff import RunDiff, diff_runs
from tests.engine.answers.run_diff.hand_runs import HandRun, write_hand_run


@pytest.fixture
def hand_folder(make_run, new_book, tmp_path: Path) -> Callable[[HandRun, str], Path]:
    """Return a function that writes the folder of a run made by hand."""
    return lambda run, name: write_hand_run(make_run, new_book, run, tmp_path / name, name)


@pytest.fixture
def compared(hand_folder) -> Callable[[HandRun, HandRun], RunDiff]:
    """Return a function that compares two runs made by hand."""
    return lambda a, b: diff_runs(hand_folder(a, "a"), hand_folder(b, "b"))
