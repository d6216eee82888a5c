"""The run folder: every table, file and column that a finished run leaves behind."""

from engine.results.folder import check_writable, run_folder, run_folder_name, write_run
from engine.results.records import FinishedRun, RunRecord

__all__ = [
    "FinishedRun",
    "RunRecord",
    "check_writable",
    "run_folder",
    "run_folder_name",
    "write_run",
]
