"""Event studies: the moves of a market around events, and intervals of their mean.

A path goes on after its event, so an event study looks into the future. It is for reports only; no
rule may read one. The event itself must not move: a path starts from the last value known at the
event's instant.

Paths of events that lie closer together than the horizon share days. Such events form one cluster.
Clusters, not events, are independent: they are counted, resampled and held to a minimum.

Sources: MacKinlay (1997), 'Event Studies in Economics and Finance', JEL 35; the bootstrap of whole
clusters after Cameron, Gelbach and Miller (2008), REStat 90, in its plain pairs form.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import ReportError
from engine.statistics.bootstrap import MIN_REPLICATIONS, Interval, share_interval
from engine.statistics.power import detectable
from engine.statistics.samples import Floats, Missing, at_least, fraction

Instants = NDArray[np.int64]
Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Fewer independent events say nothing about the next one.
MIN_CLUSTERS = 8
# Hours of two clocks differ by less than this share of a step only through rounding.
_DIGITS = 6


@dataclass(frozen=True)
class Series:
    """Values with the instants at which they became known.

    Attributes
    ----------
    known_at : int64 ns UTC, rising; the first instant at which each value could be used
    values : float64, one each
    max_age_ns : a value known longer ago than this counts as missing
    """

    known_at: Instants
    values: Floats
    max_age_ns: int

    def __post_init__(self) -> None:
        if self.known_at.shape != self.values.shape or self.known_at.ndim != 1:
            raise ReportError(
                f"known_at of shape {self.known_at.shape} and values of shape "
                f"{self.values.shape}; one value an instant is needed"
            )
        fallen = np.flatnonzero(np.diff(self.known_at) < 0)
        if len(fallen):
            raise ReportError(
                f"known_at falls after row {fallen[0]}; order the values by when they were known"
            )

    def last_rows(self, instants: Instants) -> Rows:
        """Return the row of the last value known at each instant, -1 for none."""
        return np.searchsorted(self.known_at, instants, side="right") - 1

    def read(self, oldest: Instants, instants: Instants) -> Floats:
        """Return the last value known at each instant, NaN where it was known before ``oldest``."""
        if len(self.values) == 0:
            return np.full(np.shape(instants), np.nan)
        rows = self.last_rows(instants)
        fresh = (rows >= 0) & (self.known_at[rows] >= oldest)
        return np.where(fresh, self.values[rows], np.nan)


@dataclass(frozen=True)
class Elapsed:
    """Steps of equal length, for markets that never close."""

    step_ns: int

    def positions(self, series: Series, events: Instants) -> Floats:
        """Return where events lie, in steps."""
        return np.round(events / self.step_ns, _DIGITS)

    def holds(self, series: Series, events: Instants) -> Flags:
        """Return whether each event lies on the ruler; every event does."""
        return np.ones(len(events), dtype=np.bool_)

    def reads(self, series: Series, events: Instants, offsets: Rows) -> tuple[Instants, Instants]:
        """Return from when and until when a value counts, shape (events, offsets)."""
        read_at = events[:, np.newaxis] + offsets * self.step_ns
        return read_at - series.max_age_ns, read_at


@dataclass(frozen=True)
class Sessions:
    """Steps of sessions: ``starts`` are the instants at which the days of sessions begin, rising.

    A value belongs to the session on whose day, or on whose following closed days, it became known;
    of several values the last counts. An event belongs to the session of the last value known at
    it. The last start only ends the session before it. Values and events after it, or before the
    first start, are outside.
    """

    starts: Instants

    def positions(self, series: Series, events: Instants) -> Floats:
        """Return the session of the last value known at each event, as a number."""
        return self._numbers(series, events).astype(np.float64)

    def holds(self, series: Series, events: Instants) -> Flags:
        """Return whether each event belongs to a session of the ruler."""
        return self._inside(self._numbers(series, events))

    def reads(self, series: Series, events: Instants, offsets: Rows) -> tuple[Instants, Instants]:
        """Return from when and until when a value counts, shape (events, offsets)."""
        session = self._numbers(series, events)[:, np.newaxis] + offsets
        inside = self._inside(session)
        place = np.where(inside, session, 0)
        oldest = np.where(inside, self.starts[place], np.iinfo(np.int64).max)
        return oldest, self.starts[place + 1] - 1

    def _inside(self, session: Rows) -> Flags:
        return (session >= 0) & (session < len(self.starts) - 1)

    def _numbers(self, series: Series, events: Instants) -> Rows:
        rows = series.last_rows(events)
        known_at = series.known_at[rows] if len(series.known_at) else events
        at = np.where(rows >= 0, known_at, events)
        return np.searchsorted(self.starts, at, side="right") - 1


@dataclass(frozen=True)
class Paths:
    """Moves since events.

    Attributes
    ----------
    offsets : int64, steps from the event
    moves : float64, shape (events, offsets): a fraction or a difference; NaN where a value is
        missing
    position : float64, where each event lies, steps
    """

    offsets: Rows
    moves: Floats
    position: Floats


def event_paths(
    series: Series,
    events: Instants,
    ruler: Elapsed | Sessions,
    offsets: Sequence[int] | Rows,
    *,
    relative: bool,
    origin: int = 0,
) -> Paths:
    """Return the moves of a series from the value known at each event.

    Parameters
    ----------
    series : values as they became known
    events : instants, int64 ns UTC: when each event was known
    ruler : the clock that steps are counted on
    offsets : steps from the event, negative before it
    relative : value / first value - 1, NaN unless that is positive; else the difference
    origin : the step of the first value, which offsets then count from: 0 is the value known at
        the event, 1 the first one that could be traded where a market was closed or half way
        through a bar

    Returns
    -------
    Zero at offset 0. NaN where a value is missing and for an event outside the ruler; no gap is
    filled.

    >>> hour = 3_600 * 10**9
    >>> price = Series(np.array([1, 2, 3]) * hour, np.array([100.0, 90.0, 99.0]), hour)
    >>> found = event_paths(price, np.array([2 * hour]), Elapsed(hour), [-1, 1, 9], relative=True)
    >>> found.moves.round(2).tolist()
    [[0.11, 0.1, nan]]
    """
    at = np.asarray(events, dtype=np.int64)
    steps = np.asarray(offsets, dtype=np.int64)
    wanted = np.append(steps, 0) + origin
    held = series.read(at - series.max_age_ns, at)[:, np.newaxis]
    found = np.where(wanted == 0, held, series.read(*ruler.reads(series, at, wanted)))
    # An event in no session has no next session.
    found[~ruler.holds(series, at)] = np.nan
    values, base = found[:, :-1], found[:, -1:]
    moves = values / np.where(base > 0, base, np.nan) - 1 if relative else values - base
    return Paths(steps, moves, ruler.positions(series, at))


def clusters(position: Floats, horizon: float, part: Rows | None = None) -> Rows:
    """Return the number of each event's cluster, from 0.

    An event less than ``horizon`` steps after the previous event belongs to the cluster of that
    event; at exactly the horizon their paths share no step. A cluster holds events of one part.

    Parameters
    ----------
    position : where events lie, steps, rising inside each part
    horizon : steps
    part : the part of the sample that each event is from, ascending; None: one part

    >>> clusters(np.array([0.0, 3.0, 8.0, 12.0]), 5).tolist()
    [0, 0, 1, 1]
    """
    first = np.ones(len(position), dtype=np.bool_)
    gap = np.diff(position)
    apart = gap >= horizon
    if part is not None:
        same = part[1:] == part[:-1]
        if bool((gap[same] < 0).any()):
            raise ReportError("events must be in order of time inside each part; sort them")
        apart |= ~same
    elif bool((gap < 0).any()):
        raise ReportError("events must be in order of time; sort them")
    first[1:] = apart
    return np.cumsum(first) - 1


@dataclass(frozen=True)
class Sampling:
    """The settings of resampled intervals: seed, nominal coverage as a fraction, resamples."""

    seed: int = 0
    level: float = 0.95
    replications: int = 2_000

    def __post_init__(self) -> None:
        fraction(self.level, "level")
        at_least(self.replications, MIN_REPLICATIONS, "replications")

    @property
    def tails(self) -> tuple[float, float]:
        """The two quantiles of an interval."""
        return (1 - self.level) / 2, (1 + self.level) / 2


@dataclass(frozen=True)
class Reaction:
    """Moves over one horizon.

    Attributes
    ----------
    events, missing : events with a move, and those without because of missing data
    clusters : independent groups among the former
    mean, median : of the events' moves, NaN without events
    interval : of the mean, from resampled clusters
    hits : events with a move above zero
    hit_rate : hits / events, with a Wilson interval for as many trials as there are clusters
    """

    events: int
    missing: int
    clusters: int
    mean: float
    median: float
    interval: Interval | Missing
    hits: int
    hit_rate: Interval | Missing


def reaction(
    moves: Floats, position: Floats, horizon: float, *, part: Rows, sampling: Sampling
) -> Reaction:
    """Return mean, interval and hit rate of the moves of one horizon, shape (events,).

    With fewer than ``MIN_CLUSTERS`` clusters both intervals are ``Missing``. Where no two events
    overlap, a cluster is an event.
    """
    known = np.isfinite(moves)
    held = moves[known]
    groups = clusters(position[known], horizon, part[known])
    count = int(groups[-1]) + 1 if len(groups) else 0
    hits = int((held > 0).sum())
    reason = too_few(count)
    return Reaction(
        events=len(held),
        missing=int((~known).sum()),
        clusters=count,
        mean=float(held.mean()) if len(held) else math.nan,
        median=float(np.median(held)) if len(held) else math.nan,
        interval=_mean_interval(held, groups, sampling) if reason is None else reason,
        hits=hits,
        hit_rate=share_interval(hits / len(held), count, level=sampling.level)
        if reason is None
        else reason,
    )


def too_few(count: int) -> Missing | None:
    """Return why so many clusters are too few, None when they are enough."""
    if count >= MIN_CLUSTERS:
        return None
    return Missing(f"{count} independent event(s), {MIN_CLUSTERS} needed")


def _mean_interval(moves: Floats, groups: Rows, sampling: Sampling) -> Interval | Missing:
    if float(np.ptp(moves)) == 0:
        return Missing("all values are equal")
    count = int(groups[-1]) + 1
    means = resampled_means(moves[:, np.newaxis], groups, cluster_weights(count, sampling))[:, 0]
    low, high = np.quantile(means, sampling.tails)
    smallest = detectable(float(means.std()), count - 1)
    mean = float(moves.mean())
    return Interval(mean, float(low), float(high), sampling.level, len(means), count, smallest)


def cluster_weights(count: int, sampling: Sampling) -> Rows:
    """Return how often each cluster is in each resample, shape (replications, clusters)."""
    draw = np.random.default_rng(sampling.seed)
    return draw.multinomial(count, np.full(count, 1 / count), size=sampling.replications)


def resampled_means(moves: Floats, groups: Rows, weights: Rows) -> Floats:
    """Return the mean of each column in each resample, NaN where a resample holds no value."""
    known = np.isfinite(moves)
    sums = np.zeros((weights.shape[1], moves.shape[1]))
    counts = np.zeros_like(sums)
    np.add.at(sums, groups, np.where(known, moves, 0.0))
    np.add.at(counts, groups, known)
    total, held = weights @ sums, weights @ counts
    return np.divide(total, held, out=np.full_like(total, np.nan), where=held > 0)
