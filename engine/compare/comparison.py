"""Run a whole comparison: reuse known runs, run the missing cells, answer, write the page."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from data_feeds.load import open_source
from engine.compare.cell_answers import PageAnswers, Question, questions
from engine.compare.cell_runs import (
    CellOutcome,
    CellWork,
    cell_job,
    known_outcome,
    open_workers,
    refuse_several_currencies,
)
from engine.compare.cells import Cell, cells_of, episodes_of
from engine.compare.comparison_folder import OUTPUTS, PAGE, finished_matrix, write_comparison
from engine.compare.kept_results import KeptResults
from engine.compare.known_runs import CellInputs, cell_inputs
from engine.compare.matrix import Matrix
from engine.config.compare import CompareConfig
from engine.pages.html import house_digest
from engine.results.manifest import plain
from engine.run_folder.seals import document_digest
from engine.workers import RunJobs, Workers

RUNS = "runs"
OnCell = Callable[[int, CellOutcome], None]


def run_comparison(
    config: CompareConfig,
    folder: Path,
    *,
    workers: Workers = Workers(),
    plugin_path: Path | None = None,
    tearsheets: bool = True,
    on_done: OnCell | None = None,
) -> Matrix:
    """Run the cells that have no run folder yet, write the page and return the comparison.

    Parameters
    ----------
    config : rows and episodes
    folder : of the comparison; the page is its ``index.html``
    workers : where cells and slow answers are computed
    plugin_path : folder of local playbooks
    tearsheets : whether new run folders get a page of their own
    on_done : called with the number of finished cells and the outcome

    Raises
    ------
    ConfigError : the rows' equities are in several currencies.
    SimulationError : a worker died while it ran a cell, twice; finished cells are kept.
    ReportError : the folder cannot be written, or a run folder cannot be read.
    """
    episodes = episodes_of(config)
    cells = cells_of(config, episodes)
    work = CellWork(folder / RUNS, folder / PAGE, plugin_path, tearsheets)
    kept = KeptResults(folder)
    with open_workers(workers, cells, work) as run:
        matrix = finished_matrix(config, episodes, _outcomes(cells, work, kept, run, on_done))
        source = open_source(config.source)
        asked = list(questions(matrix, source))
        key = _page_key(matrix, asked)
        if kept.page_holds(key, OUTPUTS):
            return matrix
        answers = _answers(asked, kept, run)
    write_comparison(matrix, answers, folder)
    kept.keep_page(key, OUTPUTS)
    kept.drop_unused()
    kept.write()
    return matrix


def _outcomes(
    cells: Sequence[Cell],
    work: CellWork,
    kept: KeptResults,
    run: RunJobs[Any, Any],
    on_done: OnCell | None,
) -> list[CellOutcome]:
    """Return the outcome of each cell; cells without a known run are run."""
    inputs = [cell_inputs(cell, work.plugin_path) for cell in cells]
    found = {
        place: outcome
        for place, (cell, known) in enumerate(zip(cells, inputs, strict=True))
        if (outcome := _known(cell, known, work, kept)) is not None
    }
    told = on_done or _ignore
    for count, outcome in enumerate(found.values(), start=1):
        told(count, outcome)
    missing = [place for place in range(len(cells)) if place not in found]
    if missing:
        refuse_several_currencies(cells, work.plugin_path)

    def done(count: int, outcome: CellOutcome) -> None:
        known = inputs[_place(cells, outcome)]
        if known is not None and outcome.folder is not None and known.made(outcome.folder):
            kept.keep_run(known.key, outcome.folder.name)
        told(len(found) + count, outcome)

    made = run([cell_job(cells[place], work) for place in missing], done)
    found.update(zip(missing, made, strict=True))
    return [found[place] for place in range(len(cells))]


def _known(
    cell: Cell, inputs: CellInputs | None, work: CellWork, kept: KeptResults
) -> CellOutcome | None:
    """Return the outcome of a cell whose run is known and sealed; None for no such run."""
    name = None if inputs is None else kept.run(inputs.key)
    if inputs is None or name is None:
        return None
    return known_outcome(cell, work.root / name, work, inputs.made)


def _place(cells: Sequence[Cell], outcome: CellOutcome) -> int:
    names = [(cell.row, cell.episode) for cell in cells]
    return names.index((outcome.row, outcome.episode))


def _answers(asked: Sequence[Question], kept: KeptResults, run: RunJobs[Any, Any]) -> PageAnswers:
    """Return the answers to all questions; those that are not kept are computed by the workers."""
    found = {question.place: kept.answer(question.key) for question in asked}
    missing = [question for question in asked if found[question.place] is None]
    for question, answer in zip(missing, run(missing), strict=True):
        kept.keep_answer(question.key, answer)
        found[question.place] = answer
    return PageAnswers(found)


def _page_key(matrix: Matrix, asked: Sequence[Question]) -> str:
    """Return the hash of everything that decides the page and the files beside it."""
    outcomes = [
        [o.row, o.episode, o.folder.name if o.folder else "", o.findings, o.problem, o.set_aside]
        for o in matrix.outcomes
    ]
    sheets = [record.has_tearsheet for record in matrix.records.values()]
    return document_digest(
        {
            "answers": [question.key for question in asked],
            "config": plain(matrix.config),
            "episodes": [plain(episode) for episode in matrix.episodes],
            "house": house_digest(),
            "outcomes": outcomes,
            "tearsheets": sheets,
        }
    )


def _ignore(count: int, outcome: CellOutcome) -> None:
    """Do nothing with a finished cell."""
