"""The run folder: every table, file and column that a finished run leaves behind."""

from engine.results.contents import run_folder, run_folder_name, write_run
from engine.results.finished import FinishedRun, RunRecord

__all__ = [
    "FinishedRun",
    "RunRecord",
    "run_folder",
    "run_folder_name",
    "write_run",
]
