"""The probability of backtest overfitting: how often the best variant of a search was luck.

Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), 'The Probability of Backtest Overfitting',
Journal of Computational Finance 20(4): combinatorially symmetric cross-validation (CSCV). The days
are cut into blocks; every choice of half of the blocks is a sample to pick the best variant in, the
other half the one to judge it in.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import ReportError
from engine.metrics import scaled
from engine.statistics.samples import Floats, Missing, sample

# 20 blocks make 184,756 splits; more is only slow.
MAX_BLOCKS = 20
MIN_BLOCK_DAYS = 2
# A variance below this share of the mean square is rounding of equal returns.
NO_VARIANCE_SHARE = 1e-12


@dataclass(frozen=True, eq=False)
class Overfitting:
    """The results of CSCV for a family of variants.

    ``undecided`` counts the splits in whose judged half all variants tie, for instance because none
    trades; they are left out of the other numbers. ``probability`` is the PBO: the share of splits
    whose best variant is at or below the median of the other half. ``logits`` holds one value a
    split, ``ln(w / (1 - w))`` with w = rank / (variants + 1), positive above the median. ``slope``
    regresses the picked variant's Sharpe ratio in the other half on its Sharpe ratio in the half of
    the pick, None when the latter does not vary; a negative slope means that a higher ratio in one
    half goes with a lower ratio in the other. ``loss_probability`` is the share of splits in which
    the picked variant loses in the other half.
    """

    probability: float
    logits: Floats
    slope: float | None
    loss_probability: float
    blocks: int
    variants: int
    days: int
    undecided: int = 0


def backtest_overfitting(
    returns: ArrayLike, episodes: ArrayLike, *, blocks: int = 16
) -> Overfitting | Missing:
    """Return the probability of backtest overfitting of a family of variants.

    Parameters
    ----------
    returns : simple returns, shape (days, variants), all variants tried
    episodes : a code a day, shape (days,); the days of one episode are contiguous. No block
        crosses from one episode into the next, and each episode has the same number of blocks.
    blocks : S, even, at most 20, a multiple of the number of episodes

    Returns
    -------
    ``Missing`` for fewer than two variants, equal ones, blocks of fewer than two days, and where
    all variants tie in the judged half of every split. The measure is the Sharpe ratio of a half's
    days. A half with zero returns only counts 0; equal returns other than zero give ``Missing``. Of
    variants that tie as the best the first is picked; in the other half ties share their mean rank.

    Raises
    ------
    ReportError : NaN, wrong shapes, an episode in two pieces, blocks that cannot be shared out
        equally
    """
    # A Sharpe ratio does not depend on scale, so each variant keeps its own.
    found = sample(returns, "returns", dimensions=2)
    codes = np.asarray(episodes)
    if codes.shape != found.shape[:1]:
        raise ReportError(f"{len(found)} days of returns have {codes.shape} episode codes")
    days, variants = found.shape
    if variants < 2:
        return Missing(f"{variants} variant(s), 2 needed")
    if days == 0:
        return Missing("no daily returns")
    starts = _block_starts(codes, blocks)
    if starts is None:
        return Missing(f"{days} daily returns are too few for {blocks} blocks")
    if bool((found == found[:, :1]).all()):
        return Missing("all variants have the same returns")
    chosen = _halves(blocks)
    picked_in, judged_in = (
        _sharpes(scaled(found, axis=0)[0], starts, halves) for halves in (chosen, ~chosen)
    )
    if np.isnan(picked_in).any() or np.isnan(judged_in).any():
        return Missing("a variant's returns do not vary in one half of the days")
    return _judge(picked_in, judged_in, blocks, days)


def _judge(picked_in: Floats, judged_in: Floats, blocks: int, days: int) -> Overfitting | Missing:
    decided = (judged_in != judged_in[:, :1]).any(axis=1)
    undecided = int((~decided).sum())
    if undecided == len(decided):
        return Missing("all variants tie in the judged half of every split")
    picked_in, judged_in = picked_in[decided], judged_in[decided]
    splits, variants = picked_in.shape
    best = np.argmax(picked_in, axis=1)
    row = np.arange(splits)
    before, after = picked_in[row, best], judged_in[row, best]
    lower = (judged_in < after[:, np.newaxis]).sum(axis=1)
    equal = (judged_in == after[:, np.newaxis]).sum(axis=1)
    relative = (lower + (equal + 1) / 2) / (variants + 1)
    logits = np.log(relative / (1 - relative))
    centred = before - before.mean()
    spread = float(centred @ centred)
    return Overfitting(
        probability=float((logits <= 0).mean()),
        logits=logits,
        slope=float(centred @ after) / spread if spread > 0 else None,
        loss_probability=float((after < 0).mean()),
        blocks=blocks,
        variants=variants,
        days=days,
        undecided=undecided,
    )


def _halves(blocks: int) -> NDArray[np.bool_]:
    """Return every choice of half of the blocks, shape (splits, blocks)."""
    picks = np.array(list(combinations(range(blocks), blocks // 2)))
    chosen = np.zeros((len(picks), blocks), dtype=np.bool_)
    np.put_along_axis(chosen, picks, True, axis=1)
    return chosen


def _sharpes(returns: Floats, starts: NDArray[np.intp], chosen: NDArray[np.bool_]) -> Floats:
    """Return per-period Sharpe ratios, shape (splits, variants), from sums over blocks."""
    held = chosen.astype(np.float64)
    days = held @ np.diff(np.append(starts, len(returns)))[:, np.newaxis]
    mean = held @ np.add.reduceat(returns, starts, axis=0) / days
    square = held @ np.add.reduceat(returns**2, starts, axis=0) / days
    variance = square - mean**2
    varies = variance > NO_VARIANCE_SHARE * square
    out = np.where(square == 0, 0.0, np.nan)
    deviation = np.sqrt(variance * days / (days - 1), out=np.ones_like(out), where=varies)
    return np.divide(mean, deviation, out=out, where=varies)


def _block_starts(codes: NDArray[np.generic], blocks: int) -> NDArray[np.intp] | None:
    """Return each block's first day, None when a block would be too short."""
    firsts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
    episodes = len(firsts)
    if len(np.unique(codes)) != episodes:
        raise ReportError("the days of an episode must be contiguous; sort the rows by episode")
    if not 2 <= blocks <= MAX_BLOCKS or blocks % 2 or blocks % episodes:
        raise ReportError(
            f"{blocks} blocks for {episodes} episode(s): an even number, at most {MAX_BLOCKS} and "
            f"a multiple of {episodes} is needed"
        )
    ends = np.append(firsts[1:], len(codes))
    share = blocks // episodes
    parts = [
        part
        for first, end in zip(firsts, ends, strict=True)
        for part in np.array_split(np.arange(first, end), share)
    ]
    if min(len(part) for part in parts) < MIN_BLOCK_DAYS:
        return None
    return np.array([part[0] for part in parts])
