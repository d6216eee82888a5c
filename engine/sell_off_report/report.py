"""Finished runs judged over every sell-off of a market: the judgement and its folder."""

import json
from collections.abc import Sequence
from pathlib import Path

from data_feeds.atomic import storage_errors, write_atomically
from data_feeds.catalog import Catalog
from engine.errors import ReportError
from engine.sell_off_report.report_page import report_page
from engine.sell_off_report.report_tables import SellOffReport, report_document, report_text
from engine.sell_off_report.rival import benchmark_days
from engine.sell_off_report.row_judgement import RowJudgement, judge
from engine.sell_off_report.run_days import RunDays, run_days, sell_off_days
from engine.sell_off_report.scaled_costs import scaled_costs
from engine.sell_offs import (
    FoundSellOffs,
    SellOffMarket,
    find_sell_offs,
    found_document,
    held_then,
)

PAGE, TEXT, JSON = "index.html", "sell-offs.txt", "sell-offs.json"


def judge_runs(
    folders: Sequence[Path], source: Catalog, market: SellOffMarket, *, data: str
) -> SellOffReport:
    """Return the judgement of finished runs over every sell-off of a market.

    Raises
    ------
    ReportError : a folder is no run's, two runs have one name, or a run has no day in a sell-off.
    CoverageError : the data hold no closes of the market or of the benchmark.
    """
    found = find_sell_offs(source, market)
    rows = [_judged(run_days(folder), source, found) for folder in folders]
    names = [row.run.name for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ReportError(f"{', '.join(twice)}: given twice; a row of the page is one run")
    return SellOffReport(found, rows, data)


def write_report(report: SellOffReport, source: Catalog, folder: Path) -> Path:
    """Write the page, the text and the document; return the page.

    Raises
    ------
    ReportError : the folder cannot be written.
    """
    found = report.found
    document = report_document(report, found_document(found, source, data=report.data))
    held = [held_then(source, item) for item in found.sell_offs]
    contents = {
        TEXT: report_text(report),
        JSON: json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        # Last, so that every other file exists when the page does.
        PAGE: report_page(report, held),
    }
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            write_atomically(folder / name, content.encode())
    return folder / PAGE


def _judged(run: RunDays, source: Catalog, found: FoundSellOffs) -> RowJudgement:
    days = sell_off_days(found, run.days)
    if not days.clusters:
        raise ReportError(
            f"{run.name}: no day from {run.days[0]} to {run.days[-1]} lies inside a sell-off of "
            f"{found.market.name}; give a longer run"
        )
    benchmark = benchmark_days(source, found.market.rival, run)
    return judge(run, benchmark, days, scaled_costs(source, run))
