"""Conditions: statements about the market that are true, false or unknown at each decision row."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Truth(IntEnum):
    """Three-valued truth; *unknown* is never counted as true or as false."""

    UNKNOWN = -1
    FALSE = 0
    TRUE = 1


@dataclass(frozen=True)
class Condition:
    """One named condition over all decision rows.

    Attributes
    ----------
    name : identifier used in configs and tables
    truth : int8, one :class:`Truth` a row
    measured : float64, the number that was compared (NaN where unknown or not a comparison)
    threshold : float64, what it was compared with, one a row; NaN where there is none
    unit : of ``measured`` and ``threshold``, for readers: "x", "fraction", "quote", "bars"
    description : what it says when true, in plain words
    required : whether the rules demand it; the journal's "blocked by" is the first required
        condition that fails, in the order of ``Signals.conditions``
    """

    name: str
    truth: NDArray[np.int8]
    measured: NDArray[np.float64]
    threshold: NDArray[np.float64]
    unit: str
    description: str
    required: bool = True


def condition(
    name: str,
    holds: NDArray[np.bool_],
    *,
    known: NDArray[np.bool_],
    measured: NDArray[np.float64],
    threshold: NDArray[np.float64] | float,
    unit: str,
    description: str,
    required: bool = True,
) -> Condition:
    """Return a condition that is unknown wherever ``known`` is false, whatever ``holds`` says."""
    truth = np.where(known, holds.astype(np.int8), np.int8(Truth.UNKNOWN)).astype(np.int8)
    return Condition(
        name,
        truth,
        np.where(known, measured, np.nan),
        np.broadcast_to(np.asarray(threshold, dtype=np.float64), truth.shape).copy(),
        unit,
        description,
        required,
    )
