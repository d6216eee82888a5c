"""Ask sources for what is missing and store it, a few pages at a time.

Rows and the stretch they answer for enter the catalog in one step. What is stored is not asked for
again, so a fetch that is killed loses the pages since its last step and nothing else, and the
finished catalog is the same to the byte.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import filelock
import numpy as np

from data_feeds.atomic import storage_errors
from data_feeds.catalog import Catalog, TimeSpan
from data_feeds.clock import utc_text
from data_feeds.errors import IntegrityError, SchemaError, SourceError
from data_feeds.fetch.jobs import Job, is_outdated, missing_spans
from data_feeds.fetch.vintages import with_kept_vintages
from data_feeds.schema import Array, Channel, ChannelKey, ChannelKind, empty_columns
from data_feeds.sources.source import Page

LOCK_NAME = ".fetch.lock"
# What a kill may cost: a second or two of asking, against a file and an index written again.
STEP_PAGES = 10
STEP_ROWS = 15_000


@dataclass(frozen=True)
class FetchProgress:
    """How far a fetch is: the job's number of all, the share of it answered, and its rows."""

    number: int
    jobs: int
    key: ChannelKey
    source: str
    share: float
    rows: int


@dataclass
class JobReport:
    """What became of one job. ``problem`` is empty unless its source failed for good."""

    key: ChannelKey
    source: str
    rows: int = 0
    notes: list[str] = field(default_factory=list)
    problem: str = ""


Watch = Callable[[FetchProgress], None]


def fetch(
    jobs: Sequence[Job],
    catalog: Catalog,
    now: Callable[[], int],
    *,
    watch: Watch | None = None,
    on_wait: Callable[[], None] | None = None,
) -> list[JobReport]:
    """Fill a catalog with what the jobs lack; return one report per job.

    Parameters
    ----------
    jobs, catalog : what is wanted, and where it goes
    now : the time, ns UTC; a value that was revised since it was stored is known from the moment
        at which the new one is stored
    watch : told how far the fetch is
    on_wait : called when another fetch holds the catalog; this one waits until it ends

    A source that fails ends its own job, with the reason in the report; the others go on.

    Raises
    ------
    StorageError : the disk refuses; what was stored before stays.
    """
    with storage_errors(catalog.path):
        catalog.path.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(str(catalog.path / LOCK_NAME))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            if on_wait is not None:
                on_wait()
            lock.acquire()
    try:
        reports = []
        for number, job in enumerate(jobs):
            tell = partial(_tell, watch, job, number, len(jobs))
            reports.append(_Run(job, catalog, now, tell).report())
        return reports
    finally:
        lock.release()


class _Run:
    """One job under way."""

    def __init__(
        self, job: Job, catalog: Catalog, now: Callable[[], int], tell: Callable[[float, int], None]
    ) -> None:
        self._job, self._catalog, self._now, self._tell = job, catalog, now, tell
        self._report = JobReport(job.key, job.source.name)
        self._answered = 0

    def report(self) -> JobReport:
        """Ask and store until nothing is missing, or the source fails."""
        try:
            missing = missing_spans(self._job, self._catalog.find(self._job.key))
            asked = sum(span.ended_at - span.started_at for span in missing)
            if self._job.is_reread:
                self._reread(missing, asked)
            else:
                for span in missing:
                    self._fill(span, asked)
        except (SourceError, SchemaError, IntegrityError) as error:
            self._report.problem = str(error)
        return self._report

    def _fill(self, span: TimeSpan, asked: int) -> None:
        """Ask for one stretch; every few pages store what came."""
        pending: list[Channel] = []
        begun, answered, pages = span.started_at, span.started_at, 0
        failure: SourceError | SchemaError | None = None
        try:
            for page in self._pages(span, asked):
                answered, pages = page.covered_to, pages + 1
                if page.rows is not None and len(page.rows):
                    pending.append(page.rows)
                if pages % STEP_PAGES == 0 or sum(map(len, pending)) >= STEP_ROWS:
                    begun, pending = self._stored(pending, begun, answered), []
        except (SourceError, SchemaError) as error:
            failure = error
        # Also what came before a source failed.
        if answered > begun:
            self._stored(pending, begun, answered)
        if failure is not None:
            raise failure
        self._answered += span.ended_at - span.started_at

    def _reread(self, spans: Sequence[TimeSpan], asked: int) -> None:
        """Ask for all stretches, then store them in one step: half an adjustment is a false one."""
        pieces = []
        for span in spans:
            rows, answered = [], span.started_at
            for page in self._pages(span, asked):
                answered = page.covered_to
                if page.rows is not None and len(page.rows):
                    rows.append(page.rows)
            self._answered += span.ended_at - span.started_at
            if answered > span.started_at:
                covered = TimeSpan(started_at=span.started_at, ended_at=answered)
                pieces.append((covered, _joined(self._job.key, rows)))
        self._exchange(pieces)

    def _pages(self, span: TimeSpan, asked: int) -> Iterator[Page]:
        """Yield the pages of a stretch, noting what they say and telling how far it is."""
        came = self._report.rows
        for page in self._job.source.pages(self._job.key, span.started_at, span.ended_at):
            if page.note and page.note not in self._report.notes:
                self._report.notes.append(page.note)
            came += len(page.rows) if page.rows is not None else 0
            done = self._answered + page.covered_to - span.started_at
            self._tell(done / asked, came)
            yield page

    def _stored(self, pending: list[Channel], begun: int, answered: int) -> int:
        """Store rows with the stretch they answer for; return the instant to go on from."""
        if not pending and self._catalog.find(self._job.key) is None:
            # No rows yet to hang the coverage on: it begins with the first ones.
            return begun
        covered = TimeSpan(started_at=begun, ended_at=answered)
        self._exchange([(covered, _joined(self._job.key, pending))])
        return answered

    def _exchange(self, pieces: Sequence[tuple[TimeSpan, Channel]]) -> None:
        """Store stretches with their rows in one step; count the rows that are new."""
        job, key = self._job, self._job.key
        before = self._catalog.find(key)
        held = 0 if before is None else before.rows
        keeps = key.kind is ChannelKind.SERIES and not is_outdated(job, before)
        with self._catalog.batch() as batch:
            for covered, served in pieces:
                rows = served
                if before is not None and job.is_reread:
                    stored = self._catalog.read_stored(
                        key, covered.started_at, covered.ended_at - 1
                    )
                    if keeps:
                        rows = with_kept_vintages(stored, served, self._now())
                    elif len(stored) and not len(served):
                        raise SchemaError(
                            f"{key}: {len(stored)} rows are stored from "
                            f"{utc_text(covered.started_at)} to {utc_text(covered.ended_at)}, and "
                            "the source has none of them any more; nothing was changed"
                        )
                if len(rows) or batch.holds(key):
                    held = batch.extend(job.instrument, rows, covered, job.source.origin(key)).rows
        self._report.rows += max(held - (0 if before is None else before.rows), 0)


def _tell(watch: Watch | None, job: Job, number: int, jobs: int, share: float, rows: int) -> None:  # noqa: PLR0917
    if watch is not None:
        watch(FetchProgress(number, jobs, job.key, job.source.name, share, rows))


def _joined(key: ChannelKey, pieces: Sequence[Channel]) -> Channel:
    if not pieces:
        return Channel(key, empty_columns(key, 0))
    columns: dict[str, Array] = {
        name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0].columns
    }
    return Channel(key, columns)
