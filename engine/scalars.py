"""The mark of formulas that Python code and compiled loops share.

A marked function takes and returns numbers. Python calls it as it is; ``engine/screening`` compiles
the same source, so no formula exists twice. This module imports no compiler, because reading a run
file must not wait for one.
"""

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

MARKED: list[Callable[..., Any]] = []


def scalar(function: Function) -> Function:
    """Return a function unchanged, after recording it for compiled loops."""
    MARKED.append(function)
    return function
