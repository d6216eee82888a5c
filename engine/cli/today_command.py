"""Define the command ``today``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_feeds.default_data import DEFAULT_CATALOG, EMBEDDED
from engine.cli.completion import DEFAULT_RUNS, asked_names, files_of
from engine.cli.exit_codes import EXIT_HEDGE, EXIT_REDUCE, EXIT_TOO_OLD
from engine.cli.fetch_command import progress_bars, say_waiting, source_options
from engine.cli.options import CatalogOption, JsonOption, PluginOption, RunsOption, SetOption
from engine.cli.output import print_json, working

if TYPE_CHECKING:
    from engine.today import FetchedRows, TodayReport

PLAN = "today"


def today(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Runs and rule files by name or path, playbooks, finished runs "
            "(default: one run of each shipped playbook)",
            autocompletion=asked_names,
        ),
    ] = None,
    *,
    data: CatalogOption = DEFAULT_CATALOG,
    no_fetch: Annotated[
        bool, typer.Option("--no-fetch", help="Use the stored rows; send no request")
    ] = False,
    plan: Annotated[
        str,
        typer.Option(
            "--plan",
            metavar="PLAN",
            help="Rows to fetch: a YAML file, or a shipped plan",
            autocompletion=files_of("data"),
        ),
    ] = PLAN,
    asof: Annotated[
        str | None,
        typer.Option(
            "--asof",
            metavar="WHEN",
            help="An earlier date (the checklist's reading on it) or instant; nothing is fetched",
        ),
    ] = None,
    config: Annotated[
        str, typer.Option("--config", metavar="CONFIG", help="The checklist's thresholds")
    ] = "default",
    overrides: SetOption = None,
    runs: RunsOption = DEFAULT_RUNS,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="Also write the answer as a page")
    ] = None,
    plugin_path: PluginOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say what to do today: fetch, read the checklist, run each playbook to its last bar.

    No order is placed. Exit codes: 0 wait, 10 reduce, 11 hedge, 3 data too old to act on.
    """
    from engine.config.load import load_state_config
    from engine.config.locations import find_config
    from engine.today import asked_instant, asked_runs, today_report

    clock = source_options().now
    rules = load_state_config(find_config(config, "checklist"), ())
    at = None if asof is None else asked_instant(asof, rules.decide_at)
    asked = asked_runs(names or (), overrides or (), plugin_path=plugin_path, data=data, runs=runs)

    from data_feeds.clock import MINUTE_NS
    from data_feeds.load import open_source

    fetched = None
    if not (no_fetch or asof is not None or str(data) == EMBEDDED):
        fetched = _fetched(plan, data)
    with working("reading data and running the playbooks"):
        report = today_report(
            open_source(data),
            rules,
            asked,
            clock() // MINUTE_NS * MINUTE_NS if at is None else at,
            plugin_path=plugin_path,
            fetched=fetched,
        )
    _print(report, page, as_json=as_json)
    return exit_code(report)


def exit_code(report: "TodayReport") -> int:
    """Return the code of an answer."""
    from engine.today import Verdict

    codes = {
        Verdict.WAIT: 0,
        Verdict.REDUCE: EXIT_REDUCE,
        Verdict.HEDGE: EXIT_HEDGE,
        Verdict.TOO_OLD: EXIT_TOO_OLD,
    }
    return codes[report.verdict]


def _fetched(plan: str, data: Path) -> "FetchedRows":
    """Fetch the plan; a source's failure is an error only where no catalog is there to answer."""
    from data_feeds.catalog import Catalog
    from data_feeds.errors import SourceError
    from engine.config.locations import find_config
    from engine.today import fetch_new

    catalog = Catalog(data)
    with progress_bars() as watch:
        fetched = fetch_new(
            find_config(plan, "data"), catalog, source_options(), watch=watch, on_wait=say_waiting
        )
    if not catalog.exists():
        raise SourceError("\n".join(fetched.problems))
    return fetched


def _print(report: "TodayReport", page: Path | None, *, as_json: bool) -> None:
    from engine.today import today_page, today_text

    if page is not None:
        from data_feeds.atomic import storage_errors, write_atomically

        with storage_errors(page):
            write_atomically(page, today_page(report).encode())
    if as_json:
        print_json(report.document() | {"exit_code": exit_code(report)})
        return
    print(today_text(report), end="")
    if page is not None:
        print(page)
