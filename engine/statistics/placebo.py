"""Placebo dates: the mean move after dates without a meaning, drawn from the same window.

A sell-off moves markets with or without an event; placebo dates show by how much. There are two
ways to draw them, the first wherever it is fair:

- *apart*: random dates outside the horizon that follows each true event. Dates shortly before an
  event may be drawn. Without them, only dates with no event after them would remain, a choice made
  with hindsight (in simulations 8% to 10% of worthless events then look significant at 0.05).
  Events closer to each other than the horizon move as one group: a burst of five is not five
  observations.
- *rotated*: where true events leave less than ``MIN_FREE`` of a window, the rest does not represent
  the window (11% instead of 5%). Then the whole pattern of events is shifted by a random amount,
  with the window's end joined to its start; placebo dates may then lie near true ones.

Sources: Brown and Warner (1985), JFE 14, for the idea; the add-one rule after Davison and Hinkley
(1997), 'Bootstrap Methods and their Application', section 4.2; rotation as in Politis and Romano's
circular blocks (1992), the block being the window.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.statistics.event_study import Flags, Rows, clusters
from engine.statistics.power import detectable
from engine.statistics.samples import Floats, Missing, at_least, fraction

Way = Literal["apart", "rotated"]

# Fewer places for a group would make a placebo sample of the same few days again and again.
MIN_PLACES = 20
# Measured: from here on 3% to 5% of the p-values of worthless events lie below 0.05.
MIN_FREE = 0.7


@dataclass(frozen=True)
class Candidates:
    """The rows at which an event could have been seen, true events included.

    Attributes
    ----------
    position : where each row lies, steps, rising inside each part
    part : int64, the part of the sample (an episode) that each row is from, ascending
    events : rows of the true events, ascending
    """

    position: Floats
    part: Rows
    events: Rows


@dataclass(frozen=True)
class Draws:
    """Placebo samples: ``rows`` of shape (draws, events), and how they were drawn."""

    rows: Rows
    way: Way


@dataclass(frozen=True)
class Placebo:
    """The true mean among the means of placebo samples.

    Attributes
    ----------
    mean : mean of the placebo means
    low, high : band that holds ``level`` of them
    rank : share of means at or below the true one, itself included; 1: the true one is highest
    p_value : two-sided, at least 2 / (draws + 1), at most 1
    detectable : the smallest true difference from the placebo mean that a two-sided 5% test finds
        in four of five samples, in the unit of the moves
    draws : placebo samples
    way : the way in which their dates were drawn
    """

    mean: float
    low: float
    high: float
    rank: float
    p_value: float
    detectable: float
    draws: int
    way: Way


def placebo_rows(
    candidates: Candidates, usable: Flags, horizon: float, *, draws: int = 999, seed: int = 0
) -> Draws | Missing:
    """Return samples of rows, as many in each part as there are true events.

    Parameters
    ----------
    candidates : the rows from which dates may be drawn
    usable : rows that have a move; true events without one are not matched
    horizon : steps
    draws, seed : number of samples; the same seed gives the same samples

    Returns
    -------
    ``Missing`` without events or where a part has fewer than ``MIN_PLACES`` usable rows.
    """
    at_least(draws, 1, "draws")
    events = candidates.events[usable[candidates.events]]
    if len(events) == 0:
        return Missing("no events")
    draw = np.random.default_rng(seed)
    places = _places(candidates, events, usable, horizon)
    if places is not None:
        rows = [draw.choice(anchors, size=draws)[:, np.newaxis] + gaps for anchors, gaps in places]
        return Draws(np.concatenate(rows, axis=1), "apart")
    return _rotated(candidates, events, usable, draws=draws, draw=draw)


def _rotated(
    candidates: Candidates, events: Rows, usable: Flags, *, draws: int, draw: np.random.Generator
) -> Draws | Missing:
    rows = []
    for part in np.unique(candidates.part[events]):
        ring = np.flatnonzero(usable & (candidates.part == part))
        if len(ring) < MIN_PLACES:
            return Missing(f"{len(ring)} date(s) in a window, {MIN_PLACES} needed")
        taken = np.searchsorted(ring, events[candidates.part[events] == part])
        shift = draw.integers(1, len(ring), size=(draws, 1))
        rows.append(ring[(taken + shift) % len(ring)])
    return Draws(np.concatenate(rows, axis=1), "rotated")


def _places(
    candidates: Candidates, events: Rows, usable: Flags, horizon: float
) -> list[tuple[Rows, Rows]] | None:
    """Return for each group its possible first rows and its gaps; None where there is no room."""
    part, position = candidates.part, candidates.position
    free = usable & _is_apart(candidates, horizon)
    for number in np.unique(part[events]):
        inside = part == number
        if free[inside].sum() < MIN_FREE * usable[inside].sum():
            return None
    groups = clusters(position[events], horizon, part[events])
    found = []
    for number in range(int(groups[-1]) + 1):
        members = events[groups == number]
        gaps = members - members[0]
        places = len(free) - int(gaps[-1])
        fits = part[:places] == part[members[0]]
        for gap in gaps:
            fits &= free[gap : gap + places] & (part[gap : gap + places] == part[members[0]])
        anchors = np.flatnonzero(fits)
        if len(anchors) < MIN_PLACES:
            return None
        found.append((anchors, gaps))
    return found


def _is_apart(candidates: Candidates, horizon: float) -> Flags:
    """Return whether each row lies outside the horizon that follows each event of its part."""
    apart = np.ones(len(candidates.part), dtype=np.bool_)
    for part in np.unique(candidates.part[candidates.events]):
        rows = np.flatnonzero(candidates.part == part)
        position = candidates.position[rows]
        taken = candidates.position[candidates.events[candidates.part[candidates.events] == part]]
        after = np.searchsorted(taken, position, side="right")
        since = position - taken[np.maximum(after - 1, 0)]
        apart[rows] = (after == 0) | (since >= horizon)
    return apart


def placebo_means(moves: Floats, rows: Rows) -> Floats:
    """Return the mean path of each sample, shape (draws, columns); NaN where it has no value.

    ``moves`` holds the paths of all candidates, shape (candidates, columns).
    """
    total = np.zeros((len(rows), moves.shape[1]))
    count = np.zeros_like(total)
    # A loop over events: all at once would hold draws x events x columns numbers.
    for column in rows.T:
        taken = moves[column]
        known = np.isfinite(taken)
        total += np.where(known, taken, 0.0)
        count += known
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def placebo_test(true_mean: float, means: Floats, way: Way, *, level: float = 0.95) -> Placebo:
    """Return where the true mean lies among placebo means, shape (draws,), by the add-one rule.

    >>> placebo_test(2.0, np.array([0.0, 1.0, 3.0]), "apart").p_value
    1.0
    >>> placebo_test(9.0, np.zeros(99), "apart").p_value
    0.02
    """
    fraction(level, "level")
    at_or_below = (1 + int((means <= true_mean).sum())) / (len(means) + 1)
    at_or_above = (1 + int((means >= true_mean).sum())) / (len(means) + 1)
    low, high = np.quantile(means, ((1 - level) / 2, (1 + level) / 2))
    return Placebo(
        mean=float(means.mean()),
        low=float(low),
        high=float(high),
        rank=at_or_below,
        p_value=min(1.0, 2 * min(at_or_below, at_or_above)),
        detectable=detectable(float(means.std()), len(means) - 1),
        draws=len(means),
        way=way,
    )
