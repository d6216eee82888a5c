"""Turn a plan into jobs: one channel each, its source, and its unanswered stretches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data_feeds.catalog import CatalogEntry, TimeSpan, merged_spans
from data_feeds.fetch.plan import Entry, FetchPlan
from data_feeds.instrument import Instrument
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.sources.source import VINTAGES, Source

# In these small channels a new row may change older rows: a split rescales a whole price history, a
# publisher revises. They are fetched whole and stored in one step.
_REREAD = (ChannelKind.SERIES, ChannelKind.DIVIDENDS, ChannelKind.SPLITS)


@dataclass(frozen=True)
class Job:
    """One channel to fill. ``spans`` are the plan's windows up to now, disjoint and in order."""

    key: ChannelKey
    instrument: Instrument
    source: Source
    spans: tuple[TimeSpan, ...]

    @property
    def is_reread(self) -> bool:
        """True when the whole channel is fetched again if any part of it is missing."""
        return self.key.kind in _REREAD or self.key.timeframe == "1d"


def jobs_of(
    plan: FetchPlan,
    instruments: dict[str, Instrument],
    now: int,
    make_source: Callable[[Entry, Instrument], Source],
) -> list[Job]:
    """Return the plan's jobs in its order; ``make_source`` makes the source of an instrument.

    Splits are fetched up to now for any windows, because prices are adjusted for all splits.
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
    """Return the stretches of a job that its source has not answered yet, in order.

    A channel that is fetched whole returns all its stretches, also those of other plans. So does a
    series whose release rule differs from the stored one.
    """
    covered = entry.covered if entry is not None else ()
    left = [piece for span in job.spans for piece in _without(span, covered)]
    if job.is_reread and (left or is_outdated(job, entry)):
        return list(merged_spans((*job.spans, *covered)))
    return left


def is_outdated(job: Job, entry: CatalogEntry | None) -> bool:
    """Return whether the stored ``available_at`` follow another release rule than the job's.

    Stored vintages stay valid when a job has no key for vintages: no better times exist.
    """
    if entry is None or job.key.kind is not ChannelKind.SERIES:
        return False
    stored, given = entry.origin.release, job.source.origin(job.key).release
    return stored not in (given, f"{VINTAGES}; {given}")


def _without(span: TimeSpan, covered: Sequence[TimeSpan]) -> list[TimeSpan]:
    """Return a stretch without the covered stretches (disjoint, in order)."""
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
