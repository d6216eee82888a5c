"""Judge the rule of choice: each window by a set that was chosen without it.

*Leave one out* chooses on all other windows. It shows robustness; nobody can trade it, since later
windows choose for earlier ones. *Forward* chooses on earlier windows alone: on all of them
(anchored), or on the last few (rolling). Each fold chooses anew, with the same neighbourhoods and
the same number, so that the choice itself is judged.

A fold judges one window, or together the windows of one cluster of sell-offs. Days closer to it
than the rules remember are not used: before it (purge), because its first decisions read them, and
after it (embargo), because the decisions of those days read it. The windows that choose are runs of
their own that begin flat with the base's account; the forward choices are also traded in one
account (:mod:`engine.sweep.walk_forward`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.config.sweep import ChooseConfig
from engine.statistics import Missing
from engine.sweep.daily_excess import DailyExcess, numbers_of
from engine.sweep.set_choice import Neighbours, choose

DAY = np.timedelta64(1, "D")
# With two windows each choice would rest on a single one.
MIN_WINDOWS = 2
# A number of one day does not exist.
MIN_DAYS = 2
# Windows that choose in the rolling form of the forward choice, without folds in the file.
ROLLING = 3


@dataclass(frozen=True)
class HeldOutFold:
    """One window that was left out, or the windows of one cluster.

    Attributes
    ----------
    windows : its name, or those of the cluster
    place : of the set chosen on the other windows
    excess : sum of its daily excess in the window, a fraction
    number : its number in the window, NaN without one
    beaten : share of all sets whose summed excess in the window is lower; ties count half
    dropped : days of the other windows not used, because the rules' memory reaches them
    """

    windows: tuple[str, ...]
    place: int
    excess: float
    number: float
    beaten: float
    dropped: int

    @property
    def window(self) -> str:
        """The names in words."""
        return ", ".join(self.windows)


@dataclass(frozen=True)
class HeldOutFolds:
    """All folds; ``number`` is that of their days one after the other, each by its own choice."""

    folds: tuple[HeldOutFold, ...]
    number: float


def leave_one_out(
    excess: DailyExcess, near: Neighbours, asked: ChooseConfig, memory_days: int
) -> HeldOutFolds | Missing:
    """Return a fold for each cluster of windows, chosen on all other clusters.

    Parameters
    ----------
    memory_days : days of data that a decision of the rules reads
    """
    clusters = _clusters(excess)
    plan = [(cluster, [c for c in clusters if c != cluster]) for cluster in clusters]
    return _folds(plan, excess, near, asked, memory_days)


def forward(
    excess: DailyExcess,
    near: Neighbours,
    asked: ChooseConfig,
    memory_days: int,
    *,
    first: int = 1,
    last: int | None = None,
) -> HeldOutFolds | Missing:
    """Return a fold for each cluster from place ``first`` on, chosen on earlier clusters.

    ``last`` is the number of clusters before it that choose; None: all.
    """
    clusters = _clusters(excess)
    plan = [
        (cluster, clusters[0 if last is None else max(place - last, 0) : place])
        for place, cluster in enumerate(clusters)
        if place >= first
    ]
    return _folds(plan, excess, near, asked, memory_days)


def _clusters(excess: DailyExcess) -> list[str]:
    return list(dict.fromkeys(excess.clusters))


def _folds(
    plan: Sequence[tuple[str, Sequence[str]]],
    excess: DailyExcess,
    near: Neighbours,
    asked: ChooseConfig,
    memory_days: int,
) -> HeldOutFolds | Missing:
    """Return a fold for each cluster of a plan, which names the clusters that choose for it."""
    if len(_clusters(excess)) < MIN_WINDOWS:
        alone = "one window" if len(excess.names) == 1 else "one cluster of sell-offs"
        return Missing(f"{alone} only; nothing is left to choose on")
    folds, days, per_year = [], [], excess.periods_per_year
    for cluster, choosing in plan:
        inside = excess.rows_of(cluster)
        wanted = np.logical_or.reduce([excess.rows_of(other) for other in choosing])
        used = wanted & training_rows(excess.days, inside, memory_days)
        pairs = zip(excess.names, excess.clusters, strict=True)
        names = tuple(name for name, of in pairs if of == cluster)
        if used.sum() < MIN_DAYS:
            return Missing(
                f"the rules remember {memory_days} days, which leaves {used.sum()} of the "
                f"{wanted.sum()} days that choose for {', '.join(names)}"
            )
        numbers = numbers_of(excess.values[used], asked.metric, per_year)
        place = choose(numbers, near, asked.rule).place
        if place is None:
            return Missing(f"no set has a number on the windows that choose for {', '.join(names)}")
        own = excess.values[inside, place]
        days.append(own)
        folds.append(
            HeldOutFold(
                windows=names,
                place=place,
                excess=float(own.sum()),
                number=float(numbers_of(own[:, np.newaxis], asked.metric, per_year)[0]),
                beaten=share_beaten(excess.values[inside].sum(axis=0), place),
                dropped=int(wanted.sum() - used.sum()),
            )
        )
    together = np.concatenate(days)[:, np.newaxis]
    return HeldOutFolds(tuple(folds), float(numbers_of(together, asked.metric, per_year)[0]))


def training_rows(
    days: NDArray[np.datetime64], inside: NDArray[np.bool_], memory_days: int
) -> NDArray[np.bool_]:
    """Return a mask of the days outside some windows, the rules' memory around each left out.

    >>> grid = np.datetime64("2026-01-01") + np.arange(8)
    >>> training_rows(grid, np.isin(np.arange(8), [3, 4]), 2).tolist()
    [True, False, False, False, False, False, False, True]
    """
    held, reach = np.sort(days[inside]), memory_days * DAY
    after = np.searchsorted(held, days - reach, side="left")
    # The first left-out day that is not too early must be too late.
    next_day = held[np.minimum(after, len(held) - 1)]
    near = (after < len(held)) & (next_day <= days + reach)
    away: NDArray[np.bool_] = ~near
    return away


def share_beaten(sums: NDArray[np.float64], place: int) -> float:
    """Return the share of the other sets with a lower sum; ties count half.

    >>> share_beaten(np.array([1.0, 2.0, 2.0, 5.0]), 1)
    0.5
    """
    others = np.delete(sums, place)
    if len(others) == 0:
        return 0.5
    return float((others < sums[place]).mean() + (others == sums[place]).mean() / 2)
