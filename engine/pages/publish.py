"""Write a run folder with its summary and page, as the command line does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.benchmark.run_benchmark import held_returns
from engine.pages.run_page import run_page
from engine.pages.summary import summary
from engine.results.contents import write_run
from engine.results.finished import FinishedRun, RunRecord

SUMMARY_FILE = "summary.txt"
TEARSHEET_FILE = "tearsheet.html"


def publish(run: FinishedRun, root: Path, *, timing: Mapping[str, Any] | None = None) -> Path:
    """Write the run folder with summary and tearsheet and return its path.

    Raises
    ------
    ReportError : the folder cannot be written or the page cannot be made; nothing is left behind.
    """
    return write_run(run, root, add_reports=write_reports, timing=timing)


def write_reports(
    record: RunRecord,
    folder: Path,
    *,
    back: str = "",
    back_words: str = "all cells",
    tearsheet: bool = True,
) -> None:
    """Write ``summary.txt`` and ``tearsheet.html`` into a run folder.

    ``back`` is the relative address of the page that the run belongs to, empty for none, and
    ``back_words`` name it. Without ``tearsheet`` the folder gets a summary only.
    """
    held = held_returns(record)
    text = summary(record, held, tearsheet=tearsheet)
    (folder / SUMMARY_FILE).write_text(text, encoding="utf-8", newline="\n")
    if not tearsheet:
        return
    page = run_page(record, held, back=back, back_words=back_words)
    (folder / TEARSHEET_FILE).write_text(page, encoding="utf-8", newline="\n")
