"""The study: market moves after events, compared with moves after placebo dates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from data_feeds.schema import Provenance
from engine.episodes import Episode
from engine.errors import ConfigError
from engine.statistics import (
    Candidates,
    Draws,
    Missing,
    Paths,
    PathSummary,
    Placebo,
    Reaction,
    Sampling,
    event_paths,
    path_summary,
    placebo_means,
    placebo_rows,
    placebo_test,
    reaction,
    segments,
    too_few,
)
from engine.studies.sightings import EventKind, Sightings, Unseen, find_sightings
from engine.studies.studied_markets import MARKETS, StudiedData, StudiedMarket, read_markets

Floats = NDArray[np.float64]

HORIZONS = (1, 5, 10, 20)
# A band needs a value in this share of the placebo samples.
MOST = 0.9


@dataclass(frozen=True)
class StudyRules:
    """Horizons of the study, and the sampling of its intervals and placebos.

    Attributes
    ----------
    horizons : days after an event: 24 hours each, or sessions for daily markets
    sampling : seed, coverage and resamples of the intervals
    draws : placebo samples
    """

    horizons: tuple[int, ...] = HORIZONS
    sampling: Sampling = field(default_factory=Sampling)
    draws: int = 999


@dataclass(frozen=True)
class HorizonMove:
    """A market's moves some days after the events, and after placebo dates."""

    days: int
    reaction: Reaction
    placebo: Placebo | Missing


@dataclass(frozen=True)
class Around:
    """One market around one kind of event.

    Attributes
    ----------
    paths : of every event, missing values NaN
    summary : of all paths
    band : low, mean and high of the placebo samples' means at each offset, shape (3, offsets), NaN
        where there are no placebo dates
    effects : one a horizon
    """

    market: StudiedMarket
    paths: Paths
    summary: PathSummary
    band: Floats
    effects: tuple[HorizonMove, ...]


@dataclass(frozen=True)
class KindStudy:
    """All markets around one kind of event; ``at`` and ``episode`` of each event, in order.

    ``unknown`` has, for each episode in which the kind could be searched for, the share of rows at
    which the data cannot tell whether it held, a fraction.
    """

    kind: EventKind
    at: NDArray[np.int64]
    episode: tuple[str, ...]
    unknown: Mapping[str, float]
    around: tuple[Around, ...]


@dataclass(frozen=True)
class Study:
    """The whole study: every kind of event in every market."""

    episodes: tuple[str, ...]
    rules: StudyRules
    kinds: tuple[KindStudy, ...]
    unseen: tuple[Unseen, ...]
    provenance: Provenance


def run_study(
    source: Catalog | Dataset,
    episodes: Sequence[Episode],
    kinds: frozenset[EventKind],
    rules: StudyRules | None = None,
    *,
    on_progress: Callable[[float], None] | None = None,
) -> Study:
    """Return the event study of some kinds of event over some episodes, pooled.

    Raises
    ------
    ConfigError : two episodes have the same name, or share a day.
    CoverageError : the data allow the search for none of the kinds in any episode.
    """
    _check_episodes(episodes)
    found: list[Sightings] = []
    unseen: list[Unseen] = []
    for episode in episodes:
        for item in find_sightings(source, episode, kinds):
            if isinstance(item, Unseen):
                unseen.append(item)
            else:
                found.append(item)
    if not found:
        raise CoverageError("; ".join(f"{item.episode}: {item.reason}" for item in unseen))
    data = {e.name: read_markets(source, e.start_at, e.end_at) for e in episodes}
    rules = rules or StudyRules()
    studied: list[KindStudy] = []
    ordered = [kind for kind in EventKind if any(item.kind is kind for item in found)]
    for kind in ordered:
        studied.append(_study_kind([item for item in found if item.kind is kind], data, rules))
        if on_progress is not None:
            on_progress(len(studied) / len(ordered))
    worst = max(item.provenance for item in data.values())
    names = tuple(episode.name for episode in episodes)
    return Study(names, rules, tuple(studied), tuple(unseen), worst)


def _check_episodes(episodes: Sequence[Episode]) -> None:
    """Check that no two episodes count the same days.

    Raises
    ------
    ConfigError : two episodes have the same name or share a day; the message names both.
    """
    for one, other in combinations(episodes, 2):
        if one.name == other.name:
            raise ConfigError(
                f"two episodes are named {one.name}: {_window(one)} and {_window(other)}; leave "
                "one out or rename it"
            )
        if one.start <= other.end and other.start <= one.end:
            raise ConfigError(
                f"episodes {one.name} ({_window(one)}) and {other.name} ({_window(other)}) "
                "overlap: the same days would count twice; leave one out"
            )


