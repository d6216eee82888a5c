"""The pages that exist only while they are served: the list of a working folder, the checklist."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from data_feeds.clock import utc_day
from data_feeds.load import open_source
from data_feeds.schema import Provenance
from engine.answers.listed_runs import described, run_table
from engine.checklist import day_page, day_report, read_state
from engine.config.load import load_state_config
from engine.config.locations import find_config
from engine.pages.html import render
from engine.pages.publish import SUMMARY_FILE, TEARSHEET_FILE
from engine.run_folder.run_names import named_runs

RUNS = "runs"
# The folders that commands write in a working folder: a title, and the files that are opened, the
# first one that is there.
FOLDERS = {
    "compare": ("Comparisons", ("index.html",)),
    "sweeps": ("Sweeps", ("report.html",)),
    "sell-offs": ("Sell-offs", ("index.html",)),
    "stress": ("Stress", (SUMMARY_FILE,)),
    "attributions": ("Attributions", ("attribution.json",)),
}
CHECKLIST = "/checklist"


@dataclass(frozen=True)
class ServedRow:
    """One line of the list: what it is, its numbers, and the address of its page."""

    name: str
    cells: tuple[str, ...]
    address: str


def list_page(root: Path) -> str:
    """Return the page that lists a working folder: runs, comparisons, sweeps, the checklist."""
    tables: list[tuple[str, tuple[str, ...], list[ServedRow]]] = [
        ("Runs", run_table([])[0][1:], list(_runs(root)))
    ]
    for folder, (title, pages) in FOLDERS.items():
        found = list(_finished(root, folder, pages))
        if found:
            tables.append((title, ("written",), found))
    return render(
        "served.html.j2",
        page_title=f"Riskoff: {root.name}",
        heading=f"Results in {root.name}",
        is_synthetic=False,
        notes=("Served by riskoff on this machine alone. Nothing can be changed from here.",),
        tables=tables,
        checklist=CHECKLIST,
    )


def checklist_page(data: str, day: str | None = None) -> str:
    """Return the checklist of a day as a page; without a day that of the data's last one.

    Raises
    ------
    RiskoffError : the data hold nothing that the checklist reads.
    ValueError : the day is no date.
    """
    source = open_source(data)
    last = utc_day(max(entry.last_at for entry in source.entries()) - 1)
    asked = last if day is None else np.datetime64(day, "D")
    rules = load_state_config(find_config("default", "checklist"))
    state, provenance = read_state(source, rules, asked, asked)
    report = day_report(state, len(state) - 1, rules.conditions())
    return day_page(
        report,
        clock=rules.decide_at,
        data=f"{data}, to {last}",
        is_synthetic=provenance is Provenance.SYNTHETIC,
        links=(
            ("All pages", "/"),
            ("day before", f"{CHECKLIST}?day={asked - 1}"),
            ("day after", f"{CHECKLIST}?day={asked + 1}"),
        ),
    )


def _runs(root: Path) -> Iterator[ServedRow]:
    runs = [run for run in named_runs(root / RUNS) if (run.folder / TEARSHEET_FILE).is_file()]
    rows = run_table([described(run) for run in runs])[1:]
    for run, (name, *cells) in zip(runs, rows, strict=True):
        yield ServedRow(name, tuple(cells), address(root, run.folder / TEARSHEET_FILE))


def _finished(root: Path, folder: str, pages: tuple[str, ...]) -> Iterator[ServedRow]:
    """Yield the finished work in one of our folders, the newest first."""
    places = [root / folder, *(root / folder).glob("*")]
    found = [next((p for name in pages if (p := place / name).is_file()), None) for place in places]
    for page in sorted(filter(None, found), key=lambda page: -page.stat().st_mtime):
        written = np.datetime64(int(page.stat().st_mtime), "s")
        yield ServedRow(page.parent.name, (str(written).replace("T", " "),), address(root, page))


def address(root: Path, page: Path) -> str:
    """Return the address of a file of the working folder."""
    return quote(f"/{page.relative_to(root).as_posix()}")
