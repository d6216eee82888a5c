"""Tests of a whole sweep: does picking its best set work, and does any set beat the bill?

Both are of the sets that no result had suggested.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.statistics import (
    Missing,
    Overfitting,
    Superiority,
    backtest_overfitting,
    superior_ability,
)
from engine.sweep.blind_sets import SEEN, BlindSets

# Blocks that are tried, the most first; each is a multiple of the windows, or of groups of them.
MOST_BLOCKS, MANY_BLOCKS, FEW_BLOCKS = 20, 16, 10
# Splits times sets: one matrix of Sharpe ratios stays below 200 MB.
MAX_RATIOS = 20_000_000
SPLITS = {4: 6, 6: 20, 8: 70, 10: 252, 12: 924, 14: 3_432, 16: 12_870, 18: 48_620, 20: 184_756}


def overfitting(blind: BlindSets) -> Overfitting | Missing:
    """Return the probability of backtest overfitting of the blind sets of a sweep.

    No block crosses from one window into the next. Where there are too many windows for a block
    each, a block holds several whole windows.
    """
    excess = blind.excess
    if len(blind.places) == 0:
        return SEEN
    codes, blocks = blocks_of(excess.windows, excess.values.shape[1])
    return backtest_overfitting(excess.values, codes, blocks=blocks)


def blocks_of(windows: NDArray[np.int64], sets: int) -> tuple[NDArray[np.int64], int]:
    """Return a code a day, the same in the parts that blocks may not cross, and the blocks.

    >>> blocks_of(np.repeat([0, 1, 2], 9), 30)[1], blocks_of(np.repeat([0, 1], 9), 30)[1]
    (12, 16)
    >>> codes, blocks = blocks_of(np.repeat(np.arange(28), 9), 30)
    >>> blocks, len(np.unique(codes))
    (16, 16)
    """
    count = int(windows.max()) + 1
    allowed = [n for n in SPLITS if SPLITS[n] * sets <= MAX_RATIOS] or [4]
    fitting = [n for n in allowed if n % count == 0]
    usual = [n for n in fitting if n <= MANY_BLOCKS] or fitting
    if usual:
        return windows, max(usual)
    groups = max(n for n in allowed if n <= max(min(count, MANY_BLOCKS), 4))
    group_of = np.concatenate(
        [np.full(len(part), n) for n, part in enumerate(np.array_split(np.arange(count), groups))]
    )
    return group_of[windows], groups


def superiority(blind: BlindSets, seed: int) -> Superiority | Missing:
    """Return whether some blind set's mean daily return exceeds the bill's, corrected for them all.

    The sets that beat it, and those without power, are named by their places in the sweep;
    ``detectable`` is that of each blind set in their order.
    """
    if len(blind.places) == 0:
        return SEEN
    excess = blind.excess
    nothing = np.zeros(len(excess.values))
    found = superior_ability(excess.values, nothing, segments=excess.windows, seed=seed)
    if isinstance(found, Missing):
        return found
    return replace(
        found,
        superior=blind.in_sweep(found.superior),
        powerless=blind.in_sweep(found.powerless),
    )
