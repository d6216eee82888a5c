"""The run folder: every table, file and column that a finished run leaves behind."""

from engine.results.finished import FinishedRun, RunRecord
from engine.results.folder import check_writable, run_folder, run_folder_name, write_run

__all__ = [
    "FinishedRun",
    "RunRecord",
    "check_writable",
    "run_folder",
    "run_folder_name",
    "write_run",
]
