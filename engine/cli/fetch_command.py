"""Define the command ``data fetch``."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from data_feeds.default_data import DEFAULT_CATALOG
from engine.cli.completion import files_of
from engine.cli.options import CatalogOption, JsonOption
from engine.cli.output import print_json

if TYPE_CHECKING:
    from pathlib import Path

    from data_feeds.catalog import Catalog
    from data_feeds.fetch import FetchPlan, FetchProgress, Job, JobReport
    from data_feeds.fetch.fetcher import Watch
    from data_feeds.fetch.make_source import SourceOptions
    from data_feeds.instrument import Instrument

# Environment variables of API keys; all are optional.
FRED_KEY, VENUE_KEY, VENUE_SECRET = "FRED_API_KEY", "BINANCE_API_KEY", "BINANCE_API_SECRET"


def fetch_command(
    plan: Annotated[
        str,
        typer.Argument(
            metavar="PLAN", help="YAML file, or a shipped plan", autocompletion=files_of("data")
        ),
    ],
    data: CatalogOption = DEFAULT_CATALOG,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the requests without sending them")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Download the rows of a plan that the catalog lacks; a second call resumes.

    FRED_API_KEY in the environment adds vintages of revised series, BINANCE_API_KEY and
    BINANCE_API_SECRET leverage brackets; nothing else needs a key.
    """
    from data_feeds.catalog import Catalog
    from data_feeds.errors import DataError, SourceError
    from data_feeds.fetch import fetch, jobs_of, load_plan
    from data_feeds.fetch.make_source import make_source
    from engine.config.locations import find_config

    asked, instruments = load_plan(find_config(plan, "data"))
    options = source_options()
    catalog, now = Catalog(data), options.now()
    jobs = jobs_of(
        asked, instruments, now, lambda entry, instrument: make_source(entry, instrument, options)
    )
    if dry_run:
        _print_missing(jobs, catalog, as_json)
        return
    with progress_bars() as watch:
        reports = fetch(jobs, catalog, options.now, watch=watch, on_wait=say_waiting)
    failed = [f"{report.key}: {report.problem}" for report in reports if report.problem]
    files: list[str] = []
    try:
        for path in _terms(asked, instruments, options, catalog):
            files.append(str(path))
    except DataError as error:
        failed.append(f"venue terms: {error}")
    if as_json:
        print_json({"channels": [_document(report) for report in reports], "terms": files})
    else:
        for report in reports:
            _print_report(report)
        for name in files:
            print(f"venue terms of today: {name}")
    if failed:
        raise SourceError("\n".join(failed))


def source_options() -> "SourceOptions":
    """Return the clock and the API keys of this process."""
    from data_feeds.fetch.make_source import SourceOptions

    return SourceOptions(
        now=time.time_ns,
        fred_api_key=os.environ.get(FRED_KEY) or None,
        venue_key=os.environ.get(VENUE_KEY) or None,
        venue_secret=os.environ.get(VENUE_SECRET) or None,
    )


def _print_missing(jobs: "list[Job]", catalog: "Catalog", as_json: bool) -> None:
    from data_feeds.clock import SECOND_NS, utc_text
    from data_feeds.fetch import missing_spans

    def second(at: int) -> str:
        return utc_text(at - at % SECOND_NS)

    rows = []
    for job in jobs:
        spans = missing_spans(job, catalog.find(job.key))
        texts = [f"{second(span.started_at)} to {second(span.ended_at)}" for span in spans]
        rows.append({"channel": str(job.key), "source": job.source.name, "asks": texts})
    if as_json:
        print_json(rows)
        return
    for row in rows:
        print(f"{row['channel']}: {row['source']}: {', '.join(row['asks']) or 'nothing missing'}")
    asking = sum(bool(row["asks"]) for row in rows)
    print(f"{asking} of {len(rows)} channels lack rows; no request was sent")


def _document(report: "JobReport") -> dict[str, Any]:
    return asdict(report) | {"key": str(report.key)}


def _print_report(report: "JobReport") -> None:
    state = "FAILED" if report.problem else f"{report.rows} new rows"
    notes = f" ({'; '.join(report.notes)})" if report.notes else ""
    print(f"{report.key}: {state}, from {report.source}{notes}")


def say_waiting() -> None:
    print("another fetch holds this catalog; waiting until it ends", file=sys.stderr)


def _terms(
    plan: "FetchPlan",
    instruments: "dict[str, Instrument]",
    options: "SourceOptions",
    catalog: "Catalog",
) -> "Iterator[Path]":
    """Store today's filters and leverage brackets where the plan asks for them; yield the files."""
    if not any(getattr(entry, "terms", False) for entry in plan.fetch):
        return iter(())
    from data_feeds.fetch.terms_files import store_terms

    return store_terms(plan, instruments, options, catalog.path)


@contextmanager
def progress_bars() -> "Iterator[Watch | None]":
    """Yield a watch that draws progress on a terminal; None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]} rows, {task.fields[rate]}/s"),
        TimeRemainingColumn(),
    )
    begun = time.monotonic()
    with Bars(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        task = bars.add_task("", total=1.0, rows=0, rate=0)

        def watch(progress: "FetchProgress") -> None:
            nonlocal begun
            title = f"{progress.number + 1}/{progress.jobs} {progress.key}"
            if bars.tasks[0].description != title:
                begun = time.monotonic()
                bars.reset(task, description=title)
            rate = round(progress.rows / max(time.monotonic() - begun, 0.1))
            bars.update(task, completed=progress.share, rows=progress.rows, rate=rate)

        yield watch
