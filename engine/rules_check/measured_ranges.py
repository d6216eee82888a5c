"""Measure the range of the numbers that a condition compared in a window.

The ranges are a report over the whole window; nothing decides by them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.conditions import Condition


@dataclass(frozen=True)
class NumberRange:
    """Lowest, median and highest of some numbers, in the unit of the condition."""

    lowest: float
    median: float
    highest: float


@dataclass(frozen=True)
class MeasuredRange:
    """The numbers that a condition compared, over the rows at which both are finite.

    Attributes
    ----------
    rows : number of these rows
    measured, threshold : in ``unit``
    margin : of measured less threshold, row by row
    """

    unit: str
    rows: int
    measured: NumberRange
    threshold: NumberRange
    margin: NumberRange


@dataclass(frozen=True)
class PartRange:
    """The numbers of one part of a condition, for example of one side of its "and"."""

    name: str
    measured: MeasuredRange


def measured_range(item: Condition) -> MeasuredRange | None:
    """Return the range of a condition's numbers; None where it compared none.

    Rows are left out at which the condition is unknown, or at which a reason decided.
    """
    compared = np.isfinite(item.measured) & np.isfinite(item.threshold)
    if not compared.any():
        return None
    measured, threshold = item.measured[compared], item.threshold[compared]
    return MeasuredRange(
        unit=item.unit,
        rows=len(measured),
        measured=_range(measured),
        threshold=_range(threshold),
        margin=_range(measured - threshold),
    )


def part_ranges(item: Condition) -> tuple[PartRange, ...]:
    """Return the ranges of the parts of a condition that compare numbers, in their order."""
    found = ((part.name, measured_range(part)) for part in item.parts)
    return tuple(PartRange(name, measured) for name, measured in found if measured is not None)


def _range(numbers: NDArray[np.float64]) -> NumberRange:
    return NumberRange(float(numbers.min()), float(np.median(numbers)), float(numbers.max()))
