"""The page of a study: conclusions, and for each kind of event its sample, paths and results."""

import math
from dataclasses import dataclass

import numpy as np

from data_feeds.clock import utc_text
from data_feeds.schema import Provenance
from engine.formatting import MISSING, NOT_AVAILABLE, counted_noun, p_value, percent
from engine.pages.html import render
from engine.statistics import MIN_CLUSTERS, MIN_FREE, Interval, Missing
from engine.studies.path_chart import kind_chart
from engine.studies.study import Around, HorizonMove, KindStudy, Study
from engine.studies.study_sentences import days_text, move_text, study_conclusions
from engine.studies.study_tables import count_text

PAGE_FILE = "index.html"
# The horizon at which episodes are compared, days or sessions.
EPISODE_DAYS = 5
FILES = (
    ("study.json", "every number, every event's instant"),
    ("paths.parquet", "the move of each event, market and step"),
    ("study.png", "all paths in one picture"),
)
READING = (
    "An event's instant is the one at which it became known; its path starts at the last value "
    "known then. QQQ from the next close starts at the first close after the event instead.",
    "Independent: events closer to each other than the horizon share days and count as one group. "
    f"With fewer than {MIN_CLUSTERS} groups there is neither interval nor p.",
    "Random dates: as many as the events, from the same episodes. Drawn apart: outside the horizon "
    "that follows each event, events of a burst kept together. Rotated, where this would leave "
    f"less than {MIN_FREE:.0%} of an episode: the whole pattern of events is moved around the "
    "episode, so that a date may lie near an event.",
    "p is two-sided: twice the share of draws with a mean at or beyond the events' mean, on the "
    "side where they are fewer, the events themselves counted as one draw; at most 1.",
    "Smallest seen: a true difference from random dates at least this large would have been found "
    "in four of five such samples; a smaller one mostly not.",
)
UNKNOWN = (
    "With a share unknown: on so many of the days or bars data were missing to tell whether the "
    "event held."
)

Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class KindSection:
    """The part of the page about one kind of event."""

    title: str
    name: str
    meaning: str
    sample: Rows
    chart: str
    chart_words: str
    results: Rows
    episodes: Rows


def study_page(study: Study, *, data: str) -> str:
    """Return the HTML of a study; ``data`` names its data."""
    title = f"Event study of {', '.join(study.episodes)}"
    rules = study.rules
    return render(
        "study.html.j2",
        page_title=title,
        heading=title,
        is_synthetic=study.provenance is Provenance.SYNTHETIC,
        notes=[
            f"Data: {data}. Seed {rules.sampling.seed}, {rules.draws} draws of random dates, "
            f"{rules.sampling.replications} resamples of clusters.",
            "The question: did markets move differently after such an event than they would have "
            "anyway?",
        ],
        conclusions=study_conclusions(study),
        kinds=[_section(kind, study) for kind in study.kinds],
        level=percent(rules.sampling.level, 0),
        episode_days=EPISODE_DAYS,
        unseen=[
            f"{item.episode}: {', '.join(item.kinds)} cannot be searched for: {item.reason}"
            for item in study.unseen
        ],
        reading=[*READING, *_unknown_words(study)],
        files_beside=FILES,
    )


def _unknown_words(study: Study) -> list[str]:
    """Return the sentence on shares that are unknown, where the page shows such a share."""
    return [UNKNOWN] if any(any(kind.unknown.values()) for kind in study.kinds) else []


def _section(kind: KindStudy, study: Study) -> KindSection:
    name, count = kind.kind.value.replace("_", " "), len(kind.at)
    return KindSection(
        title=f"{name[0].upper()}{name[1:]}: {counted_noun(count, 'event')}",
        name=name,
        meaning=kind.kind.meaning,
        sample=sample_rows(kind, study.episodes),
        chart=kind_chart(kind, study.rules.sampling.level) if count else "",
        chart_words=f"Paths of {len(kind.around)} markets around {name}: median, quartiles and "
        "mean of the events beside the means after random dates",
        results=result_rows(kind),
        episodes=episode_rows(kind),
    )


def sample_rows(kind: KindStudy, episodes: tuple[str, ...]) -> Rows:
    """Return a row an episode: its events, the first and the last, a heading row first."""
    rows: Rows = [("episode", "events", "first known at", "last known at")]
    for name in episodes:
        mine = [at for own, at in zip(kind.episode, kind.at.tolist(), strict=True) if own == name]
        ends = (utc_text(min(mine)), utc_text(max(mine))) if mine else (MISSING, MISSING)
        rows.append((name, count_text(kind, name), *ends))
    return rows


def result_rows(kind: KindStudy) -> Rows:
    """Return a row a market and horizon beside random dates, a heading row first."""
    heading = (
        *("market", "after", "events", "independent", "mean move", "its interval", "rose"),
        *("random dates", "drawn", "their band", "p", "smallest seen"),
    )
    return [heading, *(_result(a, effect) for a in kind.around for effect in a.effects)]


def _result(around: Around, effect: HorizonMove) -> tuple[str, ...]:
    seen, placebo = effect.reaction, effect.placebo

    def shown(value: float) -> str:
        return MISSING if math.isnan(value) else move_text(around, value)

    interval = seen.interval
    between = (
        f"{shown(interval.low)} to {shown(interval.high)}"
        if isinstance(interval, Interval)
        else str(interval)
    )
    # Told once where it is that of the interval.
    why = "" if placebo == interval else str(placebo)
    beside = (NOT_AVAILABLE, "", why, "", "")
    if not isinstance(placebo, Missing):
        band = f"{shown(placebo.low)} to {shown(placebo.high)}"
        smallest = f"{placebo.detectable * around.market.scale:.2f}{around.market.unit}"
        tested = (band, p_value(placebo.p_value), smallest)
        beside = (shown(placebo.mean), placebo.way, *tested)
    return (
        around.market.title,
        days_text(around, effect.days),
        str(seen.events),
        str(seen.clusters),
        shown(seen.mean),
        between,
        f"{seen.hits} of {seen.events}",
        *beside,
    )


def episode_rows(kind: KindStudy) -> Rows:
    """Return the mean move of each market by episode, with its events, a heading row first."""
    rows: Rows = [("episode", *(around.market.title for around in kind.around))]
    for name in dict.fromkeys(kind.episode):
        mine = np.array([own == name for own in kind.episode])
        rows.append((name, *(_mean_of(around, mine) for around in kind.around)))
    return rows


def _mean_of(around: Around, events: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> str:
    """Return the mean move of some events at the common horizon, and their number."""
    (column,) = np.flatnonzero(around.paths.offsets == EPISODE_DAYS * around.market.day_steps)
    moves = around.paths.moves[events, column]
    held = moves[np.isfinite(moves)]
    return f"{move_text(around, float(held.mean()))} ({len(held)})" if len(held) else MISSING
