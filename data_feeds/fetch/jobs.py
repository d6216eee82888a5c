"""From a plan to jobs: one channel each, its source, and the stretches not yet answered for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data_feeds.catalog import CatalogEntry, TimeSpan, merged_spans
from data_feeds.fetch.plan import Entry, FetchPlan
from data_feeds.instrument import Instrument
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.sources.source import VINTAGES, Source

# Small channels whose older rows may change with the newest one: a split rescales a whole price
# history, a publisher revises. They are asked for whole, and stored in one step.
_REREAD = (ChannelKind.SERIES, ChannelKind.DIVIDENDS, ChannelKind.SPLITS)


@dataclass(frozen=True)
class Job:
    """One channel to be filled. ``spans`` are the plan's windows up to now, apart and in order."""

    key: ChannelKey
    instrument: Instrument
    source: Source
    spans: tuple[TimeSpan, ...]

    @property
    def is_reread(self) -> bool:
        """Whether the whole channel is asked for again when any of it is missing."""
        return self.key.kind in _REREAD or self.key.timeframe == "1d"


def jobs_of(
    plan: FetchPlan,
    instruments: dict[str, Instrument],
    now: int,
    make_source: Callable[[Entry, Instrument], Source],
) -> list[Job]:
    """Return the plan's jobs in its order; ``make_source`` answers for an entry's instrument.

    Splits are asked for up to now, whatever the windows: prices are adjusted for all of them.
    """
    jobs = []
    for entry in plan.fetch:
        spans = entry.spans(plan.windows, now)
        until_now = (TimeSpan(started_at=spans[0].started_at, ended_at=now),) if spans else ()
        for name in entry.ids:
            source = make_source(entry, instruments[name])
            for key in entry.keys(name):
                asked = until_now if key.kind is ChannelKind.SPLITS else spans
                jobs.append(Job(key, instruments[name], source, asked))
    return jobs


def missing_spans(job: Job, entry: CatalogEntry | None) -> list[TimeSpan]:
    """Return the stretches of a job that its source has not answered for yet, in order.

    A channel that is asked for whole comes with all it holds, other plans' windows included; so
    does a series whose instants of knowing are found in another way than those stored.
    """
    covered = entry.covered if entry is not None else ()
    left = [piece for span in job.spans for piece in _without(span, covered)]
    if job.is_reread and (left or is_outdated(job, entry)):
        return list(merged_spans((*job.spans, *covered)))
    return left


def is_outdated(job: Job, entry: CatalogEntry | None) -> bool:
    """Whether stored instants of knowing follow another release rule than the job's.

    Vintages are kept when they can no longer be asked for (a key is gone): nothing knows better.
    """
    if entry is None or job.key.kind is not ChannelKind.SERIES:
        return False
    stored, given = entry.origin.release, job.source.origin(job.key).release
    return stored not in (given, f"{VINTAGES}; {given}")


def _without(span: TimeSpan, covered: Sequence[TimeSpan]) -> list[TimeSpan]:
    """Return what is left of a stretch when the covered ones (apart, in order) are taken out."""
    left = []
    start = span.started_at
    for taken in covered:
        if taken.ended_at <= start or taken.started_at >= span.ended_at:
            continue
        if taken.started_at > start:
            left.append(TimeSpan(started_at=start, ended_at=taken.started_at))
        start = max(start, taken.ended_at)
    if start < span.ended_at:
        left.append(TimeSpan(started_at=start, ended_at=span.ended_at))
    return left
