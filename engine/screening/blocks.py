"""Blocks of instants with the extremes of their prices, by which the kernel skips them."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BLOCK = 32


def block_extremes(values: Floats) -> tuple[Floats, Floats]:
    """Return the lowest and highest number of each block, NaN for a block without one."""
    padded = np.full(-(-len(values) // BLOCK) * BLOCK, np.nan)
    padded[: len(values)] = values
    rows = padded.reshape(-1, BLOCK)
    known = ~np.isnan(rows)
    some = known.any(axis=1)
    low = np.where(some, np.where(known, rows, np.inf).min(axis=1), np.nan)
    high = np.where(some, np.where(known, rows, -np.inf).max(axis=1), np.nan)
    return low, high
