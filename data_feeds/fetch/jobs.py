"""From a plan to jobs: one channel each, its source, and the stretches not yet answered for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data_feeds.catalog import CatalogEntry, Span
from data_feeds.fetch.plan import Entry, FetchPlan
from data_feeds.instrument import Instrument
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.sources.source import Source

# Small channels whose older rows may change with the newest one: a split rescales a whole price
# history, a publisher revises. They are asked for whole.
_REREAD = (ChannelKind.SERIES, ChannelKind.DIVIDENDS, ChannelKind.SPLITS)


@dataclass(frozen=True)
class Job:
    """One channel to be filled. ``spans`` are the plan's windows up to now, apart and in order."""

    key: ChannelKey
    instrument: Instrument
    source: Source
    spans: tuple[Span, ...]

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
    """Return the plan's jobs in its order; ``make_source`` answers for an entry's instrument."""
    jobs = []
    for entry in plan.fetch:
        spans = entry.spans(plan.windows, now)
        for name in entry.ids:
            source = make_source(entry, instruments[name])
            jobs += [Job(key, instruments[name], source, spans) for key in entry.keys(name)]
    return jobs


def missing_spans(job: Job, entry: CatalogEntry | None) -> list[Span]:
    """Return the stretches of a job that its source has not answered for yet, in order."""
    covered = entry.covered if entry is not None else ()
    left = [piece for span in job.spans for piece in _without(span, covered)]
    return list(job.spans) if left and job.is_reread else left


def _without(span: Span, covered: Sequence[Span]) -> list[Span]:
    """Return what is left of a stretch when the covered ones (apart, in order) are taken out."""
    left = []
    start = span.started_at
    for taken in covered:
        if taken.ended_at <= start or taken.started_at >= span.ended_at:
            continue
        if taken.started_at > start:
            left.append(Span(started_at=start, ended_at=taken.started_at))
        start = max(start, taken.ended_at)
    if start < span.ended_at:
        left.append(Span(started_at=start, ended_at=span.ended_at))
    return left
