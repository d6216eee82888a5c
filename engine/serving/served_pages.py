"""The pages that exist only while they are served: the list of a working folder, the checklist."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
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
from engine.errors import ReportError
from engine.pages.account_page import ACCOUNT_PAGE
from engine.pages.html import render
from engine.pages.publish import SUMMARY_FILE, TEARSHEET_FILE
from engine.run_folder.run_names import named_runs

RUNS = "runs"
RUN_PAGES = (TEARSHEET_FILE, ACCOUNT_PAGE, SUMMARY_FILE)
CHECKLIST = "/checklist"
# The title of a page stands in its head.
HEAD_BYTES = 2_000
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


@dataclass(frozen=True)
class WorkKind:
    """A kind of work that commands write into one folder of a working folder.

    Attributes
    ----------
    title : of its table
    pages : the file that is opened, the first one that is there; folders of an earlier version
        have no page
    loose : pattern of pages that lie in the folder itself
    """

    title: str
    pages: tuple[str, ...]
    loose: str = ""


FOLDERS = {
    "today": WorkKind("Today", (), loose="*.html"),
    "compare": WorkKind("Comparisons", ("index.html",)),
    "sweeps": WorkKind("Sweeps", ("report.html",)),
    "sell-offs": WorkKind("Sell-offs", ("index.html",)),
    "stress": WorkKind("Stress", ("index.html", TEARSHEET_FILE, SUMMARY_FILE)),
    "attributions": WorkKind("Attributions", ("index.html", "attribution.json")),
    "study": WorkKind("Studies", ("index.html", "study.json")),
    "checklist": WorkKind("Checklist", ("index.html",), loose="????-??-??.html"),
}


@dataclass(frozen=True)
class ServedRow:
    """One line of the list: its name, its cells, and the address of its page, empty for none."""

    name: str
    cells: tuple[str, ...]
    address: str


@dataclass(frozen=True)
class ServedTable:
    """The work of one kind, the newest first; ``problem`` says why the kind cannot be listed."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[ServedRow, ...]
    problem: str = ""


def list_page(root: Path) -> str:
    """Return the page that lists a working folder by kind: runs and accounts first."""
    found = [_runs(root), *(_work(root, folder) for folder in FOLDERS)]
    return render(
        "served.html.j2",
        page_title=f"Riskoff: {root.name}",
        heading=f"Results in {root.name}",
        is_synthetic=False,
        notes=("Served by riskoff on this machine alone. Nothing can be changed from here.",),
        tables=[table for table in found if table.rows or table.problem or table is found[0]],
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


def _runs(root: Path) -> ServedTable:
    """Return the runs and accounts; a damaged one is listed and opens what it still has."""
    headings = run_table([])[0][1:]
    try:
        runs = named_runs(root / RUNS)
    except ReportError as error:
        return ServedTable("Runs and accounts", headings, (), str(error))
    rows = run_table([described(run) for run in runs])[1:]
    listed = [
        ServedRow(name, tuple(cells), _address_of(root, _first(run.folder, RUN_PAGES)))
        for run, (name, *cells) in zip(runs, rows, strict=True)
    ]
    return ServedTable("Runs and accounts", headings, tuple(listed))


def _work(root: Path, folder: str) -> ServedTable:
    """Return the finished work in one of our folders, the newest first."""
    kind, place = FOLDERS[folder], root / folder
    try:
        pages = list(_pages(place, kind))
        written = {page: page.stat().st_mtime for page in pages}
    except OSError as error:
        problem = f"{place}: cannot be listed ({error.strerror or error})"
        return ServedTable(kind.title, ("what", "written, UTC"), (), problem)
    ordered = sorted(pages, key=lambda page: (-written[page], str(page)))
    rows = [
        ServedRow(
            page.stem if page.parent == place and page.name not in kind.pages else page.parent.name,
            (_title(page), str(np.datetime64(int(written[page] // 60), "m")).replace("T", " ")),
            address(root, page),
        )
        for page in ordered
    ]
    return ServedTable(kind.title, ("what", "written, UTC"), tuple(rows))


def _pages(place: Path, kind: WorkKind) -> Iterator[Path]:
    """Yield the page of a folder and of each folder in it; hidden folders are unfinished."""
    if not place.is_dir():
        return
    inside = sorted(path for path in place.iterdir() if not path.name.startswith("."))
    for folder in (place, *inside):
        page = _first(folder, kind.pages)
        if page is not None:
            yield page
    if kind.loose:
        yield from sorted(place.glob(kind.loose))


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    """Return the first file of some names that a folder holds."""
    return next((page for name in names if (page := folder / name).is_file()), None)


def _title(page: Path) -> str:
    """Return the title of a page; of other files their name, and of unreadable ones the reason."""
    try:
        with page.open("rb") as file:
            head = file.read(HEAD_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    found = _TITLE.search(head)
    return unescape(" ".join(found[1].split())) if found else f"no page; opens {page.name}"


def _address_of(root: Path, page: Path | None) -> str:
    return "" if page is None else address(root, page)


def address(root: Path, page: Path) -> str:
    """Return the address of a file of the working folder."""
    return quote(f"/{page.relative_to(root).as_posix()}")
