"""Ask sources for missing rows and store them, a few pages at a time.

Rows and the stretch that they cover enter the catalog in one step. Stored stretches are not asked
for again. So a killed fetch loses only the pages since its last step, and the finished catalog is
the same to the byte.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import filelock

from data_feeds.atomic import UNCHANGED, storage_errors
from data_feeds.catalog import Catalog, TimeSpan
from data_feeds.clock import utc_text
from data_feeds.errors import IntegrityError, SchemaError, SourceError
from data_feeds.fetch.jobs import Job, is_outdated, missing_spans
from data_feeds.fetch.vintages import with_kept_vintages
from data_feeds.schema import Channel, ChannelKey, ChannelKind, concatenated
from data_feeds.sources.source import Page

LOCK_NAME = ".fetch.lock"
# A kill costs the pages of one step; a step rewrites a file and the index.
STEP_PAGES = 10
STEP_ROWS = 15_000


@dataclass(frozen=True)
class FetchProgress:
    """Progress of a fetch: the job's number among all jobs, its answered share, its rows."""

    number: int
    jobs: int
    key: ChannelKey
    source: str
    share: float
    rows: int


@dataclass
class JobReport:
    """Result of one job. ``problem`` is empty unless its source failed after all retries."""

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
    """Fetch the missing rows of all jobs into a catalog; return one report per job.

    Parameters
    ----------
    jobs, catalog : channels to fill, and their catalog
    now : the time, ns UTC; a value revised after it was stored is known from the moment at which
        the new value is stored
    watch : called with the progress
    on_wait : called when another fetch holds the catalog; this fetch waits until it ends

    A failing source ends its own job, with the reason in the report; other jobs continue.

    Raises
    ------
    StorageError : the disk refuses; rows stored before stay.
    """
    with storage_errors(catalog.path, UNCHANGED):
        catalog.path.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(str(catalog.path / LOCK_NAME))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            if on_wait is not None:
                on_wait()
            lock.acquire()
    try:
        # A fetch killed after it stored its last row leaves files, and this one may store nothing.
        catalog.remove_leftovers()
        reports = []
        for number, job in enumerate(jobs):
            tell = partial(_tell, watch, job, number, len(jobs))
            reports.append(_Run(job, catalog, now, tell).report())
        return reports
    finally:
        lock.release()


class _Run:
    """Run one job."""

    def __init__(
        self, job: Job, catalog: Catalog, now: Callable[[], int], tell: Callable[[float, int], None]
    ) -> None:
        self._job, self._catalog, self._now, self._tell = job, catalog, now, tell
        self._report = JobReport(job.key, job.source.name)
        self._answered = 0

    def report(self) -> JobReport:
        """Ask and store until no rows are missing or the source fails; return the report."""
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
        """Ask for one stretch; store the rows every few pages."""
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
        # Store the pages that came before a failure too.
        if answered > begun:
            self._stored(pending, begun, answered)
        if failure is not None:
            raise failure
        self._answered += span.ended_at - span.started_at

    def _reread(self, spans: Sequence[TimeSpan], asked: int) -> None:
        """Ask for all stretches, then store them in one step: a partial adjustment is wrong."""
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
                pieces.append((covered, concatenated(self._job.key, rows)))
        self._exchange(pieces)

    def _pages(self, span: TimeSpan, asked: int) -> Iterator[Page]:
        """Yield the pages of a stretch; collect their notes and report the progress."""
        came = self._report.rows
        for page in self._job.source.pages(self._job.key, span.started_at, span.ended_at):
            if page.note and page.note not in self._report.notes:
                self._report.notes.append(page.note)
            came += len(page.rows) if page.rows is not None else 0
            done = self._answered + page.covered_to - span.started_at
            self._tell(done / asked, came)
            yield page

    def _stored(self, pending: list[Channel], begun: int, answered: int) -> int:
        """Store rows with the stretch they cover; return the instant from which to continue."""
        if not pending and self._catalog.find(self._job.key) is None:
            # Coverage is stored with a channel, and the channel begins with its first rows.
            return begun
        covered = TimeSpan(started_at=begun, ended_at=answered)
        self._exchange([(covered, concatenated(self._job.key, pending))])
        return answered

    def _exchange(self, pieces: Sequence[tuple[TimeSpan, Channel]]) -> None:
        """Store stretches with their rows in one step; count the new rows."""
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
                            "the source no longer has any of them; nothing was changed"
                        )
                if len(rows) or batch.holds(key):
                    held = batch.extend(job.instrument, rows, covered, job.source.origin(key)).rows
        self._report.rows += max(held - (0 if before is None else before.rows), 0)


def _tell(watch: Watch | None, job: Job, number: int, jobs: int, share: float, rows: int) -> None:  # noqa: PLR0917
    if watch is not None:
        watch(FetchProgress(number, jobs, job.key, job.source.name, share, rows))
