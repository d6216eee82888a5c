"""Define the commands ``run``, ``account``, ``runs``, ``audit`` and ``explain``."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.completion import DEFAULT_RUNS
from engine.cli.options import (
    AccountArgument,
    ConfigArgument,
    DataOption,
    JsonOption,
    PluginOption,
    RunArgument,
    RunsOption,
    SetOption,
)
from engine.cli.output import print_columns, print_json, working


def run(
    config: ConfigArgument,
    *,
    overrides: SetOption = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of all runs")
    ] = DEFAULT_RUNS,
    data: DataOption = None,
    mode: Annotated[
        str | None,
        typer.Option("--mode", metavar="MODE", help="dense or sparse; the result is the same"),
    ] = None,
    plugin_path: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a playbook; write a run folder with fills, journal, summary and tearsheet."""
    from engine.config_files import read_config

    settings = [*(overrides or ()), *([f"mode={mode}"] if mode is not None else ())]
    checked = read_config(config, settings, plugin_path, data)

    from data_feeds.load import open_source
    from engine.pages.publish import TEARSHEET_FILE, publish
    from engine.run import run as simulate
    from engine.run_folder.write import check_writable, timing_document

    check_writable(out)
    started_at, clock = datetime.now(UTC), time.perf_counter()
    with working("reading data"):
        source = open_source(checked.data.source)
    with working("simulating") as report:
        result = simulate(checked, source, plugin_path=plugin_path, on_progress=report)
    timing = timing_document(started_at, time.perf_counter() - clock)
    with working("writing reports"):
        folder = publish(result, out, timing=timing)
    _print_result("run", folder, folder / TEARSHEET_FILE, as_json=as_json)


def account(
    config: AccountArgument,
    *,
    overrides: SetOption = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of all runs")
    ] = DEFAULT_RUNS,
    data: DataOption = None,
    plugin_path: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run several playbooks in one account, each with its own cash, under joint caps and guards."""
    from engine.config_files import read_account

    checked = read_account(config, overrides, plugin_path, data)

    from data_feeds.load import open_source
    from engine.account.run import run_sleeves
    from engine.pages.account_page import ACCOUNT_PAGE, publish_account
    from engine.run_folder.write import check_writable, timing_document

    check_writable(out)
    started_at, clock = datetime.now(UTC), time.perf_counter()
    with working("reading data"):
        source = open_source(checked.data.source)
    with working("simulating") as report:
        result = run_sleeves(checked, source, plugin_path=plugin_path, on_progress=report)
    timing = timing_document(started_at, time.perf_counter() - clock)
    with working("writing reports"):
        folder = publish_account(result, out, timing=timing)
    _print_result("account", folder, folder / ACCOUNT_PAGE, as_json=as_json)


def _print_result(kind: str, folder: Path, page: Path, *, as_json: bool) -> None:
    """Print the summary and the page's path, or paths and metrics as JSON."""
    from engine.pages.publish import SUMMARY_FILE
    from engine.run_folder.schema import METRICS_FILE

    if as_json:
        metrics = (folder / METRICS_FILE).read_text(encoding="utf-8")
        print_json({kind: str(folder), "page": str(page), "metrics": json.loads(metrics)})
        return
    print((folder / SUMMARY_FILE).read_text(encoding="utf-8"), end="")
    print(page)


def runs(root: RunsOption = DEFAULT_RUNS, as_json: JsonOption = False) -> None:
    """List the runs, newest first, by the names that other commands accept."""
    from engine.answers.listed_runs import described, run_table
    from engine.run_folder.partial_folders import remove_leftovers
    from engine.run_folder.run_names import named_runs

    remove_leftovers(root)
    found = [described(run) for run in named_runs(root)]
    if as_json:
        print_json(found)
    elif found:
        print_columns(run_table(found))
    else:
        print(f"no runs in {root}; make one with 'riskoff run demo'")


def audit(
    run: RunArgument,
    *,
    data: DataOption = None,
    root: RunsOption = DEFAULT_RUNS,
    as_json: JsonOption = False,
) -> None:
    """Derive the books again from orders, fills, config and market, and compare them."""
    from dataclasses import asdict

    from data_feeds.load import open_source
    from engine.audit import audit_account, audit_run, format_report
    from engine.errors import SimulationError
    from engine.run_folder.read import check_is_run, is_account
    from engine.run_folder.run_names import find_run
    from engine.run_folder.seals import broken_seals, check_seals

    source = None if data is None else open_source(data)
    folder = find_run(run, root)
    audited = audit_account if is_account(folder) else audit_run
    if not is_account(folder):
        check_is_run(folder)
    broken = broken_seals(folder)
    try:
        with working("auditing"):
            report = audited(folder, source)
    except Exception as error:
        # Report a damaged file instead of its consequences, unless the error names that file.
        if not any(str(folder / name) in str(error) for name in broken):
            check_seals(folder)
        raise
    if as_json:
        findings = [asdict(finding) for finding in report.findings]
        print_json({"run": str(folder), "checks": dict(report.checks), "findings": findings})
    else:
        print(format_report(report))
    if broken:
        check_seals(folder)
    if not report.ok:
        raise SimulationError(f"{folder}: the audit found {len(report.findings)} differences")


def explain(
    run: RunArgument,
    *,
    trade: Annotated[
        int | None, typer.Option("--trade", metavar="N", help="A trade, counted from 1")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="INSTANT", help="For example 2026-02-06T03:00Z")
    ] = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="DATE", help="A UTC day, for example 2026-02-05")
    ] = None,
    why_not: Annotated[
        str | None,
        typer.Option(
            "--why-not",
            metavar="WINDOW",
            help="Why it did not enter: a UTC day, or FROM..TO with days or instants",
        ),
    ] = None,
    setup: Annotated[
        int | None,
        typer.Option("--setup", metavar="N", help="A refused setup, by its number in the list"),
    ] = None,
    root: RunsOption = DEFAULT_RUNS,
) -> None:
    """Explain a trade, or the conditions and obstacles at some time.

    Without an option, list the run's trades and refused setups with their numbers.
    """
    from engine.answers.day import explain_day
    from engine.answers.instant import explain_at
    from engine.answers.run_lists import explain_run, explain_setup
    from engine.answers.trade import explain_trade
    from engine.answers.why_not_text import explain_why_not
    from engine.run_folder.run_names import find_run

    asked = (trade, at, day, why_not, setup)
    if sum(one is not None for one in asked) > 1:
        raise typer.TyperException(
            "give one of --trade N, --setup N, --at INSTANT, --day DATE and --why-not WINDOW"
        )
    folder = find_run(run, root)
    if trade is not None:
        text = explain_trade(folder, trade)
    elif setup is not None:
        text = explain_setup(folder, setup)
    elif at is not None:
        text = explain_at(folder, at)
    elif day is not None:
        text = explain_day(folder, day)
    elif why_not is not None:
        text = explain_why_not(folder, why_not)
    else:
        text = explain_run(folder, run)
    print(text, end="")
