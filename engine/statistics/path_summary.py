"""The summary of all events' paths: mean, median and quartiles at each offset, with intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.statistics.event_study import (
    MIN_CLUSTERS,
    Paths,
    Rows,
    Sampling,
    cluster_weights,
    clusters,
    resampled_means,
)
from engine.statistics.samples import Floats


@dataclass(frozen=True)
class PathSummary:
    """Statistics of all events' paths, one entry an offset in each array; NaN without a value.

    ``events`` and ``clusters`` are counts; the intervals are pointwise and NaN with fewer than
    ``MIN_CLUSTERS`` clusters; ``lower`` and ``upper`` are the quartiles of the events.
    """

    events: Rows
    clusters: Rows
    mean: Floats
    mean_low: Floats
    mean_high: Floats
    median: Floats
    median_low: Floats
    median_high: Floats
    lower: Floats
    upper: Floats


def path_summary(
    paths: Paths, horizons: Sequence[int], *, part: Rows, sampling: Sampling
) -> PathSummary:
    """Return mean, median and quartiles of the paths at each offset, with intervals.

    The clusters at an offset are those of the shortest horizon that reaches it, so that an
    interval near the event does not depend on how far the path goes.
    """
    made = {name: np.full(len(paths.offsets), np.nan) for name in _FLOATS}
    events, independent = np.zeros((2, len(paths.offsets)), dtype=np.int64)
    for horizon, columns in segments(paths.offsets, horizons):
        moves = paths.moves[:, columns]
        groups = clusters(paths.position, horizon, part)
        held = np.isfinite(moves)
        events[columns] = held.sum(axis=0)
        independent[columns] = [len(np.unique(groups[column])) for column in held.T]
        enough = columns[independent[columns] >= MIN_CLUSTERS]
        some = columns[events[columns] > 0]
        _centre(made, paths.moves, some)
        if len(enough):
            weights = cluster_weights(int(groups[-1]) + 1, sampling)
            _spread(made, paths.moves, enough, groups=groups, weights=weights, sampling=sampling)
    return PathSummary(events=events, clusters=independent, **made)


_FLOATS = (
    *("mean", "mean_low", "mean_high"),
    *("median", "median_low", "median_high"),
    *("lower", "upper"),
)


def segments(offsets: Rows, horizons: Sequence[int]) -> Iterator[tuple[int, Rows]]:
    """Yield each horizon with the columns that it is the shortest one to reach.

    Columns beyond the longest horizon belong to the longest.

    >>> [(h, c.tolist()) for h, c in segments(np.array([-2, 0, 1, 4, 9]), [1, 5])]
    [(1, [1, 2]), (5, [0, 3, 4])]
    """
    ordered = sorted(horizons)
    place = np.minimum(np.searchsorted(ordered, np.abs(offsets)), len(ordered) - 1)
    for number, horizon in enumerate(ordered):
        columns = np.flatnonzero(place == number)
        if len(columns):
            yield horizon, columns


def _centre(made: dict[str, Floats], moves: Floats, columns: Rows) -> None:
    if len(columns) == 0:
        return
    part = moves[:, columns]
    made["mean"][columns] = np.nanmean(part, axis=0)
    quartiles = np.nanquantile(part, (0.25, 0.5, 0.75), axis=0)
    made["lower"][columns], made["median"][columns], made["upper"][columns] = quartiles


def _spread(
    made: dict[str, Floats],
    moves: Floats,
    columns: Rows,
    *,
    groups: Rows,
    weights: Rows,
    sampling: Sampling,
) -> None:
    means = resampled_means(moves[:, columns], groups, weights)
    made["mean_low"][columns], made["mean_high"][columns] = np.nanquantile(
        means, sampling.tails, axis=0
    )
    of_events = weights[:, groups]
    for column in columns:
        medians = _resampled_medians(moves[:, column], of_events)
        low, high = np.nanquantile(medians, sampling.tails)
        made["median_low"][column], made["median_high"][column] = low, high


def _resampled_medians(moves: Floats, weights: Rows) -> Floats:
    """Return the median of the events in each resample, NaN where it holds none.

    The events are sorted once; a resample's median is where half of its weights lies.
    """
    order = np.argsort(moves)[: int(np.isfinite(moves).sum())]
    running = np.cumsum(weights[:, order], axis=1)
    total = running[:, -1:]
    lower = (running > (total - 1) // 2).argmax(axis=1)
    upper = (running > total // 2).argmax(axis=1)
    middle = (moves[order][lower] + moves[order][upper]) / 2
    return np.where(total[:, 0] > 0, middle, np.nan)
