"""Run the cells of a comparison: simulate, write and audit each one that has no run folder yet."""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
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
from engine.results import RunRecord, folder_of, write_run
from engine.run import RunResult, prepare_run
from engine.run_folder.read import RunFolder
from engine.run_folder.seals import check_seals
from engine.run_folder.write import write_json
from engine.settle import one_account_currency, settle
from engine.workers import SharedFolders, Workers

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


def run_cells(
    cells: Sequence[Cell],
    root: Path,
    *,
    page: Path,
    workers: Workers = Workers(),
    plugin_path: Path | None = None,
    on_done: Callable[[int, CellOutcome], None] | None = None,
) -> list[CellOutcome]:
    """Run the cells that have no run folder yet; return the outcome of each cell, in their order.

    Parameters
    ----------
    cells : the cells to run
    root : folder of their run folders
    page : the comparison's page, which every tearsheet links to
    workers : where the cells run; those of a cluster write into the same ``root``
    plugin_path : folder of local playbooks
    on_done : called with the number of finished cells and the outcome

    Raises
    ------
    ConfigError : the rows' equities are in several currencies.
    SimulationError : a worker died while it ran a cell, twice; finished cells are kept.
    """
    _refuse_several_currencies(cells, plugin_path)
    setup = partial(_cell_runner, root, page, plugin_path)
    sources = [cell.config.data.source for cell in cells]
    shared = SharedFolders.of(written=[root], sources=sources, plugin_path=plugin_path)
    try:
        with workers.run_jobs(setup, name=_cell_name, most=len(cells), shared=shared) as run:
            return run(cells, on_done)
    except SimulationError as error:
        raise SimulationError(f"{error}; finished cells are kept") from error


def _refuse_several_currencies(cells: Sequence[Cell], plugin_path: Path | None) -> None:
    """Refuse rows whose equities are in several currencies: their results are subtracted."""
    settled: dict[str, RunConfig] = {}
    for cell in {cell.row: cell for cell in cells}.values():
        with suppress(Exception):  # the cell's own run reports it
            playbook = configured_playbook(cell.config.playbook, plugin_path)
            source = open_source(cell.config.data.source)
            settled[cell.row] = settle(cell.config, source, playbook)[0]
    one_account_currency(settled, "the rows of the comparison")


def _cell_name(cell: Cell) -> str:
    return f"{cell.row}, {cell.episode}"


def _cell_runner(root: Path, page: Path, plugin_path: Path | None) -> Callable[[Cell], CellOutcome]:
    return partial(run_cell, root=root, page=page, plugin_path=plugin_path)


def run_cell(cell: Cell, root: Path, page: Path, plugin_path: Path | None) -> CellOutcome:
    """Run one cell, unless its folder exists with seals that hold; raise nothing for a bad cell."""
    try:
        source = open_source(cell.config.data.source)
        prepared = prepare_run(cell.config, source, plugin_path)
        folder = folder_of(prepared.inputs, root)
        set_aside = _set_aside_if_damaged(folder)
        reused = folder.is_dir() and not RunFolder(folder).manifest["not_reusable"]
        if not reused:
            _write(prepared.simulated(), root, source, page)
        findings = len(read_audit(folder)["findings"])
    except RiskoffError as error:
        return CellOutcome(cell.row, cell.episode, None, problem=str(error))
    except Exception as error:  # one broken cell must not stop the others
        problem = f"a bug in riskoff: {type(error).__name__}: {error}"
        return CellOutcome(cell.row, cell.episode, None, problem=problem)
    return CellOutcome(
        cell.row, cell.episode, folder, reused=reused, findings=findings, set_aside=set_aside
    )


def _write(result: RunResult, root: Path, source: Catalog | Dataset, page: Path) -> None:
    def add_reports(record: RunRecord, folder: Path) -> None:
        write_reports(record, folder, back=os.path.relpath(page, root / "run"))
        report = audit_run(folder, source)
        document = {
            "checks": dict(report.checks),
            "findings": [asdict(finding) for finding in report.findings],
        }
        write_json(document, folder / AUDIT_FILE)

    write_run(result, root, add_reports=add_reports)


def _set_aside_if_damaged(folder: Path) -> str:
    """Move a damaged run folder away and return a sentence about it, empty for a sound folder."""
    if not folder.exists():
        return ""
    try:
        check_seals(folder)
        read_audit(folder)
        _check_pages(folder)
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


def _check_pages(folder: Path) -> None:
    for name in (SUMMARY_FILE, TEARSHEET_FILE):
        path = folder / name
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