def _window(episode: Episode) -> str:
    return f"{episode.start} to {episode.end}"


def _study_kind(
    found: Sequence[Sightings], data: dict[str, StudiedData], rules: StudyRules
) -> KindStudy:
    names = tuple(item.episode for item in found for _ in item.rows)
    at = np.concatenate([item.at for item in found])
    around = tuple(_study_market(found, data, market, rules) for market in MARKETS)
    unknown = {item.episode: item.unknown for item in found}
    return KindStudy(found[0].kind, at, names, unknown, around)


def _study_market(
    found: Sequence[Sightings],
    data: dict[str, StudiedData],
    market: StudiedMarket,
    rules: StudyRules,
) -> Around:
    path = market.offsets()
    horizons = [days * market.day_steps for days in rules.horizons]
    everywhere, candidates = _everywhere(found, data, market, np.concatenate((path, horizons)))
    whole = Paths(path, everywhere[:, : len(path)], candidates.position)
    events = candidates.events
    part = candidates.part[events]
    paths = Paths(path, whole.moves[events], candidates.position[events])
    effects, drawn = [], {}
    for place, (days, horizon) in enumerate(zip(rules.horizons, horizons, strict=True)):
        moves = everywhere[:, len(path) + place]
        seen = reaction(moves[events], paths.position, horizon, part=part, sampling=rules.sampling)
        drawn[horizon] = _draw(candidates, moves, horizon, rules)
        effects.append(HorizonMove(days, seen, _judge(seen, moves, drawn[horizon], rules)))
    summary = path_summary(paths, horizons, part=part, sampling=rules.sampling)
    return Around(market, paths, summary, _band(whole, horizons, drawn, rules), tuple(effects))


def _everywhere(
    found: Sequence[Sightings],
    data: dict[str, StudiedData],
    market: StudiedMarket,
    offsets: NDArray[np.int64],
) -> tuple[Floats, Candidates]:
    """Return the moves from every row of the kind's clocks, and the places of the events."""
    moves, position, part, events = [], [], [], []
    rows = 0
    for number, item in enumerate(found):
        held = data[item.episode]
        series = held.series[market.name]
        read = event_paths(
            series,
            item.clock,
            held.ruler(market),
            offsets,
            relative=market.relative,
            origin=market.origin,
        )
        moves.append(read.moves)
        position.append(read.position)
        part.append(np.full(len(item.clock), number))
        events.append(item.rows + rows)
        rows += len(item.clock)
    where = Candidates(np.concatenate(position), np.concatenate(part), np.concatenate(events))
    return np.concatenate(moves), where


def _draw(
    candidates: Candidates, moves: Floats, horizon: int, rules: StudyRules
) -> Draws | Missing:
    usable = np.isfinite(moves)
    return placebo_rows(candidates, usable, horizon, draws=rules.draws, seed=rules.sampling.seed)


def _judge(
    seen: Reaction, moves: Floats, drawn: Draws | Missing, rules: StudyRules
) -> Placebo | Missing:
    reason = too_few(seen.clusters)
    if reason is not None:
        return reason
    if isinstance(drawn, Missing):
        return drawn
    means = placebo_means(moves[:, np.newaxis], drawn.rows)[:, 0]
    return placebo_test(seen.mean, means, drawn.way, level=rules.sampling.level)


def _band(
    whole: Paths, horizons: Sequence[int], drawn: dict[int, Draws | Missing], rules: StudyRules
) -> Floats:
    """Return the placebo band at each offset, from the dates of the horizon that reaches it."""
    band = np.full((3, len(whole.offsets)), np.nan)
    for horizon, columns in segments(whole.offsets, horizons):
        found = drawn[horizon]
        if isinstance(found, Missing):
            continue
        means = placebo_means(whole.moves[:, columns], found.rows)
        some = np.isfinite(means).mean(axis=0) >= MOST
        low, high = np.nanquantile(means[:, some], rules.sampling.tails, axis=0)
        band[:, columns[some]] = np.stack((low, np.nanmean(means[:, some], axis=0), high))
    return band
