"""Fetch the rows that a catalog lacks up to now; a source that fails does not end the day."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from data_feeds.catalog import Catalog
from data_feeds.fetch import FetchProgress, JobReport, fetch, jobs_of, load_plan
from data_feeds.fetch.fetcher import Watch
from data_feeds.fetch.make_source import SourceOptions, make_source
from data_feeds.sources.source import Source
from engine.today.answer_data import FetchedRows

# Failures in a row after which a publisher's other channels are not asked for: each failure takes
# half a minute of attempts, and without a network all of them would fail.
GIVE_UP_AFTER = 2


def fetch_new(
    plan: Path,
    catalog: Catalog,
    options: SourceOptions,
    *,
    watch: Watch | None = None,
    on_wait: Callable[[], None] | None = None,
) -> FetchedRows:
    """Fetch the missing rows of a plan and return how many came, and which sources failed.

    A publisher that fails twice in a row is not asked for its other channels.

    Parameters
    ----------
    plan : file of the plan
    options : the clock, keys and addresses of the sources
    watch, on_wait : as for ``data_feeds.fetch.fetch``

    Raises
    ------
    YamlError : the plan cannot be used. StorageError : the disk refuses.
    """
    asked, instruments = load_plan(plan)
    jobs = jobs_of(
        asked,
        instruments,
        options.now(),
        lambda entry, instrument: make_source(entry, instrument, options),
    )
    reports = []
    failures: Counter[type[Source]] = Counter()
    for number, job in enumerate(jobs):
        publisher = type(job.source)
        if failures[publisher] >= GIVE_UP_AFTER:
            problem = f"not asked, because {job.source.name} did not answer before"
            reports.append(JobReport(job.key, job.source.name, problem=problem))
            continue
        tell = partial(_tell, watch, number, len(jobs))
        (report,) = fetch([job], catalog, options.now, watch=tell, on_wait=on_wait)
        failures[publisher] = failures[publisher] + 1 if report.problem else 0
        reports.append(report)
    return FetchedRows(
        {str(report.key): report.rows for report in reports},
        tuple(f"{report.key}: {report.problem}" for report in reports if report.problem),
    )


def _tell(watch: Watch | None, number: int, jobs: int, progress: FetchProgress) -> None:
    """Report the progress of one job as that of its place among all."""
    if watch is not None:
        watch(replace(progress, number=number, jobs=jobs))
