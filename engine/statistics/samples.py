"""Checks of samples and settings, and the answer where a number does not exist."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import ReportError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Missing:
    """A number that does not exist; ``str`` gives ``n/a: reason``.

    >>> str(Missing("12 trades, 30 needed"))
    'n/a: 12 trades, 30 needed'
    """

    reason: str

    def __str__(self) -> str:
        return f"n/a: {self.reason}"


def sample(values: ArrayLike, name: str, dimensions: int = 1) -> Floats:
    """Return the values as an array of floats; ReportError on NaN, infinity or another shape."""
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != dimensions:
        raise ReportError(
            f"{name}: an array of {dimensions} dimension(s) is needed, not one of shape "
            f"{found.shape}"
        )
    wrong = np.argwhere(~np.isfinite(found))
    if len(wrong):
        first = tuple(int(i) for i in wrong[0])
        raise ReportError(
            f"{name}: {len(wrong)} of {found.size} values are not finite, the first at {first}; "
            "leave those rows out"
        )
    return found


def finite(value: float, name: str) -> float:
    """Return the value; ReportError when it is NaN or infinite."""
    if not math.isfinite(value):
        raise ReportError(f"{name} is {value}; a finite number is needed")
    return float(value)


def fraction(value: float, name: str) -> float:
    """Return the value; ReportError unless it lies between 0 and 1, ends excluded."""
    if not 0 < value < 1:
        raise ReportError(f"{name} is {value}; a number between 0 and 1 is needed")
    return float(value)


def at_least(value: float, smallest: float, name: str) -> None:
    """Raise ReportError when the value is below the smallest allowed, or NaN."""
    if not value >= smallest:
        raise ReportError(f"{name} is {value}; at least {smallest} is needed")
