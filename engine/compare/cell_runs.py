"""Run the cells of a comparison: simulate, write and audit each one that has no run folder yet."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from operator import attrgetter, methodcaller
from pathlib import Path
from typing import Any

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.errors import RiskoffError
from data_feeds.load import open_source
from engine.audit import audit_run
from engine.compare.cells import Cell
from engine.config.models import RunConfig
from engine.errors import ReportError, SimulationError
from engine.pages.publish import SUMMARY_FILE, TEARSHEET_FILE, write_reports
from engine.plugins import configured_playbook
from engine.results.contents import folder_of, write_run
from engine.results.finished import RunRecord
from engine.run import RunResult, prepare_run
from engine.run_folder.read import RunFolder
from engine.run_folder.seals import check_seals
from engine.run_folder.write import write_json
from engine.settle import one_account_currency, settle
from engine.workers import RunJobs, SharedFolders, Workers

AUDIT_FILE = "audit.json"
# Folder, beside that of the runs, for run folders whose files no longer match their seals.
SET_ASIDE = "set_aside"


@dataclass(frozen=True)
class CellOutcome:
    """The outcome of a cell: its run folder, or the problem that prevented one.

    ``reused``: the folder existed and its seals hold. ``findings`` counts the audit's findings.
    ``set_aside`` names an existing folder that was damaged, the damage, and its new place.
    """

    row: str
    episode: str
    folder: Path | None
    reused: bool = False
    findings: int = 0
    problem: str = ""
    set_aside: str = ""

    @property
    def fault(self) -> str:
        """A sentence that names the cell and its problem or its audit findings, "" for none."""
        where = f"{self.row}, {self.episode}"
        if self.problem:
            return f"{where}: {self.problem}"
        if self.findings:
            return f"{where}: the audit found {self.findings} differences; see {self.folder}"
        return ""


@dataclass(frozen=True)
class CellWork:
    """Hold what all cells of a comparison share.

    Attributes
    ----------
    root : folder of the run folders
    page : the comparison's page, which every tearsheet links to
    plugin_path : folder of local playbooks
    tearsheets : whether a new run folder gets a page of its own
    """

    root: Path
    page: Path
    plugin_path: Path | None = None
    tearsheets: bool = True


@dataclass(frozen=True)
class NamedJob:
    """A function without arguments, with its name in an error."""

    name: str
    answer: Callable[[], Any]


def run_cells(
    cells: Sequence[Cell],
    work: CellWork,
    *,
    workers: Workers = Workers(),
    on_done: Callable[[int, CellOutcome], None] | None = None,
) -> list[CellOutcome]:
    """Prepare every cell and run those without a run folder; return the outcomes in their order.

    Parameters
    ----------
    cells : the cells to run
    work : what they share
    workers : where the cells run; those of a cluster write into the same folder
    on_done : called with the number of finished cells and the outcome

    Raises
    ------
    ConfigError : the rows' equities are in several currencies.
    SimulationError : a worker died while it ran a cell, twice; finished cells are kept.
    """
    refuse_several_currencies(cells, work.plugin_path)
    with open_workers(workers, cells, work) as run:
        return run([cell_job(cell, work) for cell in cells], on_done)


@contextmanager
def open_workers(
    workers: Workers, cells: Sequence[Cell], work: CellWork
) -> Iterator[RunJobs[Any, Any]]:
    """Yield the function that runs the jobs of a comparison.

    Raises
    ------
    SimulationError : a worker died while it ran a job, twice.
    """
    sources = [cell.config.data.source for cell in cells]
    shared = SharedFolders.of(written=[work.root], sources=sources, plugin_path=work.plugin_path)
    name = attrgetter("name")
    try:
        with workers.run_jobs(_answering, name=name, most=len(cells), shared=shared) as run:
            yield run
    except SimulationError as error:
        raise SimulationError(f"{error}; finished cells are kept") from error


def cell_job(cell: Cell, work: CellWork) -> NamedJob:
    """Return the job that runs a cell."""
    return NamedJob(f"{cell.row}, {cell.episode}", partial(run_cell, cell, work))


def _answering() -> Callable[[Any], Any]:
    return methodcaller("answer")


def refuse_several_currencies(cells: Sequence[Cell], plugin_path: Path | None) -> None:
    """Refuse rows whose equities are in several currencies: their results are subtracted."""
    settled: dict[str, RunConfig] = {}
    for cell in {cell.row: cell for cell in cells}.values():
        with suppress(Exception):  # the cell's own run reports it
            playbook = configured_playbook(cell.config.playbook, plugin_path)
            source = open_source(cell.config.data.source)
            settled[cell.row] = settle(cell.config, source, playbook)[0]
    one_account_currency(settled, "the rows of the comparison")


def run_cell(cell: Cell, work: CellWork) -> CellOutcome:
    """Run one cell, unless its folder exists with seals that hold; raise nothing for a bad cell."""
    try:
        source = open_source(cell.config.data.source)
        prepared = prepare_run(cell.config, source, work.plugin_path)
        folder = folder_of(prepared.inputs, work.root)
        set_aside = _set_aside_if_damaged(folder)
        reused = folder.is_dir() and _is_complete(folder, work)
        if not reused:
            _write(prepared.simulated(), cell, work, source)
        findings = len(read_audit(folder)["findings"])
    except RiskoffError as error:
        return CellOutcome(cell.row, cell.episode, None, problem=str(error))
    except Exception as error:  # one broken cell must not stop the others
        problem = f"a bug in riskoff: {type(error).__name__}: {error}"
        return CellOutcome(cell.row, cell.episode, None, problem=problem)
    return CellOutcome(
        cell.row, cell.episode, folder, reused=reused, findings=findings, set_aside=set_aside
    )


def known_outcome(
    cell: Cell, folder: Path, work: CellWork, is_made: Callable[[Path], bool]
) -> CellOutcome | None:
    """Return the outcome of a cell whose folder is known; None for a folder that must be looked at.

    ``is_made`` tells whether a folder with intact seals is the run of this cell.
    """
    try:
        _check(folder)
        if is_made(folder) and _is_complete(folder, work):
            findings = len(read_audit(folder)["findings"])
            return CellOutcome(cell.row, cell.episode, folder, reused=True, findings=findings)
    except RiskoffError:
        pass
    return None


def _is_complete(folder: Path, work: CellWork) -> bool:
    """Return whether a sound folder may be reused and has the pages that are asked for."""
    has_page = not work.tearsheets or (folder / TEARSHEET_FILE).exists()
    return has_page and not RunFolder(folder).manifest["not_reusable"]


def _write(result: RunResult, cell: Cell, work: CellWork, source: Catalog | Dataset) -> None:
    def add_reports(record: RunRecord, folder: Path) -> None:
        page = os.path.relpath(work.page, work.root / "run")
        back = f"{page}#cell/{cell.row}/{cell.episode}"
        write_reports(record, folder, back=back, tearsheet=work.tearsheets)
        report = audit_run(folder, source)
        document = {
            "checks": dict(report.checks),
            "findings": [asdict(finding) for finding in report.findings],
        }
        write_json(document, folder / AUDIT_FILE)

    write_run(result, work.root, add_reports=add_reports)


def _set_aside_if_damaged(folder: Path) -> str:
    """Move a damaged run folder away and return a sentence about it, empty for a sound folder."""
    if not folder.exists():
        return ""
    try:
        _check(folder)
    except ReportError as error:
        place = _free_name(folder.parent.parent / SET_ASIDE / folder.name)
        try:
            place.parent.mkdir(exist_ok=True)
            folder.rename(place)
        except OSError as refused:
            raise ReportError(
                f"{error}; it cannot be moved to {place}: {refused.strerror or refused}"
            ) from refused
        why = str(error).partition("; run again")[0]
        return f"{why}; the folder is now {place}, and the cell was run again"
    return ""


def _check(folder: Path) -> None:
    """Check a cell's folder.

    A folder without a tearsheet is whole: the comparison that made it was told to write none.

    Raises
    ------
    ReportError : a file is missing or damaged.
    """
    check_seals(folder)
    read_audit(folder)
    summary, tearsheet = folder / SUMMARY_FILE, folder / TEARSHEET_FILE
    for path in [summary, *([tearsheet] if tearsheet.exists() else [])]:
        if not path.is_file() or not path.stat().st_size:
            raise ReportError(f"{path}: is missing or empty")


def _free_name(place: Path) -> Path:
    """Return the path, with a number added where a file or folder has it already."""
    number, free = 1, place
    while free.exists():
        number += 1
        free = place.with_name(f"{place.name}-{number}")
    return free


def read_audit(folder: Path) -> dict[str, Any]:
    """Return ``checks`` and ``findings`` of a cell's audit.

    Raises
    ------
    ReportError : the audit file is missing or cannot be read
    """
    path = folder / AUDIT_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {name: document[name] for name in ("checks", "findings")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ReportError(f"{path}: cannot be read ({reason}); run again") from error
