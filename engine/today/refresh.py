"""Fetch the rows that a catalog lacks up to now; a source that fails does not end the day."""

from collections.abc import Callable
from pathlib import Path

from data_feeds.catalog import Catalog
from data_feeds.fetch import fetch, jobs_of, load_plan
from data_feeds.fetch.fetcher import Watch
from data_feeds.fetch.make_source import SourceOptions, make_source
from engine.today.answer_data import FetchedRows


def fetch_new(
    plan: Path,
    catalog: Catalog,
    options: SourceOptions,
    *,
    watch: Watch | None = None,
    on_wait: Callable[[], None] | None = None,
) -> FetchedRows:
    """Fetch the missing rows of a plan and return how many came, and which sources failed.

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
    reports = fetch(jobs, catalog, options.now, watch=watch, on_wait=on_wait)
    return FetchedRows(
        {str(report.key): report.rows for report in reports},
        tuple(f"{report.key}: {report.problem}" for report in reports if report.problem),
    )
